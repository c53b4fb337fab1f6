"""Retransmitting: one skb, or whatever is marked lost and the window allows.

Small skbs lost together leave as one segment; Nagle has no say. What is still in the own qdisc is not sent again.

Linux: `__tcp_retransmit_skb()`, `tcp_retransmit_skb()`, `tcp_retrans_try_collapse()`, `tcp_xmit_retransmit_queue()`,
`skb_still_in_host_queue()` in tcp_output.c.
"""

from __future__ import annotations

from models.ca_state import in_cwnd_reduction
from models.constants import CA_LOSS, EVER_RETRANS, LOST, RETRANS, SACKED, TIMER_REO, TIMER_RTO
from models.fragment import adjust_pcount, collapse_next, fragment, set_tso_segs, trim_head
from models.inflight import packets_in_flight
from models.output import small_queue_full, tso_segs, window_end
from models.rearm import reset_xmit_timer
from models.state import PACKETS, Endpoint, Link
from models.timers import timestamp
from models.transmit import current_mss, transmit_skb


def in_host_queue(e: Endpoint, i: int) -> int:
    """Is a packet of skb `i` still in the own qdisc?"""
    k = e.skb[i]
    q = e.qd
    for n in range(q.len):
        p = q.q[(q.head + n) & (PACKETS - 1)]
        if p.len and p.seq < k.end and p.seq + p.len > k.seq:
            return 1
    return 0


def can_collapse(e: Endpoint, i: int) -> int:
    """May skb `i` be joined with a neighbour: one segment, not SACKed, not in the qdisc?"""
    k = e.skb[i]
    if k.pcount > 1 or k.sacked & SACKED:
        return 0
    return 1 - in_host_queue(e, i)


def try_collapse(e: Endpoint, i: int, space: int) -> None:
    """Join the small skbs behind `i` to it, up to `space` bytes."""
    k = e.skb[i]
    if can_collapse(e, i) == 0:
        return
    space -= k.end - k.seq
    while k.next and k.eor == 0 and can_collapse(e, k.next):
        b = e.skb[k.next]
        space -= b.end - b.seq
        if space < 0 or b.end > window_end(e):
            return
        collapse_next(e, i)


def shape(e: Endpoint, i: int, room: int, mss: int, segs: int) -> int:
    """Cut skb `i` to `segs` segments and to the `room` in the window, or fill its one segment up. 0 if that fails."""
    k = e.skb[i]
    length = mss * segs
    if length > room:
        length = room // mss * mss
        if length == 0:
            length = room
    if k.end - k.seq > length:
        return fragment(e, i, length, mss)
    before = k.pcount
    set_tso_segs(k, mss)
    if before != k.pcount:
        adjust_pcount(e, k.sacked, before - k.pcount)
    room = min(room, mss)
    if k.end - k.seq < room:
        try_collapse(e, i, room)
    return 1


def retransmit_unaccounted(e: Endpoint, l: Link, now: int, i: int, segs: int) -> int:
    """Send skb `i` again, `segs` segments at most. Returns 1 if it left (`__tcp_retransmit_skb`)."""
    k = e.skb[i]
    if in_host_queue(e, i):
        e.tsq_throttled = 1
        return 0
    if k.seq < e.snd_una:
        trim_head(e, i, e.snd_una - k.seq)
    mss = current_mss(e)
    room = window_end(e) - k.seq
    if room <= 0:
        if k.seq != e.snd_una:
            return 0
        room = mss  # the window closed: the head serves as its probe
    if shape(e, i, room, mss, segs) == 0:
        return 0
    e.total_retrans += k.pcount
    transmit_skb(e, l, now, i)
    k.sacked |= EVER_RETRANS
    return 1


def retransmit_skb(e: Endpoint, l: Link, now: int, i: int, segs: int) -> int:
    """Send skb `i` again and account for it. Returns 1 if it left."""
    k = e.skb[i]
    left = retransmit_unaccounted(e, l, now, i, segs)
    if left and k.sacked & RETRANS == 0:  # else an undo left it so; Linux counts it twice ("retrans_out leaked")
        k.sacked |= RETRANS
        e.retrans_out += k.pcount
    if e.retrans_stamp == 0:
        e.retrans_stamp = timestamp(e.host, k.sent) + 1
    e.undo_retrans = max(e.undo_retrans, 0) + k.pcount
    return left


def pacing_holds(e: Endpoint, now: int) -> int:
    """Does internal pacing hold the next skb? Then its timer is set (`tcp_pacing_check`)."""
    if e.pacing_on == 0 or e.wstamp <= now:
        return 0
    e.pace_at = min(e.pace_at, e.wstamp)
    return 1


def xmit_retransmit_queue(e: Endpoint, l: Link, now: int) -> None:
    """Retransmit what is marked lost, from the hint on, as far as the congestion window goes."""
    if e.packets_out == 0:
        return
    head = e.rtx_head
    max_segs = tso_segs(e, current_mss(e))
    i = e.retransmit_hint if e.retransmit_hint else head
    hole = 0
    rearm = 0
    while i and pacing_holds(e, now) == 0:
        k = e.skb[i]
        if hole == 0:
            e.retransmit_hint = i
        room = e.cwnd - packets_in_flight(e)
        if room <= 0 or e.retrans_out >= e.lost_out:
            break
        if k.sacked & LOST == 0:
            if hole == 0 and k.sacked & (RETRANS | SACKED) == 0:
                hole = i
        elif k.sacked & (RETRANS | SACKED) == 0:
            if small_queue_full(e, i, 1) or retransmit_skb(e, l, now, i, min(room, max_segs)) == 0:
                break
            if e.ca_state != CA_LOSS:
                e.fast_retransmits += k.pcount
            if in_cwnd_reduction(e):
                e.prr_out += k.pcount
            if i == head and e.timer != TIMER_REO:
                rearm = 1
        i = k.next
    if rearm:
        reset_xmit_timer(e, now, TIMER_RTO, e.rto)
