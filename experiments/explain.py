"""Why a message took as long as it did: its ledger in words, one sentence a cause, and the sum.

Everything comes from the run's own rows; where the run was traced, the sentences name the ACK that freed the message
and how long it had been delayed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from experiments.freed import HELD, Case, case_of, freed_by, milliseconds_of
from experiments.labels import milliseconds
from experiments.report import bar
from experiments.sentences import SENTENCES
from models.state import CAUSES

if TYPE_CHECKING:
    from sim import Run

WIDTH, INDENT = 100, " " * 6  # of sentences


@dataclass(frozen=True)
class Step:
    """One cause of a message's latency."""

    cause: str
    ns: int
    share: float
    sentence: str


@dataclass(frozen=True)
class Explanation:
    """A message's latency, cause by cause in the order of its way; `steps` sum to `latency_ns`."""

    index: int
    size: int
    intended_ns: int
    read_ns: int
    latency_ns: int
    freed_by: str
    steps: tuple[Step, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def worst(run: Run, count: int) -> list[int]:
    """Indices of the `count` slowest messages, slowest first."""
    latency = run.messages["latency_ns"]
    return [int(run.messages["index"][i]) for i in latency.argsort(kind="stable")[::-1][:count]]


def explain(run: Run, index: int) -> Explanation:
    """Explain the message whose index is `index`. KeyError when it was not delivered."""
    return explained(case_of(run, index))


def explained(case: Case) -> Explanation:
    """Explain the message of `case`."""
    row = case.row
    latency = int(row["latency_ns"])
    costs = {cause: int(row[f"{cause}_ns"]) for cause in CAUSES}
    assert sum(costs.values()) == latency, "the causes of a message sum to its latency"
    freed = freed_by(case)
    held = max(HELD, key=lambda cause: costs[cause])
    steps = []
    for cause, ns in costs.items():
        if ns:
            sentence = SENTENCES[cause](case)
            if cause == held and freed:
                sentence += f" Freed by {freed}."
            steps.append(Step(cause, ns, ns / max(1, latency), sentence))
    return Explanation(
        int(row["index"]), int(row["size"]), int(row["intended_ns"]), int(row["read_ns"]), latency,
        freed if costs[held] else "", tuple(steps),
    )  # fmt: skip


def text(run: Run, explanation: Explanation) -> str:
    """The explanation for people: every part to the nanosecond, the sum, and who waited for whom."""
    return "\n".join(_lines(run, explanation))


def _lines(run: Run, e: Explanation) -> Iterator[str]:
    case = case_of(run, e.index)
    way = f"{case.sender} to {case.receiver}" + (" and back" if case.transaction else "")
    yield f"message {e.index} of {run.scenario.name}, {e.size:,} B, {way}, seed {run.seed}"
    intended, read = milliseconds_of(e.intended_ns), milliseconds_of(e.read_ns)
    yield f"intended at {intended}, read at {read}: {milliseconds(e.latency_ns)} ms"
    yield ""
    longest = max((step.ns for step in e.steps), default=1)
    for step in e.steps:
        yield f"  {step.cause:<18}{step.ns / 1e6:>14.6f} ms {step.share:>6.1%}  {bar(step.ns / longest, 20)}".rstrip()
        yield from wrap(step.sentence, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
    total = sum(step.ns for step in e.steps)
    yield f"  {'sum':<18}{total / 1e6:>14.6f} ms         = read - intended, to the nanosecond"
