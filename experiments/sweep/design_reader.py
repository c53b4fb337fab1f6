"""Reads what varies: [axes], [design], [[points]] and [[conditions]], of a sweep file or of one of its panels."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from experiments.settings import flattened
from experiments.sweep.complaints import Complaints, Table
from experiments.sweep.design import UNITS, Axis, Condition, Design, Range, Sampling, Settings, same
from sim.draws import LARGEST_SEED
from sim.units import Quantity

MOST_SAMPLED = 1 << 16
KINDS = ("latin-hypercube", "sobol")
_RANGE = 'write it like { from = "1ms", to = "100ms" }, or { from = 1, to = 64, steps = 7, log = true }'


class DesignReader:
    """Reads into `notes` what is wrong, and returns what is right; `found(key, value)` is what a value stands for."""

    def __init__(self, notes: Complaints, found: Callable[[str, object], object]) -> None:
        self.notes = notes
        self.found = found

    def design(self, table: Table, path: str) -> Design:
        """All that varies; `path` ends in a dot or is empty."""
        return Design(
            self.axes(self.notes.subtable(table, "axes", f"{path}axes"), f"{path}axes"),
            tuple(self.points(table, f"{path}points")),
            self.sampling(table, f"{path}design"),
            tuple(self.conditions(table, f"{path}conditions")),
        )

    def axes(self, table: Table, path: str) -> dict[str, Axis]:
        """Each axis's values, or its range."""
        axes: dict[str, Axis] = {}
        for key, given in _axes(table):
            where = f"{path}.{key}"
            if isinstance(given, dict):
                axis: Axis | None = self.range(given, where)
            elif isinstance(given, list):
                axis = self.values([self.found(key, value) for value in given], where)
            else:
                self.notes.complain(where, "an axis is a list of values", f"write [{given!r}], or put it under [set]")
                axis = None
            if axis is not None:
                axes[key] = axis
        return axes

    def values(self, given: list[object], where: str) -> Axis | None:
        """A list of different values."""
        if not given:
            self.notes.complain(where, "an axis without values", "give at least one")
            return None
        twice = [value for i, value in enumerate(given) if any(same(value, other) for other in given[:i])]
        if twice:
            self.notes.complain(where, f"{twice[0]!r} is there twice", "every point is run once: take one away")
            return None
        return tuple(given)

    def range(self, given: Table, where: str) -> Range | None:
        """`{ from, to, steps, log }`, with numbers or quantities of one kind at its ends."""
        before = len(self.notes.problems)
        self.notes.known(given, where + ".", {"from", "to", "steps", "log"})
        log = self.notes.flag(given, "log", where + ".")
        steps = (
            self.notes.whole(given, "steps", 2, least=2, most=10_000, path=where + ".") if "steps" in given else None
        )
        ends = [self.end(given.get(key), f"{where}.{key}") for key in ("from", "to")]
        if None in ends:
            return None
        (low, unit), (high, other) = cast(list[tuple[float, Quantity | None]], ends)
        if unit is not other:
            self.notes.complain(where, "its two ends are of different kinds", _RANGE)
        elif not low < high:
            self.notes.complain(where, "it does not go from less to more", _RANGE)
        elif log and low <= 0:
            self.notes.complain(where, "a logarithmic range cannot begin at 0", "begin at the least value that matters")
        whole = unit is None and isinstance(low, int) and isinstance(high, int)
        return Range(low, high, unit, whole, log, steps) if len(self.notes.problems) == before else None

    def end(self, value: object, where: str) -> tuple[float, Quantity | None] | None:
        """An end of a range, in the base unit of its kind."""
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value, None
        for unit in UNITS if isinstance(value, str) else ():
            try:
                return unit.parse(value), unit
            except ValueError:
                continue
        self.notes.complain(where, "missing" if value is None else f"{value!r} is no number and no quantity", _RANGE)
        return None

    def points(self, table: Table, path: str) -> Iterator[Settings]:
        """The points listed by name, all of the same parameters."""
        given = [flattened(entry) for entry in self.notes.subtables(table, "points", path)]
        for number, point in enumerate(given, 1):
            if point.keys() != given[0].keys():
                odd = ", ".join(sorted(point.keys() ^ given[0].keys()))
                self.notes.complain(f"{path}[{number}]", f"not the same parameters as in the first: {odd}", "name all")
            elif any(point == earlier for earlier in given[: number - 1]):
                self.notes.complain(f"{path}[{number}]", "this point is there twice", "take one away")
            else:
                yield {key: self.found(key, value) for key, value in point.items()}

    def sampling(self, table: Table, path: str) -> Sampling | None:
        """The sample to take, if the design is no grid."""
        if "design" not in table:
            return None
        given, before = self.notes.subtable(table, "design", path), len(self.notes.problems)
        self.notes.known(given, path + ".", {"kind", "points", "seed", "cross"})
        kind = self.notes.text(given, "kind", "", path + ".")
        if kind not in KINDS:
            self.notes.complain(
                f"{path}.kind", f"no design {kind!r}", f"there are: {', '.join(KINDS)}; without: a grid"
            )
        points = self.notes.whole(given, "points", 64, least=1, most=MOST_SAMPLED, path=path + ".")
        if kind == "sobol" and points & (points - 1):
            near = 1 << points.bit_length()
            cure = f"a Sobol sequence is even at powers of two: write points = {near // 2}, or {near}"
            self.notes.complain(f"{path}.points", f"{points} is no power of two", cure)
        seed = self.notes.whole(given, "seed", 0, least=0, most=LARGEST_SEED, path=path + ".")
        cross = given.get("cross", [])
        if not isinstance(cross, list) or not all(isinstance(key, str) for key in cross):
            self.notes.complain(f"{path}.cross", f"{cross!r} is no list of axes", 'write cross = ["server.nodelay"]')
        if len(self.notes.problems) > before:
            return None
        return Sampling("sobol" if kind == "sobol" else "latin-hypercube", points, seed, tuple(cross))

    def conditions(self, table: Table, path: str) -> Iterator[Condition]:
        """The axes, or values of axes, that only sometimes apply."""
        for number, given in enumerate(self.notes.subtables(table, "conditions", path), 1):
            place, before = f"{path}[{number}].", len(self.notes.problems)
            self.notes.known(given, place, {"axis", "values", "where"})
            axis = self.notes.text(given, "axis", "", place)
            values = given.get("values")
            where = flattened(self.notes.subtable(given, "where", f"{place}where"))
            if not axis or not where:
                cure = 'write axis = "NAME" and where.OTHER = VALUE'
                self.notes.complain(place[:-1], "a condition needs an axis, and where it applies", cure)
            if values is not None and not isinstance(values, list):
                self.notes.complain(f"{place}values", f"{values!r} is no list", f"write values = [{values!r}]")
            if len(self.notes.problems) == before:
                allowed = {key: tuple(v) if isinstance(v, list) else (v,) for key, v in where.items()}
                yield Condition(axis, None if values is None else tuple(values), allowed)


def _axes(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Axes by dotted name; a table with `from` or `to` is a range, any other a part of the name."""
    for key, value in table.items():
        if isinstance(value, dict) and not value.keys() & {"from", "to"}:
            yield from _axes(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
