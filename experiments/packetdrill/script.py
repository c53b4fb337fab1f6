"""What a script says: events, one after the other, each at its time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MICROSECOND = 1_000

Timing = Literal["absolute", "relative", "any", "none"]


class Unreadable(Exception):
    """The text is not in packetdrill's language, or in a part of it that is not read here."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


class OutOfScope(Exception):
    """The script asks for something that the model does not have."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@dataclass(frozen=True)
class When:
    """When an event is due, ns: `0`, `+.1`, `+.1~+.2`, or `*` (whenever it comes)."""

    timing: Timing
    start: int = 0
    end: int = 0  # of a range; else the same as `start`
    until: int | None = None  # when a blocking call is to return, from the same origin as `start`


@dataclass(frozen=True)
class Option:
    """One TCP option."""

    kind: str  # "mss", "nop", "sackOK", "wscale", "TS", "sack"
    values: tuple[int, ...] = ()


@dataclass(frozen=True)
class Segment:
    """A packet injected (`<`) or expected (`>`). Sequence numbers are relative to the SYN of its direction."""

    inbound: bool
    flags: str
    seq: int
    length: int
    ack: int | None
    win: int | None
    options: tuple[Option, ...] | None  # None: `<...>`, any

    def option(self, kind: str) -> Option | None:
        """The first option of that kind."""
        return next((o for o in self.options or () if o.kind == kind), None)

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """Its SACK blocks."""
        found = self.option("sack")
        values = found.values if found else ()
        return tuple(zip(values[::2], values[1::2], strict=True))


@dataclass(frozen=True)
class SystemCall:
    """A call of the application and what it is to return."""

    name: str
    arguments: tuple[Any, ...]
    result: int | str
    errno: str = ""


@dataclass(frozen=True)
class Assertion:
    """Python between `%{` and `}%`."""

    code: str


@dataclass(frozen=True)
class Command:
    """Shell between back-ticks."""

    text: str


@dataclass(frozen=True)
class Event:
    """One event of the script."""

    line: int
    text: str
    when: When
    what: Segment | SystemCall | Assertion | Command


@dataclass
class Script:
    """A whole script."""

    name: str
    settings: dict[str, str] = field(default_factory=dict)  # `--tolerance_usecs=...` and its like
    events: list[Event] = field(default_factory=list)
