"""HTTP/2 frames as bytes (RFC 9113, 4.1 and 6), from what the run's framers wrote.

A HEADERS frame closes a stream here, with two fields of a byte each: `server` and `date` of the static table stand for
the two trailers a stack has in its own (RFC 7541, 6.1).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from experiments.capture.http2 import END_STREAM, PREFACE
from models.constants import FRAME_ACK, FRAME_DATA, FRAME_HEADERS, FRAME_PING, FRAME_SETTINGS, FRAME_WINDOW_UPDATE
from models.http2_frames import FRAME_HEADER, UNCHANGED
from sim.layout import End, Layout

ACK, END_HEADERS = 0x1, 0x4
MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 3, 4
TRAILERS = b"\xb6\xa1"


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return header(len(payload), kind, flags, stream) + payload


def header(length: int, kind: int, flags: int, stream: int) -> bytes:
    """Its first nine bytes."""
    return length.to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big")


def payload(number: int, size: int) -> bytes:
    """What a message says of itself, in as many bytes as it has."""
    text = b"message %d " % number
    return (text * (size // len(text) + 1))[:size]


def prefixed(end: End, number: int, size: int) -> bytes:
    """A message behind its gRPC prefix (uncompressed, length), where it has one."""
    prefix = b"\0" + size.to_bytes(4, "big") if end.prefix == 5 else bytes(end.prefix)
    return prefix + payload(number, size)


@dataclass
class Bodies:
    """What is left to frame of each of an end's HTTP/2 streams."""

    streams: defaultdict[int, bytearray] = field(default_factory=lambda: defaultdict(bytearray))

    def take(self, stream: int, length: int) -> bytes:
        """The next bytes of a stream; zeros for a message whose end was not framed before the run ended."""
        rest = self.streams[stream]
        taken = bytes(rest[:length])
        del rest[:length]
        return taken.ljust(length, b"\0")


@dataclass
class Numbers:
    """Stream numbers: odd, a new one when a stream's end has been answered and the next takes its place."""

    count: int
    lives: Counter[tuple[int, int]] = field(default_factory=Counter)

    def of(self, sender: int, stream: int) -> int:
        """The number of a stream that `sender` sends messages on; 0, the connection's, for -1."""
        return 2 * (stream + self.count * self.lives[sender, stream]) + 1 if stream >= 0 else 0


def framed(layout: Layout) -> Iterator[tuple[int, int, bytes]]:
    """Every frame of a connection with HTTP/2 streams, as (server, offset in its end's stream, bytes)."""
    assert layout.ends is not None
    bodies = Bodies(), Bodies()
    for m in layout.messages:
        side = int(m["server"])
        bodies[side].streams[int(m["stream"])] += prefixed(layout.ends[side], int(m["number"]), int(m["size"]))
    numbers = Numbers(1 + max((int(f["stream"]) for f in layout.frames), default=0))
    for row in layout.frames:
        side, kind, stream, length, end, value, limit = (int(cell) for cell in row)
        if kind == FRAME_DATA:
            body = bodies[side].take(stream, length)
            written = frame(FRAME_DATA, END_STREAM * value, numbers.of(side, stream), body)
        else:
            written = control(kind, numbers.of(1 - side, stream), value, limit)
            if kind == FRAME_SETTINGS and side == 0 and end == len(PREFACE) + len(written):
                written = PREFACE + written
            if kind == FRAME_HEADERS:
                numbers.lives[1 - side, stream] += 1
        yield side, end - len(written), written


def control(kind: int, stream: int, value: int, limit: int) -> bytes:
    """A frame that carries no message."""
    if kind == FRAME_WINDOW_UPDATE:
        return frame(kind, 0, stream, value.to_bytes(4, "big"))
    if kind == FRAME_HEADERS:
        return frame(kind, END_HEADERS | END_STREAM, stream, TRAILERS)
    acknowledges = ACK if kind & FRAME_ACK else 0
    kind &= ~FRAME_ACK
    if kind == FRAME_PING:
        return frame(kind, acknowledges, 0, value.to_bytes(8, "big"))
    settings = b""
    if value != UNCHANGED:
        settings += INITIAL_WINDOW_SIZE.to_bytes(2, "big") + value.to_bytes(4, "big")
    if limit > 0:
        settings += MAX_CONCURRENT_STREAMS.to_bytes(2, "big") + limit.to_bytes(4, "big")
    return frame(kind, acknowledges, 0, settings)


def is_http2(end: End) -> bool:
    """Does the end put HTTP/2's own header in front of its frames?"""
    return end.header == FRAME_HEADER
