"""Whose turn it is: the next HTTP/2 frame, of which stream, and how large.

Control frames go first. Then streams that have something to send and a window take turns: one DATA frame of at most
the largest frame, the stream's window and the connection's, then to the end of the line (round robin), or on until the
stream has to wait (fifo). A stream without window leaves the line until a WINDOW_UPDATE brings it back; without
connection window everybody waits. Frames are framed when the writer comes to them, so a frame never waits in user
space longer than the write buffer makes it.

The ledger: a message that is queued on a stream runs the stream's own reason (its window) or that of the whole queue
(the writer works, works on others, is blocked; the connection's window). Once its last byte is framed it has its place
on the wire, and the writing thread's clock runs.

Sources: grpc-go `loopyWriter.run`, `processData`; RFC 9113, 5.2 and 6.9.
"""

from __future__ import annotations

from models.admission import note_level
from models.clocks import NOTHING, begin_write_wait, end_own_wait, override, switch
from models.constants import FRAME_DATA, NAGLE_CORK, STREAM_ENDED
from models.http2_frames import next_control, put_frame
from models.http2_senders import replenish_stream
from models.state import CONNECTION_WINDOW, CPU, SCHEDULER, SLOTS, STREAM_WINDOW, STREAMS, Endpoint, Message, Stream
from models.tls import framed_end


def queue_reason(e: Endpoint, now: int, why: int) -> None:
    """Why what is queued on streams waits, given what the writing thread does.

    Its readings are also what binds the stack, as time: STREAM_WINDOW runs while only streams without window have data.
    """
    h = e.h2
    if h.turn_len and h.window <= 0:
        why = CONNECTION_WINDOW
    elif why == CPU and h.turn_len > 1:
        why = SCHEDULER
    elif why == NOTHING and h.held:
        why = STREAM_WINDOW
    switch(h.queue_clock, now, why)


def enqueue(e: Endpoint, i: int, slot: int, now: int) -> None:
    """The message in `slot` has been handed over on stream i."""
    w = e.w
    s = e.h2.stream[i]
    w.m[slot].behind = 0
    if s.queued:
        w.m[s.queued_last].behind = slot
    else:
        s.queued = slot
        s.body_left = w.prefix + w.m[slot].size
        s.begun = 0
    s.queued_last = slot
    take_place(e, i, now)


def take_place(e: Endpoint, i: int, now: int) -> None:
    """Stream i stands in line, if it has something to send and a window."""
    h = e.h2
    s = h.stream[i]
    if s.active or s.queued == 0:
        return
    if s.window <= 0:
        hold(e, s, now)
        return
    release(e, s, now)
    s.active = 1
    h.turn[(h.turn_head + h.turn_len) & (STREAMS - 1)] = i
    h.turn_len += 1


def hold(e: Endpoint, s: Stream, now: int) -> None:
    """The stream has something to send and no window."""
    if s.queued_clock.why == NOTHING:
        e.h2.held += 1
        override(s.queued_clock, e.h2.queue_clock, now, STREAM_WINDOW)


def release(e: Endpoint, s: Stream, now: int) -> None:
    """It has a window."""
    if s.queued_clock.why == STREAM_WINDOW:
        e.h2.held -= 1
        override(s.queued_clock, e.h2.queue_clock, now, NOTHING)


def next_frame(e: Endpoint, now: int) -> int:
    """The bytes the writer passes on next: a frame, or a piece of one; 0 when there is nothing it may send."""
    h = e.h2
    if h.rest:
        n = h.rest_prefix if h.rest_prefix else h.rest
        h.rest_prefix = 0
        h.rest -= n
        if h.rest == 0:
            h.more = 0
        return n
    n = next_control(e, now)
    if n:
        return n
    while h.turn_len and h.window > 0:
        i = h.turn[h.turn_head]
        s = h.stream[i]
        if s.window > 0:
            return data_frame(e, i, now)
        leave_line(e, s)
        hold(e, s, now)
    return 0


def leave_line(e: Endpoint, s: Stream) -> None:
    """The stream at the head of the line steps out of it."""
    h = e.h2
    h.turn_head = (h.turn_head + 1) & (STREAMS - 1)
    h.turn_len -= 1
    s.active = 0


def data_frame(e: Endpoint, i: int, now: int) -> int:
    """Frame what stream i may send of its message; returns the bytes of the frame, or of its first piece."""
    h = e.h2
    w = e.w
    s = h.stream[i]
    first = 1 - s.begun
    w.put += w.header
    w.frames += 1
    most = min(w.max_frame, min(s.window, h.window))
    n = take_body(e, i, now, w.header, most)
    while w.merge and s.queued and n < most:
        n += take_body(e, i, now, 0, most - n)
    s.window -= n
    h.window -= n
    h.quiet_pings = 0
    ends = 1 if s.queued == 0 and s.state == STREAM_ENDED else 0
    put_frame(e, FRAME_DATA, i, n, ends, 0)
    give_up_turn(e, i, now)
    w.quota_left += n
    if w.gate.high:
        note_level(w, now)
    if w.quota:
        replenish_stream(e, i, now, n)
    return first_piece(e, n, first, 1 - s.begun)


def take_body(e: Endpoint, i: int, now: int, header: int, most: int) -> int:
    """Frame up to `most` bytes of the message at the head of stream i; returns how many."""
    w = e.w
    s = e.h2.stream[i]
    slot = s.queued
    m = w.m[slot]
    if s.begun == 0:
        begin_message_on(e, s, m)
        m.start -= header
    n = min(s.body_left, most)
    s.body_left -= n
    w.put += n
    m.wire += header + n
    if s.body_left == 0:
        message_framed(e, i, slot, now)
    return n


def first_piece(e: Endpoint, n: int, first: int, last: int) -> int:
    """An unbuffered frame of payload n may take two or three write() calls: header, prefix, rest."""
    h = e.h2
    w = e.w
    if w.buffer or w.pieces == 1 or w.header == 0 or n == 0:
        h.more = w.more * (1 - last)
        return w.header + n
    h.more = w.more
    h.rest = n
    if w.pieces == 3 and first and 0 < w.prefix < n:
        h.rest_prefix = w.prefix
    return w.header


def begin_message_on(e: Endpoint, s: Stream, m: Message) -> None:
    """The first bytes of a message are framed."""
    w = e.w
    m.start = w.put + w.tls_bytes
    m.wire = 0
    m.writes = -w.calls
    s.begun = 1
    if w.cork == 2:
        e.nonagle |= NAGLE_CORK


def message_framed(e: Endpoint, i: int, slot: int, now: int) -> None:
    """A message's last byte has its place on the wire; the next one of the stream moves up."""
    h = e.h2
    w = e.w
    s = h.stream[i]
    m = w.m[slot]
    m.end = framed_end(w, w.put)
    end_own_wait(s.queued_clock, h.queue_clock, m, now)
    begin_write_wait(w.framer_clock, m, now)
    w.slot[w.framed & SLOTS] = slot
    w.framed += 1
    h.finished += 1
    s.queued = m.behind
    s.begun = 0
    if s.queued:
        s.body_left = w.prefix + w.m[s.queued].size


def give_up_turn(e: Endpoint, i: int, now: int) -> None:
    """After a frame: to the end of the line, unless nothing is left, the window is used up, or the order is fifo."""
    h = e.h2
    s = h.stream[i]
    if s.queued and s.window > 0 and h.fifo:
        return
    leave_line(e, s)
    take_place(e, i, now)
