"""The senders of HTTP/2 streams: a goroutine, or a thread, for each, which share the application's core.

Each stream has a sender with a write quota of its own. Senders that can run stand in a run queue, first come first
served; one keeps the core until it has nothing more to send or its quota is used up. One that waits for quota does not
hold up the others. A sender whose stream may not be opened, because as many are open as the peer admits, stands in
another queue until one of them ends (RFC 9113, 5.1.2).

Sources: grpc-go `internal/transport` (`writeQuota`, `NewStream` and its wait for a free stream), Go's run queues.
"""

from __future__ import annotations

from models.clocks import NOTHING, begin_own_wait, override, switch
from models.constants import GREEDY, SLEEPER, STREAM_ENDED, STREAM_IDLE, STREAM_OPEN, STREAM_WAITING
from models.ledger import NEVER
from models.slots import FEW, enter, make
from models.state import COMING, INF, STREAM_LIMIT, STREAMS, TIMER_GRANULARITY, WRITE_QUOTA, Endpoint


def arrive(e: Endpoint, i: int, slot: int, now: int) -> None:
    """The message in `slot` is due on stream i."""
    w = e.w
    s = e.h2.stream[i]
    m = w.m[slot]
    m.stream = i
    m.behind = 0
    m.t_call = NEVER
    begin_own_wait(s.due_clock, w.clock, m, m.t_due)
    if s.due:
        w.m[s.due_last].behind = slot
    else:
        s.due = slot
    s.due_last = slot
    run_if_able(e, i, now)


def deal(e: Endpoint, now: int) -> None:
    """Messages whose intended time has come go to their streams, in turn."""
    w = e.w
    while w.entered < w.made and w.arrival[w.entered & COMING].due <= now:
        i = w.entered % e.h2.nstreams
        slot = enter(e)
        if slot == 0:
            return
        arrive(e, i, slot, now)


def senders_reason(e: Endpoint, now: int, why: int) -> None:
    """Why the application's core does not serve what is due."""
    deal(e, now)
    switch(e.w.clock, now, why)


def run_if_able(e: Endpoint, i: int, now: int) -> None:
    """Put the sender of stream i into the run queue, unless it has nothing to send or must wait."""
    h = e.h2
    s = h.stream[i]
    if s.due == 0 or s.runnable or h.current == i + 1:
        return
    if s.state == STREAM_IDLE:
        open_stream(e, i, now)
    if s.state != STREAM_OPEN:
        override(s.due_clock, e.w.clock, now, STREAM_LIMIT)
        return
    if out_of_quota(e, i, now):
        return
    override(s.due_clock, e.w.clock, now, NOTHING)
    h.ready[(h.ready_head + h.ready_len) & (STREAMS - 1)] = i
    h.ready_len += 1
    s.runnable = 1


def out_of_quota(e: Endpoint, i: int, now: int) -> int:
    """Does the sender block in its call, because the stream's quota is used up?"""
    w = e.w
    s = e.h2.stream[i]
    if w.quota == 0 or s.quota_left > 0:
        return 0
    call(e, s.due, now)
    override(s.due_clock, w.clock, now, WRITE_QUOTA)
    return 1


def call(e: Endpoint, slot: int, now: int) -> None:
    """The sender makes its call for the message, if it has not done so."""
    m = e.w.m[slot]
    if m.t_call == NEVER:
        m.t_call = now
        m.t_ret = NEVER
        e.w.called += 1


def open_stream(e: Endpoint, i: int, now: int) -> None:
    """Open stream i, or queue it for admission."""
    h = e.h2
    s = h.stream[i]
    if h.limit and h.open >= h.limit:
        s.state = STREAM_WAITING
        h.waiting[(h.waiting_head + h.waiting_len) & (STREAMS - 1)] = i
        h.waiting_len += 1
        return
    h.open += 1
    s.state = STREAM_OPEN
    s.window = h.initial_window
    s.call_left = min(s.left, h.stream_messages) if h.stream_messages else s.left


def admit(e: Endpoint, now: int) -> None:
    """Streams may be open that were not: the longest waiting first."""
    h = e.h2
    while h.waiting_len and (h.limit == 0 or h.open < h.limit):
        i = h.waiting[h.waiting_head]
        h.waiting_head = (h.waiting_head + 1) & (STREAMS - 1)
        h.waiting_len -= 1
        h.stream[i].state = STREAM_IDLE
        wake_sender(e, i, now)


def stream_closed(e: Endpoint, i: int, now: int) -> None:
    """The peer has answered the end of stream i: its place is free, and its sender queues for the next one."""
    h = e.h2
    if h.stream[i].state != STREAM_ENDED:
        return
    h.stream[i].state = STREAM_IDLE
    h.open -= 1
    admit(e, now)
    wake_sender(e, i, now)


def wake_sender(e: Endpoint, i: int, now: int) -> None:
    """What the sender of stream i waited for has come."""
    deal(e, now)
    run_if_able(e, i, now)
    if e.h2.ready_len and e.h2.current == 0:
        e.w.app_at = now


def replenish_stream(e: Endpoint, i: int, now: int, n: int) -> None:
    """Framed bytes return to the quota of stream i."""
    s = e.h2.stream[i]
    s.quota_left += n
    if s.due_clock.why == WRITE_QUOTA and s.quota_left > 0:
        wake_sender(e, i, now)


def make_next(e: Endpoint, i: int, now: int) -> None:
    """A greedy sender: its next message is due at once."""
    w = e.w
    s = e.h2.stream[i]
    if s.due or s.left == 0:
        return
    if w.made >= w.drawn:
        w.starved = 1
        return
    make(w, now, now)
    slot = enter(e)
    if slot:
        arrive(e, i, slot, now)


def start_senders(e: Endpoint, now: int) -> None:
    """The driver has drawn arrivals that senders waited for."""
    if e.w.mode == GREEDY:
        for i in range(e.h2.nstreams):
            make_next(e, i, now)
    schedule_senders(e, now)


def schedule_senders(e: Endpoint, now: int) -> None:
    """When does the application's core have something to do?"""
    w = e.w
    h = e.h2
    w.app_at = INF
    if w.drawn - w.entered <= FEW and w.drawn < w.total:
        w.need = 1
    if h.current or h.ready_len:
        w.app_at = now
        return
    if w.entered == w.total or w.mode == GREEDY:
        return
    if w.entered >= w.drawn:
        w.starved = 1
        return
    if w.mode == SLEEPER and w.made == w.queued:
        gap = w.arrival[w.made & COMING].due
        sleep(e, now, gap)
    elif w.made > w.entered:
        w.app_at = max(now, w.arrival[w.entered & COMING].due)


def sleep(e: Endpoint, now: int, gap: int) -> None:
    """A sleeping sender's next message is due when it should have woken; the timer may let it sleep longer."""
    w = e.w
    make(w, now + gap, now + gap)
    w.app_at = now + gap
    if gap and w.granularity > gap:
        switch(w.clock, now, TIMER_GRANULARITY)
        w.app_at = now + w.granularity
