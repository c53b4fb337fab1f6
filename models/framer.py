"""The framer: from messages to write() calls.

A message becomes frames (HTTP/2: 9 bytes in front of at most 16,384; gRPC adds 5 bytes in front of the message), frames
go through a write buffer, and a flush rule decides when the buffer becomes a write():

* per-frame, per-message (every n-th): what simple senders do;
* on-idle: flush when nothing more is queued. This is what gRPC stacks do: the buffer never delays a message on an idle
  stream, it merges what is queued already;
* on-return: the first message at once, what comes while that is under way together (Node);
* on-full: only when the buffer is full, so an idle stream is never flushed;
* on-timer: at most that long after the first byte.

Sources: grpc-go internal/transport (`loopyWriter.run`, `bufWriter.Write`), golang.org/x/net/http2 (`Framer.endWrite`),
Go's bufio.Writer; see docs/model/framer.md.
"""

from __future__ import annotations

from models.admission import note_level
from models.clocks import NOTHING, switch
from models.constants import (
    FREED_OPTION,
    NAGLE_CORK,
    ON_IDLE,
    ON_RETURN,
    ON_TIMER,
    PER_FRAME,
    PER_MESSAGE,
    SLEEPER,
    STEP_NEXT,
    STEP_SEND,
    STEP_STALLED,
)
from models.http2_turns import next_frame, queue_reason
from models.send_queue import uncork
from models.sources import ready_at, reason, schedule_next
from models.state import (
    ADMISSION,
    CPU,
    FRAMER,
    INF,
    SENDER_SPIKE,
    SLOTS,
    TIMER_GRANULARITY,
    Endpoint,
    Link,
    Message,
    Writer,
)
from models.tls import framed_end, seal

GO_BUFWRITER = 2


def thread_reason(e: Endpoint, now: int, why: int) -> None:
    """The writing thread's running reason, on the clock that its messages wait on."""
    w = e.w
    if w.threads == 2:
        switch(w.framer_clock, now, why)
        if w.layered:
            queue_reason(e, now, why)
    else:
        reason(e, now, why)


def start_call(e: Endpoint, n: int, more: int) -> int:
    """The next write() takes n bytes."""
    w = e.w
    if w.tls:
        n = seal(e, n)
    w.call_left = n
    w.call_more = more
    w.call_resumed = 0
    w.copied = 0
    w.calls += 1
    return n


def take_buffer(e: Endpoint) -> int:
    """Flush: what is in the buffer becomes a write()."""
    w = e.w
    n = w.buffered
    w.buffered = 0
    w.frame_room = 0
    w.since_flush = 0
    w.flush_due = 0
    if w.flush == ON_TIMER:
        w.flush_at = INF
    return start_call(e, n, 0)


def copy_to_buffer(e: Endpoint, now: int) -> int:
    """Put the current piece into the buffer; bytes of the write() this causes, or 0 when all of it fitted.

    grpc-go flushes as soon as the buffer is full; bufio only when more must go in, and passes a large piece by.
    """
    w = e.w
    room = w.room - w.buffered
    if w.kind == GO_BUFWRITER and w.buffer:
        n = min(room, w.copy_left)
        w.buffered += n
        w.copy_left -= n
        full = w.buffered >= w.buffer
    else:
        if w.copy_left > room and w.buffered == 0:
            n = w.copy_left
            w.copy_left = 0
            return start_call(e, n, 0)
        n = min(room, w.copy_left)
        w.buffered += n
        w.copy_left -= n
        full = w.copy_left > 0
    if full:
        return take_buffer(e)
    if w.flush == ON_TIMER and w.flush_at == INF and w.buffered:
        w.flush_at = now + w.flush_after
    return 0


def replenish(e: Endpoint, now: int, n: int) -> None:
    """Framed bytes return to the stream's quota; a sender that waited for it goes on."""
    w = e.w
    w.quota_left += n
    if w.quota_wait and w.quota_left > 0:
        w.quota_wait = 0
        w.app_at = now
    if w.gate.high:
        note_level(w, now)


