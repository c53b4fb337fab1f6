"""Time passes: which event is next, and what it does. Shared by all drivers, compiled by one of them.

There is no event heap. Each endpoint and each direction keeps its own few deadlines; the next event is the earliest.
Ties have one order, the order of `next_event`: packets arrive first, then shapers, protocol timers, readers, and last
the applications and their write() calls; the client's side before the server's within each.
"""

from __future__ import annotations

from models.application import app_event, flush_timer, wake_writer, write_event
from models.constants import ERR_TIMED_OUT, FREED_PACING, FREED_QDISC, ON_TIMER
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
from models.state import INF, Endpoint, Link, Path, Writer
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


def has_flush_timer(w: Writer) -> int:
    """Can `flush_at` be set: by the framer's timer, or those of an HTTP/2 connection?"""
    return 1 if w.flush == ON_TIMER or w.layered else 0


def note_deadline(e: Endpoint) -> None:
    """Keep the earliest of e's own deadlines: an event moves those of the end it happens at, never its peer's.

    Most connections have no shaper, no pacing and no timer of the framer's, and need not look.
    """
    t = min(min(e.timer_at, e.delack_at), min(e.comp_at, e.r.at))
    t = min(min(e.w.write_at, e.w.app_at), t)
    if e.qd.rate:
        t = min(e.qd.next, t)
    if e.pacing_on:
        t = min(e.pace_at, t)
    if has_flush_timer(e.w):
        t = min(e.w.flush_at, t)
    e.next_at = t


def kind_at(e: Endpoint, t: int) -> int:
    """Which of e's deadlines is at `t`, where one is: the first in the order of ties."""
    if e.qd.rate and e.qd.next == t:
        return QDISC
    if e.timer_at == t:
        return RETRANSMIT
    if e.delack_at == t:
        return DELACK
    if e.comp_at == t:
        return COMPRESSED_ACK
    if e.pacing_on and e.pace_at == t:
        return PACING
    if e.r.at == t:
        return READ
    if has_flush_timer(e.w) and e.w.flush_at == t:
        return FLUSH
    return WRITE if e.w.write_at == t else APP


def earliest(s: Path) -> int:
    """When the next event happens, given each end's earliest deadline; INF: never."""
    return min(min(s.ab.next, s.ba.next), min(s.a.next_at, s.b.next_at))


def next_event(s: Path) -> int:
    """The same after changes from outside: both ends are looked at."""
    note_deadline(s.a)
    note_deadline(s.b)
    s.next_at = earliest(s)
    return s.next_at


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
        if e.r.at < INF and e.r.locked_from < now:  # a read() owns the socket
            if now < e.r.at:
                to_backlog(way, now, e.r.at)
                return
            e.owned = 1
        if way.backlogged == 0:
            way.rx_busy = now
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


def act(e: Endpoint, out: Link, peer: Endpoint, now: int, k: int) -> None:
    """Let e's own event k happen; `out` carries its packets."""
    if k == READ:
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


def happen(s: Path, side: int, e: Endpoint, out: Link, peer: Endpoint, way: Link, now: int) -> int:
    """The event at e and what follows from it at once: who wakes, which deadline is next, who is to blame for waits.

    `way` brings its peer's packets. Returns whether a rule has something to tell the driver: a limit, a need for draws,
    that the last message has been read.
    """
    if way.next == now:
        s.kind = ARRIVAL + side
        arrive(e, out, peer, way, now)
    else:
        k = kind_at(e, now)
        s.kind = k + side
        act(e, out, peer, now, k)
    if e.wake:
        wake_writer(e, now)
    note_deadline(e)
    if e.sq_head:
        blame(e, peer, now)
    if peer.sq_head:
        blame(peer, e, now)
    return e.w.need | peer.w.need | out.need


def at_server(s: Path, now: int) -> int:
    """Which end comes first in the order of ties, of those with something to do now?"""
    if s.ab.next == now:
        return 1
    if s.ba.next == now or s.b.next_at > now:
        return 0
    if s.a.next_at > now:
        return 1
    return 1 if kind_at(s.b, now) < kind_at(s.a, now) else 0


def fire(s: Path, now: int) -> int:
    """Let the next event, which is at `now`, happen; nonzero: the driver is to look. Odd kinds are the server's.

    Each end has its own copy of the compiled rules, where its fields are at known places.
    """
    s.now = now
    s.events += 1
    if at_server(s, now):
        return happen(s, 1, s.b, s.ba, s.a, s.ab, now)
    return happen(s, 0, s.a, s.ab, s.b, s.ba, now)


def pause_at(s: Path) -> int:
    """Events before this happen without the driver's looking: no tick is due, all arrivals have been drawn."""
    return min(min(s.tick_at, s.until) + 1, min(s.drawn_until, INF))


def status(s: Path) -> int:
    """Why the loop cannot take the next event now: DONE, REFILL, LIMIT, TICK, or -1 when it can.

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
    if s.next_at >= INF or s.next_at > s.until:
        return DONE
    return REFILL if s.next_at >= s.drawn_until else -1


def finished(s: Path) -> int:
    """Every message has been read (a closed loop ends by running out of events)."""
    return 1 if s.a.w.total == s.a.w.done and s.b.w.total == s.b.w.done else 0


def run(s: Path, budget: int) -> int:
    """Take events until something needs the driver; returns DONE, BUDGET, REFILL, LIMIT or TICK."""
    pause = pause_at(s)
    last = s.events + budget
    now = next_event(s)
    look = 1
    while s.events < last:
        if look or now >= pause:
            s.next_at = now
            why = status(s)
            if why >= 0:
                return why
        look = fire(s, now)
        now = earliest(s)
    return BUDGET
