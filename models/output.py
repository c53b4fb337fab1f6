"""What may leave the send queue now: the gates of `tcp_write_xmit()`, in the kernel's order.

pacing, congestion window, receiver's window, Nagle (one segment) or TSO deferral (several), small queue; the first that
refuses the head is the reason everything behind it waits, and the send-queue clock runs it.

Linux: `tcp_write_xmit()`, `tcp_cwnd_test()`, `tcp_grow_skb()`, `tcp_snd_wnd_test()`, `tcp_tso_should_defer()`,
`tcp_mss_split_point()`, `tso_fragment()`, `tcp_small_queue_check()`, `tcp_event_new_data_sent()` in tcp_output.c.
"""

from __future__ import annotations

from models.clocks import QUEUE_NOTHING, end_queue_wait, switch
from models.congestion import cc_min_tso_segs
from models.constants import (
    CA_CWR,
    CA_RECOVERY,
    FREED_LATER_WRITE,
    FREED_WRITE,
    NAGLE_CORK,
    NAGLE_PUSH,
    TIMER_TLP,
)
from models.fragment import fragment, payload, set_tso_segs
from models.inflight import packets_in_flight
from models.nagle import holds_partial, minshall_update, nagle_holds
from models.rearm import probe0_timer, rearm_rto, rto_left
from models.skbuff import rtx_append, skb_free, sq_pop, sq_unlink
from models.slow_start import cwnd_validate
from models.sndbuf import check_space
from models.state import AUTOCORK, CORK, CWND, INF, NAGLE, PACING, RWND, SLOTS, TSO_DEFER, Endpoint, Link
from models.tlp import may_probe, schedule_loss_probe
from models.transmit import current_mss, transmit_skb

GSO_MAX_SIZE = 65_536
MILLISECOND = 1_000_000


def gso_max_size(e: Endpoint) -> int:
    """Payload of the largest super-segment (sk_gso_max_size)."""
    return GSO_MAX_SIZE - e.max_header - 1


