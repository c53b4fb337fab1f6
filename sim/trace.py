"""Every packet and every event of a run, for people: `explain`, ladders, captures, comparisons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.state import PACKETS, Link
from sim import loop
from sim.engine import Engine
from sim.layout import Layout, LayoutWatch
from sim.syscalls import WRITE, Syscalls

PACKET = (
    "idx", "seq", "len", "ack", "wnd", "flags", "tsval", "tsecr", "nsack", "dsack", "s0", "e0", "s1", "e1", "s2", "e2",
    "iplen", "retrans", "tx", "into", "svc", "done", "due", "jitter", "spike", "hit", "drop", "backlog",
)  # fmt: skip
SEGMENT = np.dtype([(name, np.int64) for name in ("direction", "event", *PACKET)])
"""One packet. direction 0 is client to server; event: the kind of the one that sent it, or CONTROL; times in ns as in
`models.state.Packet`."""

CONTROL = -1
"""Not an event sent it but a control tick."""

EVENTS = {
    loop.ARRIVAL: "packet processed", loop.QDISC: "qdisc sends", loop.RETRANSMIT: "retransmission timer",
    loop.DELACK: "delayed-ACK timer", loop.COMPRESSED_ACK: "compressed-ACK timer", loop.PACING: "pacing timer",
    loop.READ: "read returns", loop.FLUSH: "flush timer", loop.WRITE: "write()", loop.APP: "application",
}  # fmt: skip


def event_name(kind: int) -> tuple[str, str]:
    """(host, what) of an event kind."""
    return "server" if kind & 1 else "client", EVENTS[kind & ~1]


@dataclass
class Trace:
    """Packets in the order they were handed to their link, events in the order they happened."""

    packets: list[tuple[int, ...]] = field(default_factory=list)
    kinds: list[tuple[int, int]] = field(default_factory=list)
    writes: NDArray[Any] = field(default_factory=lambda: np.zeros(0, WRITE))
    """`sim.syscalls.WRITE` rows."""
    layout: Layout = field(default_factory=Layout)

    @property
    def segments(self) -> NDArray[Any]:
        """The packets as `SEGMENT` rows."""
        return np.array(self.packets, SEGMENT)

    @property
    def events(self) -> Iterator[tuple[int, str, str]]:
        """(ns, host, what) of every event."""
        for t, kind in self.kinds:
            yield (t, *event_name(kind))


class Watch:
    """Notices what an event put on the links."""

    def __init__(self, engine: Engine, trace: Trace) -> None:
        self.s = engine.s
        self.trace = trace
        self.seen = {0: self.s.ab.idx, 1: self.s.ba.idx}
        self.syscalls = Syscalls(engine.s)
        self.layout = LayoutWatch(engine.s)

    def note(self) -> None:
        """After one event: record it, and the packets it sent."""
        self.trace.kinds.append((self.s.now, self.s.kind))
        self.syscalls.note(self.s.now)
        self.layout.note()
        self.sent(self.s.kind)

    def tick(self) -> None:
        """After a control tick, which is no event."""
        self.syscalls.note(self.s.now)
        self.layout.note()
        self.sent(CONTROL)

    def close(self) -> None:
        """The run is over."""
        self.trace.writes = self.syscalls.writes
        self.trace.layout = self.layout.layout()

    def sent(self, event: int) -> None:
        """Record the packets sent since last time."""
        self.packets(0, event, self.s.ab)
        self.packets(1, event, self.s.ba)

    def packets(self, direction: int, event: int, l: Link) -> None:
        """Packets offered to the link since last time; they are the last ones in its ring."""
        new = l.idx - self.seen[direction]
        for j in range(new):
            p = l.q[(l.head + l.len - new + j) & (PACKETS - 1)]
            self.trace.packets.append((direction, event, *(getattr(p, name) for name in PACKET)))
        self.seen[direction] = l.idx


def run_traced(engine: Engine, trace: Trace) -> None:
    """Run to the end, one event at a time, watching."""
    watch = Watch(engine, trace)
    while True:
        status = engine.run_loop(1)
        engine.check(status)
        if status == loop.BUDGET:
            watch.note()
        elif status == loop.REFILL:
            engine.refill()
        elif status == loop.TICK:
            engine.tick()
            watch.tick()
        else:
            break
    engine.finish()
    watch.close()
