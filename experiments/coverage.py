"""Does an interval contain what it should as often as it says? Simulated, for a scenario of one's own.

Many independent runs are split at random into groups of n. Each group gives one interval, as n replications in a sweep
would, and the share of intervals that contain the truth is the coverage. There are two truths. The *mean of runs* is
the mean percentile of all runs of this length: what the interval is for. The *endless run* is the percentile of runs
so much longer that a start, an end or a rare event no longer matters: what a short run is an imperfect view of. The
distance between the two is the bias of short runs, and no number of seeds removes it; longer runs do.

The runs are grouped anew many times, which averages the luck of one grouping away; the interval stated for the
coverage is that of a single grouping, so it is on the wide side.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from experiments.statistics import CONFIDENCE, coefficient_of_variation, estimate
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from experiments.sweep.runner import Measure
    from sim.scenario import Scenario

    Floats = NDArray[np.float64]

SIZES = (5, 10, 20)
"""Seeds of an interval."""

GROUPINGS = 20
LONGER = 25
"""How many times longer the runs are that stand for an endless one."""

TOLERANCE = 0.02
"""How far a coverage may be from what is stated."""


@dataclass(frozen=True)
class Share:
    """A share of `groups` trials, with the 95 % interval (Wilson) that so many trials give it."""

    share: float
    lo: float
    hi: float
    groups: int

    def near(self, stated: float, tolerance: float = TOLERANCE) -> bool:
        """Can the true share be within the tolerance of what is stated?"""
        return self.lo <= stated + tolerance and self.hi >= stated - tolerance


@dataclass(frozen=True)
class Row:
    """Coverage by intervals from `seeds` replications; `half_width` is their mean one, as a share of the truth."""

    seeds: int
    mean_of_runs: Share
    endless: Share | None
    half_width: float


@dataclass(frozen=True)
class Coverage:
    """What the simulation of a scenario's intervals gave. Values are in the column's unit (ns, bit/s)."""

    scenario: str
    column: str
    runs: int
    messages: int
    mean: float
    variation: float  # standard deviation of the runs' values over their mean
    skewness: float
    endless: float | None  # None: the workload is a recording, which has one length
    rows: tuple[Row, ...]

    @property
    def bias(self) -> float | None:
        """By what share the mean of runs is above the endless run's value."""
        return self.mean / self.endless - 1 if self.endless else None

    @property
    def met(self) -> bool:
        """Do all sizes cover the mean of runs as stated, as far as so many runs can tell?"""
        return all(row.mean_of_runs.near(CONFIDENCE) for row in self.rows)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"bias": self.bias, "met": self.met}


def coverage(
    scenario: Scenario,
    column: str,
    seeds: Sequence[int],
    measure: Measure,
    executor: Executor,
    sizes: Sequence[int] = SIZES,
    on_run: Callable[[int], None] = lambda messages: None,
) -> Coverage:
    """Run `scenario` on every seed, and longer on others, and count. `on_run` is told each run's messages.

    ScenarioError when a run is overloaded or delivers nothing: then there is no percentile to cover.
    """
    values = _values(scenario, column, seeds, measure, executor, on_run)
    longer = _longer(scenario)
    endless = None
    if longer is not None:
        others = range(max(seeds) + 1, max(seeds) + 1 + max(4, len(seeds) // LONGER))
        endless = float(_values(longer, column, others, measure, executor, on_run).mean())
    return Coverage(
        scenario=scenario.name,
        column=column,
        runs=len(values),
        messages=scenario.workload.messages or len(scenario.workload.trace),
        mean=float(values.mean()),
        variation=coefficient_of_variation(values.tolist()),
        skewness=skewness(values),
        endless=endless,
        rows=tuple(row(values, size, endless) for size in sizes),
    )


def row(values: Floats, size: int, endless: float | None = None) -> Row:
    """Group the runs' values, `size` at a time, and count how many groups' intervals contain each truth."""
    import numpy as np

    rng = np.random.default_rng(size)
    groups = len(values) // size
    mean = float(values.mean())
    found = []
    for _ in range(GROUPINGS):
        shuffled = rng.permutation(values)[: groups * size].reshape(groups, size)
        found += [estimate(group.tolist()) for group in shuffled]
    width = math.fsum(one.half_width for one in found) / len(found)
    return Row(
        seeds=size,
        mean_of_runs=share([not one.excludes(mean) for one in found], groups),
        endless=share([not one.excludes(endless) for one in found], groups) if endless is not None else None,
        half_width=width / mean if mean else 0.0,
    )


def share(hits: Sequence[bool], trials: int) -> Share:
    """The share of hits, as sure as that many independent trials make it."""
    found, z2 = sum(hits) / len(hits), 1.959964**2
    centre, spread = found + z2 / (2 * trials), math.sqrt(z2 * (found * (1 - found) + z2 / (4 * trials)) / trials)
    scale = 1 + z2 / trials
    return Share(found, (centre - spread) / scale, (centre + spread) / scale, trials)


def skewness(values: Floats) -> float:
    """Third standardised moment; 0 for values that do not vary."""
    deviation = values - values.mean()
    spread = float((deviation**2).mean()) ** 1.5
    return float((deviation**3).mean()) / spread if spread else 0.0


def _values(
    scenario: Scenario,
    column: str,
    seeds: Iterable[int],
    measure: Measure,
    executor: Executor,
    on_run: Callable[[int], None],
) -> Floats:
    import numpy as np

    values = []
    for seed, future in [(seed, executor.submit(measure, scenario, seed)) for seed in seeds]:
        result = future.result()
        value = getattr(result, column)
        if result.overloaded or value is None:
            what = "it is overloaded, so its latencies only say how long it is" if value is not None else "none is read"
            raise ScenarioError([Problem(f"seed {seed}", what, "lower workload.load")])
        values.append(value)
        on_run(result.messages)
    return np.array(values, dtype=float)


def _longer(scenario: Scenario) -> Scenario | None:
    workload = scenario.workload
    if workload.trace or workload.messages is None:
        return None
    return replace(scenario, workload=replace(workload, messages=workload.messages * LONGER))
