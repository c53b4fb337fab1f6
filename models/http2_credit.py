"""HTTP/2 flow control: credit is granted by the receiver, per stream and for the connection.

Only the payload of DATA counts, not the 9 bytes before it. A receiver gives credit back when enough has been read: a
share of the window (a quarter in grpc-go, half in C-core, nghttp2 and Netty), or a fixed number of bytes, or what
would double what the peer still has (golang.org/x/net). Whatever is not given back yet is missing in the window, so a
static window W carries (W - threshold) a round trip and no more. New limits for streams travel in SETTINGS and act
when the peer has read them, half a round trip later, on open streams too; the connection's only grow by WINDOW_UPDATE.

Sources: RFC 9113, 5.2, 6.5.2 and 6.9; grpc-go `flowcontrol.go` (`trInFlow`, `inFlow`); golang.org/x/net/http2 `flow.go`
(`inflow.add`, `inflowMinRefresh`); Netty `DefaultHttp2LocalFlowController`; grpc `flow_control.cc`.
"""

from __future__ import annotations

from models.constants import FRAME_HEADERS, FRAME_SETTINGS, FRAME_WINDOW_UPDATE, STREAM_ENDED, STREAM_OPEN
from models.http2_frames import UNCHANGED, put_control
from models.http2_senders import admit
from models.http2_turns import queue_reason, take_place
from models.state import STREAM_WINDOW, Endpoint

DEFAULT_WINDOW = 65_535
"""What both ends start from, until SETTINGS and WINDOW_UPDATE say more (RFC 9113, 6.9.2)."""

UNLIMITED = 1 << 50


def update_due(e: Endpoint, unsent: int, granted: int, limit: int) -> int:
    """Is it time to give back what was read of a window of `limit` bytes?"""
    h = e.h2
    if h.update_bytes:
        return 1 if unsent >= h.update_bytes or unsent >= granted else 0
    return 1 if unsent >= limit * h.update_per_mille // 1000 else 0


def return_connection_credit(e: Endpoint) -> None:
    """A WINDOW_UPDATE for all that was read on the connection."""
    h = e.h2
    if h.unsent:
        put_control(e, FRAME_WINDOW_UPDATE, -1, h.unsent, 0)
        h.granted += h.unsent
        h.unsent = 0


def connection_read(e: Endpoint, n: int) -> None:
    """n bytes of DATA count as read on the connection."""
    h = e.h2
    if h.connection_window == 0:
        return
    h.unsent += n
    h.granted -= n
    if update_due(e, h.unsent, h.granted, h.connection_window):
        return_connection_credit(e)


def stream_read(e: Endpoint, i: int, n: int, ends: int) -> None:
    """n bytes count as read on stream i, whose credit comes back; its end is answered instead."""
    h = e.h2
    s = h.stream[i]
    if ends:
        put_control(e, FRAME_HEADERS, i, 0, 0)
        s.unsent = 0
        s.granted = h.stream_window
        return
    if h.stream_window == 0:
        return
    s.unsent += n
    s.granted -= n
    if update_due(e, s.unsent, s.granted, h.stream_window):
        put_control(e, FRAME_WINDOW_UPDATE, i, s.unsent, 0)
        s.granted += s.unsent
        s.unsent = 0


def set_windows(e: Endpoint, peer: Endpoint, n: int) -> None:
    """Let each of the peer's streams have a window of n bytes from now on, and the connection, which only grows.

    RFC 9113, 6.9: an increment is 1 at least.
    """
    h = e.h2
    more = n - h.connection_window
    if more > 0:
        put_control(e, FRAME_WINDOW_UPDATE, -1, more, 0)
        h.granted += more
        h.connection_window = n
    put_control(e, FRAME_SETTINGS, -1, n, UNCHANGED)
    for i in range(peer.h2.nstreams):
        h.stream[i].granted += n - h.stream_window
    h.stream_window = n


def credit(e: Endpoint, i: int, n: int, now: int) -> None:
    """The peer's WINDOW_UPDATE was read: for stream i, or with -1 for the connection."""
    h = e.h2
    if i < 0:
        h.window += n
        queue_reason(e, now, e.w.framer_clock.why)
        return
    h.stream[i].window += n
    regain(e, i, now)


def regain(e: Endpoint, i: int, now: int) -> None:
    """The window of stream i has changed: if it has one, it may stand in line again."""
    s = e.h2.stream[i]
    if s.window > 0 and s.queued_clock.why == STREAM_WINDOW:
        take_place(e, i, now)


def apply_settings(e: Endpoint, window: int, limit: int, now: int) -> None:
    """The peer's SETTINGS were read: windows of open streams move by the difference, the limit holds from now on."""
    h = e.h2
    if window != UNCHANGED:
        for i in range(h.nstreams):
            s = h.stream[i]
            if s.state == STREAM_OPEN or s.state == STREAM_ENDED:
                s.window += window - h.initial_window
                regain(e, i, now)
        h.initial_window = window
    if limit != UNCHANGED:
        h.limit = limit
    admit(e, now)
