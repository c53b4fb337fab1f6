"""Which parameters decide a metric, over the ranges a sweep file gives them: Sobol indices and Morris screening.

*Sobol*: the variance of the metric over all the ranges is divided among the parameters. The first-order index is the
share that a parameter explains by itself, the total index that with all its interplay; their difference is interplay,
and a total near 0 says that the parameter may be fixed anywhere. (Saltelli's sample and estimators, scipy.stats; n
samples of d parameters are n (d + 2) points.) *Morris*: one parameter at a time is moved from many places; mu* is the
mean size of what that does, sigma how much it depends on the place. It takes n (d + 1) points, is good with n of 10 to
50, and ranks rather than measures (SALib).

Latencies are taken by their logarithm: what halves or doubles them is what matters. Every point is run on the same
seeds and its metric averaged over them, so the indices are those of the parameters, not of the draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from experiments.metrics import Metric
from experiments.statistics import CONFIDENCE, Estimate
from experiments.sweep.design import Axis, Design, Range
from experiments.sweep.file import Panel, Settings
from experiments.sweep.result import Result
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Method = Literal["sobol", "morris"]
SAMPLES: dict[Method, int] = {"sobol": 64, "morris": 16}
LEVELS = 4
"""Values a range has in Morris's design: thirds of it apart."""

RESAMPLES = 999
LITTLE = 0.05
"""A total index below this share is not worth a parameter."""


@dataclass(frozen=True)
class Effect:
    """What one parameter does. Sobol: shares of the variance. Morris: mu* and sigma, in the metric's unit (or log)."""

    axis: str
    own: Estimate  # first-order index; Morris: mu*
    total: Estimate  # total index; Morris: sigma, without an interval


@dataclass(frozen=True)
class Sensitivity:
    """The effects of a panel's parameters, the greatest first, and how the points they come from fared."""

    panel: str
    method: Method
    metric: Metric
    effects: tuple[Effect, ...]
    points: int
    overloaded: int
    lowest: float
    highest: float

    @property
    def interplay(self) -> float:
        """Share of the variance that no parameter explains by itself; only of Sobol's."""
        return max(0.0, 1 - math.fsum(effect.own.mean for effect in self.effects))

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        effects = [{"axis": e.axis, "own": e.own.as_dict(), "total": e.total.as_dict()} for e in self.effects]
        rest = {key: value for key, value in asdict(self).items() if key not in {"metric", "effects"}}
        return {**rest, "metric": self.metric.name, "logarithmic": self.metric.logarithmic, "effects": effects}


def sampled(panel: Panel, method: Method, samples: int, seed: int) -> tuple[Panel, Floats]:
    """The panel whose points the method asks for, and those points' places on the axes, from 0 to 1.

    ScenarioError for a panel that is no box of ranges and lists.
    """
    import numpy as np

    axes = panel.design.axes
    problems = []
    if panel.design.conditions or panel.design.listed:
        problem = "points and conditions leave holes in the ranges, where effects are not defined"
        problems.append(Problem(panel.name, problem, "give [axes] only"))
    if len(axes) < 2:
        problems.append(Problem(panel.name, "one parameter has no rival", "give at least two axes"))
    if method == "sobol" and (samples < 2 or samples & (samples - 1)):
        problems.append(Problem("--samples", f"{samples} is no power of 2, which Sobol's sequence needs", "like 64"))
    if problems:
        raise ScenarioError(problems)
    shares = saltelli(len(axes), samples, seed) if method == "sobol" else trajectories(len(axes), samples, seed)
    listed = tuple(settings_at(axes, row) for row in np.asarray(shares))
    return Panel(panel.name, panel.title, panel.fixed, Design({}, listed)), shares


def settings_at(axes: Mapping[str, Axis], shares: Sequence[float] | Floats) -> Settings:
    """The point at these shares of the axes; a list's values take equal parts of it."""
    return {
        key: axis.at(float(share)) if isinstance(axis, Range) else axis[min(int(share * len(axis)), len(axis) - 1)]
        for (key, axis), share in zip(axes.items(), shares, strict=True)
    }


def saltelli(dimensions: int, samples: int, seed: int) -> Floats:
    """Saltelli's sample (points x dimensions): A, then B, then A with each column in turn from B."""
    import numpy as np
    from scipy.stats import qmc

    both = qmc.Sobol(2 * dimensions, scramble=True, rng=np.random.default_rng(seed)).random(samples)
    a, b = both[:, :dimensions], both[:, dimensions:]
    mixed = []
    for column in range(dimensions):
        ab = a.copy()
        ab[:, column] = b[:, column]
        mixed.append(ab)
    return np.concatenate([a, b, *mixed])


def trajectories(dimensions: int, samples: int, seed: int) -> Floats:
    """Morris's sample (points x dimensions). ScenarioError without SALib."""
    try:
        from SALib.sample import morris
    except ImportError:
        raise ScenarioError(
            [Problem("--method morris", "needs SALib", "pip install 'tinygram[sensitivity]', or take sobol")]
        ) from None
    found: Floats = morris.sample(_unit_box(dimensions), samples, num_levels=LEVELS, seed=seed)
    return found


