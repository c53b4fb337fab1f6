"""Which configurations nothing beats, how sure that is, and where the bend lies.

A configuration is beaten (dominated) when another is as good in every metric and better in one: carries as much with a
lower P99, or more with no higher one. What nothing beats is the frontier. It is taken over the means of the
replications; throughputs within 1 % of each other count as equal, else every configuration that a run's last messages
make 0.1 % faster would be unbeaten. How sure it is: `experiments.attainment`.

The knee is the frontier's point with the least sum of prices: each metric scaled to 0..1 from its best to its worst
value on the frontier, latencies by their logarithm. With two metrics that is the point farthest on the good side of the
chord between the two ends. Beyond it throughput costs more P99 than it did on the way there. A frontier of fewer than
three points has no knee, nor has one that lies nowhere on the good side of its chord.

An overloaded configuration has no P99 (it grows with the run), so it is listed apart and beats nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from experiments.attainment import attainment, hypervolume, nondominated, probabilities, reference_point
from experiments.metrics import DEFAULT, P99, THROUGHPUT, Metric
from experiments.statistics import Estimate, estimate
from experiments.sweep.file import Panel, Settings
from experiments.sweep.result import Key, Result

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from experiments.sweep.plan import Failure, Plan

    Floats = NDArray[np.float64]

FEWEST_THAT_BEND = 3
"""Points of a frontier with a knee."""


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

    def measured(self, metric: Metric) -> dict[int, float]:
        """A metric's values by seed, without the replications that have none."""
        found = {seed: metric.value(run) for seed, run in self.runs.items()}
        return {seed: float(value) for seed, value in found.items() if value is not None}

    def estimated(self, metric: Metric) -> Estimate:
        """A metric's mean and interval; meaningless for a latency unless `sustained`. ValueError without a value."""
        return estimate(list(self.measured(metric).values()))

    @cached_property
    def throughput(self) -> Estimate:
        """Delivered payload, bit/s."""
        return self.estimated(THROUGHPUT)

    @cached_property
    def p99(self) -> Estimate:
        """ns; meaningless unless `sustained`."""
        return self.estimated(P99)

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

    `band` has for each level of `experiments.attainment.BAND` the corners (first, second metric) of the surface that so
    many percent of the replications attain; it is empty when there are more metrics than two.
    """

    name: str
    members: tuple[Configuration, ...]
    front: tuple[Configuration, ...]
    band: dict[int, Floats]
    hypervolume: Estimate | None


@dataclass(frozen=True)
class Frontier:
    """A panel's configurations, weighed. `front` goes by rising first metric; `knee` is one of its points, if it bends.

    `probability` says of each configuration how likely nothing beats it (nan for a single seed), in their order;
    `box` of each metric the worst value that counts and the best, between which hypervolumes are taken.
    """

    panel: Panel
    configurations: tuple[Configuration, ...]
    front: tuple[Configuration, ...]
    knee: Configuration | None
    curves: tuple[Curve, ...]
    failures: tuple[str, ...]
    metrics: tuple[Metric, ...]
    probability: tuple[float, ...]
    box: dict[str, tuple[float, float]]

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

    def probability_of(self, configuration: Configuration) -> float:
        """How likely nothing beats it."""
        here = next(i for i, c in enumerate(self.configurations) if c is configuration)
        return self.probability[here]


def frontiers(
    plan: Plan,
    results: Mapping[Key, Result],
    failures: Iterable[Failure] = (),
    metrics: Sequence[Metric] = DEFAULT,
    reference: Mapping[str, float] | None = None,
) -> list[Frontier]:
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
        found.append(weigh(panel, configurations, tuple(messages), metrics, reference))
    return found


def weigh(
    panel: Panel,
    configurations: Sequence[Configuration],
    failures: tuple[str, ...] = (),
    metrics: Sequence[Metric] = DEFAULT,
    reference: Mapping[str, float] | None = None,
) -> Frontier:
    """The frontier of a panel, and the curves its colours show: one for each value of NODELAY, if that is an axis."""
    sustained = [c for c in configurations if c.sustained]
    front = unbeaten(sustained, metrics)
    axis = next((key for key in panel.axes if key.endswith(".nodelay")), None)
    values = panel.axes[axis] if axis else (None,)
    box = reference_point(sustained, metrics, reference)
    curves = []
    for value in values:
        members = [c for c in sustained if axis is None or c.settings[axis] is value]
        curves.append(
            Curve(
                name="frontier" if axis is None else "NODELAY" if value else "Nagle",
                members=tuple(members),
                front=tuple(unbeaten(members, metrics)),
                band=attainment(members, metrics),
                hypervolume=hypervolume(members, metrics, box),
            )
        )
    return Frontier(
        panel=panel,
        configurations=tuple(configurations),
        front=tuple(front),
        knee=knee(front, metrics),
        curves=tuple(curves),
        failures=failures,
        metrics=tuple(metrics),
        probability=tuple(probabilities(configurations, metrics)),
        box=box,
    )


def unbeaten(configurations: Sequence[Configuration], metrics: Sequence[Metric] = DEFAULT) -> list[Configuration]:
    """The non-dominated ones by rising first metric; of equals the first, which in a sweep file is the smallest."""
    import numpy as np

    values = np.array([[c.estimated(m).mean for m in metrics] for c in configurations])
    front = [c for c, keep in zip(configurations, nondominated(values, metrics), strict=True) if keep]
    return sorted(front, key=lambda c: c.estimated(metrics[0]).mean)


def knee(front: Sequence[Configuration], metrics: Sequence[Metric] = DEFAULT) -> Configuration | None:
    """The frontier's bend (see the module); None when it does not bend."""
    if len(front) < FEWEST_THAT_BEND:
        return None
    prices = [_prices([c.estimated(metric).mean for c in front], metric) for metric in metrics]
    totals = [round(sum(price), 12) for price in zip(*prices, strict=True)]
    least = totals.index(min(totals))
    on_chord = len(metrics) == 2 and totals[least] >= totals[0]  # both ends have the price 1, and so has the chord
    return None if on_chord else front[least]


def _prices(values: Sequence[float], metric: Metric) -> list[float]:
    """0 for the best, 1 for the worst."""
    scaled = [metric.cost(math.log(max(value, 1.0)) if metric.logarithmic else value) for value in values]
    low, high = min(scaled), max(scaled)
    return [(value - low) / (high - low) if high > low else 0.0 for value in scaled]
