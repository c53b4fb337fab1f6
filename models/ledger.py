"""The ledger: every nanosecond of every message has one cause, and they sum exactly.

A message's latency runs from its intended time t0 to t9, when the read that delivers its last byte returns:

    t0 intended   t1 write called   t2 in the send queue   t3 first transmission   t4 the copy that arrives first leaves
    t5, t6 the link serialises it   t7 it arrives   t8 all bytes before it have arrived   t9 read

t0..t2 is charged by the writer's reason clock, t2..t3 by the send queue's (see `models.clocks`); the rest here, from
the stamps of the packet that brought the last byte. Causes are `models.state.CAUSES`.
"""

from __future__ import annotations

from models.state import (
    CPU,
    IN_ORDER,
    JITTER,
    LOSS_RECOVERY,
    NCAUSES,
    PROPAGATION,
    QDISC,
    QUEUEING,
    READER,
    SERIALISATION,
    SLOTS,
    SPIKE,
    Endpoint,
    Message,
    Packet,
)

NEVER = -1


def open_ledger(m: Message) -> None:
    """A message that has not arrived yet."""
    m.t_arr = NEVER
    m.t_read = NEVER
    m.own_done = NEVER
    m.own_start = 0
    m.end = 0
    m.writes = 0
    m.stream = 0
    for k in range(NCAUSES):
        m.x[k] = 0


def stamp_own_run(m: Message, p: Packet) -> None:
    """A packet brought earlier bytes of the message: its own segments on the link are service, not queueing."""
    if p.svc != m.own_done:
        m.own_start = p.svc
    m.own_done = p.done


def stamp_arrival(m: Message, p: Packet, now: int, shaped: int) -> None:
    """The packet brought the last byte; `now` is when the host has processed it. Charges t3..t7 and that work."""
    m.t_sent = p.tx
    m.t_svc = p.svc
    if p.svc == m.own_done:
        m.t_svc = max(m.own_start, p.into)
    m.t_done = p.done
    m.t_arr = p.due
    m.rest = now
    m.retrans = p.retrans
    m.x[LOSS_RECOVERY] += p.tx - m.t_first
    if shaped:
        m.x[QDISC] += p.into - p.tx
    else:
        m.x[CPU] += p.into - p.tx
    m.x[QUEUEING] += m.t_svc - p.into
    m.x[SERIALISATION] += p.done - m.t_svc
    m.x[JITTER] += p.jitter
    m.x[SPIKE] += p.spike
    m.x[PROPAGATION] += p.due - p.done - p.jitter - p.spike
    m.x[CPU] += now - p.due


def stamp_order(m: Message, hole: int, now: int) -> None:
    """All bytes before the message's end have arrived. `hole` is where the packet that filled the last hole began.

    A message of its own whose bytes were in that hole waited for a retransmission; one behind it for order.
    """
    waited = now - m.rest
    if waited > 0:
        if m.start < hole:
            m.x[LOSS_RECOVERY] += waited
        else:
            m.x[IN_ORDER] += waited
    m.t_ord = now


def arrivals(src: Endpoint, p: Packet, rcv_nxt: int, hole: int, now: int) -> None:
    """Stamp the messages whose last byte this packet is the first to bring; those before `rcv_nxt` are in order."""
    w = src.w
    end = p.seq + p.len
    i = w.ordered
    while i < w.first:
        m = w.m[w.slot[i & SLOTS]]
        if m.end > end:
            if m.start < end:
                stamp_own_run(m, p)
            return
        if m.end > p.seq and m.t_arr == NEVER:
            stamp_arrival(m, p, now, src.qd.rate)
        i += 1
        if m.end <= rcv_nxt:
            stamp_order(m, hole, now)
            w.ordered = i


def in_order(src: Endpoint, rcv_nxt: int, hole: int, now: int) -> None:
    """The packet filled a hole: what came before it is in order now."""
    w = src.w
    while w.ordered < w.first:
        m = w.m[w.slot[w.ordered & SLOTS]]
        if m.end > rcv_nxt:
            return
        stamp_order(m, hole, now)
        w.ordered += 1


def close_ledger(m: Message, runnable: int, reads: int, now: int) -> None:
    """The read that took the message's last byte has returned; the application could have read from `runnable` on."""
    slept = max(0, runnable - m.t_ord)
    m.x[READER] += slept
    m.x[CPU] += now - m.t_ord - slept
    m.t_read = now
    m.read_no = reads
