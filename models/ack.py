"""An ACK arrives at the sender: what it acknowledges leaves the retransmit queue, and all else follows from that.

In order: the window, SACK blocks, the retransmit queue, the RTT, the tail loss probe, the recovery state machine, the
timer, the delivery rate, the congestion window, and last what is to be retransmitted. An ACK that is neither duplicate
nor SACKing, of a connection in the Open state, takes the short way past recovery. Sending new data is the caller's
next step.

Linux: `tcp_ack()`, `tcp_ack_update_window()`, `tcp_clean_rtx_queue()`, `tcp_tso_acked()`, `tcp_ack_probe()`,
`tcp_ack_is_dubious()`, `tcp_cong_control()`, `tcp_set_xmit_timer()` in tcp_input.c. RFC 9293 section 3.10.7.4.
"""

from __future__ import annotations

from models.ca_state import in_cwnd_reduction
from models.congestion import cc_acked, cc_cong_avoid, cc_control, cc_has_control, cc_update_pacing_rate
from models.constants import (
    CA_OPEN,
    EVER_OR_NOW_RETRANS,
    FLAG_ACK_MAYBE_DELAYED,
    FLAG_CA_ALERT,
    FLAG_DATA,
    FLAG_DATA_ACKED,
    FLAG_DSACKING_ACK,
    FLAG_FORWARD_PROGRESS,
    FLAG_NOT_DUP,
    FLAG_ORIG_SACK_ACKED,
    FLAG_RETRANS_DATA_ACKED,
    FLAG_SACK_RENEGING,
    FLAG_SET_XMIT_TIMER,
    FLAG_SND_UNA_ADVANCED,
    FLAG_WIN_UPDATE,
    LOST,
    REORDERING,
    RETRANS,
    REXMIT_NONE,
    SACKED,
    TIMER_PROBE0,
)
from models.fragment import rtx_free, trim_head
from models.inflight import highest_sack_seq, packets_in_flight
from models.output import window_end
from models.prr import cwnd_reduction
from models.rack import rack_advance, rack_update_reo_wnd
from models.rate import rate_gen, rate_skb_delivered
from models.rearm import clear_xmit_timer, probe0_when, rearm_rto, reset_xmit_timer
from models.recovery import fastretrans_alert, xmit_recovery
from models.rtt import ack_update_rtt, us_since
from models.sack import check_sack_reordering, sacktag_write_queue
from models.slow_start import slow_start_after_idle
from models.state import Endpoint, Link, Packet
from models.tlp import may_probe, process_tlp_ack, schedule_loss_probe
from models.undo import spurious_retrans

# ---- the window -------------------------------------------------------------------------------------------------


def ack_update_window(e: Endpoint, now: int, ack: int, seq: int, wnd: int) -> None:
    """Take over the window of the latest segment, and move snd_una."""
    if ack > e.snd_una or seq > e.snd_wl1 or (seq == e.snd_wl1 and (wnd > e.snd_wnd or wnd == 0)):
        e.ack_flag |= FLAG_WIN_UPDATE
        e.snd_wl1 = seq
        if e.snd_wnd != wnd:
            e.snd_wnd = wnd
            if e.sq_head:
                slow_start_after_idle(e, now)
            e.max_window = max(e.max_window, wnd)
    e.snd_una = ack


def ack_probe(e: Endpoint, now: int) -> None:
    """Nothing was in flight, so the packet is about the window: if it opened, stop probing, else probe on."""
    if e.sq_head == 0:
        return
    if e.skb[e.sq_head].end <= window_end(e):
        e.backoff = 0
        clear_xmit_timer(e)
    else:
        reset_xmit_timer(e, now, TIMER_PROBE0, probe0_when(e))


# ---- the retransmit queue ---------------------------------------------------------------------------------------


def segments_acked(e: Endpoint, i: int) -> int:
    """Segments of skb `i` below snd_una; if that is not all of it, they are cut off."""
    k = e.skb[i]
    if k.end <= e.snd_una:
        return k.pcount
    if k.pcount == 1 or e.snd_una <= k.seq:
        return 0
    before = k.pcount
    trim_head(e, i, e.snd_una - k.seq)
    return before - k.pcount


