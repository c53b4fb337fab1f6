"""Is the model right about this kernel? A recording, as written, judged as `tinygram groundtruth compare` judges it.

The bounds are the standard ones (`experiments.groundtruth.judge`): what recordings of one kernel keep among themselves.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.groundtruth.compare import Comparison, Row, compare_one
from experiments.groundtruth.judge import Rules
from experiments.groundtruth.recording import read
from experiments.groundtruth.report import as_dict
from sim.errors import ScenarioError

CUT_SHORT = Rules({"messages": 0.03})
"""A recording that the time limit ended: how many messages it holds is itself a measurement."""


@dataclass(frozen=True)
class Line:
    """One figure, in ms or a count."""

    name: str
    measured: float
    simulated: float
    allowed: float | None  # how far apart they may be; None: it is shown, not judged
    agrees: bool
    count: bool


@dataclass(frozen=True)
class Verdict:
    """Every direction that carries messages, and whether the recording was precise."""

    rows: tuple[Row, ...]
    rules: Rules
    tie_prone: bool
    precise: bool

    @property
    def word(self) -> str:
        """agrees, differs, or undecided: figures differ, but the recording was disturbed."""
        if all(row.within for row in self.rows):
            return "agrees"
        return "differs" if self.precise else "undecided"

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {"verdict": self.word, "directions": as_dict(Comparison(self.rows))["directions"]}

    def lines(self, row: Row) -> Iterator[Line]:
        """The figures of one direction."""
        tolerances = self.rules.tolerances(row.lossy, self.tie_prone, row.direction == "rr")
        for name, label, per in FIGURES:
            k, m = getattr(row.kernel, name) / per, getattr(row.model, name) / per
            tolerance = tolerances.get(name)
            allowed = max(tolerance.share * k, tolerance.floor / per) if tolerance else None
            allowed = None if allowed is None or math.isinf(allowed) else allowed
            if k or m:
                yield Line(label, k, m, allowed, name not in row.verdict.exceeded, per == 1)


FIGURES = (  # of measures.Figures: its label, and what it is divided by
    ("messages", "messages", 1), ("p50", "P50, ms", 1_000), ("p90", "P90, ms", 1_000), ("p99", "P99, ms", 1_000),
    ("max", "max, ms", 1_000), ("segments", "data segments", 1), ("retransmissions", "retransmissions", 1),
    ("acks", "ACKs without data", 1), ("timer_acks", "ACKs by the timer", 1), ("blocked", "blocked write(), ms", 1_000),
)  # fmt: skip


def judge(file: Path, precise: bool, cut_short: bool) -> Verdict:
    """Simulate what `file`, a recording's .json, says was set, and compare. Raises ScenarioError for a bad file."""
    rules = CUT_SHORT if cut_short else Rules()
    rows, problems = compare_one(file, {}, "loop", rules)
    if problems:
        raise ScenarioError(problems)
    return Verdict(tuple(rows), rules, bool(read(file).spec["tie_prone"]), precise)
