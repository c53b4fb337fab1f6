"""The fleet's percentiles, each with an interval from its groups of connections.

Messages of a connection are alike, so a percentile of all messages is as sure as the number of *connections* makes it.
The fleet is cut into groups of equal size. A group's percentile differs from the fleet's as a fleet of that size would;
the interval is Student's t over these differences, around the percentile of all ("sectioning": Asmussen and Glynn,
Stochastic Simulation, 2007, section III.5b). It is left out where a group has fewer than `LEAST` values beyond it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from experiments.fleet.run import CONNECTION, MESSAGES, STARTUP, THROUGHPUT, WRITTEN, Total
from experiments.statistics import CONFIDENCE, t_quantile

SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999, "p9999": 0.9999}
LEAST = 5

TITLES = {
    MESSAGES: "message, ms",
    STARTUP: "in start-up, ms",
    WRITTEN: "from write(), ms",
    CONNECTION: "P99 of a connection, ms",
    THROUGHPUT: "throughput, Mbit/s",
}


@dataclass(frozen=True)
class Percentile:
    """A value in ns or bit/s, None when there are none, and its interval, None where the groups are too small."""

    value: int | None
    lo: float | None = None
    hi: float | None = None

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON."""
        return {"value": self.value, "lo": self.lo, "hi": self.hi}


def percentiles(total: Total, metric: str) -> dict[str, Percentile]:
    """P50 to P99.99 of a metric. Of throughput, what that share of the connections reaches: there little is bad."""
    return {name: _percentile(total, metric, share) for name, share in SHARES.items()}


def _percentile(total: Total, metric: str, share: float) -> Percentile:
    at = round(1 - share, 10) if metric == THROUGHPUT else share
    whole = total.counts(metric).quantile(at)
    groups = [group[metric] for group in total.groups]
    if whole is None or len(groups) < 2 or min(group.n for group in groups) * (1 - share) < LEAST:
        return Percentile(whole)
    found = [group.quantile(at) or 0 for group in groups]
    spread = math.sqrt(sum((value - whole) ** 2 for value in found) / (len(found) - 1))
    half = t_quantile((1 + CONFIDENCE) / 2, len(found) - 1) * spread / math.sqrt(len(found))
    return Percentile(whole, max(0.0, whole - half), whole + half)
