"""A scenario key that is drawn for each connection: how its values are read, and where in the scenario they go.

Reading a scenario file takes milliseconds, a short connection takes one; so a fleet's scenario is read once, and a
connection's values are put into it. That this gives what the file would have given is checked when the fleet is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

from experiments.layers import SHORTHANDS, Loc
from experiments.schema import reader
from sim.errors import Problem, ScenarioError
from sim.scenario import Scenario
from sim.units import DURATION, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

RTT = "network.rtt"


@dataclass(frozen=True)
class Place:
    """Where a key's value goes: one field, or one in each direction of the path; of a round trip half goes each way."""

    key: str
    fields: tuple[Loc, ...]

    def parts(self, value: Any) -> Iterable[tuple[Loc, Any]]:
        """The fields, each with what goes there."""
        if self.key == RTT:
            return zip(self.fields, (value // 2, value - value // 2), strict=True)
        return ((field, value) for field in self.fields)


def with_values(scenario: Scenario, places: Iterable[Place], values: Iterable[Any]) -> Scenario:
    """The scenario with a value in each place; of two in one field the later stays."""
    changes: dict[str, Any] = {}
    for place, value in zip(places, values, strict=True):
        for (*tables, field), part in place.parts(value):
            inner = changes
            for table in tables:
                inner = inner.setdefault(str(table), {})
            inner[str(field)] = part
    return cast(Scenario, _changed(scenario, changes))


def _changed(record: Any, changes: dict[str, Any]) -> Any:
    values = {
        name: _changed(getattr(record, name), value) if isinstance(value, dict) else value
        for name, value in changes.items()
    }
    return replace(record, **values)


@dataclass(frozen=True)
class Key:
    """A key of scenario files whose values can be drawn."""

    place: Place
    unit: Quantity | str | None  # or another mark of the field, like "probability"
    whole: bool
    parse: Callable[[object], Any]

    @property
    def name(self) -> str:
        """As in a file: `network.down.rate`."""
        return self.place.key

    def read(self, value: object, where: str) -> Any:
        """A value as a file gives it, in base units. ScenarioError names `where`."""
        try:
            return self.parse(value)
        except ScenarioError as error:
            raise ScenarioError([replace(problem, path=where) for problem in error.problems]) from None

    def written(self, value: Any) -> object:
        """A value in base units as a file could give it."""
        return f"{value}{self.unit.base}" if isinstance(self.unit, Quantity) else value

    def exactly(self, value: Any) -> object:
        """The same, in the largest unit that gives a whole number."""
        return self.unit.format(value) if isinstance(self.unit, Quantity) else value

    def text(self, value: Any) -> str:
        """A value in base units, to three digits, for people."""
        if self.unit == "probability":
            return f"{100 * value:.3g}%"
        if not isinstance(self.unit, Quantity):
            return f"{value:.3g}" if isinstance(value, float) else str(value).lower()
        fitting = [(name, factor) for name, factor in self.unit.units if factor <= value and name not in _SPARE]
        name, factor = max(fitting, key=lambda unit: unit[1], default=(self.unit.base, 1))
        return f"{value / factor:.3g}{name}" if value < 1000 * factor else f"{value / factor:.0f}{name}"


_SPARE = {"µs", "min", "h", "kB", "KB", "MB", "GB", "B/s", "kB/s", "MB/s", "GB/s", "KiB/s", "MiB/s"}
"""Units that others say as well."""


def key_of(name: str, where: str) -> Key:
    """The key called `name`. ScenarioError for one that does not exist or is no single value."""
    if name == RTT:
        ways: tuple[Loc, ...] = (("network", "up", "delay"), ("network", "down", "delay"))
    else:
        field: Loc = tuple(name.split("."))
        shared = len(field) > 1 and field[0] == "network" and field[1] in SHORTHANDS
        ways = tuple(("network", way, *field[1:]) for way in ("up", "down")) if shared else (field,)
    try:
        parse, unit, kind = reader(ways[0])
    except KeyError:
        cure = "name one value of a scenario, like network.rtt or workload.size"
        raise ScenarioError([Problem(where, f"{name!r} cannot be drawn", cure)]) from None
    return Key(Place(name, ways), DURATION if name == RTT else unit, kind is int, parse)
