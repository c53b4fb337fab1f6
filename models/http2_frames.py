"""HTTP/2 frames: what is written, what its bytes are, what waits to be written before any data.

A frame is 9 bytes and its payload (RFC 9113, 4.1). DATA carries messages; the rest is what the two stacks tell each
other, real bytes in the TCP stream: a WINDOW_UPDATE is 13 bytes, a PING 17, a SETTINGS frame 9 and 6 for each setting.
Every frame is remembered until the peer has read it, since only then does it act.

Sources: RFC 9113, 3.4 and 6; RFC 7541, 6.1; grpc-go `controlBuffer`, `loopyWriter` (control frames go first).
"""

from __future__ import annotations

from models.constants import (
    ERR_CONTROLS,
    ERR_FRAMES,
    FRAME_ACK,
    FRAME_HEADERS,
    FRAME_PING,
    FRAME_SETTINGS,
    FRAME_WINDOW_UPDATE,
    PING_BDP,
)
from models.limits import stop
from models.state import CONTROLS, FRAMES, Endpoint
from models.tls import framed_end

FRAME_HEADER = 9
PREFACE = 24  # the client's first bytes, in front of its SETTINGS
SETTING = 6
INDEXED_FIELDS = 2  # grpc-status and grpc-message, a byte each once they are in the HPACK table
UNCHANGED = -1
"""In `Frame.value` and `Frame.limit`: the SETTINGS frame says nothing about it. A `limit` of 0 is none, in no bytes."""


def put_frame(e: Endpoint, kind: int, stream: int, length: int, value: int, limit: int) -> None:
    """A frame has been framed; it ends where the framer has come to."""
    h = e.h2
    if h.framed - h.taken >= FRAMES - 1:
        stop(e, ERR_FRAMES)
        return
    f = h.frame[h.framed & (FRAMES - 1)]
    f.kind = kind
    f.stream = stream
    f.len = length
    f.end = framed_end(e.w, e.w.put)
    f.value = value
    f.limit = limit
    h.framed += 1


def put_control(e: Endpoint, kind: int, stream: int, value: int, limit: int) -> None:
    """A control frame is to be written as soon as the writer comes to it."""
    h = e.h2
    if h.control_len >= CONTROLS - 1:
        stop(e, ERR_CONTROLS)
        return
    f = h.control[(h.control_head + h.control_len) & (CONTROLS - 1)]
    f.kind = kind
    f.stream = stream
    f.value = value
    f.limit = limit
    h.control_len += 1


def control_length(e: Endpoint, kind: int, value: int, limit: int) -> int:
    """Bytes of a control frame; the client's first one brings the preface along."""
    if kind == FRAME_WINDOW_UPDATE:
        return FRAME_HEADER + 4
    if kind == FRAME_PING or kind == FRAME_PING + FRAME_ACK:
        return FRAME_HEADER + 8
    if kind == FRAME_HEADERS:
        return FRAME_HEADER + INDEXED_FIELDS
    length = FRAME_HEADER
    if kind == FRAME_SETTINGS:
        if value != UNCHANGED:
            length += SETTING
        if limit > 0:
            length += SETTING
        if e.server == 0 and e.w.put == 0:
            length += PREFACE
    return length


def next_control(e: Endpoint, now: int) -> int:
    """The bytes of the oldest control frame, which is now written; 0 when there is none."""
    h = e.h2
    if h.control_len == 0:
        return 0
    f = h.control[h.control_head]
    h.control_head = (h.control_head + 1) & (CONTROLS - 1)
    h.control_len -= 1
    n = control_length(e, f.kind, f.value, f.limit)
    e.w.put += n
    if f.kind == FRAME_WINDOW_UPDATE or f.kind == FRAME_HEADERS:
        h.updates += 1 if f.kind == FRAME_WINDOW_UPDATE else 0
        h.quiet_pings = 0
    elif f.kind == FRAME_PING:
        h.pings += 1
        h.quiet_pings += 1
        if f.value == PING_BDP:
            h.probe_at = now
    put_frame(e, f.kind, f.stream, 0, f.value, f.limit)
    return n
