"""How long the sender was busy, and what limited it (`tcp_chrono_start`): read off the state between events.

Busy: something is queued or in flight. Of that time, limited by the receiver's window: the head does not fit it.
Limited by the send buffer: a writer waits for space and nothing is left to send.
"""

from __future__ import annotations

from models.state import RWND
from sim.bench import Bench

MICROSECOND = 1_000


class Chrono:
    """Three stopwatches, ns."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.since = bench.now
        self.state = self.current()
        self.ran = {"busy_time": 0, "rwnd_limited": 0, "sndbuf_limited": 0}

    def current(self) -> tuple[str, ...]:
        """The stopwatches that run now."""
        e = self.bench.e
        if e.snd_una == e.write_seq:
            return ()
        if e.sq_head and e.held_by == RWND:
            return ("busy_time", "rwnd_limited")
        if e.sq_head == 0 and e.nospace:
            return ("busy_time", "sndbuf_limited")
        return ("busy_time",)

    def tick(self) -> None:
        """Something happened: account for the time before it."""
        now = self.bench.now
        for name in self.state:
            self.ran[name] += now - self.since
        self.since = now
        self.state = self.current()

    def info(self) -> dict[str, int]:
        """As `struct tcp_info` has them, us."""
        self.tick()
        return {f"tcpi_{name}": ns // MICROSECOND for name, ns in self.ran.items()}
