"""What an end does with the HTTP/2 frames it has read.

The transport acts on every frame that is complete: DATA is counted, WINDOW_UPDATE and SETTINGS act at once, a PING is
answered by its ACK, SETTINGS by theirs. What this makes it write goes out through the same writer, write buffer and
TCP as data of its own.

The end of a stream is answered by a HEADERS frame: of a server the trailers, of a client the next call's.

Sources: grpc-go `http2Client.handleData`, `handlePing`, `handleSettings`, `keepalive`; RFC 9113, 6.
"""

from __future__ import annotations

from models.bdp import probe_answered, timed_probe, wants_probe
from models.constants import (
    FRAME_ACK,
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PING,
    FRAME_SETTINGS,
    FRAME_WINDOW_UPDATE,
    PING_ALIVE,
    PING_BDP,
)
from models.http2_credit import (
    apply_settings,
    connection_read,
    credit,
    return_connection_credit,
    set_windows,
    stream_read,
)
from models.http2_frames import UNCHANGED, put_control
from models.http2_senders import stream_closed
from models.state import FRAMES, INF, Endpoint, Frame


def take_frames(e: Endpoint, peer: Endpoint, now: int) -> None:
    """Act on the frames of `peer` that e has read to their end."""
    h = e.h2
    theirs = peer.h2
    h.heard_at = now
    while theirs.taken < theirs.framed:
        f = theirs.frame[theirs.taken & (FRAMES - 1)]
        if f.end > e.copied_seq:
            break
        theirs.taken += 1
        act(e, peer, f, now)
    if h.keepalive:
        h.alive_at = now + h.keepalive


def act(e: Endpoint, peer: Endpoint, f: Frame, now: int) -> None:
    """One frame."""
    if f.kind == FRAME_DATA:
        data_read(e, f.stream, f.len, f.value, now)
    elif f.kind == FRAME_WINDOW_UPDATE:
        credit(e, f.stream, f.value, now)
    elif f.kind == FRAME_PING:
        put_control(e, FRAME_PING + FRAME_ACK, -1, f.value, 0)
    elif f.kind == FRAME_PING + FRAME_ACK:
        if f.value == PING_BDP:
            window = probe_answered(e, now)
            if window:
                set_windows(e, peer, window)
    elif f.kind == FRAME_SETTINGS:
        apply_settings(e, f.value, f.limit, now)
        put_control(e, FRAME_SETTINGS + FRAME_ACK, -1, UNCHANGED, UNCHANGED)
    elif f.kind == FRAME_HEADERS:
        stream_closed(e, f.stream, now)


def data_read(e: Endpoint, i: int, n: int, ends: int, now: int) -> None:
    """A DATA frame: count it, probe, give back credit; before a probe whatever the connection is owed.

    An application of its own (`models.http2_consumer`) reads later, and the stream's credit and its end wait for that.
    """
    h = e.h2
    probe = wants_probe(e, n, now)
    if h.apart == 0 or h.credit_on_read == 0:
        connection_read(e, n)
    if probe:
        return_connection_credit(e)
        put_control(e, FRAME_PING, -1, PING_BDP, 0)
    if h.apart:
        h.unread += n
        h.stream[i].unread += n
        h.stream[i].ended = ends
    else:
        stream_read(e, i, n, ends)


def alive(e: Endpoint, now: int) -> None:
    """Nothing was read for so long: ask whether the peer is there."""
    h = e.h2
    h.alive_at = INF
    if h.keepalive:
        if now - h.heard_at >= h.keepalive:
            put_control(e, FRAME_PING, -1, PING_ALIVE, 0)
        h.alive_at = now + h.keepalive


def pause_over(e: Endpoint) -> None:
    """C-core's pause between probes has ended."""
    if timed_probe(e):
        put_control(e, FRAME_PING, -1, PING_BDP, 0)
