"""Where messages come from: a schedule, a sleeper, an impatient sender, a client that waits for its replies.

The driver draws arrivals: intended time (SCHEDULED), gap (SLEEPER), size and stall. Here the time of the next message
is fixed, and messages whose intended time has come begin to wait, whether or not the application has noticed: latency
counts from the intended time (no coordinated omission).
"""

from __future__ import annotations

from models.clocks import begin_write_wait, switch
from models.constants import GREEDY, SCHEDULED, SLEEPER
from models.http2_senders import start_senders
from models.slots import FEW, enter, make
from models.state import COMING, INF, SLOTS, TIMER_GRANULARITY, Endpoint, Writer


def enter_due(e: Endpoint, now: int) -> None:
    """Messages whose intended time has come start to wait on the application's clock."""
    w = e.w
    while w.entered < w.made and w.arrival[w.entered & COMING].due <= now:
        i = enter(e)
        if i == 0:
            return
        m = w.m[i]
        begin_write_wait(w.clock, m, m.t_due)
        w.slot[m.number & SLOTS] = i


def reason(e: Endpoint, now: int, why: int) -> None:
    """The application thread's running reason; what has come due began to wait for the earlier one."""
    if e.w.clock.why != why:
        enter_due(e, now)
        switch(e.w.clock, now, why)


def ready_at(w: Writer, now: int) -> int:
    """When the application can take the next message, whose intended time is known: at once, if that has come."""
    return now if w.called < w.entered else max(now, w.arrival[w.called & COMING].due)


def schedule_next(e: Endpoint, now: int) -> None:
    """The application thread is free: when does it take its next message?"""
    w = e.w
    if w.layered:
        start_senders(e, now)
        return
    w.app_at = INF
    if w.drawn - w.entered <= FEW and w.drawn < w.total:
        w.need = 1
    if w.stopped:
        return
    if w.called >= w.drawn:
        w.starved = 1 if w.called < w.total else 0
        return
    if w.mode == GREEDY and w.made == w.called:
        make(w, now, now)
    elif w.mode == SLEEPER and w.made == w.called:
        gap = w.arrival[w.made & COMING].due
        make(w, now + gap, now + gap)
        if gap and w.granularity > gap:
            switch(w.clock, now, TIMER_GRANULARITY)
            w.app_at = now + w.granularity
            return
    if w.made > w.called:
        w.app_at = ready_at(w, now)


def resume(e: Endpoint, now: int) -> None:
    """The driver has drawn arrivals."""
    w = e.w
    w.need = 0
    if w.mode == SCHEDULED:
        w.made = w.drawn
    if w.starved and w.drawn > (w.entered if w.layered else w.called):
        w.starved = 0
        schedule_next(e, now)


def request_due(e: Endpoint, now: int) -> None:
    """The client's next request: after thinking, or at the next period. A clock that has reached the limit ends it."""
    w = e.w
    t = now + w.think
    if w.period:
        t = max(now, w.made * w.period)
    if w.until and t >= w.until:
        w.stopped = 1
    elif w.made < w.drawn:
        make(w, t, t)
    if w.called + 1 >= w.drawn and w.drawn < w.total:
        w.need = 1


def reply_read(e: Endpoint, now: int) -> None:
    """The client has its reply."""
    request_due(e, now)
    schedule_next(e, now)


def request_read(e: Endpoint, peer: Endpoint, now: int) -> None:
    """The server has a whole request: its reply is due after its work."""
    w = e.w
    request = peer.w.m[peer.w.slot[(peer.w.done - 1) & SLOTS]]
    if w.made < w.drawn:
        make(w, now + w.think, request.root)
    schedule_next(e, now)
