"""The application's core when it serves the senders of HTTP/2 streams: which one runs, what it does, when it yields.

The rules are those of `models.application`, for many senders: they run until they have nothing more to hand over or
no quota left, then the framer until it has written everything or blocks.
"""

from __future__ import annotations

from models.admission import note_level, refused_until
from models.application import run_writer
from models.clocks import NOTHING, begin_own_wait, end_own_wait
from models.constants import GREEDY, ON_RETURN, STEP_NEXT, STEP_SEND, STEP_STALLED, STREAM_ENDED
from models.cpu import work
from models.framer import thread_reason
from models.http2_senders import call, deal, make_next, run_if_able, schedule_senders, senders_reason, start_senders
from models.http2_turns import enqueue
from models.state import ADMISSION, CPU, INF, SENDER_SPIKE, STREAMS, Endpoint, Link, Writer


def pick_sender(e: Endpoint) -> int:
    """The stream, plus 1, whose sender has the core: the one that has it, or the first in the run queue; 0 = none."""
    h = e.h2
    if h.current == 0 and h.ready_len:
        i = h.ready[h.ready_head]
        h.ready_head = (h.ready_head + 1) & (STREAMS - 1)
        h.ready_len -= 1
        h.stream[i].runnable = 0
        h.current = i + 1
    return h.current


def sender_event(e: Endpoint, l: Link, now: int) -> None:
    """The next step: a sender takes its message (the application stalls first, if it must), works, hands it over."""
    w = e.w
    w.app_at = INF
    if w.app_step == STEP_SEND:
        hand_over_on(e, l, now)
        return
    deal(e, now)
    i = pick_sender(e) - 1
    if i < 0:
        start_senders(e, now)
        if w.busy == 0 and w.app_at > now:
            run_writer(e, l, now)
        return
    slot = e.h2.stream[i].due
    if w.gate.on and w.app_step == STEP_NEXT:
        again = refused_until(e, w.m[slot], now)
        if again:
            wait_at_senders_gate(e, l, now, again)
            return
    stall = w.m[slot].stall
    if w.app_step == STEP_NEXT and stall > 0:
        senders_reason(e, now, SENDER_SPIKE)
        w.app_at = now + stall
        w.app_step = STEP_STALLED
        return
    if w.busy and w.blocked == 0:
        senders_reason(e, now, CPU)
        w.app_at = w.write_at  # ask again when that write() has returned
        return
    call(e, slot, now)
    if e.host.message_ns or e.host.app_busy > now:
        senders_reason(e, now, CPU)
        w.app_at = work(e.host, now, e.host.message_ns)
        w.app_step = STEP_SEND
        return
    hand_over_on(e, l, now)


def wait_at_senders_gate(e: Endpoint, l: Link, now: int, again: int) -> None:
    """The application's limiter lets nothing through until `again`: the framer has its turn."""
    senders_reason(e, now, ADMISSION)
    e.w.app_at = again
    if e.w.busy == 0:
        run_writer(e, l, now)


def hand_over_on(e: Endpoint, l: Link, now: int) -> None:
    """SendMsg returns: the message is queued on its stream. Then the sender goes on, yields, or lets the framer run."""
    w = e.w
    h = e.h2
    i = h.current - 1
    s = h.stream[i]
    slot = s.due
    m = w.m[slot]
    deal(e, now)
    s.due = m.behind
    s.left -= 1
    s.call_left -= 1
    s.quota_left -= w.prefix + m.size
    w.quota_left -= w.prefix + m.size
    if w.gate.high:
        note_level(w, now)
    w.queued += 1
    w.app_step = STEP_NEXT
    m.t_ret = now
    end_own_wait(s.due_clock, w.clock, m, now)
    begin_own_wait(s.queued_clock, h.queue_clock, m, now)
    if s.call_left == 0:
        s.state = STREAM_ENDED
    enqueue(e, i, slot, now)
    if w.mode == GREEDY:
        make_next(e, i, now)
    h.current = 0
    go_on(e, i, now)
    senders_reason(e, now, NOTHING)
    schedule_senders(e, now)
    if framer_waits(w, now) == 0:
        run_writer(e, l, now)
    elif w.busy == 0:
        thread_reason(e, now, CPU)


def framer_waits(w: Writer, now: int) -> int:
    """Does the framer leave the core to senders that can run now? An event loop writes a run's first message first."""
    more = 1 if w.app_at <= now else 0
    first = w.flush == ON_RETURN and w.run == 0
    w.run = more
    return 1 if w.busy or (more and not first) else 0


def go_on(e: Endpoint, i: int, now: int) -> None:
    """The sender of stream i keeps the core if it can send its next message at once: it goes to the queue's front."""
    h = e.h2
    run_if_able(e, i, now)
    if h.stream[i].runnable:
        h.stream[i].runnable = 0
        h.ready_len -= 1
        h.current = i + 1
