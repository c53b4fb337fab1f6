"""The command `choose`: the cheapest settings that meet an objective, in a sentence and to paste."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cyclopts

from experiments.cli.common import INTERRUPTED, NEGATIVE, OK, number, say, say_json
from experiments.cli.sweep import DEFAULTS, Options, completed, read

if TYPE_CHECKING:
    from experiments.choice import Candidate, Choice
    from experiments.frontier import Frontier
    from experiments.sweep.file import Sweep


def register(app: cyclopts.App) -> None:
    """Add the command of this module."""
    app.command(choose)


def choose(
    file: str,
    /,
    *,
    slo: str | None = None,
    confidence: str = "95%",
    cost: str = "cpu",
    options: Options = DEFAULTS,
) -> int:
    """Sweep, then name the cheapest configuration that meets an objective with confidence. Exit code 1: none does.

    Parameters
    ----------
    file
        A sweep file, or the name of a packaged sweep.
    slo
        The objective, like 'p99 < 50ms', instead of the file's.
    confidence
        How sure to be that what is chosen meets it, however many configurations are compared.
    cost
        What cheap means: a metric (cpu, memory, segments, ...) or an axis of the sweep, like server.sndbuf; several,
        separated by commas, each deciding between equals of those before.
    """
    from experiments.choice import check_cost, choices
    from experiments.frontier import frontiers

    the_sweep = read(file, options)
    the_sweep, share = _asked(the_sweep, slo, confidence)
    names = [name.strip() for name in cost.split(",")]
    check_cost(names, the_sweep.panels)
    the_plan, results, outcome = completed(the_sweep, options)
    if outcome.interrupted:
        return INTERRUPTED
    assert the_sweep.slo is not None
    found: list[tuple[Frontier, Choice]] = []
    for panel in frontiers(the_plan, results, outcome.failures):
        found += [(panel, choice) for choice in choices(panel, the_sweep.slo, share, names)]
    if options.json:
        say_json({"sweep": the_sweep.name, "cost": names, "choices": [as_json(choice) for _, choice in found]})
    else:
        say("\n\n".join("\n".join(lines(panel, choice, names)) for panel, choice in found))
    return OK if all(choice.chosen for _, choice in found) else NEGATIVE


def lines(panel: Frontier, choice: Choice, cost: list[str]) -> Iterator[str]:
    """The answer in a sentence, what stood beside it, and the settings to paste."""
    from experiments import labels
    from experiments.choice import pasteable

    load = f" at load {labels.value('.load', choice.load)}" if choice.load is not None else ""
    place, sure = f"{choice.panel}{load}", f"{100 * choice.confidence:g} % confidence"
    compared = f"{len(choice.candidates)} configurations compared, Holm's method"
    chosen = choice.chosen
    if chosen is None:
        yield f"{place}: no configuration meets {choice.slo} with {sure} ({compared})."
        yield from _closest(panel, choice)
        return
    yield (
        f"{place}: the cheapest (by {', then '.join(cost)}) that meets {choice.slo} with {sure} is "
        f"{_named(panel, chosen)}; {_kept(choice, chosen)} ({compared})."
    )
    if choice.cheaper_undecided:
        undecided = "; ".join(_named(panel, c) for c in choice.cheaper_undecided)
        yield f"Cheaper, and good on average, but not surely: {undecided}. More replications can settle it."
    yield ""
    yield pasteable(chosen.configuration.settings)


def as_json(choice: Choice) -> dict[str, Any]:
    """An answer for `--json`."""
    from math import isnan

    chosen = choice.chosen
    return {
        "panel": choice.panel,
        "load": choice.load,
        "slo": str(choice.slo),
        "confidence": choice.confidence,
        "chosen": chosen.configuration.settings if chosen else None,
        "candidates": [
            {
                "settings": c.configuration.settings,
                "price": list(c.price),
                "doubt": c.doubt,
                "bounds": [None if isnan(bound) else bound for bound in c.most],
                "accepted": c.accepted,
                "overloaded_in": c.configuration.overloads,
            }
            for c in choice.candidates
        ],
    }


def _closest(panel: Frontier, choice: Choice) -> Iterator[str]:
    closest = choice.closest
    if closest.doubt == 1:
        yield "None does on average either: move the objective, the load or the settings."
        return
    yield f"Closest: {_named(panel, closest)}; {_kept(choice, closest)}. It does on average: try more replications."


def _named(panel: Frontier, candidate: Candidate) -> str:
    from experiments.advice import described, is_load

    settings = {key: value for key, value in candidate.configuration.settings.items() if not is_load(key)}
    return described(settings, panel.panel.axes) if settings else "the one there is"


def _kept(choice: Choice, candidate: Candidate) -> str:
    """`P99 40.3 ms, with that confidence below 41.2 ms`."""
    from experiments import labels

    parts = []
    for condition, bound in zip(choice.slo.conditions, candidate.most, strict=True):
        rate = condition.metric.endswith("_bps")
        show, unit = (labels.megabits, "Mbit/s") if rate else (labels.milliseconds, "ms")
        side = "below" if condition.comparison.startswith("<") else "above"
        mean = candidate.configuration.estimate(condition.metric).mean
        parts.append(f"its {condition.name} is {show(mean)} {unit}, surely {side} {show(bound)} {unit}")
    return " and ".join(parts)


def _asked(the_sweep: Sweep, slo: str | None, confidence: str) -> tuple[Sweep, float]:
    """The sweep with its objective, and the confidence as a share; ScenarioError with everything that is wrong."""
    from experiments.schema import probability
    from experiments.slo import parse_slo
    from sim.errors import Problem, ScenarioError

    problems = []
    if slo is not None:
        the_sweep = replace(the_sweep, slo=parse_slo(slo, "--slo"))
    if the_sweep.slo is None:
        problems.append(Problem("--slo", "neither given nor in the file", "write it like --slo 'p99 < 50ms'"))
    try:
        share = probability(number(confidence))
    except ValueError:
        share = 0.0
    if not 0.5 <= share < 1:
        cure = "from 50% to below 100%, like 95%"
        problems.append(Problem("--confidence", f"{confidence!r} is no confidence", cure))
    if problems:
        raise ScenarioError(problems)
    return the_sweep, share
