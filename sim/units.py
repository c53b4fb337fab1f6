"""Quantities with units: integers inside, `"40ms"`, `"16KiB"`, `"10Mbit/s"` at the edge.

`Quantity` is inert: a dataclass field `Annotated[int, DURATION]` is a plain int (ns) to the code. The scenario loader
reads the mark to parse and to complain.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Annotated

_TIME = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "min": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_SIZE = {
    "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30,
    "kB": 1_000, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000,
}  # fmt: skip
_RATE = {
    "bit/s": 1, "kbit/s": 1_000, "Mbit/s": 1_000_000, "Gbit/s": 1_000_000_000,
    "B/s": 8, "kB/s": 8_000, "MB/s": 8_000_000, "GB/s": 8_000_000_000, "KiB/s": 8 << 10, "MiB/s": 8 << 20,
}  # fmt: skip
_BOUNDLESS = Context(traps=[])  # what is too large for it is infinite, and then too large for anybody
_NUMBER = re.compile(r"\s*([-+]?[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)\s*(\S*)\s*")


@dataclass(frozen=True)
class Quantity:
    """A kind of number: what it is called, its units (name to factor), its smallest and largest legal value."""

    name: str
    units: tuple[tuple[str, int], ...]
    base: str
    example: str
    minimum: int = 0
    maximum: int = 1 << 60

    def parse(self, value: object) -> int:
        """Read `"40ms"` (or 0, which needs no unit) as an int in base units; ValueError says what to write."""
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError(f"expected a {self.name} like {self.example!r}")
        if not isinstance(value, str):
            if value == 0 and self.minimum <= 0:
                return 0
            raise ValueError(f"a {self.name} needs a unit: write {str(value) + self.base!r} or {self.example!r}")
        match = _NUMBER.fullmatch(value)
        units = dict(self.units)
        if not match:
            raise ValueError(f"{value!r} is not a {self.name}: write it like {self.example!r}")
        number, unit = match.groups()
        if unit not in units and not (unit == "" and float(number) == 0):
            known = ", ".join(units)
            raise ValueError(f"{value!r} has no unit of {self.name}: use one of {known}, like {self.example!r}")
        number = number.replace("_", "")
        exact = _BOUNDLESS.multiply(_BOUNDLESS.create_decimal(number), Decimal(units.get(unit, 1)))
        if exact > self.maximum:
            raise ValueError(f"{value!r} is too large a {self.name}: at most {self.format(self.maximum)}")
        if exact < self.minimum:
            least = self.format(self.minimum)
            raise ValueError(f"{value!r} is too small a {self.name}: at least {least}")
        if exact < 1 and re.match(r"[^eE]*[1-9]", number):
            raise ValueError(f"{value!r} is less than one {self.base}, the finest {self.name} there is")
        return int(exact.to_integral_value())

    def format(self, value: int) -> str:
        """Write base units with the largest unit that gives a short exact number: 40000000 -> "40ms"."""
        for unit, factor in sorted(self.units, key=lambda u: (-u[1], u[0] in {"kB", "KB", "MB", "GB"})):
            if (
                value
                and value % factor == 0
                and factor > 1
                and "B/s" not in unit
                and unit not in {"kB", "KB", "MB", "GB", "min", "h"}
            ):
                return f"{value // factor}{unit}"
        return f"{value}{self.base}"


def _quantity(name: str, units: dict[str, int], base: str, example: str, minimum: int = 0) -> Quantity:
    return Quantity(name, tuple(units.items()), base, example, minimum)


DURATION = _quantity("duration", _TIME, "ns", "40ms")
POSITIVE_DURATION = _quantity("duration", _TIME, "ns", "40ms", 1)
SIZE = _quantity("size", _SIZE, "B", "16KiB")
POSITIVE_SIZE = _quantity("size", _SIZE, "B", "512B", 1)
RATE = _quantity("rate", _RATE, "bit/s", "10Mbit/s")

Duration = Annotated[int, DURATION]
PositiveDuration = Annotated[int, POSITIVE_DURATION]
Size = Annotated[int, SIZE]
PositiveSize = Annotated[int, POSITIVE_SIZE]
Rate = Annotated[int, RATE]
