"""Laws that values are drawn from, each an inverse distribution function: a share of the fleet to the value it reaches.

    { law = "lognormal", median = "60ms", p95 = "250ms" }        # or sigma = 0.87
    { law = "uniform", from = "20ms", to = "80ms" }              # "loguniform" too
    { law = "choice", values = [true, false], weights = [1, 3] }
    { law = "quantiles", shares = [0, 0.5, 0.99, 1], values = ["5ms", "40ms", "300ms", "2s"] }

`quantiles` joins its points by straight lines. Numbers are rounded to whole base units (ns, bytes, bit/s).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.fleet.keys import Key
from sim.errors import Problem, ScenarioError

Floats = NDArray[np.float64]
Inverse = Callable[[Floats], Floats]

EDGE = 1e-9
"""Draws lie between the quantiles EDGE and 1 - EDGE, so that the values a law can give are known beforehand."""

P95 = 1.6448536269514722  # standard normal


@dataclass(frozen=True)
class Law:
    """A key and how its values are distributed: numbers by `inverse`, or `choices` with cumulative shares `upto`."""

    key: Key
    inverse: Inverse | None = None
    choices: tuple[Any, ...] = ()
    upto: tuple[float, ...] = ()

    def values(self, u: Floats) -> list[Any]:
        """The values that the shares `u` of the fleet reach, in base units."""
        if self.inverse is None:
            return [self.choices[i] for i in self.chosen(u)]
        numbers = self.inverse(np.clip(u, EDGE, 1 - EDGE))
        found: list[Any] = (np.rint(numbers).astype(np.int64) if self.key.whole else numbers).tolist()
        return found

    def chosen(self, u: Floats) -> NDArray[np.int64]:
        """Which of the choices."""
        found = np.searchsorted(np.array(self.upto), u, side="right")
        return np.minimum(found, len(self.choices) - 1).astype(np.int64)


def read_law(key: Key, says: object, where: str) -> Law:
    """A law as a file gives it. ScenarioError says what is wrong, at `where`."""
    if not isinstance(says, Mapping) or says.get("law") not in _LAWS:
        cure = f'write {{ law = "...", ... }}, one of {", ".join(_LAWS)}'
        raise ScenarioError([Problem(where, f"{says!r} is no law", cure)])
    make, keys = _LAWS[str(says["law"])]
    unknown = sorted(says.keys() - keys - {"law"})
    if unknown:
        raise ScenarioError([Problem(f"{where}.{unknown[0]}", "unknown key", f"there are: {', '.join(sorted(keys))}")])
    law = make(key, _Given(key, says, where))
    if law.inverse is not None:
        for value in law.values(np.array([0.0, 1.0])):
            key.read(key.written(value), where)
    return law


class _Given:
    """The parameters of a law, read as they are asked for."""

    def __init__(self, key: Key, says: Mapping[str, Any], where: str) -> None:
        self.key, self.says, self.where = key, says, where

    def problem(self, name: str, problem: str, cure: str) -> ScenarioError:
        return ScenarioError([Problem(f"{self.where}.{name}", problem, cure)])

    def amount(self, name: str) -> float:
        """A value of the key, as a number."""
        value = self.key.read(self.present(name), f"{self.where}.{name}")
        return float(self.number(name, value))

    def present(self, name: str) -> Any:
        if name not in self.says:
            raise self.problem(name, "missing", f"law {self.says['law']!r} needs it")
        return self.says[name]

    def number(self, name: str, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self.problem(name, f"{value!r} is no number", 'for what is no number use law = "choice"')
        return float(value)

    def numbers(self, name: str) -> list[float]:
        return [self.number(name, value) for value in self.listed(name)]

    def listed(self, name: str) -> list[Any]:
        values = self.present(name)
        if not isinstance(values, list) or not values:
            raise self.problem(name, f"{values!r} is no list of values", "write [...]")
        return values

    def values(self) -> Iterator[Any]:
        for i, value in enumerate(self.listed("values")):
            yield self.key.read(value, f"{self.where}.values[{i}]")


def _lognormal(key: Key, given: _Given) -> Law:
    median = given.amount("median")
    if median <= 0:
        raise given.problem("median", "a lognormal law has no median of 0", "give a value above 0")
    if ("sigma" in given.says) == ("p95" in given.says):
        raise given.problem("sigma", "the spread is needed once", "give sigma (of the logarithm), or p95")
    if "sigma" in given.says:
        sigma = given.number("sigma", given.says["sigma"])
    else:
        sigma = math.log(max(given.amount("p95"), 1e-300) / median) / P95
    if sigma <= 0:
        raise given.problem(
            "p95" if "p95" in given.says else "sigma", "no spread above the median", "give a larger one"
        )
    return Law(key, partial(lognormal, median=median, sigma=sigma))


def lognormal(u: Floats, median: float, sigma: float) -> Floats:
    """Its logarithm is normal with that standard deviation."""
    from scipy.special import ndtri

    result: Floats = median * np.exp(sigma * ndtri(u))
    return result


def _between(key: Key, given: _Given) -> Law:
    low, high = given.amount("from"), given.amount("to")
    logarithmic = given.says["law"] == "loguniform"
    if low >= high or (logarithmic and low <= 0):
        least = "above 0, and " if logarithmic else ""
        raise given.problem("from", f"not below `to` = {given.says['to']!r}", f"give a value {least}below `to`")
    return Law(key, partial(loguniform if logarithmic else uniform, low=low, high=high))


def uniform(u: Floats, low: float, high: float) -> Floats:
    """All values alike."""
    return low + u * (high - low)


def loguniform(u: Floats, low: float, high: float) -> Floats:
    """All orders of magnitude alike."""
    return low * (high / low) ** u


def _choice(key: Key, given: _Given) -> Law:
    values = tuple(given.values())
    weights = given.numbers("weights") if "weights" in given.says else [1.0] * len(values)
    if len(weights) != len(values):
        raise given.problem("weights", f"{len(weights)} for {len(values)} values", "give each value its weight")
    if min(weights) < 0 or sum(weights) <= 0:
        raise given.problem("weights", f"{weights!r} are no weights", "give numbers from 0 up, not all 0")
    upto = np.cumsum(weights) / sum(weights)
    return Law(key, None, values, tuple(upto.tolist()))


def _quantiles(key: Key, given: _Given) -> Law:
    shares = given.numbers("shares")
    values = [given.number("values", value) for value in given.values()]
    if len(shares) != len(values) or len(shares) < 2:
        raise given.problem(
            "shares", f"{len(shares)} for {len(values)} values", "give each value its share, two or more"
        )
    if shares[0] != 0 or shares[-1] != 1 or any(b <= a for a, b in pairwise(shares)):
        raise given.problem("shares", f"{shares!r} do not rise from 0 to 1", "begin with 0, end with 1, rise between")
    if any(b < a for a, b in pairwise(values)):
        raise given.problem("values", "they fall", "a larger share reaches a value at least as large")
    return Law(key, partial(joined, shares=tuple(shares), reached=tuple(values)))


def joined(u: Floats, shares: tuple[float, ...], reached: tuple[float, ...]) -> Floats:
    """Straight lines between the points (share, value reached)."""
    return np.interp(u, shares, reached)


_LAWS: dict[str, tuple[Callable[[Key, _Given], Law], set[str]]] = {
    "lognormal": (_lognormal, {"median", "sigma", "p95"}),
    "uniform": (_between, {"from", "to"}),
    "loguniform": (_between, {"from", "to"}),
    "choice": (_choice, {"values", "weights"}),
    "quantiles": (_quantiles, {"shares", "values"}),
}
