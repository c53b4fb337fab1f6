"""From a frontier to a sentence a planner can act on, with its reason.

The advice is the knee, or what alone is unbeaten; of a frontier without a knee the two ends are named, since which to
take is the planner's to say. The reason for a choice is what happens beside it: for each axis the neighbouring value,
all else equal, on the same seeds. The cause named is the one of the ledger that grows most for the average message; a
neighbour whose P99 differs by less than its paired interval makes no difference that this many replications can show.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from experiments import labels
from experiments.frontier import Configuration, Frontier
from experiments.statistics import Estimate, paired_difference
from experiments.sweep.file import Settings

MATTERS = 0.02
"""A change of the P99 below this share is not worth a sentence, however sure it is."""

Causes = Mapping[str, float]


@dataclass(frozen=True)
class Neighbour:
    """What is advised, with one axis moved to the next value."""

    axis: str
    value: object
    configuration: Configuration
    difference: Estimate | None  # its P99 minus that of the choice, ns; None when it is overloaded
    cause: str  # what its average message waits more for (less, when its P99 is lower)


@dataclass(frozen=True)
class Advice:
    """A sentence, and the sentences that give its reason."""

    sentence: str
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        return " ".join((self.sentence, *self.reasons))


def advise(frontier: Frontier) -> Advice:
    """What to choose on this network, and why."""
    axes = frontier.panel.axes
    place = frontier.panel.title or frontier.panel.name
    if not frontier.front:
        return Advice(f"{place}: no configuration carried its load; lower it, or give it more rate or CPU.", ())
    low, high = frontier.front[0], frontier.front[-1]
    choice = frontier.knee or high
    if frontier.knee or low is high:
        sentence = f"{place}: choose {described(choice.settings, axes)}; it carries {_carried(choice)}."
    elif (chosen := _shared_choice(frontier)) is not None:
        both = " and ".join(f"{_carried(c)} ({_load(c, axes)})" for c in (low, high))
        sentence = f"{place}: choose {described(chosen, axes)}, which alone is on the frontier; it carries {both}."
    else:
        return Advice(_unbent(frontier, place), ())
    neighbours = list(neighbourhood(frontier, choice))
    reasons = [_makeup(choice)]
    reasons += [_sentence(n, axes) for n in neighbours if _large(n, choice) and _decided(n)]
    open_ = [f"{_name(n, axes)} ({_change(n)} ms)" for n in neighbours if _large(n, choice) and not _decided(n)]
    if open_:
        reasons.append(f"The replications do not decide: {', '.join(open_)}.")
    same = [_name(n, axes) for n in neighbours if not _large(n, choice)]
    if same:
        reasons.append(f"No difference worth naming: {', '.join(same)}.")
    return Advice(sentence, tuple(reasons))


def _unbent(frontier: Frontier, place: str) -> str:
    """What there is to choose from where the frontier has no knee."""
    axes, count = frontier.panel.axes, len(frontier.front)
    why = "two points, too few for a knee" if count == 2 else f"{count} points and no knee, for it does not bend"
    low, high = (
        f"{described(c.settings, axes)} carries {_carried(c)}" for c in (frontier.front[0], frontier.front[-1])
    )
    return f"{place}: the frontier has {why}: {low}; {high}. What you need of either decides."


def _shared_choice(frontier: Frontier) -> Settings | None:
    """The settings that the whole frontier shares, where it differs in nothing but the load."""
    choices = [{k: v for k, v in c.settings.items() if not is_load(k)} for c in frontier.front]
    return choices[0] if choices[0] and all(choice == choices[0] for choice in choices) else None


def _carried(c: Configuration) -> str:
    """`12.3 Mbit/s at a P99 of 45 [43, 47] ms`."""
    return f"{labels.megabits(c.throughput.mean)} Mbit/s at a P99 of {interval(c.p99)} ms"


def _load(c: Configuration, axes: Mapping[str, object]) -> str:
    """`load x4`."""
    return described({key: value for key, value in c.settings.items() if is_load(key)}, axes)


def neighbourhood(frontier: Frontier, choice: Configuration) -> Iterator[Neighbour]:
    """The measured configurations one step away on one axis; of the load only the next step up."""
    for axis, values in frontier.panel.axes.items():
        own = choice.settings[axis]
        here = next((i for i, value in enumerate(values) if value is own or value == own), None)
        if here is None:  # the axis does not apply to the choice
            continue
        for there in (here - 1, here + 1):
            if not 0 <= there < len(values) or (there < here and is_load(axis)):
                continue
            other = frontier.find({**choice.settings, axis: values[there]})
            if other is not None:
                yield compared(axis, values[there], choice, other)


def compared(axis: str, value: object, choice: Configuration, other: Configuration) -> Neighbour:
    """What moving one axis does."""
    if not other.sustained:
        return Neighbour(axis, value, other, None, _greatest(other.causes))
    difference = paired_difference(choice.values("p99_ns"), other.values("p99_ns"))
    sign = 1 if difference.mean >= 0 else -1
    causes = choice.causes.keys() | other.causes.keys()
    moved = {c: sign * (other.causes.get(c, 0) - choice.causes.get(c, 0)) for c in causes}
    return Neighbour(axis, value, other, difference, _greatest(moved))


def described(settings: Settings, axes: Mapping[str, object]) -> str:
    """`write buffer 4KiB, sndbuf 64KiB, NODELAY on (load x32)`; the load is circumstance, the rest is choice."""
    there = [(key, value) for key, value in settings.items() if value is not None]
    choice = [f"{labels.name(k, axes)} {labels.value(k, v)}" for k, v in there if not is_load(k)]
    load = [f"{labels.name(k, axes)} {labels.value(k, v)}" for k, v in there if is_load(k)]
    return ", ".join(choice) + (f" ({', '.join(load)})" if load and choice else ", ".join(load))


def interval(estimate: Estimate) -> str:
    """A latency with its interval, in ms: `262 [255, 269]`; without one from a lone replication."""
    mean, lo, hi = (labels.milliseconds(x) for x in (estimate.mean, estimate.lo, estimate.hi))
    return mean if estimate.n < 2 else f"{mean} [{lo}, {hi}]"


def is_load(axis: str) -> bool:
    """Is this what the configurations are put under, rather than a choice?"""
    return axis == "workload.load"


def _makeup(choice: Configuration) -> str:
    """The two greatest causes of the average message's latency."""
    total = sum(choice.causes.values())
    if not total:
        return "Its messages wait for nothing."
    top = sorted(choice.causes.items(), key=lambda item: -item[1])[:2]
    parts = " and ".join(f"{100 * ns / total:.0f} % {_words(cause)}" for cause, ns in top if ns)
    return f"Its average message takes {labels.milliseconds(total)} ms, {parts}."


