"""Which points a panel has: the product of its axes, or a sample of the space they span, as its conditions allow.

A grid of k axes with n values has n^k points. Where that is too many, a Latin hypercube or a scrambled Sobol sequence
(scipy.stats.qmc) spreads a given number of points over all axes at once: each axis by itself is covered evenly, and
effects of single axes show with far fewer points. Both are seeded: the same file always means the same points.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sim.units import DURATION, RATE, SIZE, Quantity

Settings = dict[str, object]
"""Scenario parameters by dotted name, values as a scenario file would write them; None where an axis does not apply."""

FIGURES = 4
"""Significant figures of a sampled value: as many as one would write."""

UNITS = {
    DURATION: ("s", "ms", "us", "ns"),
    SIZE: ("GiB", "MiB", "KiB", "B"),
    RATE: ("Gbit/s", "Mbit/s", "kbit/s", "bit/s"),
}
"""What sampled quantities are written in: the largest of these that leaves a number of 1 or more."""


@dataclass(frozen=True)
class Range:
    """An axis with ends instead of values, in `unit`'s base unit if it has one. `steps`: so many values, for a grid."""

    low: float
    high: float
    unit: Quantity | None = None
    whole: bool = False
    log: bool = False
    steps: int | None = None

    def at(self, share: float) -> object:
        """The value below which this share (0..1) of the range lies; whole numbers are equally likely."""
        low, high = self.low, self.high + (1 if self.whole else 0)
        if self.log:
            number = math.exp(math.log(low) + share * (math.log(high) - math.log(low)))
        else:
            number = low + share * (high - low)
        return self._written(min(float(math.floor(number)), self.high) if self.whole else number)

    def values(self) -> tuple[object, ...]:
        """Its steps, both ends included."""
        count = self.steps or 1
        shares = [i / (count - 1) for i in range(count)] if count > 1 else [0.0]
        if self.log:
            numbers = [self.low * (self.high / self.low) ** share for share in shares]
        else:
            numbers = [self.low + share * (self.high - self.low) for share in shares]
        return tuple(dict.fromkeys(self._written(float(round(n)) if self.whole else n) for n in numbers))

    def _written(self, number: float) -> object:
        if self.unit is None:
            return int(number) if self.whole else float(f"{number:.{FIGURES}g}")
        factors = dict(self.unit.units)
        *larger, base = UNITS[self.unit]
        unit = next((name for name in larger if number >= factors[name]), base)
        return f"{round(number)}{base}" if unit == base else f"{number / factors[unit]:.{FIGURES}g}{unit}"


Axis = tuple[object, ...] | Range


@dataclass(frozen=True)
class Sampling:
    """Points sampled over the axes; each is run with every combination of the axes in `cross`."""

    kind: Literal["latin-hypercube", "sobol"]
    points: int
    seed: int
    cross: tuple[str, ...] = ()


@dataclass(frozen=True)
class Condition:
    """An axis (or only these `values` of it) that makes sense only `where` other parameters have certain values."""

    axis: str
    values: tuple[object, ...] | None
    where: Mapping[str, tuple[object, ...]]

    def met_by(self, settings: Mapping[str, object]) -> bool:
        """Has every parameter of `where` one of its values?"""
        return all(any(same(settings.get(key), value) for value in allowed) for key, allowed in self.where.items())


@dataclass(frozen=True)
class Design:
    """How a panel's points are made: `listed` ones, times the axes' grid or a sample of them, less what conditions bar.

    An axis that does not apply to a point is None there. Points that come out alike are one.
    """

    axes: Mapping[str, Axis]
    listed: tuple[Settings, ...] = ()
    sampling: Sampling | None = None
    conditions: tuple[Condition, ...] = ()

    @property
    def keys(self) -> tuple[str, ...]:
        """The parameters that vary."""
        return tuple(dict.fromkeys([*(key for point in self.listed for key in point), *self.axes]))

    @property
    def most(self) -> int:
        """How many points there are before conditions."""
        crossed = math.prod(len(_values(axis)) for axis in self._crossed().values())
        return max(1, len(self.listed)) * crossed * (self.sampling.points if self.sampling else 1)

    def without(self, fixed: Iterable[str]) -> Design:
        """The same with these parameters fixed elsewhere."""
        gone = set(fixed)
        axes = {key: axis for key, axis in self.axes.items() if key not in gone}
        listed = tuple({key: value for key, value in point.items() if key not in gone} for point in self.listed)
        conditions = tuple(c for c in self.conditions if c.axis not in gone)
        return Design(axes, listed, self.sampling, conditions)

    def points(self, fixed: Mapping[str, object]) -> Iterator[Settings]:
        """The points in order, the last axis fastest; `fixed` is what else is set, for the conditions."""
        crossed = self._crossed()
        combinations = list(itertools.product(*map(_values, crossed.values())))
        seen: set[str] = set()
        for listed in self.listed or ({},):
            for sampled in self._sampled():
                for values in combinations:
                    found = {**listed, **sampled, **dict(zip(crossed, values, strict=True))}
                    point = self._allowed({key: found.get(key) for key in self.keys}, fixed)
                    label = json.dumps(point, sort_keys=True)
                    if point is not None and label not in seen:
                        seen.add(label)
                        yield point

    def _crossed(self) -> dict[str, Axis]:
        if self.sampling is None:
            return dict(self.axes)
        return {key: axis for key, axis in self.axes.items() if key in self.sampling.cross}

    def _sampled(self) -> list[Settings]:
        """The sampled axes' values, point by point."""
        if self.sampling is None:
            return [{}]
        axes = {key: axis for key, axis in self.axes.items() if key not in self.sampling.cross}
        if not axes:
            return [{}]
        return [
            {key: _at(axis, share) for (key, axis), share in zip(axes.items(), shares, strict=True)}
            for shares in _unit_cube(self.sampling, len(axes))
        ]

    def _allowed(self, point: Settings, fixed: Mapping[str, object]) -> Settings | None:
        """The point as the conditions leave it: axes that do not apply are None; None when it is barred."""
        for condition in self.conditions:
            value = point.get(condition.axis)
            if value is None or condition.met_by({**fixed, **point}):
                continue
            if condition.values is None:
                point = {**point, condition.axis: None}
            elif any(same(value, barred) for barred in condition.values):
                return None
        return point


def _values(axis: Axis) -> tuple[object, ...]:
    return axis.values() if isinstance(axis, Range) else axis


def _at(axis: Axis, share: float) -> object:
    return axis.at(share) if isinstance(axis, Range) else axis[int(share * len(axis))]


def _unit_cube(sampling: Sampling, dimensions: int) -> list[list[float]]:
    """The sample as shares from 0 to below 1: a row a point, a column an axis."""
    import numpy as np
    from scipy.stats import qmc

    rng = np.random.default_rng(sampling.seed)
    if sampling.kind == "sobol":
        engine = qmc.Sobol(dimensions, scramble=True, rng=rng)
    else:
        engine = qmc.LatinHypercube(dimensions, rng=rng)
    rows: list[list[float]] = engine.random(sampling.points).tolist()
    return rows


def same(one: object, other: object) -> bool:
    """Equal and of one type: `true` is not `1` here."""
    return type(one) is type(other) and one == other
