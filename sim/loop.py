"""Time passes: which event is next, and what it does. Shared by all drivers, compiled by one of them.

There is no event heap. Each endpoint and each direction keeps its own few deadlines; the next event is the earliest.
Ties have one order, the order of `next_event`: packets arrive first, then shapers, protocol timers, readers, and last
the applications and their write() calls; the client's side before the server's within each.
"""

from __future__ import annotations

from models.application import app_event, flush_timer, wake_writer, write_event
from models.constants import ERR_TIMED_OUT, FREED_PACING, FREED_QDISC
from models.cpu import cold
from models.delayed_ack import compressed_ack_timer, delack_timer
from models.holds import blame
from models.http2_application import sender_event
from models.http2_consumer import http2_timer
from models.link import link_pop, to_backlog
from models.output import pacing_timer, push_pending
from models.qdisc import qdisc_dequeue
from models.reader import read
from models.receive import receive
from models.sndbuf import check_space
from models.state import INF, Endpoint, Link, Path
from models.timeouts import retransmit_timer

DONE = 0
BUDGET = 1
REFILL = 2
LIMIT = 3
TICK = 4

ARRIVAL = 0
QDISC = 2
RETRANSMIT = 4
DELACK = 6
COMPRESSED_ACK = 8
PACING = 10
READ = 12
FLUSH = 14
WRITE = 16
APP = 18
NOTHING = 20


def next_event(s: Path) -> int:
    """The kind of the earliest event; `s.now` becomes its time. Odd kinds are the server's (or server to client)."""
    t = s.ab.next
    k = NOTHING
    if t < INF:
        k = ARRIVAL
    if s.ba.next < t:
        t = s.ba.next
        k = ARRIVAL + 1
    if s.a.qd.next < t:
        t = s.a.qd.next
        k = QDISC
    if s.b.qd.next < t:
        t = s.b.qd.next
        k = QDISC + 1
    if s.a.timer_at < t:
        t = s.a.timer_at
        k = RETRANSMIT
    if s.b.timer_at < t:
        t = s.b.timer_at
        k = RETRANSMIT + 1
    if s.a.delack_at < t:
        t = s.a.delack_at
        k = DELACK
    if s.b.delack_at < t:
        t = s.b.delack_at
        k = DELACK + 1
    if s.a.comp_at < t:
        t = s.a.comp_at
        k = COMPRESSED_ACK
    if s.b.comp_at < t:
        t = s.b.comp_at
        k = COMPRESSED_ACK + 1
    if s.a.pace_at < t:
        t = s.a.pace_at
        k = PACING
    if s.b.pace_at < t:
        t = s.b.pace_at
        k = PACING + 1
    if s.a.r.at < t:
        t = s.a.r.at
        k = READ
    if s.b.r.at < t:
        t = s.b.r.at
        k = READ + 1
    if s.a.w.flush_at < t:
        t = s.a.w.flush_at
        k = FLUSH
    if s.b.w.flush_at < t:
        t = s.b.w.flush_at
        k = FLUSH + 1
    if s.a.w.write_at < t:
        t = s.a.w.write_at
        k = WRITE
    if s.b.w.write_at < t:
        t = s.b.w.write_at
        k = WRITE + 1
    if s.a.w.app_at < t:
        t = s.a.w.app_at
        k = APP
    if s.b.w.app_at < t:
        t = s.b.w.app_at
        k = APP + 1
    s.next_at = t
    return k


def arrive(e: Endpoint, out: Link, peer: Endpoint, way: Link, now: int) -> None:
    """The packet at the head of `way` has been processed by e's host, unless the host was cold or the socket in use."""
    p = way.q[way.head]
    if p.drop == 0:
        if e.host.cold_ns and way.warmed == 0:
            extra = cold(e.host, now)
            if extra:
                way.warmed = 1
                way.next = now + extra
                return
        if e.r.locked_from < now < e.r.at < INF:
            to_backlog(way, now, e.r.at)
            return
        e.owned = 1 if e.r.locked_from < now and now == e.r.at else 0
        receive(e, out, peer, way, p, now)
        e.owned = 0
        e.host.active_at = now
    link_pop(way, now)


def transmit_completed(e: Endpoint, l: Link, now: int) -> None:
    """The qdisc let a packet go: TCP small queues and autocork may go on (`tcp_tsq_write`)."""
    qdisc_dequeue(e, l, now)
    if e.tsq_throttled:
        e.tsq_throttled = 0
        push_pending(e, l, now, e.nonagle, FREED_QDISC)
        check_space(e, now)


def fire_at(e: Endpoint, out: Link, peer: Endpoint, way: Link, now: int, k: int) -> None:
    """Let event k (an even kind) happen at endpoint e; `out` carries its packets, `way` brings its peer's."""
    if k == ARRIVAL:
        arrive(e, out, peer, way, now)
    elif k == READ:
        read(e, out, peer, now)
    elif k == WRITE:
        write_event(e, out, now)
    elif k == APP:
        if e.w.layered:
            sender_event(e, out, now)
        else:
            app_event(e, out, now)
    elif k == RETRANSMIT:
        retransmit_timer(e, out, now)
    elif k == DELACK:
        delack_timer(e, out, now)
    elif k == COMPRESSED_ACK:
        compressed_ack_timer(e, out, now)
    elif k == PACING:
        pacing_timer(e, out, now, FREED_PACING)
    elif k == QDISC:
        transmit_completed(e, out, now)
    elif e.w.layered:
        http2_timer(e, out, peer, now)
    else:
        flush_timer(e, out, now)


def fire(s: Path, k: int) -> None:
    """Let event k happen now, then settle who is to blame for what waits."""
    now = s.next_at
    s.now = now
    s.events += 1
    s.kind = k
    if k == ARRIVAL:
        arrive(s.b, s.ba, s.a, s.ab, now)
    elif k == ARRIVAL + 1:
        arrive(s.a, s.ab, s.b, s.ba, now)
    elif k & 1:
        fire_at(s.b, s.ba, s.a, s.ab, now, k - 1)
    else:
        fire_at(s.a, s.ab, s.b, s.ba, now, k)
    if s.a.wake:
        wake_writer(s.a, now)
    if s.b.wake:
        wake_writer(s.b, now)
    if s.a.sq_head:
        blame(s.a, s.b, now)
    if s.b.sq_head:
        blame(s.b, s.a, now)


def status(s: Path, k: int) -> int:
    """Why the loop cannot take event k now: DONE, REFILL, LIMIT, TICK, or -1 when it can.

    A control tick is due when all that happens up to its time has happened.
    """
    if s.a.err or s.b.err or s.ab.err or s.ba.err:
        return DONE if s.a.err == ERR_TIMED_OUT or s.b.err == ERR_TIMED_OUT else LIMIT
    if s.a.w.need or s.b.w.need or s.ab.need or s.ba.need:
        return REFILL
    if s.drain == 0 and finished(s):
        return DONE
    if s.next_at > s.tick_at:
        return TICK
    if k == NOTHING or s.next_at > s.until:
        return DONE
    return -1


def finished(s: Path) -> int:
    """Every message has been read (a closed loop ends by running out of events)."""
    a_done = s.a.w.total == s.a.w.done
    b_done = s.b.w.total == s.b.w.done
    return 1 if a_done and b_done else 0


def run(s: Path, budget: int) -> int:
    """Take events until something needs the driver; returns DONE, BUDGET, REFILL, LIMIT or TICK."""
    for _ in range(budget):
        k = next_event(s)
        why = status(s, k)
        if why >= 0:
            return why
        fire(s, k)
    return BUDGET
