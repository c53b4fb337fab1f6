"""Where messages and HTTP/2 frames lie in the two byte streams of a traced run, and what the handshake agreed on."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.connect import ACK_LENGTH, SYN_LENGTH, one_way
from models.state import FRAMES, SLOTS, Endpoint, Path
from models.timers import timestamp

FRAMED = np.dtype([(name, np.int64) for name in ("server", "number", "size", "start", "end", "wire", "stream")])
"""A message whose place in its end's stream is settled: bytes [start, end), of which `size` are the application's."""

FRAME = np.dtype([(name, np.int64) for name in ("server", "kind", "stream", "len", "end", "value", "limit")])
"""A frame an end has written, as in `models.state.Frame`; only where the connection has HTTP/2 streams."""


@dataclass(frozen=True)
class End:
    """One end's share of the handshake, and how it frames."""

    mss: int  # as announced: without the bytes options take
    window: int  # bytes
    wscale: int
    timestamps: int
    sack_ok: int
    header: int  # bytes in front of each frame
    prefix: int  # ... and in front of each message
    max_frame: int
    merge: int  # 1: messages that are flushed together share frames
    tls: int  # bytes TLS adds to a record; 0 = no TLS
    layered: int  # 1: HTTP/2 streams, frames of all kinds


class Opening(NamedTuple):
    """A packet of the handshake: ns, and RFC 7323 clocks."""

    into: int
    due: int
    tsval: int
    tsecr: int


@dataclass
class Layout:
    """Both streams, in the order they were framed."""

    ends: tuple[End, End] | None = None  # client, server
    handshake: tuple[Opening, ...] = ()
    """SYN, SYN-ACK and ACK: before the simulation, which takes them as done."""
    messages: NDArray[Any] = field(default_factory=lambda: np.zeros(0, FRAMED))
    frames: NDArray[Any] = field(default_factory=lambda: np.zeros(0, FRAME))


class LayoutWatch:
    """Notices, event by event, what both ends have framed."""

    def __init__(self, s: Path) -> None:
        self.s = s
        self.ends = _end(s.a), _end(s.b)
        self.handshake = _handshake(s)
        self.messages: list[tuple[int, ...]] = []
        self.frames: list[tuple[int, ...]] = []
        self.settled = [0, 0]
        self.written = [0, 0]

    def note(self) -> None:
        """After one event."""
        self._look(self.s.a)
        self._look(self.s.b)

    def _look(self, e: Endpoint) -> None:
        w, h, side = e.w, e.h2, e.server
        settled = w.sealed if w.tls else w.framed
        for n in range(self.settled[side], settled):
            m = w.m[w.slot[n & SLOTS]]
            self.messages.append((side, m.number, m.size, m.start, m.end, m.wire, m.stream))
        for n in range(self.written[side], h.framed):
            f = h.frame[n & (FRAMES - 1)]
            self.frames.append((side, f.kind, f.stream, f.len, f.end, f.value, f.limit))
        self.settled[side], self.written[side] = settled, h.framed

    def layout(self) -> Layout:
        """What was seen."""
        return Layout(self.ends, self.handshake, np.array(self.messages, FRAMED), np.array(self.frames, FRAME))


def _end(e: Endpoint) -> End:
    w = e.w
    agreed = e.advmss, e.rcv_wnd, e.rcv_wscale, e.timestamps, e.sack_ok
    return End(*agreed, w.header, w.prefix, w.max_frame, w.merge, w.tls, w.layered)


def _handshake(s: Path) -> tuple[Opening, ...]:
    """When `models.connect` says the three packets were under way; the client is established with the second."""
    up, down = s.a.host.wire_ns, s.b.host.wire_ns
    opened = s.a.wstamp
    answered = opened - one_way(s.ba, SYN_LENGTH, down + s.ba.rx_ack_ns)
    began = answered - one_way(s.ab, SYN_LENGTH, up + s.ab.rx_ack_ns)
    client, server = timestamp(s.a.host, began), timestamp(s.b.host, answered)
    return (
        Opening(began + up, answered - s.ab.rx_ack_ns, client, 0),
        Opening(answered + down, opened - s.ba.rx_ack_ns, server, client),
        Opening(opened + up, opened + one_way(s.ab, ACK_LENGTH, up), timestamp(s.a.host, opened), server),
    )
