"""What is drawn for connection i, the same whoever asks, in whatever portions; and where in its law each value lies.

Each key has a stream of the fleet's seed to itself, one number a connection: a fleet of twice the size begins with the
same connections, and another law for one key leaves the others as they were. Where a value lies is a *bin* of its
`Parameter`: a choice, or a range of quantiles, so that it can be said later which bins the slow messages come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.fleet.file import Fleet
from experiments.fleet.keys import Key
from experiments.fleet.laws import Law
from sim.draws import stream

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

EDGES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0)
"""Quantiles that separate the bins of a number."""

MOST_CHOICES = 12
"""A column of no more distinct values than this has a bin for each."""

BLOCK = 1024


@dataclass(frozen=True)
class Parameter:
    """Something that differs between connections, and the names of its bins, rising where they can rise."""

    name: str
    labels: tuple[str, ...]
    ordered: bool


@dataclass(frozen=True)
class Drawn:
    """Connections first..last-1: a column of values for each key, and the bin of each, by key and connection."""

    columns: tuple[list[Any], ...]
    bins: Ints


class Drawing:
    """Draws the connections of a fleet."""

    def __init__(self, fleet: Fleet) -> None:
        self.fleet = fleet
        table = fleet.table
        self.columns = [
            _binned(key, column, table.shares) for key, column in zip(table.keys, table.columns, strict=True)
        ] if table else []  # fmt: skip

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What differs, in the order of the fleet's keys."""
        return (*(parameter for parameter, _ in self.columns), *map(_parameter, self.fleet.laws))

    def draw(self, first: int, last: int) -> Drawn:
        """Connections first..last-1."""
        columns: list[list[Any]] = []
        bins: list[Ints] = []
        seed, table = self.fleet.seed, self.fleet.table
        if table is not None:
            rows = table.rows(shares(seed, "table", first, last))
            columns += [[column[row] for row in rows.tolist()] for column in table.columns]
            bins += [bin_of_row[rows] for _, bin_of_row in self.columns]
        for law in self.fleet.laws:
            u = shares(seed, law.key.name, first, last)
            columns.append(law.values(u))
            bins.append(law.chosen(u) if law.choices else _bin_of_share(u))
        return Drawn(tuple(columns), np.array(bins))


def shares(seed: int, name: str, first: int, last: int) -> Floats:
    """Numbers first..last-1 of the stream of that name, uniform in [0, 1)."""
    blocks = range(first // BLOCK, (last - 1) // BLOCK + 1)
    joined = np.concatenate([_block(seed, name, block) for block in blocks])
    start = blocks[0] * BLOCK
    return joined[first - start : last - start]


@lru_cache(maxsize=256)
def _block(seed: int, name: str, block: int) -> Floats:
    return stream(seed, f"fleet/{name}/{block}").random(BLOCK)


def _parameter(law: Law) -> Parameter:
    if law.choices:
        return Parameter(law.key.name, tuple(map(law.key.text, law.choices)), False)
    reached = [law.key.text(value) for value in law.values(np.array(EDGES))]
    return Parameter(law.key.name, _ranges(reached), True)


def _ranges(reached: Sequence[str]) -> tuple[str, ...]:
    """Names of the bins between quantiles; the outermost are open, since a law's ends say little."""
    inner = [f"{low} to {high}" for low, high in pairwise(reached[1:-1])]
    return (f"up to {reached[1]}", *inner, f"above {reached[-2]}")


def _bin_of_share(u: Floats) -> Ints:
    return np.searchsorted(EDGES[1:-1], u, side="right").astype(np.int64)


def _binned(key: Key, column: tuple[Any, ...], share: Floats) -> tuple[Parameter, Ints]:
    """A table's column as a parameter, and the bin of each row: that of the middle of its value's share."""
    values, which = np.unique(np.array(column), return_inverse=True)
    if len(values) <= MOST_CHOICES or not isinstance(column[0], int | float):
        labels = tuple(key.text(value) for value in values.tolist())
        return Parameter(key.name, labels, not isinstance(column[0], str | bool)), which.astype(np.int64)
    weight = np.bincount(which, share)
    middle = np.cumsum(weight) - weight / 2
    bin_of_value = _bin_of_share(middle)
    at_edge = np.minimum(np.searchsorted(middle, EDGES), len(values) - 1).tolist()
    reached = [key.text(values.tolist()[at]) for at in at_edge]
    return Parameter(key.name, _ranges(reached), True), bin_of_value[which]
