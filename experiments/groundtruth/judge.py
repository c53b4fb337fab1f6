"""How close is close enough: tolerances, and figures judged against the range of several recordings.

Every scenario was recorded several times; a simulated figure may lie outside the recordings' [least, most] by its
tolerance, a share of the nearer end with a floor. The floors are what the recording host itself adds and varies.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from experiments.groundtruth.measures import Figures
from sim.errors import Problem, ScenarioError

LATENCIES = ("p50", "p90", "p99", "max")
PERCENTILES = ("p50", "p90", "p99")


@dataclass(frozen=True)
class Tolerance:
    """How far outside the recordings' range a figure may lie."""

    share: float
    floor: float  # us, or a count

    def excess(self, x: float, recorded: Sequence[float]) -> float:
        """How far `x` lies outside, in tolerances: up to 1 passes."""
        if not math.isfinite(x):
            return math.inf
        least, most = min(recorded), max(recorded)
        outside = max(least - x, x - most, 0.0)
        if outside == 0.0:
            return 0.0
        allowed = max(self.share * (least if x < least else most), self.floor)
        return outside / allowed if allowed else math.inf


NEVER = Tolerance(math.inf, math.inf)
"""A figure that is shown but not judged."""

LOSSLESS = {
    "p50": Tolerance(0.03, 300), "p90": Tolerance(0.03, 300), "p99": Tolerance(0.03, 300), "max": Tolerance(0.03, 1200),
    "segments": Tolerance(0.02, 2), "acks": Tolerance(0.10, 3), "blocked": Tolerance(0.05, 20_000),
    "messages": Tolerance(0, 0),
}  # fmt: skip
LOSSY = LOSSLESS | {
    "p50": Tolerance(0.05, 300), "p90": Tolerance(0.05, 300), "p99": Tolerance(0.10, 5_000), "max": NEVER,
}  # fmt: skip
TIES = {name: Tolerance(0.07, LOSSLESS[name].floor) for name in LATENCIES}
"""The round trip is a multiple of the gap: microseconds decide which of an ACK and a write comes first."""

CLOSED_LOOP = {"segments": Tolerance(0.03, 2), "messages": Tolerance(0.03, 1)}
"""How many transactions fit into the time is itself a measurement."""

FAR = Tolerance(0.15, 1_000)
AGREE = 0.05
"""A percentile on which recordings agree to this share, and which is more than FAR off, is far off."""


@dataclass(frozen=True)
class Rules:
    """The tolerances in force: the standard ones, some of them changed."""

    shares: Mapping[str, float] = field(default_factory=dict)

    def tolerances(self, lossy: bool, tie_prone: bool, closed_loop: bool) -> dict[str, Tolerance]:
        """For one direction, by figure."""
        found = dict(LOSSY if lossy else LOSSLESS)
        if tie_prone and not lossy:
            found |= TIES
        if closed_loop:
            found |= CLOSED_LOOP
        for name, share in self.shares.items():
            found[name] = Tolerance(share, 0 if math.isinf(found[name].floor) else found[name].floor)
        return found


@dataclass(frozen=True)
class Verdict:
    """How far each figure lies outside what is tolerated, in tolerances; and whether a percentile is far off."""

    excess: dict[str, float]
    far_off: bool

    @property
    def exceeded(self) -> tuple[str, ...]:
        """The figures that are out of tolerance."""
        return tuple(name for name, x in self.excess.items() if x > 1)

    @property
    def worst(self) -> float:
        """The largest excess."""
        return max(self.excess.values())


def judge(simulated: Figures, recorded: Sequence[Mapping[str, float]], tolerances: Mapping[str, Tolerance]) -> Verdict:
    """One direction against its recordings."""
    excess = {}
    for name, tolerance in tolerances.items():
        excess[name] = tolerance.excess(getattr(simulated, name), [run[name] for run in recorded])
    far = False
    if tolerances["max"] is not NEVER:
        far = any(_far_off(getattr(simulated, name), [run[name] for run in recorded]) for name in PERCENTILES)
    return Verdict(excess, far)


def _far_off(x: float, recorded: Sequence[float]) -> bool:
    agree = max(recorded) - min(recorded) <= AGREE * max(recorded)
    return agree and FAR.excess(x, recorded) > 1


def parse(tolerances: Sequence[str]) -> Rules:
    """`--tolerance`: "standard", "5%" for all of latency, or "p99=5%". Raises ScenarioError with every mistake."""
    rules, problems = Rules(), []
    for text in tolerances:
        if text == "standard":
            continue
        name, _, value = text.rpartition("=")
        share = _share(value)
        known = LATENCIES if name == "" else (name,)
        if share is None or name not in ("", *LOSSLESS):
            cure = f"standard, 5%, or one of {', '.join(LOSSLESS)} and a share: p99=5%"
            problems.append(Problem("--tolerance", f"{text!r} is no tolerance", cure))
        else:
            rules = replace(rules, shares=dict(rules.shares) | dict.fromkeys(known, share))
    if problems:
        raise ScenarioError(problems)
    return rules


def _share(text: str) -> float | None:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        return None
    return share if 0 <= share < math.inf else None