def count_acked(e: Endpoint, now: int, i: int, start: int, pcount: int) -> None:
    """`pcount` segments of skb `i`, which began at `start`, were acknowledged."""
    k = e.skb[i]
    sacked = k.sacked
    sent = k.sent // 1000
    if sacked & EVER_OR_NOW_RETRANS:
        if sacked & RETRANS:
            e.retrans_out -= pcount
        e.ack_flag |= FLAG_RETRANS_DATA_ACKED
    elif sacked & SACKED == 0:
        e.ack_last = sent
        if e.ack_first < 0:
            e.ack_first = sent
        e.ack_reord = min(e.ack_reord, start)
        if k.end <= e.high_seq:
            e.ack_flag |= FLAG_ORIG_SACK_ACKED
    if sacked & SACKED:
        e.sacked_out -= pcount
    else:
        e.delivered += pcount
        if sacked & EVER_OR_NOW_RETRANS == 0 or spurious_retrans(e, i) == 0:
            rack_advance(e, now, sacked, k.end, sent)
    if sacked & LOST:
        e.lost_out -= pcount
    e.packets_out -= pcount
    rate_skb_delivered(e, i, sent)
    e.ack_flag |= FLAG_DATA_ACKED


def take_acked(e: Endpoint, now: int) -> int:
    """Free every skb below snd_una, cut the one it is in. Returns segments acknowledged."""
    acked = 0
    i = e.rtx_head
    while i:
        k = e.skb[i]
        start = k.seq
        pcount = segments_acked(e, i)
        if pcount == 0:
            break
        count_acked(e, now, i, start, pcount)
        acked += pcount
        if k.end > e.snd_una:
            break
        following = k.next
        if e.retransmit_hint == i:
            e.retransmit_hint = 0
        if e.sacked_hint == i:
            e.sacked_hint = following
        rtx_free(e, i)
        i = following
    return acked


def maybe_delayed(e: Endpoint, acked: int, prior_head: int, prior_sacked: int, prior_una: int) -> int:
    """Does this look like a delayed ACK: a lone small segment that had the path to itself?"""
    if acked != 1 or prior_sacked or e.rs_prior_delivered + 1 != e.delivered:
        return 0
    return 1 if prior_head != e.rtx_head and e.snd_una - prior_una < e.mss else 0


def clean_rtx_queue(e: Endpoint, now: int, prior_fack: int, prior_una: int) -> None:
    """What is acknowledged leaves the retransmit queue; the RTT and the reordering it shows are noted."""
    prior_sacked = e.sacked_out
    prior_head = e.rtx_head
    e.ack_reord = e.snd_nxt
    acked = take_acked(e, now)
    head = e.rtx_head
    if head and e.skb[head].sacked & SACKED:
        e.ack_flag |= FLAG_SACK_RENEGING
    us = now // 1000
    seq_rtt = -1
    sack_rtt = -1
    ca_rtt = -1
    if e.ack_first >= 0 and e.ack_flag & FLAG_RETRANS_DATA_ACKED == 0:
        seq_rtt = max(us - e.ack_first, 0)
        ca_rtt = max(us - e.ack_last, 0)
        if maybe_delayed(e, acked, prior_head, prior_sacked, prior_una):
            e.ack_flag |= FLAG_ACK_MAYBE_DELAYED
    if e.sack_first >= 0:
        sack_rtt = max(us - e.sack_first, 0)
        ca_rtt = max(us - e.sack_last, 0)
    sampled = ack_update_rtt(e, now, e.ack_flag, seq_rtt, sack_rtt, ca_rtt)
    if acked:
        e.ack_flag |= FLAG_SET_XMIT_TIMER
        if e.ack_reord < prior_fack:
            check_sack_reordering(e, e.ack_reord)
    elif head and sampled and sack_rtt >= 0 and sack_rtt > us_since(now, e.skb[head].sent):
        e.ack_flag |= FLAG_SET_XMIT_TIMER  # what was SACKed is older than the head's latest transmission
    cc_acked(e, now, e.rs_rtt, acked, e.mss * (e.delivered - e.rs_prior_delivered))


# ---- what follows -----------------------------------------------------------------------------------------------


def is_dubious(e: Endpoint) -> int:
    """Does the state machine have to look at this ACK?"""
    flag = e.ack_flag
    return 1 if flag & FLAG_NOT_DUP == 0 or flag & FLAG_CA_ALERT or e.ca_state != CA_OPEN else 0


def is_dupack(e: Endpoint) -> int:
    """Does it tell nothing new at all?"""
    return 1 if e.ack_flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DSACKING_ACK) == 0 else 0


def may_raise_cwnd(e: Endpoint) -> int:
    """Only data acknowledged in order opens the window, unless the path is known to reorder."""
    if e.reordering > REORDERING:
        return e.ack_flag & FLAG_FORWARD_PROGRESS
    return e.ack_flag & FLAG_DATA_ACKED


