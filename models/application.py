"""The sending application and its thread(s): when a message is handed over, when write() runs, when it blocks.

With one thread the application writes itself: while write() works or blocks, the next message waits. With two
(grpc-go), the application's SendMsg only queues, bounded by a quota, and a framer thread writes. Both share one core
and take turns: the application runs until it has nothing more to hand over or no quota left, the framer until it has
written everything or blocks. A busy stream is therefore written in rounds of one quota, as grpc-go's write sizes show:
64 KiB of quota through a 32 KiB buffer leaves as two full writes and a rest (see docs/model/cpu.md).
"""

from __future__ import annotations

from models.admission import note_level, refused_until
from models.clocks import NOTHING, begin_write_wait, end_write_wait, switch
from models.constants import ON_IDLE, ON_RETURN, STEP_NEXT, STEP_SEND, STEP_STALLED
from models.cpu import cold, work
from models.framer import next_write, settle, thread_reason
from models.send_queue import sendmsg
from models.sources import enter_due, reason, schedule_next
from models.state import ADMISSION, CPU, INF, SENDER_SPIKE, SLOTS, SNDBUF, WRITE_QUOTA, Endpoint, Link, Writer


def do_write(e: Endpoint, l: Link, now: int) -> int:
    """The write() call copies: 1 done, 0 blocked."""
    w = e.w
    before = w.call_left
    done = sendmsg(e, l, now)
    w.write_bytes += before - w.call_left
    if done == 0:
        thread_reason(e, now, SNDBUF)
    return done


def run_writer(e: Endpoint, l: Link, now: int) -> None:
    """The writing thread is free: write() until there is nothing to write, the core is busy, or a call blocks."""
    w = e.w
    h = e.host
    while True:
        n = next_write(e, l, now)
        cost = w.frames * h.frame_ns
        w.frames = 0
        if n == 0:
            settle(e, now)
            return
        w.busy = 1
        w.writes += 1
        cost += h.write_ns + n * h.write_byte_ps // 1000 + cold(h, now)
        h.active_at = now
        if cost or h.app_busy > now:
            thread_reason(e, now, CPU)
            w.write_at = work(h, now, cost)
            return
        if do_write(e, l, now) == 0:
            return


def write_event(e: Endpoint, l: Link, now: int) -> None:
    """A write() call's work is done, or a blocked one was woken and has to get the core first."""
    w = e.w
    if w.blocked and e.host.app_busy > now:
        w.write_at = e.host.app_busy
        return
    w.write_at = INF
    if w.blocked:
        w.blocked = 0
        w.block_ns += now - w.t_blocked
    if do_write(e, l, now):
        run_writer(e, l, now)


def wake_writer(e: Endpoint, now: int) -> None:
    """There is room again: the sleeping writer runs after the scheduler's latency."""
    e.wake = 0
    if e.w.blocked and e.w.write_at == INF:
        thread_reason(e, now, CPU)
        e.w.write_at = max(now + e.host.wake_ns, e.host.app_busy)


def flush_timer(e: Endpoint, l: Link, now: int) -> None:
    """The buffer has waited long enough."""
    w = e.w
    w.flush_at = INF
    w.flush_due = 1
    if w.busy == 0:
        run_writer(e, l, now)


def resize_buffer(e: Endpoint, l: Link, now: int, size: int) -> None:
    """The write buffer has `size` bytes from now on; if it holds as much already, that is written first.

    A writer at work has just emptied the buffer, so nothing is ever left behind.
    """
    w = e.w
    w.room = 2 * size if w.room > w.buffer else size
    w.buffer = size
    if w.busy == 0 and w.buffered and w.buffered >= size:
        w.flush_due = 1
        run_writer(e, l, now)


def wait_at_gate(e: Endpoint, l: Link, now: int, again: int) -> None:
    """The limiter lets nothing through until `again`: the framer has its turn, and no more to wait for."""
    w = e.w
    reason(e, now, ADMISSION)
    w.app_at = again
    if w.busy == 0:
        if w.buffered and (w.flush == ON_IDLE or w.flush == ON_RETURN):
            w.flush_due = 1
        if w.flush_due or w.threads == 2:
            run_writer(e, l, now)


def hand_over(e: Endpoint, l: Link, now: int) -> None:
    """SendMsg returns (two threads), or the application begins to write (one), unless the flush timer is writing."""
    w = e.w
    if w.threads == 1 and w.busy:
        w.app_step = STEP_SEND
        return
    m = w.m[w.slot[w.queued & SLOTS]]
    w.queued += 1
    w.app_step = STEP_NEXT
    if w.threads == 1:
        w.app_at = INF
        run_writer(e, l, now)
        return
    w.quota_left -= w.prefix + m.size
    if w.gate.high:
        note_level(w, now)
    m.t_ret = now
    enter_due(e, now)
    end_write_wait(w.clock, m, now)
    begin_write_wait(w.framer_clock, m, now)
    reason(e, now, NOTHING)
    schedule_next(e, now)
    more = 1 if w.app_at <= now and w.quota_left > 0 else 0
    first = w.flush == ON_RETURN and w.run == 0
    w.run = more
    if w.busy:
        return
    if more and not first:
        switch(w.framer_clock, now, CPU)
    else:
        run_writer(e, l, now)


def framer_runs(w: Writer) -> int:
    """Is it the framer thread's turn, with nothing but the core between the application and its next message?"""
    return 1 if w.threads == 2 and w.busy and w.blocked == 0 and w.quota_left > 0 else 0


def app_event(e: Endpoint, l: Link, now: int) -> None:
    """The application thread's next step: take a message (stall first, if it must), work on it, hand it over."""
    w = e.w
    h = e.host
    w.app_at = INF
    if w.app_step == STEP_SEND:
        hand_over(e, l, now)
        return
    enter_due(e, now)
    m = w.m[w.slot[w.called & SLOTS]]
    if w.gate.on and w.app_step == STEP_NEXT:
        again = refused_until(e, m, now)
        if again:
            wait_at_gate(e, l, now, again)
            return
    if w.app_step == STEP_NEXT and m.stall > 0:
        reason(e, now, SENDER_SPIKE)
        w.app_at = now + m.stall
        w.app_step = STEP_STALLED
        return
    if framer_runs(w):
        reason(e, now, CPU)
        w.app_at = w.write_at  # ask again when that write() has returned
        return
    if w.called == w.queued:
        m.t_call = now
        m.t_ret = -1
        w.called += 1
    if w.quota and w.quota_left <= 0:
        reason(e, now, WRITE_QUOTA)
        w.quota_wait = 1
        w.app_step = STEP_STALLED
        if w.busy == 0:
            run_writer(e, l, now)
        return
    if h.message_ns or (w.threads == 2 and h.app_busy > now):
        reason(e, now, CPU)
        w.app_at = work(h, now, h.message_ns)
        w.app_step = STEP_SEND
        return
    hand_over(e, l, now)
