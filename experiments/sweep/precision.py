"""Sequential replication: as many seeds as it takes until a metric's mean is known precisely enough.

A point starts with `least` replications. When all are there and the 95 % interval of its mean
(`experiments.statistics`) reaches farther than `share` of the mean, it gets half as many again, and so on, up to `most`
(Law, Simulation Modeling and Analysis, section 9.4.1). Looking so rarely matters: who looks after every run stops too
often at a lucky one.

How many a point needs follows from its first replications alone, in the order of their seeds. So it comes out the same
whatever the order they were run in, who ran them, and how often the sweep was interrupted.

A point that is overloaded, or of which nothing arrived, has no steady latency to be precise about: it gets no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from experiments.slo import LATENCIES
from experiments.statistics import estimate

COLUMNS = {**LATENCIES, "throughput": "throughput_bps"}
"""What precision may be asked of."""


class Measured(NamedTuple):
    """What one replication says: the metric (None when nothing was delivered), and whether the backlog grew."""

    value: float | None
    overloaded: bool


Known = Mapping[tuple[str, int], Measured]
"""What is known so far, by scenario hash and seed."""


@dataclass(frozen=True)
class Precision:
    """How precisely the mean of a metric (a name of an SLO's) is asked for: within `share` of itself, 95 % sure."""

    share: float
    metric: str
    least: int
    most: int

    @property
    def column(self) -> str:
        """The column of `Result` that has it."""
        return COLUMNS[self.metric]

    def rounds(self) -> Iterator[int]:
        """Numbers of replications at which to look: half as many again each time."""
        count = self.least
        while count < self.most:
            yield count
            count += -(-count // 2)
        yield self.most

    def needed(self, runs: Sequence[Measured | None]) -> int:
        """How many replications a point is to have, as far as its first ones (None: not there yet) tell."""
        for count in self.rounds():
            if None in runs[:count] or self.met_by(runs[:count]):
                return count
        return self.most

    def met_by(self, runs: Sequence[Measured | None]) -> bool:
        """Are they all there, and precise enough, or without a steady value to be precise about?"""
        there = [run for run in runs if run is not None]
        values = [run.value for run in there if run.value is not None]
        if len(there) < len(runs):
            return False
        if len(values) < len(there) or any(run.overloaded for run in there):
            return True
        return estimate(values).relative_half_width <= self.share