def begin_message(e: Endpoint, m: Message) -> None:
    """Fix where the message lies in the stream."""
    w = e.w
    m.wire = m.size
    if w.npieces == 0:
        m.wire += w.prefix
        if w.header:
            alone = max(m.wire - w.frame_room, 0)
            m.wire += w.header * ((alone + w.max_frame - 1) // w.max_frame)
    m.start = w.put + w.tls_bytes
    w.put += m.wire
    m.end = framed_end(w, w.put)
    w.framed += 1
    w.in_message = 1
    w.calls = 0
    w.body_left = w.prefix + m.size
    w.frame_left = 0
    w.piece = 0
    if w.cork == 2:
        e.nonagle |= NAGLE_CORK


def next_piece(e: Endpoint, now: int) -> int:
    """The next bytes the framer writes: header, prefix, payload or all in one; 0 when the message is done."""
    w = e.w
    if w.npieces:
        if w.piece == w.npieces:
            return 0
        w.piece += 1
        return w.cut[w.piece - 1]
    if w.piece == 0:
        if w.body_left == 0:
            return 0
        if w.frame_room:  # the rest of the open frame has no header of its own
            n = min(w.body_left, w.frame_room)
            w.frame_room -= n
            w.body_left -= n
            if w.quota:
                replenish(e, now, n)
            return n
        w.frame_left = min(w.body_left, w.max_frame)
        w.frames += 1
        if w.merge:
            w.frame_room = w.max_frame - w.frame_left
        if w.quota:
            replenish(e, now, w.frame_left)
        if w.pieces == 1 or w.header == 0:
            n = w.header + w.frame_left
            w.body_left -= w.frame_left
            return n
        w.piece = 1
        return w.header
    first = w.m[w.slot[(w.framed - 1) & SLOTS]].size + w.prefix == w.body_left
    if w.pieces == 3 and w.piece == 1 and w.prefix and first:
        w.piece = 2
        w.frame_left -= w.prefix
        w.body_left -= w.prefix
        return w.prefix
    w.piece = 0
    w.body_left -= w.frame_left
    return w.frame_left


def message_continues(w_npieces: int, piece: int, body_left: int) -> int:
    """Is there another piece behind the one just taken?"""
    if w_npieces:
        return 1 if piece < w_npieces else 0
    return 1 if piece or body_left else 0


def more_is_due(w: Writer, now: int) -> int:
    """Is the next message waiting already?"""
    return 1 if w.called < w.made and ready_at(w, now) == now else 0


def whole_batch(w: Writer) -> int:
    """Does what lies in the buffer go because of how many messages it holds, or as the last before the stream ends?"""
    if w.flush == ON_IDLE:
        return 1 if w.since_flush == w.flush_every and w.flush_every > 1 else 0
    if w.framed == w.total:
        return 1
    return 1 if w.flush == PER_MESSAGE and w.framed % w.flush_every == 0 else 0


def end_message(e: Endpoint, l: Link, now: int) -> None:
    """All of the message has been written or buffered; a thread that writes itself is free for the next one."""
    w = e.w
    m = w.m[w.slot[(w.framed - 1) & SLOTS]]
    w.in_message = 0
    m.writes = w.calls
    if w.cork == 2:
        uncork(e, l, now, FREED_OPTION)
    w.since_flush += 1
    if w.buffered and whole_batch(w):
        w.flush_due = 1
    if w.threads == 1 and (w.flush == ON_IDLE or w.flush == ON_RETURN):
        more = more_is_due(w, now)
        if more == 0 or (w.flush == ON_RETURN and w.run == 0):
            w.flush_due = 1
        w.run = more


def end_layered(e: Endpoint, l: Link, now: int) -> None:
    """The last piece of one message or more on HTTP/2 streams has been written or buffered."""
    w = e.w
    h = e.h2
    w.since_flush += h.finished
    while h.finished:
        w.m[w.slot[(w.framed - h.finished) & SLOTS]].writes += w.calls
        h.finished -= 1
    if w.cork == 2:
        uncork(e, l, now, FREED_OPTION)
    if w.flush == PER_MESSAGE or (w.flush == ON_IDLE and w.flush_every > 1 and w.since_flush >= w.flush_every):
        w.flush_due = 1


def next_layered_write(e: Endpoint, l: Link, now: int) -> int:
    """The same on HTTP/2 streams, where frames come in turn; what lies in the buffer goes when no frame can."""
    w = e.w
    while True:
        if w.copy_left > 0:
            n = copy_to_buffer(e, now)
            if n:
                return n
            if w.copy_left == 0 and w.flush == PER_FRAME:
                w.flush_due = 1
        elif w.flush_due and w.buffered:
            return take_buffer(e)
        elif e.h2.finished and e.h2.rest == 0:
            w.flush_due = 0
            end_layered(e, l, now)
        else:
            w.flush_due = 0
            n = next_frame(e, now)
            if n == 0:
                return take_buffer(e) if w.buffered else 0
            if w.buffer == 0:
                return start_call(e, n, e.h2.more)
            w.copy_left = n


def next_write(e: Endpoint, l: Link, now: int) -> int:
    """Bytes of the next write() call, or 0 when the thread has nothing to write now."""
    w = e.w
    if w.layered:
        return next_layered_write(e, l, now)
    while True:
        if w.copy_left > 0:
            n = copy_to_buffer(e, now)
            if n:
                return n
            if w.copy_left == 0 and w.flush == PER_FRAME and w.piece == 0:
                w.flush_due = 1
        elif w.flush_due:
            if w.buffered:
                return take_buffer(e)
            w.flush_due = 0
        elif w.in_message or w.framed < w.queued:
            if w.in_message == 0:
                begin_message(e, w.m[w.slot[w.framed & SLOTS]])
            n = next_piece(e, now)
            if n == 0:
                end_message(e, l, now)
                if w.threads == 1 and w.flush_due == 0:
                    return 0
            elif w.buffer:
                w.copy_left = n
            else:
                return start_call(e, n, w.more * message_continues(w.npieces, w.piece, w.body_left))
        elif w.buffered and (w.flush == ON_IDLE or (w.flush == ON_RETURN and w.threads == 2)):
            return take_buffer(e)
        else:
            return 0


def idle_reason(e: Endpoint) -> int:
    """Why a due message waits while nobody writes: its sender stalls, works or oversleeps, or the flush rule."""
    w = e.w
    if w.threads == 1:
        if w.app_step == STEP_STALLED:
            return SENDER_SPIKE
        if w.app_step == STEP_SEND:
            return CPU
        if w.gate.waiting:
            return ADMISSION
        if w.mode == SLEEPER and w.granularity and w.made > w.called:
            return TIMER_GRANULARITY
    return FRAMER if w.buffered else NOTHING


def settle(e: Endpoint, now: int) -> None:
    """Nothing to write: what lies in the buffer waits for the flush rule; a single thread turns to the next message."""
    w = e.w
    w.busy = 0
    thread_reason(e, now, idle_reason(e))
    if w.threads == 1 and w.app_step == STEP_SEND and w.app_at == INF:
        w.app_at = now  # the flush timer's write() kept the application from its own
    if w.threads == 1 and w.called == w.queued and w.called > w.done:
        m = w.m[w.slot[(w.called - 1) & SLOTS]]
        if m.t_ret < 0:
            m.t_ret = now
            w.app_step = STEP_NEXT
            schedule_next(e, now)
