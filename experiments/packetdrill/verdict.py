"""What became of a script, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from experiments.packetdrill.script import Event

Status = Literal["held", "failed", "unchecked", "blocked", "not reached"]


@dataclass
class Line:
    """What became of one event."""

    event: Event
    status: Status = "not reached"
    detail: str = ""

    def settle(self, wrong: list[str]) -> None:
        """It held, unless something is wrong."""
        self.status = "failed" if wrong else "held"
        self.detail = "; ".join(wrong)


@dataclass
class Verdict:
    """The script line by line."""

    name: str
    lines: list[Line] = field(default_factory=list)
    out_of_scope: str = ""
    phase: int = 0  # ns: of the kernel's clock, the first with which it held

    @property
    def held(self) -> bool:
        """Did everything hold?"""
        return not self.out_of_scope and all(line.status in {"held", "unchecked"} for line in self.lines)
