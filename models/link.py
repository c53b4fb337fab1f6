"""One direction of the path: FIFO, serialiser, propagation, jitter, spikes, loss. Order is always kept.

A packet waits for the serialiser behind earlier packets (and behind background load), takes `bytes * 8 / rate` on it,
then travels `delay` plus its own jitter and spike. It never overtakes: one that would is delivered together with the
packet before it, and the ledger says whether that packet's jitter or its spike held it. Loss is decided behind the
serialiser, so a lost packet has used link time. A full FIFO drops at the tail.

Both kinds of dropped packets stay in the ring until their turn; `link_pop` steps over them, so a trace shows them.
"""

from __future__ import annotations

from models.constants import ERR_PACKETS
from models.state import DRAWS, INF, PACKETS, Link, Packet

NANOBITS = 8_000_000_000  # bits a byte times ns a second

HIT_SPIKE = 1
HIT_STALL = 2
HIT_BEHIND = 3

DROP_RANDOM = 1
DROP_FULL = 2


def serialisation_ns(l: Link, length: int) -> int:
    """Time `length` IP bytes take on the wire."""
    if l.rate == 0:
        return 0
    return (length + l.overhead) * NANOBITS // l.rate


def background(l: Link, now: int) -> None:
    """Let the other traffic that has arrived by now take its place in the FIFO."""
    each = serialisation_ns(l, l.bg_size)
    while l.bg_next <= now:
        start = max(l.bg_next, l.free)
        if l.limit == 0 or (start - l.bg_next) * l.rate // NANOBITS + l.bg_size <= l.limit:
            l.free = start + each
        l.bg_next += l.bg_gap


def backlog_bytes(l: Link, now: int) -> int:
    """Bytes of our packets in the FIFO, the one in service included."""
    while l.dep_len > 0:
        d = l.dep[l.dep_head]
        if d.start > now:
            break
        l.backlog -= d.end
        l.dep_head = (l.dep_head + 1) & (PACKETS - 1)
        l.dep_len -= 1
    return l.backlog


def enter_backlog(l: Link, done: int, length: int) -> None:
    """Remember when these bytes will have left the FIFO."""
    d = l.dep[(l.dep_head + l.dep_len) & (PACKETS - 1)]
    d.start = done
    d.end = length
    l.dep_len += 1
    l.backlog += length


def processing_ns(l: Link, p: Packet) -> int:
    """Softirq work of the receiving host for one packet."""
    if p.len == 0:
        return l.rx_ack_ns
    return l.rx_segment_ns + (p.len * l.rx_byte_ps // 1000 if l.rx_byte_ps else 0)


def schedule_head(l: Link, p: Packet, now: int) -> None:
    """When the receiving host will have processed the packet at the head: packets are processed one by one."""
    if p.drop:
        l.work = 0
        l.next = p.due
    else:
        l.work = processing_ns(l, p)
        l.next = max(now, max(p.due, l.rx_busy) + l.work)


def stalled_until(l: Link, due: int) -> int:
    """A packet due inside a stall window comes out at its end."""
    for i in range(l.nstalls):
        s = l.stall[i]
        if s.start <= due < s.end:
            due = s.end
    return due


def travel(l: Link, p: Packet, done: int) -> None:
    """Fix the arrival of a packet serialised by `done`, and attribute what exceeds the propagation delay."""
    p.jitter = 0
    p.spike = 0
    p.hit = 0
    due = done + l.delay
    if l.random:
        d = l.draw[p.idx & (DRAWS - 1)]
        p.jitter = d.jitter
        p.spike = d.spike
        if d.spike > 0:
            p.hit = HIT_SPIKE
        if d.lost:
            p.drop = DROP_RANDOM
            p.due = max(due, l.last_due)  # its turn in the ring; it holds nobody
            l.lost += 1
            return
        due += d.jitter + d.spike
    if l.nstalls:
        until = stalled_until(l, due)
        if until > due:
            p.spike += until - due
            p.hit = HIT_STALL
            due = until
    if due < l.last_due:
        held = l.last_due - due
        if p.hit == 0 and held > 1000:
            p.hit = HIT_BEHIND
        if l.last_hit:
            p.spike += held
        else:
            p.jitter += held
        due = l.last_due
    else:
        l.last_hit = 1 if p.spike > 0 else 0
    l.last_due = due
    p.due = due


def next_slot(l: Link) -> int:
    """Where the next packet is to be written."""
    if l.len == 0:
        l.head = 0
    return (l.head + l.len) & (PACKETS - 1)


def overflows(l: Link, p: Packet, now: int) -> int:
    """Does the FIFO, which other traffic may share and which may be limited, have no room for the packet?"""
    if l.bg_gap:
        background(l, now)
    if l.limit == 0:
        return 0
    p.backlog = backlog_bytes(l, now)
    return 1 if p.backlog + p.iplen > l.limit else 0


def drop_at_tail(l: Link, p: Packet, now: int) -> None:
    """The FIFO is full."""
    p.drop = DROP_FULL
    p.svc = now
    p.done = now
    p.due = max(now, l.last_due)
    l.overflowed += 1


def link_send(l: Link, p: Packet, now: int) -> None:
    """Offer the packet just written into `next_slot`; its stamps, fate and arrival are decided here."""
    idx = l.idx
    l.idx = idx + 1
    p.idx = idx
    p.into = now
    p.drop = 0
    p.backlog = 0
    if l.random and l.drawn - l.idx < DRAWS // 4:
        l.need = 1
    if (l.limit or l.bg_gap) and overflows(l, p, now):
        drop_at_tail(l, p, now)
    else:
        begun = max(now, l.free)
        done = begun + serialisation_ns(l, p.iplen)
        p.svc = begun
        p.done = done
        l.free = done
        if l.limit:
            enter_backlog(l, done, p.iplen)
        travel(l, p, done)
    l.len += 1
    if l.len == 1:
        schedule_head(l, p, now)
    elif l.len >= PACKETS:
        l.err = ERR_PACKETS
        l.need = 1


def link_pop(l: Link, now: int) -> None:
    """The packet at the head has been processed: on to the next one."""
    l.rx_ns += l.work
    l.backlogged = 0
    l.warmed = 0
    l.head = (l.head + 1) & (PACKETS - 1)
    l.len -= 1
    if l.len:
        schedule_head(l, l.q[l.head], now)
    else:
        l.next = INF


def to_backlog(l: Link, now: int, until: int) -> None:
    """A read() owns the socket: the packet waits on its backlog, the core that receives packets goes on."""
    l.backlogged = 1
    l.rx_busy = now
    l.next = until
