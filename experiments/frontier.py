"""Throughput against P99: which configurations nothing beats, how sure that is, and where the bend lies.

A configuration is beaten (dominated) when another carries as much with a lower P99, or more with no higher one. What
nothing beats is the frontier. It is taken over the means of the replications; throughputs within 1 % of each other
count as equal, else every configuration that a run's last messages make 0.1 % faster would be unbeaten.

How sure it is, shows over the seeds: each replication has a frontier of its own, and the attainment band (Fonseca and
others, 2011) lies between what 90 % and what 10 % of them reach. The hypervolume says how good a whole frontier is in
one number: the share of the rectangle, from nothing to the panel's greatest throughput and from its greatest P99 to 0,
that it dominates.

The knee is the frontier's point farthest on the good side of the chord between its two ends, with throughput and the
logarithm of the P99 each scaled to 0..1. Beyond it throughput costs more P99 than it did on the way there.

An overloaded configuration has no P99 (it grows with the run), so it is listed apart and beats nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from experiments.statistics import Estimate, estimate
from experiments.sweep.file import Panel, Settings
from experiments.sweep.result import Key, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from experiments.sweep.plan import Failure, Plan

    Floats = NDArray[np.float64]

RESOLUTION = 0.01
"""Throughputs this close (as a share) count as equal."""

BAND = (90, 50, 10)
"""The attainment levels of a band, in percent of the replications: its worse edge, its middle, its better edge."""


@dataclass(frozen=True)
class Objective:
    """A metric to weigh: the column of `Result` it is, and whether more of it is better."""

    name: str
    column: str
    maximise: bool

    def cost(self, value: float) -> float:
        """The value such that less is better."""
        return -value if self.maximise else value


THROUGHPUT = Objective("throughput", "throughput_bps", maximise=True)
P99 = Objective("P99", "p99_ns", maximise=False)


@dataclass(frozen=True)
class Configuration:
    """One point of the sweep with its results by seed (at least one)."""

    settings: Settings
    runs: Mapping[int, Result]

    @property
    def overloads(self) -> int:
        """In how many replications the backlog grew."""
        return sum(1 for run in self.runs.values() if run.overloaded)

    @property
    def sustained(self) -> bool:
        """Carried its load, and delivered something to measure, in every replication."""
        return not self.overloads and all(run.p99_ns is not None for run in self.runs.values())

    def values(self, column: str) -> dict[int, float]:
        """A column's values by seed, without the replications that have none."""
        found = {seed: getattr(run, column) for seed, run in self.runs.items()}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def estimate(self, column: str) -> Estimate:
        """A column's mean and interval. ValueError when no replication has a value."""
        return estimate(list(self.values(column).values()))

    @cached_property
    def throughput(self) -> Estimate:
        """Delivered payload, bit/s."""
        return self.estimate("throughput_bps")

    @cached_property
    def p99(self) -> Estimate:
        """ns; meaningless unless `sustained`."""
        return self.estimate("p99_ns")

    @cached_property
    def causes(self) -> dict[str, float]:
        """The average message's latency, ns by cause, over all replications."""
        totals: dict[str, float] = {}
        messages = sum(run.messages for run in self.runs.values()) or 1
        for run in self.runs.values():
            for cause, ns in run.causes().items():
                totals[cause] = totals.get(cause, 0) + ns / messages
        return totals


@dataclass(frozen=True)
class Curve:
    """The frontier of some of a panel's configurations, and its band over the seeds.

    `band` has for each level of `BAND` the corners (throughput bit/s, P99 ns) of the surface that so many percent of
    the replications attain, by rising throughput.
    """

    name: str
    members: tuple[Configuration, ...]
    front: tuple[Configuration, ...]
    band: dict[int, Floats]
    hypervolume: Estimate | None


@dataclass(frozen=True)
class Frontier:
    """A panel's configurations, weighed. `front` goes by rising throughput; `knee` is one of its points."""

    panel: Panel
    configurations: tuple[Configuration, ...]
    front: tuple[Configuration, ...]
    knee: Configuration | None
    curves: tuple[Curve, ...]
    failures: tuple[str, ...]

    @property
    def sustained(self) -> tuple[Configuration, ...]:
        """Those that carried their load."""
        return tuple(c for c in self.configurations if c.sustained)

    @property
    def overloaded(self) -> tuple[Configuration, ...]:
        """Those that did not, in at least one replication."""
        return tuple(c for c in self.configurations if not c.sustained)

    def find(self, settings: Settings) -> Configuration | None:
        """The configuration with exactly these settings."""
        return next((c for c in self.configurations if c.settings == settings), None)