def tso_segs(e: Endpoint, mss: int) -> int:
    """Segments a super-segment should have: about 1 ms at the pacing rate, more when the RTT is short."""
    size = e.pacing_rate >> 10
    r = e.min_rtt_v0 >> e.tso_rtt_log
    if r < 32:
        size += gso_max_size(e) >> r
    size = min(size, gso_max_size(e))
    return min(max(size // mss, cc_min_tso_segs(e)), e.gso_segs)


def cwnd_quota(e: Endpoint, room: int) -> int:
    """Segments a super-segment may have when cwnd has room for `room`: half of it at most, so that two bursts fit."""
    return max(min(e.cwnd >> 1, room), 1)


def window_end(e: Endpoint) -> int:
    """First byte the receiver's window does not cover."""
    return e.snd_una + e.snd_wnd


def fits_window(e: Endpoint, i: int, mss: int) -> int:
    """The first segment of skb `i` must fit the receiver's window entirely."""
    k = e.skb[i]
    end = window_end(e)
    return 1 if k.end <= end or k.seq + mss <= end else 0


def grow(e: Endpoint, i: int, amount: int) -> None:
    """Fill the head from the skb behind it, up to `amount` bytes."""
    k = e.skb[i]
    if k.next == 0 or k.eor or amount <= 0:
        return
    b = e.skb[k.next]
    n = min(amount, b.end - b.seq)
    k.end += n
    k.truesize += n
    b.seq += n
    b.truesize -= n
    if b.seq == b.end:
        k.psh |= b.psh
        k.fin |= b.fin
        k.eor = b.eor
        e.wmem_queued -= b.truesize
        j = k.next
        sq_unlink(e, j)
        skb_free(e, j)


def tso_defers(e: Endpoint, i: int, max_segs: int, now: int) -> int:
    """Would waiting a moment make a larger super-segment? 0 no, 1 yes, 2 cwnd-limited, 3 rwnd-limited."""
    k = e.skb[i]
    if e.ca_state >= CA_RECOVERY or now - e.wstamp > MILLISECOND:
        return 0
    send_win = window_end(e) - k.seq
    cong_win = (e.cwnd - packets_in_flight(e)) * e.mss
    limit = min(send_win, cong_win)
    if limit >= max_segs * e.mss:
        return 0
    if k.next and limit >= k.end - k.seq:
        return 0
    if e.tso_win_divisor:
        if limit >= min(e.snd_wnd, e.cwnd * e.mss) // e.tso_win_divisor:
            return 0
    elif limit > 3 * e.mss:
        return 0
    if e.rtx_head == 0:
        return 0
    srtt = e.srtt * 125  # ns: srtt is << 3 in us
    ack_in = e.skb[e.rtx_head].sent + srtt - now
    if ack_in > min(srtt >> 1, MILLISECOND):
        return 0
    if cong_win < send_win:
        if cong_win <= k.end - k.seq:
            return 2
    elif send_win <= k.end - k.seq:
        return 3
    if k.fin or k.eor:
        return 0
    return 1


def split_point(e: Endpoint, i: int, mss: int, max_segs: int, nonagle: int) -> int:
    """How much of skb `i` may leave: whole segments, and the tail if Nagle lets it go."""
    k = e.skb[i]
    window = window_end(e) - k.seq
    largest = mss * max_segs
    if largest <= window and k.next:
        return largest
    needed = min(payload(k), window)
    if largest <= needed:
        return largest
    partial = needed % mss
    if partial and holds_partial(e, nonagle):
        return needed - partial
    return needed


def small_queue_full(e: Endpoint, i: int, doublings: int) -> int:
    """TCP small queues: enough of our own bytes wait in the qdisc (only a shaper holds them here).

    `doublings` of the allowance: 0, for a retransmission 1. sk_wmem_alloc counts from 1.
    """
    if e.qd.rate == 0:
        return 0
    limit = max(2 * e.skb[i].truesize, e.pacing_rate >> 10)
    if e.pacing_on == 0:
        limit = min(limit, e.limit_output)
    if e.wmem_qdisc + 1 <= limit << doublings:
        return 0
    if e.rtx_head == 0 or e.rtx_head == e.rtx_tail:
        return 0
    e.tsq_throttled = 1
    return 1


def stamp_first_transmission(e: Endpoint, end: int, now: int, cause: int) -> None:
    """Messages whose last byte has just left for the first time stop waiting in the send queue."""
    w = e.w
    while w.first < w.accepted:
        m = w.m[w.slot[w.first & SLOTS]]
        if m.end > end:
            break
        end_queue_wait(e.clock, m, now)
        m.t_first = now
        m.freed = FREED_LATER_WRITE if cause == FREED_WRITE and m.t_acc < now else cause
        w.first += 1


def new_data_sent(e: Endpoint, i: int, now: int, probing: int) -> None:
    """Skb `i` moves from the send queue to the retransmit queue. `probing`: the loss probe will take the timer over."""
    k = e.skb[i]
    prior = e.packets_out
    e.snd_nxt = k.end
    sq_pop(e)
    rtx_append(e, i)
    if e.sacked_hint == 0:
        e.sacked_hint = i
    e.packets_out += k.pcount
    if probing == 0 and (prior == 0 or e.timer == TIMER_TLP):
        rearm_rto(e, now)
    check_space(e, now)


def gate(e: Endpoint, now: int, i: int, mss: int, quota: int, max_segs: int, nonagle: int, push_one: int) -> int:
    """The gates behind cwnd, for the head with `pcount` set: the cause that refuses it, or -1."""
    k = e.skb[i]
    if fits_window(e, i, mss) == 0:
        return RWND
    if k.pcount == 1:
        allowed = NAGLE_PUSH if k.next else nonagle
        if nagle_holds(e, payload(k), mss, k.fin, allowed):
            return CORK if allowed & NAGLE_CORK else NAGLE
    else:
        if push_one == 0:
            defer = tso_defers(e, i, max_segs, now)
            if defer == 2:
                e.defer_cwnd_limited = 1
            if defer:
                return TSO_DEFER
        limit = split_point(e, i, mss, quota, nonagle)
        if payload(k) > limit:
            fragment(e, i, limit, mss)
    if small_queue_full(e, i, 0):
        return AUTOCORK
    return -1


def write_xmit(e: Endpoint, l: Link, now: int, nonagle: int, push_one: int, cause: int) -> None:
    """Send what may be sent of what is queued. push_one 1 sends one skb, 2 a loss probe that ignores cwnd.

    `cause` (FREED_*) is what prompted the attempt. Where nothing is in flight then, only a timer can move the rest.
    """
    mss = current_mss(e)
    max_segs = 0
    probing = 1 if push_one != 2 and may_probe(e) else 0
    sent = 0
    refused = QUEUE_NOTHING + PACING
    e.defer_cwnd_limited = 0
    while e.sq_head:
        i = e.sq_head
        k = e.skb[i]
        if e.pacing_on and e.wstamp > now:
            e.pace_at = min(e.pace_at, e.wstamp)
            refused = PACING
            break
        room = e.cwnd - packets_in_flight(e)
        if room <= 0 and push_one != 2:
            refused = CWND
            break
        quota = 1
        if k.next or payload(k) > mss:  # it may make several segments
            if max_segs == 0:
                max_segs = tso_segs(e, mss)
            quota = min(cwnd_quota(e, room), max_segs)
            grow(e, i, quota * mss - payload(k))
            set_tso_segs(k, mss)
        else:
            k.gso_size = 0
            k.pcount = 1
        why = gate(e, now, i, mss, quota, max_segs, nonagle, push_one)
        if why >= 0:
            refused = why
            break
        transmit_skb(e, l, now, i)
        new_data_sent(e, i, now, probing)
        minshall_update(e, payload(k), k.pcount, mss, k.end)
        sent += k.pcount
        stamp_first_transmission(e, k.end, now, cause)
        if push_one:
            break
    if push_one == 0 or e.sq_head == 0:
        e.held_by = refused
        switch(e.clock, now, refused - PACING)
    limited = 1 if e.defer_cwnd_limited or packets_in_flight(e) >= e.cwnd else 0
    if sent or limited:
        cwnd_validate(e, now, limited)
    if sent:
        if e.ca_state == CA_CWR or e.ca_state == CA_RECOVERY:
            e.prr_out += sent
        if probing:
            schedule_loss_probe(e, now, rto_left(e, now))
    elif push_one == 0:
        probe0_timer(e, now)


def push_pending(e: Endpoint, l: Link, now: int, nonagle: int, cause: int) -> None:
    """Send what may be sent (`__tcp_push_pending_frames()`)."""
    if e.sq_head:
        write_xmit(e, l, now, nonagle, 0, cause)


def pacing_timer(e: Endpoint, l: Link, now: int, cause: int) -> None:
    """The pacing hrtimer: the next skb may leave."""
    e.pace_at = INF
    push_pending(e, l, now, e.nonagle, cause)