def _sentence(neighbour: Neighbour, axes: Mapping[str, object]) -> str:
    name = _name(neighbour, axes)
    subject = f"The next load, {labels.value(neighbour.axis, neighbour.value)}," if is_load(neighbour.axis) else name
    cause = _words(neighbour.cause)
    if neighbour.difference is None:
        return f"{subject} is overloaded: its messages wait for {cause}."
    change = labels.milliseconds(abs(neighbour.difference.mean))
    if neighbour.difference.mean > 0:
        return f"{subject} adds {change} ms of P99, mostly {cause}."
    return f"{subject} takes {change} ms off, mostly {cause}, but carries less."


def _name(neighbour: Neighbour, axes: Mapping[str, object]) -> str:
    return f"{labels.name(neighbour.axis, axes)} {labels.value(neighbour.axis, neighbour.value)}"


def _change(neighbour: Neighbour) -> str:
    mean = neighbour.difference.mean if neighbour.difference else 0
    return f"{'+' if mean > 0 else '-'}{labels.milliseconds(abs(mean))}"


def _large(neighbour: Neighbour, choice: Configuration) -> bool:
    """Overloaded, or another P99 by more than is worth a word."""
    return neighbour.difference is None or abs(neighbour.difference.mean) >= MATTERS * choice.p99.mean


def _decided(neighbour: Neighbour) -> bool:
    """Do the replications agree on which is better?"""
    return neighbour.difference is None or neighbour.difference.n < 2 or neighbour.difference.excludes(0)


def _greatest(causes: Causes) -> str:
    return max(causes, key=lambda cause: causes[cause], default="")


def _words(cause: str) -> str:
    return cause.replace("_", " ")