def frontiers(plan: Plan, results: Mapping[Key, Result], failures: Iterable[Failure] = ()) -> list[Frontier]:
    """Weigh every panel of a plan, with whatever replications are there."""
    failed = list(failures)
    found = []
    for panel in plan.sweep.panels:
        configurations = []
        for point in plan.points:
            keys = {seed: plan.key(point, seed) for seed in plan.sweep.seeds}
            runs = {seed: results[key] for seed, key in keys.items() if key in results}
            if point.panel == panel.name and runs:
                configurations.append(Configuration(point.settings, runs))
        messages = dict.fromkeys(f.message for f in failed if f.job.point.panel == panel.name)
        found.append(weigh(panel, configurations, tuple(messages)))
    return found


def weigh(panel: Panel, configurations: Sequence[Configuration], failures: tuple[str, ...] = ()) -> Frontier:
    """The frontier of a panel, and the curves its colours show: one for each value of NODELAY, if that is an axis."""
    sustained = [c for c in configurations if c.sustained]
    front = unbeaten(sustained)
    axis = next((key for key in panel.axes if key.endswith(".nodelay")), None)
    values = panel.axes[axis] if axis else (None,)
    curves = []
    for value in values:
        members = [c for c in sustained if axis is None or c.settings[axis] is value]
        name = "frontier" if axis is None else "NODELAY" if value else "Nagle"
        curves.append(
            Curve(
                name,
                tuple(members),
                tuple(unbeaten(members)),
                attainment(members),
                hypervolume(members, among=sustained),
            )
        )
    return Frontier(panel, tuple(configurations), tuple(front), knee(front), tuple(curves), failures)


def unbeaten(configurations: Sequence[Configuration]) -> list[Configuration]:
    """The non-dominated ones by rising throughput; of equals the first, which in a sweep file is the smallest."""
    import moocore
    import numpy as np

    if not configurations:
        return []
    throughput = levels([c.throughput.mean for c in configurations])
    costs = np.array([[-t, c.p99.mean] for t, c in zip(throughput, configurations, strict=True)])
    kept = moocore.is_nondominated(costs)
    front = [c for c, keep in zip(configurations, kept, strict=True) if keep]
    return sorted(front, key=lambda c: c.throughput.mean)


def levels(values: Sequence[float], resolution: float = RESOLUTION) -> list[float]:
    """Replace values within `resolution` of the least of their level by that least one."""
    level = {}
    least = -math.inf
    for value in sorted(set(values)):
        if value > least * (1 + resolution) or least <= 0:
            least = value
        level[value] = least
    return [level[value] for value in values]


def knee(front: Sequence[Configuration]) -> Configuration | None:
    """The frontier's bend (see the module); its low end when it does not bend, None when it is empty."""
    if not front:
        return None
    carried = _unit([c.throughput.mean for c in front])
    price = _unit([math.log(max(c.p99.mean, 1.0)) for c in front])
    return max(zip(carried, price, front, strict=True), key=lambda point: point[0] - point[1])[2]


def _unit(values: Sequence[float]) -> list[float]:
    low, high = min(values), max(values)
    return [(value - low) / (high - low) if high > low else 0.0 for value in values]


def attainment(configurations: Sequence[Configuration]) -> dict[int, Floats]:
    """Corners of the surfaces that `BAND` percent of the seeds attain; empty without configurations."""
    import moocore
    import numpy as np

    points = [(THROUGHPUT.cost(x), P99.cost(y), seed) for c in configurations for seed, x, y in _objectives(c)]
    if not points:
        return {}
    table = np.array(points, dtype=float)
    _, sets = np.unique(table[:, 2], return_inverse=True)
    order = np.argsort(sets, kind="stable")  # moocore wants a set's points together
    surface = moocore.eaf(table[order, :2], sets[order] + 1, percentiles=sorted(BAND))
    band = {}
    for level in BAND:
        corners = surface[surface[:, 2] == level, :2] * np.array([-1.0, 1.0])
        band[level] = corners[np.argsort(corners[:, 0])]
    return band


def hypervolume(configurations: Sequence[Configuration], among: Sequence[Configuration]) -> Estimate | None:
    """Share of the rectangle spanned by `among` that each seed's frontier dominates; None without configurations."""
    import moocore
    import numpy as np

    if not configurations:
        return None
    most = max(x for c in among for _, x, _ in _objectives(c))
    worst = max(y for c in among for _, _, y in _objectives(c))
    if most <= 0 or worst <= 0:
        return None
    by_seed: dict[int, list[tuple[float, float]]] = {}
    for c in configurations:
        for seed, x, y in _objectives(c):
            by_seed.setdefault(seed, []).append((-x / most, y / worst))
    return estimate([float(moocore.hypervolume(np.array(points), ref=[0.0, 1.0])) for points in by_seed.values()])


def _objectives(configuration: Configuration) -> list[tuple[int, float, float]]:
    """(seed, throughput, P99) of each replication."""
    throughput, p99 = configuration.values("throughput_bps"), configuration.values("p99_ns")
    return [(seed, throughput[seed], p99[seed]) for seed in throughput.keys() & p99.keys()]
