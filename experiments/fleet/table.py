"""A table of connections: CSV whose header names scenario keys, one connection a row, drawn again by weight.

    network.rtt,network.down.rate,network.loss,weight
    38ms,12Mbit/s,0.1%,1
    210ms,700kbit/s,2%,0.5

What goes together in a row stays together, which laws for each key cannot do. Every mistake names its row.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.fleet.keys import Key, key_of
from experiments.settings import value_of
from sim.errors import Problem, ScenarioError

WEIGHT = "weight"
MOST_PROBLEMS = 20
"""A wrong unit is wrong in every row; these are enough to see it."""


@dataclass(frozen=True)
class Table:
    """The rows' values by key, in base units, and the share of the fleet up to each row."""

    keys: tuple[Key, ...]
    columns: tuple[tuple[Any, ...], ...]
    upto: NDArray[np.float64]

    def rows(self, u: NDArray[np.float64]) -> NDArray[np.int64]:
        """The rows that the shares `u` fall on."""
        return np.minimum(np.searchsorted(self.upto, u, side="right"), len(self.upto) - 1).astype(np.int64)

    @property
    def shares(self) -> NDArray[np.float64]:
        """Each row's share of the fleet."""
        return np.diff(self.upto, prepend=0.0)


def read_table(path: Path) -> Table:
    """Read a table. ScenarioError lists mistakes, each with its row (the header is row 1) and its column."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [(reader.line_num, row) for reader in [csv.reader(file)] for row in reader if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        reason = (getattr(error, "strerror", None) or str(error)).lower()
        reason = "this is not text" if isinstance(error, UnicodeDecodeError) else reason
        raise ScenarioError([Problem(str(path), reason, "give a CSV file whose header names scenario keys")]) from None
    if len(lines) < 2:
        raise ScenarioError([Problem(str(path), "no rows", "give a header of scenario keys and a row a connection")])
    header = [name.strip() for name in lines[0][1]]
    return _Reading(path.name, header).table(lines[1:])


class _Reading:
    """Reads cell by cell and collects what is wrong."""

    def __init__(self, name: str, header: list[str]) -> None:
        self.name = name
        self.header = header
        self.problems: list[Problem] = []
        self.keys = {at: key for at, column in enumerate(header) if (key := self.key(column)) is not None}
        if len(set(header)) < len(header):
            self.problems.append(Problem(f"{name} row 1", "a column is there twice", "keep one of them"))
        if not self.keys and not self.problems:
            cure = "name columns like network.rtt or client.nodelay"
            self.problems.append(Problem(f"{name} row 1", "no column is a scenario key", cure))

    def key(self, column: str) -> Key | None:
        try:
            return None if column == WEIGHT else key_of(column, f"{self.name} row 1")
        except ScenarioError as error:
            self.problems += error.problems
            return None

    def table(self, lines: list[tuple[int, list[str]]]) -> Table:
        columns: dict[int, list[Any]] = {at: [] for at in self.keys}
        weights: list[float] = []
        for line, row in lines:
            where = f"{self.name} row {line}"
            if len(self.problems) >= MOST_PROBLEMS:
                break
            if len(row) != len(self.header):
                cure = f"the header has {len(self.header)}: {', '.join(self.header)}"
                self.problems.append(Problem(where, f"{len(row)} columns", cure))
                continue
            for at, key in self.keys.items():
                columns[at].append(self.cell(key, row[at], where))
            weights.append(self.weight(row[self.header.index(WEIGHT)], where) if WEIGHT in self.header else 1.0)
        if not self.problems and sum(weights) <= 0:
            self.problems.append(Problem(f"{self.name}, {WEIGHT}", "all are 0", "give some row a weight above 0"))
        if self.problems:
            raise ScenarioError(self.problems)
        upto = np.cumsum(weights) / sum(weights)
        return Table(tuple(self.keys.values()), tuple(tuple(columns[at]) for at in self.keys), upto)

    def cell(self, key: Key, text: str, where: str) -> Any:
        place = f"{where}, {key.name}"
        try:
            if not text.strip():
                raise ScenarioError([Problem(place, "empty", "give every row a value")])
            return key.read(value_of(text), place)
        except ScenarioError as error:
            self.problems += error.problems
            return None

    def weight(self, text: str, where: str) -> float:
        try:
            weight = float(text)
        except ValueError:
            weight = -1.0
        if not 0 <= weight < float("inf"):
            self.problems.append(Problem(f"{where}, {WEIGHT}", f"{text!r} is no weight", "give a number from 0 up"))
        return max(weight, 0.0)
