"""How sure a frontier is, from its replications: bands, probabilities, hypervolume.

Each replication has a frontier of its own. The *attainment band* (Grunert da Fonseca and others, 2001; moocore) lies
between what 90 % and what 10 % of them reach. The *probability* that a configuration is on the frontier comes from the
bootstrap: seeds are drawn with replacement, the same ones for all configurations, so what they share of luck they go
on sharing, and the share of draws is counted in which nothing beats it. The *hypervolume* says how good a whole
frontier is in one number: the share of the box, from the reference point to the best there could be, that it dominates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from experiments.metrics import Metric
from experiments.statistics import Estimate, estimate

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from experiments.frontier import Configuration

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

BAND = (90, 50, 10)
"""The attainment levels of a band, in percent of the replications: its worse edge, its middle, its better edge."""

RESAMPLES = 1_000
"""Draws of the bootstrap: a probability is known to a point or two."""


def nondominated(values: Floats, metrics: Sequence[Metric]) -> Bools:
    """Which rows (points x metrics, base units) no other row beats; of equals the first."""
    import moocore
    import numpy as np

    if not len(values):
        return np.zeros(0, dtype=bool)
    columns = [m.cost(1.0) * levels(values[:, i], m.resolution) for i, m in enumerate(metrics)]
    kept: Bools = moocore.is_nondominated(np.column_stack(columns))
    return kept


def levels(values: Floats, resolution: float) -> Floats:
    """Replace values within `resolution` of the least of their level by that least one."""
    import numpy as np

    if not resolution:
        return values
    distinct, place = np.unique(values, return_inverse=True)
    least = -np.inf
    for index, value in enumerate(distinct.tolist()):
        if value > least * (1 + resolution) or least <= 0:
            least = value
        distinct[index] = least
    found: Floats = distinct[place]
    return found


def attainment(configurations: Sequence[Configuration], metrics: Sequence[Metric]) -> dict[int, Floats]:
    """Corners (first metric, second metric) of the surfaces that `BAND` percent of the seeds attain.

    Rising in the first metric. Empty without configurations, and for more metrics than a plane has.
    """
    import moocore
    import numpy as np

    table = np.array([(seed, *values) for seed, values in _shared_points(configurations, metrics)], dtype=float)
    if len(metrics) != 2 or not len(table):
        return {}
    signs = np.array([metric.cost(1.0) for metric in metrics])
    _, sets = np.unique(table[:, 0], return_inverse=True)
    order = np.argsort(sets, kind="stable")  # moocore wants a set's points together
    surface = moocore.eaf(table[order, 1:] * signs, sets[order] + 1, percentiles=sorted(BAND))
    band = {}
    for level in BAND:
        corners = surface[surface[:, 2] == level, :2] * signs
        band[level] = corners[np.lexsort((corners[:, 1], corners[:, 0]))]
    return band


def probabilities(
    configurations: Sequence[Configuration], metrics: Sequence[Metric], resamples: int = RESAMPLES
) -> list[float]:
    """For each configuration the probability that nothing beats it; nan where there is one seed only.

    A draw that contains a seed in which a configuration was overloaded counts it as beaten. One that has fewer seeds
    than others (sequential replication) is judged by those it has.
    """
    import numpy as np

    seeds = sorted({seed for c in configurations for seed in c.runs})
    if len(seeds) < 2:
        return [float("nan")] * len(configurations)
    values = np.zeros((len(configurations), len(seeds), len(metrics)))
    there, overloaded = np.zeros(values.shape[:2]), np.zeros(values.shape[:2])
    for row, c in enumerate(configurations):
        for seed, point in _points(c, metrics):
            values[row, seeds.index(seed)], there[row, seeds.index(seed)] = point, 1
        for seed, run in c.runs.items():
            overloaded[row, seeds.index(seed)] = run.overloaded or run.p99_ns is None
    drawn = np.random.default_rng(0).multinomial(len(seeds), [1 / len(seeds)] * len(seeds), size=resamples)
    counted = drawn @ there.T
    means = np.einsum("bs,csm->bcm", drawn, values) / np.maximum(counted, 1)[..., None]
    whole = (drawn @ overloaded.T == 0) & (counted > 0)
    counts = np.zeros(len(configurations))
    for those, point_means in zip(whole, means, strict=True):
        here = np.flatnonzero(those)
        counts[here[nondominated(point_means[here], metrics)]] += 1
    return [float(count) / resamples for count in counts]


def reference_point(
    configurations: Sequence[Configuration], metrics: Sequence[Metric], given: Mapping[str, float] | None = None
) -> dict[str, tuple[float, float]]:
    """Of each metric the worst value that counts and the best: what is given, else the worst that was seen; 0 is best
    of what is to be small, and worst of what is to be large, whose best is the largest seen."""
    box = {}
    for i, metric in enumerate(metrics):
        largest = max((values[i] for c in configurations for _, values in _points(c, metrics)), default=0.0)
        worst = (given or {}).get(metric.name, 0.0 if metric.maximise else largest)
        box[metric.name] = (worst, largest if metric.maximise else 0.0)
    return box


def hypervolume(
    configurations: Sequence[Configuration], metrics: Sequence[Metric], box: Mapping[str, tuple[float, float]]
) -> Estimate | None:
    """Share of the box that each seed's frontier dominates; None without configurations, or for a box of no volume."""
    import moocore
    import numpy as np

    ends = [box[metric.name] for metric in metrics]
    if not configurations or any(worst == best for worst, best in ends):
        return None
    worst, best = (np.array(side) for side in zip(*ends, strict=True))
    by_seed: dict[int, list[tuple[float, ...]]] = {}
    for seed, values in _shared_points(configurations, metrics):
        by_seed.setdefault(seed, []).append(values)
    reference = np.ones(len(metrics))
    shares = [
        float(moocore.hypervolume((np.array(points) - best) / (worst - best), ref=reference))
        for points in by_seed.values()
    ]
    return estimate(shares) if shares else None


def _shared_points(
    configurations: Sequence[Configuration], metrics: Sequence[Metric]
) -> list[tuple[int, tuple[float, ...]]]:
    """(seed, values) of the replications that every configuration has, or else those that some have.

    The frontier of a seed that sequential replication gave only to the noisiest configurations is no frontier of all.
    """
    tables = [dict(_points(c, metrics)) for c in configurations]
    shared = set.intersection(*(set(table) for table in tables)) if tables else set()
    return [(seed, point) for table in tables for seed, point in table.items() if seed in shared or not shared]


def _points(c: Configuration, metrics: Sequence[Metric]) -> list[tuple[int, tuple[float, ...]]]:
    """(seed, values) of each replication that has all the metrics."""
    found = []
    for seed, run in sorted(c.runs.items()):
        values = [metric.value(run) for metric in metrics]
        if None not in values:
            found.append((seed, tuple(float(value) for value in values if value is not None)))
    return found
