"""Laws fitted to a table, a column at a time: the `[draw]` of a file that a fleet file names by `laws`.

Numbers become the `quantiles` law through their own quantiles, so no family of distributions is assumed, and nothing is
drawn beyond the least and the greatest row. Few distinct values, and what is no number, become a `choice`.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.fleet.draw import MOST_CHOICES
from experiments.fleet.keys import Key
from experiments.fleet.table import Table

SHARES = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)


def fitted(table: Table) -> str:
    """The laws as TOML."""
    lines = [
        f"{key.name} = {_law(key, column, table.shares)}\n"
        for key, column in zip(table.keys, table.columns, strict=True)
    ]
    return "[draw]\n" + "".join(lines)


def _law(key: Key, column: tuple[Any, ...], share: NDArray[np.float64]) -> str:
    values, which = np.unique(np.array(column), return_inverse=True)
    weight = np.bincount(which, share)
    if len(values) <= MOST_CHOICES or not isinstance(column[0], int | float):
        written = ", ".join(_written(key, value) for value in values.tolist())
        weights = ", ".join(f"{w:.6g}" for w in weight)
        return f'{{ law = "choice", values = [{written}], weights = [{weights}] }}'
    upto = np.cumsum(weight) - weight / 2
    reached = np.interp(SHARES, upto, values.astype(np.float64)).tolist()
    written = ", ".join(_written(key, float(f"{value:.4g}")) for value in reached)
    return f'{{ law = "quantiles", shares = [{", ".join(f"{s:g}" for s in SHARES)}], values = [{written}] }}'


def _written(key: Key, value: Any) -> str:
    """A value as TOML."""
    return json.dumps(key.exactly(round(value) if key.whole and not isinstance(value, bool) else value))
