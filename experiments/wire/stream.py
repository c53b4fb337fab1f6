"""The byte stream each end of a traced run sent: messages, as they were framed.

Where the connection has HTTP/2 streams every frame was recorded. With framing alone only messages were, and their
frames follow from the framer's rule. Behind TLS there is nothing to see: the bytes are arbitrary, as ciphertext is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.wire.frames import framed, header, is_http2, prefixed
from models.constants import FRAME_DATA
from sim.layout import End

if TYPE_CHECKING:
    from sim.trace import Trace

ONLY_STREAM = 1


def streams(trace: Trace) -> tuple[bytes, bytes]:
    """What the client sent, and what the server sent."""
    layout = trace.layout
    assert layout.ends is not None
    segments = trace.segments
    sent = [bytearray(_length(segments[segments["direction"] == side])) for side in (0, 1)]
    if any(end.layered for end in layout.ends):
        for side, at, written in framed(layout):
            put(sent[side], at, written)
    for side, end in enumerate(layout.ends):
        if end.tls:
            sent[side] = bytearray(np.random.default_rng(side).bytes(len(sent[side])))
        elif not end.layered:
            messages = layout.messages[layout.messages["server"] == side]
            flushes = _flushes(trace.writes, side) if end.merge else []
            for at, written in alone(messages, end, flushes):
                put(sent[side], at, written)
    return bytes(sent[0]), bytes(sent[1])


def put(stream: bytearray, at: int, written: bytes) -> None:
    """Bytes at an offset, as far as the stream was sent."""
    room = max(0, len(stream) - at)
    stream[at : at + len(written)] = written[:room]


def _length(segments: Any) -> int:
    carrying = segments[segments["len"] > 0]
    return int((carrying["seq"] + carrying["len"]).max()) if len(carrying) else 0


def _flushes(writes: Any, side: int) -> list[int]:
    """Offsets at which the write buffer was emptied: the write() calls' ends."""
    own = writes[writes["server"] == side]
    return [int(end) for end in np.cumsum(own["bytes"])]


@dataclass
class Open:
    """The latest DATA frame: where its header is, what it holds."""

    at: int = -1
    held: int = 0


def alone(messages: Any, end: End, flushes: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """(offset, bytes) of the headers and message parts of an end with one HTTP/2 stream, or with no framing at all."""
    emptied = iter(sorted(flushes))
    flushed = next(emptied, None)
    frame = Open()
    for m in messages:
        at = int(m["start"])
        while flushed is not None and flushed <= at:
            frame = Open() if flushed > frame.at else frame
            flushed = next(emptied, None)
        body = prefixed(end, int(m["number"]), int(m["size"]))
        if end.header == 0:
            yield at, body
            continue
        headers = (int(m["wire"]) - len(body)) // end.header
        joins = _joins(end, frame, len(body), headers)
        if joins:
            yield at, body[:joins]
            frame.held += joins
            yield frame.at, head(end, frame.held)
            at += joins
        for begin in range(joins, len(body), end.max_frame):
            part = body[begin : begin + end.max_frame]
            frame = Open(at, len(part))
            yield at, head(end, len(part)) + part
            at += end.header + len(part)


def _joins(end: End, frame: Open, length: int, headers: int) -> int:
    """How much of a message lies in the frame that was open: what makes it need no more headers than it has."""
    room = min(length, end.max_frame - frame.held) if end.merge and frame.at >= 0 else 0
    for joined in (room, 0):
        if -(-(length - joined) // end.max_frame) == headers:
            return joined
    return min(length, end.max_frame - frame.held)


def head(end: End, length: int) -> bytes:
    """What stands in front of a frame; not HTTP/2's header where the scenario gives it another size."""
    return header(length, FRAME_DATA, 0, ONLY_STREAM) if is_http2(end) else bytes(end.header)
