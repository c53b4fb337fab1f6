"""Every write() of a traced run: when it was called, what it took, how long it slept for room.

What strace or a probe on `tcp_sendmsg()` would show. Calls that cost nothing (`profile = "ideal"`) and are made at one
instant are one row with their number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.state import Endpoint, Path

WRITE = np.dtype(
    [
        (name, np.int64)
        for name in ("server", "called_ns", "returned_ns", "calls", "bytes", "blocked_ns", "wmem_queued", "sk_sndbuf")
    ]
)
"""One row; `wmem_queued` and `sk_sndbuf`, the kernel's count and limit, are those at its return; `server` is 0 or 1."""


@dataclass
class UnderWay:
    """A call that works, or sleeps for room."""

    called: int
    had: int  # bytes
    left: int
    blocked_before: int  # ns all calls had slept when it was made


class WriteWatch:
    """Notices, event by event, what one endpoint's write() calls did."""

    def __init__(self, e: Endpoint) -> None:
        self.e = e
        self.writes = e.w.writes
        self.bytes = e.w.write_bytes
        self.call: UnderWay | None = None
        self.rows: list[tuple[int, ...]] = []

    def note(self, now: int) -> None:
        """After one event: a call under way may have gone on, others may have been made."""
        w = self.e.w
        calls, taken = w.writes - self.writes, w.write_bytes - self.bytes
        if calls == taken == 0:
            return
        self.writes, self.bytes = w.writes, w.write_bytes
        call = self.call
        if call is not None:
            own = min(taken, call.left)
            taken -= own
            call.had += own
            call.left -= own
            if call.left:
                return
            self.row(call.called, now, 1, call.had, w.block_ns - call.blocked_before)
            self.call = None
        if calls and w.busy:
            calls, taken = calls - 1, taken - w.copied
            self.call = UnderWay(now, w.copied, w.call_left, w.block_ns)
        if calls:
            self.row(now, now, calls, taken, 0)

    def row(self, called: int, now: int, calls: int, size: int, blocked: int) -> None:
        """One call returned, or several of one instant."""
        e = self.e
        self.rows.append((e.server, called, now, calls, size, blocked, e.wmem_queued, e.sndbuf))


class Syscalls:
    """Both ends' calls."""

    def __init__(self, s: Path) -> None:
        self.watches = (WriteWatch(s.a), WriteWatch(s.b))

    def note(self, now: int) -> None:
        """After one event."""
        for watch in self.watches:
            watch.note(now)

    @property
    def writes(self) -> NDArray[np.void]:
        """All of them by the time they returned."""
        rows = np.array([row for watch in self.watches for row in watch.rows], WRITE)
        return np.sort(rows, order=["returned_ns", "called_ns"], kind="stable")
