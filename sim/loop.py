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


def note_deadline(e: Endpoint) -> None:
    """Keep the earliest of e's own deadlines: an event moves those of the end it happens at, never its peer's."""
    t = min(min(e.qd.next, e.timer_at), min(e.delack_at, e.comp_at))
    t = min(min(e.pace_at, e.r.at), t)
    e.next_at = min(min(min(e.w.flush_at, e.w.write_at), e.w.app_at), t)


def kind_at(e: Endpoint, t: int) -> int:
    """Which of e's deadlines is at `t`: the first in the order of ties."""
    if e.qd.next == t:
        return QDISC
    if e.timer_at == t:
        return RETRANSMIT
    if e.delack_at == t:
        return DELACK
    if e.comp_at == t:
        return COMPRESSED_ACK
    if e.pace_at == t:
        return PACING
    if e.r.at == t:
        return READ
    if e.w.flush_at == t:
        return FLUSH
    if e.w.write_at == t:
        return WRITE
    return APP if e.w.app_at == t else NOTHING


def earliest(s: Path) -> int:
    """The kind of the earliest event, given each end's; `s.next_at` becomes its time. Odd kinds are the server's."""
    t = min(min(s.ab.next, s.ba.next), min(s.a.next_at, s.b.next_at))
    s.next_at = t
    if t >= INF:
        return NOTHING
    if s.ab.next == t:
        return ARRIVAL
    if s.ba.next == t:
        return ARRIVAL + 1
    if s.b.next_at > t:
        return kind_at(s.a, t)
    if s.a.next_at > t:
        return kind_at(s.b, t) + 1
    return min(kind_at(s.a, t), kind_at(s.b, t) + 1)


def next_event(s: Path) -> int:
    """The same after changes from outside: both ends are looked at."""
    note_deadline(s.a)
    note_deadline(s.b)
    return earliest(s)


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


def at_server(k: int) -> int:
    """Does event k happen at the server? Its packets arrive from the client's side."""
    return 1 if k == ARRIVAL or (k & 1 and k != ARRIVAL + 1) else 0


def happen(e: Endpoint, out: Link, peer: Endpoint, way: Link, now: int, k: int) -> None:
    """Event k at e and what follows from it at once: who wakes, which deadline is next, who is to blame for waits."""
    fire_at(e, out, peer, way, now, k)
    if e.wake:
        wake_writer(e, now)
    note_deadline(e)
    if e.sq_head:
        blame(e, peer, now)
    if peer.sq_head:
        blame(peer, e, now)


def fire(s: Path, k: int) -> None:
    """Let event k happen now. Each end has its own copy of the compiled rules, where its fields are at known places."""
    now = s.next_at
    s.now = now
    s.events += 1
    s.kind = k
    if at_server(k):
        happen(s.b, s.ba, s.a, s.ab, now, k & -2)
    else:
        happen(s.a, s.ab, s.b, s.ba, now, k & -2)


def called(s: Path) -> int:
    """Has a rule something to tell the driver: a limit, a need for draws, that the last message has been read?"""
    return s.a.err | s.b.err | s.ab.err | s.ba.err | s.a.w.need | s.b.w.need | s.ab.need | s.ba.need


def pause_at(s: Path) -> int:
    """Events before this happen without the driver's looking: no tick is due, all arrivals have been drawn."""
    return min(min(s.tick_at, s.until) + 1, min(s.drawn_until, INF))


def status(s: Path, k: int) -> int:
    """Why the loop cannot take event k now: DONE, REFILL, LIMIT, TICK, or -1 when it can.

    A control tick is due when all that happens up to its time has happened. Nothing happens before all arrivals up to
    then have been drawn.
    """
    if s.a.err | s.b.err | s.ab.err | s.ba.err:
        return DONE if s.a.err == ERR_TIMED_OUT or s.b.err == ERR_TIMED_OUT else LIMIT
    if s.drain == 0 and finished(s):
        return DONE
    if s.a.w.need | s.b.w.need | s.ab.need | s.ba.need:
        return REFILL
    if s.next_at > s.tick_at:
        return REFILL if s.tick_at >= s.drawn_until else TICK
    if k == NOTHING or s.next_at > s.until:
        return DONE
    return REFILL if s.next_at >= s.drawn_until else -1


def finished(s: Path) -> int:
    """Every message has been read (a closed loop ends by running out of events)."""
    return 1 if s.a.w.total == s.a.w.done and s.b.w.total == s.b.w.done else 0


def run(s: Path, budget: int) -> int:
    """Take events until something needs the driver; returns DONE, BUDGET, REFILL, LIMIT or TICK."""
    k = next_event(s)
    why = status(s, k)
    pause = pause_at(s)
    for _ in range(budget):
        if s.next_at >= pause or called(s):
            why = status(s, k)
        if why >= 0:
            return why
        fire(s, k)
        k = earliest(s)
    return BUDGET
