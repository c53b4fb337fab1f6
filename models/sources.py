"""Where messages come from: a schedule, a sleeper, an impatient sender, a client that waits for its replies.

The driver fills ring slots with draws: intended time (SCHEDULED), gap (SLEEPER), size and stall. Here the time of the
next message is fixed, and messages whose intended time has come begin to wait, whether or not the application has
noticed: latency counts from the intended time (no coordinated omission).
"""

from __future__ import annotations

from models.clocks import begin_write_wait, switch
from models.constants import GREEDY, SCHEDULED, SLEEPER
from models.http2_senders import start_senders
from models.ledger import open_ledger
from models.state import INF, TIMER_GRANULARITY, Endpoint, Writer


def enter_due(w: Writer, now: int) -> None:
    """Messages whose intended time has come start to wait on the application's clock."""
    while w.entered < w.made:
        m = w.m[w.entered & w.mask]
        if m.t_due > now:
            return
        open_ledger(m)
        begin_write_wait(w.clock, m, m.t_due)
        w.entered += 1


def make(w: Writer, t: int, root: int) -> None:
    """The next message is due at t; its transaction began at `root`."""
    m = w.m[w.made & w.mask]
    m.t_due = t
    m.root = root
    w.made += 1


def schedule_next(e: Endpoint, now: int) -> None:
    """The application thread is free: when does it take its next message?"""
    w = e.w
    if w.layered:
        start_senders(e, now)
        return
    w.app_at = INF
    if w.filled - w.called <= w.mask >> 2 and w.filled < w.total:
        w.need = 1
    if w.called == w.total or w.stopped:
        return
    if w.called >= w.filled:
        w.starved = 1
        return
    if w.mode == GREEDY and w.made == w.called:
        make(w, now, now)
    elif w.mode == SLEEPER and w.made == w.called:
        gap = w.m[w.made & w.mask].t_due
        make(w, now + gap, now + gap)
        if gap and w.granularity > gap:
            switch(w.clock, now, TIMER_GRANULARITY)
            w.app_at = now + w.granularity
            return
    if w.made > w.called:
        w.app_at = max(now, w.m[w.called & w.mask].t_due)


def resume(e: Endpoint, now: int) -> None:
    """The driver has filled slots."""
    w = e.w
    w.need = 0
    if w.mode == SCHEDULED:
        w.made = w.filled
    if w.starved and w.filled > (w.entered if w.layered else w.called):
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
    elif w.made < w.filled:
        make(w, t, t)
    if w.called + 1 >= w.filled and w.filled < w.total:
        w.need = 1


def reply_read(e: Endpoint, now: int) -> None:
    """The client has its reply."""
    request_due(e, now)
    schedule_next(e, now)


def request_read(e: Endpoint, peer: Endpoint, now: int) -> None:
    """The server has a whole request: its reply is due after its work."""
    w = e.w
    request = peer.w.m[(peer.w.done - 1) & peer.w.mask]
    if w.made < w.filled:
        make(w, now + w.think, request.root)
    schedule_next(e, now)