def cong_control(e: Endpoint, now: int, ack: int, delivered: int, lost: int) -> None:
    """`delivered` segments were (S)ACKed, `lost` marked: the congestion window, and the pacing rate that follows."""
    if cc_has_control(e):
        cc_control(e, now, ack, e.ack_flag)
        return
    if in_cwnd_reduction(e):
        cwnd_reduction(e, delivered, lost, e.ack_flag)
    elif may_raise_cwnd(e):
        cc_cong_avoid(e, now, ack, delivered)
        e.cwnd_stamp = now
    cc_update_pacing_rate(e)


def set_xmit_timer(e: Endpoint, now: int) -> None:
    """Progress: nothing is in flight any more, or a loss probe if one may be sent, else the RTO."""
    if e.packets_out == 0:
        clear_xmit_timer(e)
    elif may_probe(e):
        schedule_loss_probe(e, now, e.rto)
    else:
        rearm_rto(e, now)


# ---- the ACK ----------------------------------------------------------------------------------------------------


def begin_ack(e: Endpoint, p: Packet) -> None:
    """Forget the previous ACK."""
    e.ack_flag = FLAG_DATA if p.len else 0
    e.ack_rexmit = REXMIT_NONE
    e.ack_first = -1
    e.sack_first = -1
    e.sack_delivered = 0
    e.rs_prior_delivered = 0


def sacktag(e: Endpoint, now: int, p: Packet, prior_una: int) -> None:
    """Work in the SACK blocks of packet `p`."""
    sacktag_write_queue(e, now, p.ack, prior_una, p.nsack, p.s0, p.e0, p.s1, p.e1, p.s2, p.e2)


def old_ack(e: Endpoint, l: Link, now: int, p: Packet) -> None:
    """An ACK overtaken by a later one: only its SACK blocks can be news."""
    prior_una = e.snd_una
    if p.ack < prior_una - e.max_window or p.nsack == 0:
        return
    sacktag(e, now, p, prior_una)
    fastretrans_alert(e, now, prior_una, 0)
    if e.ack_rexmit:
        xmit_recovery(e, l, now)


def ack_of_nothing(e: Endpoint, now: int, ack: int, prior_una: int) -> None:
    """Nothing was in flight: it can only be about the window, or report a duplicate."""
    if e.ack_flag & FLAG_DSACKING_ACK:
        fastretrans_alert(e, now, prior_una, 0)
    ack_probe(e, now)
    if e.tlp_high_seq:
        process_tlp_ack(e, now, ack, e.ack_flag)


def tcp_ack(e: Endpoint, l: Link, now: int, p: Packet) -> None:
    """Work in the ACK field, window and SACK blocks of packet `p`; retransmissions go onto `l`.

    Data that comes in sequence while the header is as predicted, with an ACK field that is old news, does not get here
    in Linux.
    """
    begin_ack(e, p)
    prior_una = e.snd_una
    ack = p.ack
    if ack < prior_una:
        old_ack(e, l, now, p)
        return
    if ack > e.snd_nxt:
        return
    prior_packets = e.packets_out
    prior_delivered = e.delivered
    prior_lost = e.lost
    was_reneging = e.is_sack_reneg
    prior_fack = highest_sack_seq(e)
    if cc_has_control(e):
        e.rs_prior_in_flight = packets_in_flight(e)
    if ack > prior_una:
        e.ack_flag |= FLAG_SND_UNA_ADVANCED
        e.retransmits = 0
    ack_update_window(e, now, ack, p.seq, p.wnd)
    if p.nsack:
        sacktag(e, now, p, prior_una)
        e.delivered += e.sack_delivered
    e.probes_out = 0
    if prior_packets == 0:
        ack_of_nothing(e, now, ack, prior_una)
        return
    clean_rtx_queue(e, now, prior_fack, prior_una)
    rack_update_reo_wnd(e)
    if e.tlp_high_seq:
        process_tlp_ack(e, now, ack, e.ack_flag)
    if is_dubious(e):
        fastretrans_alert(e, now, prior_una, is_dupack(e))
    if e.ack_flag & FLAG_SET_XMIT_TIMER:
        set_xmit_timer(e, now)
    delivered = e.delivered - prior_delivered
    lost = e.lost - prior_lost
    if e.sampling:
        rate_gen(e, now, delivered, lost, was_reneging)
    cong_control(e, now, ack, delivered, lost)
    if e.ack_rexmit:
        xmit_recovery(e, l, now)