def analysed(
    panel: Panel, method: Method, metric: Metric, shares: Floats, axes: Sequence[str], runs: Mapping[str, list[Result]]
) -> Sensitivity:
    """The effects, from the runs of each point (by its settings as JSON). ScenarioError when a point has no value."""
    import numpy as np

    values = np.array([_value(metric, runs.get(json.dumps(point, sort_keys=True), [])) for point in _points(panel)])
    if np.isnan(values).any():
        problem = f"{int(np.isnan(values).sum())} of {len(values)} points have no {metric.name}"
        raise ScenarioError([Problem(panel.name, problem, "narrow the ranges to what can run and deliver")])
    heard = np.log(np.maximum(values, 1.0)) if metric.logarithmic else values
    find = sobol if method == "sobol" else elementary
    effects = find(heard, shares, axes)
    return Sensitivity(
        panel=panel.title or panel.name,
        method=method,
        metric=metric,
        effects=tuple(sorted(effects, key=lambda e: -(e.total if method == "sobol" else e.own).mean)),
        points=len(runs),
        overloaded=sum(any(run.overloaded for run in found) for found in runs.values()),
        lowest=float(values.min()),
        highest=float(values.max()),
    )


def sobol(values: Floats, shares: Floats, axes: Sequence[str]) -> list[Effect]:
    """First-order and total indices, each with its bootstrapped interval; all 0 where nothing varies."""
    import numpy as np

    dimensions = len(axes)
    n = len(values) // (dimensions + 2)
    if np.ptp(values) == 0:
        return [Effect(axis, Estimate(0, 0, 0, n), Estimate(0, 0, 0, n)) for axis in axes]
    parts = values.reshape(dimensions + 2, n)
    indices = _indices(parts).tolist()
    rng = np.random.default_rng(0)
    resampled = np.array([_indices(parts[:, rng.integers(n, size=n)]) for _ in range(RESAMPLES)])
    error = 100 * (1 - CONFIDENCE) / 2
    low, high = np.nanpercentile(resampled, [error, 100 - error], axis=0).tolist()
    orders = [
        [Estimate(mean, lo, hi, n) for mean, lo, hi in zip(indices[k], low[k], high[k], strict=True)] for k in (0, 1)
    ]
    return [Effect(axis, own, total) for axis, own, total in zip(axes, *orders, strict=True)]


def _indices(parts: Floats) -> Floats:
    """First-order and total indices (2 x parameters), from the values of A, of B and of the mixed samples."""
    import numpy as np
    from scipy.stats import sobol_indices

    evaluated = {"f_A": parts[:1], "f_B": parts[1:2], "f_AB": parts[2:, None, :]}
    with np.errstate(invalid="ignore", divide="ignore"):  # a resample in which nothing varies
        found = sobol_indices(func=evaluated, n=parts.shape[1])
    return np.array([np.ravel(found.first_order), np.ravel(found.total_order)])


def elementary(values: Floats, shares: Floats, axes: Sequence[str]) -> list[Effect]:
    """Morris's mu* with its bootstrapped interval, and sigma."""
    from SALib.analyze import morris

    found = morris.analyze(
        _unit_box(len(axes)), shares, values, num_levels=LEVELS, conf_level=CONFIDENCE, num_resamples=RESAMPLES, seed=0
    )
    n = len(values) // (len(axes) + 1)
    return [
        Effect(
            axis, Estimate(float(mu), float(mu - half), float(mu + half), n), Estimate(float(s), math.nan, math.nan, n)
        )
        for axis, mu, half, s in zip(axes, found["mu_star"], found["mu_star_conf"], found["sigma"], strict=True)
    ]


def sentence(found: Sensitivity) -> str:
    """What the effects say, in words."""
    from experiments import labels

    axes = [effect.axis for effect in found.effects]
    names = {axis: labels.name(axis, axes) for axis in axes}
    what = f"{'log ' if found.metric.logarithmic else ''}{found.metric.label}"
    if not any(effect.total.mean or effect.own.mean for effect in found.effects):
        return f"{found.panel}: nothing varied moves the {what}."
    first = found.effects[0]
    if found.method == "morris":
        order = ", then ".join(names[e.axis] for e in found.effects)
        bent = [names[e.axis] for e in found.effects if e.total.mean > e.own.mean]
        more = f" The effect of {', '.join(bent)} depends on where the others stand, or bends." if bent else ""
        return f"{found.panel}: what moves the {what} most is {order}.{more}"
    parts = [
        f"{names[e.axis]} {'decides ' if e is first else ''}{_percent(e.total.mean)} ({_percent(e.own.mean)} by itself)"
        for e in found.effects
        if e.total.mean >= LITTLE
    ]
    little = [names[e.axis] for e in found.effects if e.total.mean < LITTLE]
    said = f"{found.panel}: of the variance of {what}, {', '.join(parts)}."
    if found.interplay >= LITTLE:
        said += f" {_percent(found.interplay)} is interplay."
    if little:
        said += f" On these ranges {', '.join(little)} may be left as {'it is' if len(little) == 1 else 'they are'}."
    return said


def _percent(share: float) -> str:
    return f"{100 * max(0.0, share):.0f} %"


def _points(panel: Panel) -> tuple[Settings, ...]:
    """All points, repeated ones too, which a plan runs once."""
    return panel.design.listed


def _value(metric: Metric, runs: Sequence[Result]) -> float:
    values = [metric.value(run) for run in runs]
    known = [value for value in values if value is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(values) else math.nan


def _unit_box(dimensions: int) -> dict[str, Any]:
    return {
        "num_vars": dimensions, "names": [str(i) for i in range(dimensions)], "bounds": [[0.0, 1.0]] * dimensions
    }  # fmt: skip
