"""The byte stream one side sent: segments in sequence order, every byte dated by its first copy.

What was not captured (dropped packets, snapshot cuts, the time before the recording) stays in the stream as unknown
bytes, so that a message whose header was seen is found and measured all the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from experiments.capture.segments import Segment


class Piece(NamedTuple):
    """Bytes [start, end) of the stream, first seen at `time`; `data` is as much of their head as was kept."""

    start: int
    end: int
    time: int
    data: bytes


@dataclass
class Assembler:
    """Collects one direction's segments; sequence numbers are unwrapped against the latest one."""

    from_start: bool = False  # the SYN was seen
    payload: int = 0
    repeated: int = 0  # segments that brought nothing new
    _pieces: list[Piece] = field(default_factory=list)
    _pushes: set[int] = field(default_factory=set)
    _starts: list[int] = field(default_factory=list)  # of the ranges seen so far, disjoint and sorted
    _ends: list[int] = field(default_factory=list)
    _origin: int | None = None
    _latest: int = 0

    def add(self, segment: Segment) -> None:
        """Take the bytes of `segment` that are new."""
        if self._origin is None:
            self._origin = segment.seq
            self.from_start = segment.syn
        ahead = (segment.seq - self._origin - self._latest) & 0xFFFFFFFF
        start = self._latest + (ahead if ahead < 1 << 31 else ahead - (1 << 32))
        self._latest = start
        if segment.length == 0:
            return
        end = start + segment.length
        if segment.push:
            self._pushes.add(end)
        new = self._cover(start, end)
        self.repeated += not new
        for low, high in new:
            self._pieces.append(Piece(low, high, segment.time, segment.data[low - start : high - start]))
            self.payload += high - low

    def _cover(self, start: int, end: int) -> list[tuple[int, int]]:
        """Mark [start, end) as seen; the parts of it that had not been."""
        first = bisect_left(self._ends, start)
        last = bisect_right(self._starts, end)
        new, at = [], start
        for low, high in zip(self._starts[first:last], self._ends[first:last], strict=True):
            if at < low:
                new.append((at, low))
            at = max(at, high)
        if at < end:
            new.append((at, end))
        low = min([start, *self._starts[first:last][:1]])
        high = max([end, *self._ends[first:last][-1:]])
        self._starts[first:last] = [low]
        self._ends[first:last] = [high]
        return new

    def stream(self) -> Stream:
        """The stream as far as it was captured."""
        return Stream(sorted(self._pieces), sorted(self._pushes), self.from_start)


class Stream:
    """A byte stream with holes, addressed by offset."""

    def __init__(self, pieces: list[Piece], pushes: list[int], from_start: bool) -> None:
        self.pieces = pieces
        self.pushes = pushes
        self.from_start = from_start
        self._starts = [piece.start for piece in pieces]
        self.start = pieces[0].start if pieces else 0
        self.end = pieces[-1].end if pieces else 0

    @property
    def missing(self) -> int:
        """Bytes between the first and the last that are not known."""
        return self.end - self.start - sum(len(piece.data) for piece in self.pieces)

    def read(self, at: int, n: int) -> bytes | None:
        """The `n` bytes from offset `at`; None if any of them is unknown."""
        i = bisect_right(self._starts, at) - 1
        if i < 0:
            return None
        found = b""
        while len(found) < n and i < len(self.pieces):
            piece = self.pieces[i]
            part = piece.data[at - piece.start : at - piece.start + n - len(found)]
            if piece.start > at or not part:
                return None
            found += part
            at += len(part)
            i += 1
        return found if len(found) == n else None

    def time(self, at: int) -> int:
        """When the byte at `at` was first seen; for a hole, when the next one behind it was."""
        i = max(0, bisect_right(self._starts, at) - 1)
        if at >= self.pieces[i].end and i + 1 < len(self.pieces):
            i += 1
        return self.pieces[i].time

    def piece_after(self, at: int) -> int | None:
        """Where the next piece behind offset `at` starts."""
        i = bisect_right(self._starts, at)
        return self._starts[i] if i < len(self._starts) else None
