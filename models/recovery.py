"""Loss recovery: what an unusual ACK means for the state of the connection, and what is to be retransmitted.

Open is normal. Disorder: something is SACKed or duplicate, nothing proven. CWR: the window is being reduced without a
loss. Recovery: RACK found a loss, the window is being reduced, the lost is retransmitted. Loss: the RTO fired; the
window is one segment more than what is in flight, and F-RTO watches whether the timeout was spurious.

Linux: `tcp_fastretrans_alert()`, `tcp_enter_recovery()`, `tcp_enter_loss()`, `tcp_timeout_mark_lost()`,
`tcp_process_loss()`, `tcp_identify_packet_loss()`, `tcp_check_sack_reneging()`, `tcp_xmit_recovery()` in tcp_input.c.
RFC 6675, RFC 8985, RFC 5682.
"""

from __future__ import annotations

from models.ca_state import any_retrans_done, in_cwnd_reduction, set_ca_state, try_keep_open
from models.congestion import cc_event, cc_ssthresh
from models.constants import (
    CA_CWR,
    CA_DISORDER,
    CA_LOSS,
    CA_OPEN,
    CA_RECOVERY,
    EVENT_LOSS,
    FLAG_DATA_SACKED,
    FLAG_LOST_RETRANS,
    FLAG_ORIG_SACK_ACKED,
    FLAG_SACK_RENEGING,
    FLAG_SET_XMIT_TIMER,
    FLAG_SND_UNA_ADVANCED,
    FREED_ACK,
    NAGLE_OFF,
    REORDERING,
    REXMIT_LOST,
    REXMIT_NEW,
    SACKED,
    TIMER_RTO,
)
from models.inflight import packets_in_flight
from models.output import push_pending, window_end
from models.prr import end_cwnd_reduction, init_cwnd_reduction
from models.rack import mark_skb_lost, rack_mark_lost, rack_skb_timeout
from models.rearm import reset_unpaced
from models.retransmit import xmit_retransmit_queue
from models.slow_start import current_ssthresh
from models.state import Endpoint, Link
from models.undo import init_undo, try_undo_dsack, try_undo_loss, try_undo_partial, try_undo_recovery

RENEGING_WAIT = 10_000
"""us: how long a receiver that seems to have dropped SACKed data gets to prove otherwise, at least"""


# ---- entering ---------------------------------------------------------------------------------------------------


def enter_recovery(e: Endpoint, now: int) -> None:
    """A loss is proven: reduce the window, unless that is under way already."""
    if any_retrans_done(e) == 0:
        e.retrans_stamp = 0
    e.prior_ssthresh = 0
    init_undo(e)
    if in_cwnd_reduction(e) == 0:
        e.prior_ssthresh = current_ssthresh(e)
        init_cwnd_reduction(e, now)
    set_ca_state(e, now, CA_RECOVERY)


def timeout_mark_lost(e: Endpoint, now: int) -> None:
    """At the RTO the head is lost, and so is what was sent a round trip ago.

    If the head had been SACKed the receiver has dropped what it had (reneging): all SACKs are forgotten.
    """
    head = e.rtx_head
    reneging = e.skb[head].sacked & SACKED
    if reneging:
        e.sacked_out = 0
        e.is_sack_reneg = 1
    i = head
    while i:
        if reneging:
            e.skb[i].sacked &= ~SACKED
        if reneging or i == head or rack_skb_timeout(e, now, i, 0) <= 0:
            mark_skb_lost(e, i)
        i = e.skb[i].next
    e.retransmit_hint = 0


def enter_loss(e: Endpoint, now: int) -> None:
    """The RTO fired."""
    was_recovering = e.ca_state >= CA_RECOVERY
    timeout_mark_lost(e, now)
    first_timeout = e.ca_state == CA_LOSS and e.retransmits == 0
    if e.ca_state <= CA_DISORDER or e.high_seq <= e.snd_una or first_timeout:
        e.prior_ssthresh = current_ssthresh(e)
        e.prior_cwnd = e.cwnd
        e.ssthresh = cc_ssthresh(e, now)
        cc_event(e, now, EVENT_LOSS)
        init_undo(e)
    e.cwnd = packets_in_flight(e) + 1
    e.cwnd_cnt = 0
    e.cwnd_stamp = now
    if e.ca_state <= CA_DISORDER and e.sacked_out >= REORDERING:
        e.reordering = min(e.reordering, REORDERING)
    set_ca_state(e, now, CA_LOSS)
    e.high_seq = e.snd_nxt
    e.tlp_high_seq = 0
    e.frto = 1 if e.frto_enabled and (not was_recovering or e.retransmits) else 0


# ---- what an ACK changes ----------------------------------------------------------------------------------------


def identify_packet_loss(e: Endpoint, now: int) -> None:
    """Let RACK look; note whether it waits, and whether a retransmission was lost."""
    if e.rtx_head == 0:
        return
    before = e.retrans_out
    if rack_mark_lost(e, now):
        e.ack_flag &= ~FLAG_SET_XMIT_TIMER
    if before > e.retrans_out:
        e.ack_flag |= FLAG_LOST_RETRANS


def try_to_open(e: Endpoint, now: int) -> None:
    """Nothing is lost: Open or Disorder, unless the window is being reduced."""
    if any_retrans_done(e) == 0:
        e.retrans_stamp = 0
    if e.ca_state != CA_CWR:
        try_keep_open(e, now)


def frto_decides(e: Endpoint, now: int, recovered: int, num_dupack: int) -> int:
    """F-RTO (RFC 5682, SACK version): was the timeout spurious? Returns 1 when that settles this ACK."""
    flag = e.ack_flag
    if flag & FLAG_ORIG_SACK_ACKED and try_undo_loss(e, now, 1):
        return 1  # step 3.b: something never retransmitted arrived
    if e.snd_nxt > e.high_seq:
        if flag & FLAG_DATA_SACKED or num_dupack:
            e.frto = 0  # step 3.a: the loss was real
    elif flag & FLAG_SND_UNA_ADVANCED and recovered == 0:
        e.high_seq = e.snd_nxt
        if e.sq_head and window_end(e) > e.snd_nxt:
            e.ack_rexmit = REXMIT_NEW  # step 2.b: send new data and see what comes back
            return 1
        e.frto = 0
    return 0


def process_loss(e: Endpoint, now: int, num_dupack: int) -> None:
    """An ACK in Loss: leave it if it was spurious or all is repaired, else retransmit more."""
    recovered = 1 if e.snd_una >= e.high_seq else 0
    if e.ack_flag & FLAG_SND_UNA_ADVANCED and try_undo_loss(e, now, 0):
        return
    if e.frto and frto_decides(e, now, recovered, num_dupack):
        return
    if recovered:
        try_undo_recovery(e, now)
        return
    e.ack_rexmit = REXMIT_LOST


def leave_finished(e: Endpoint, now: int) -> None:
    """Everything outstanding when the episode began is acknowledged: CWR and Recovery are over."""
    if e.ca_state == CA_CWR:
        if e.snd_una != e.high_seq:
            end_cwnd_reduction(e, now)
            set_ca_state(e, now, CA_OPEN)
    elif e.ca_state == CA_RECOVERY:
        try_undo_recovery(e, now)
        end_cwnd_reduction(e, now)


def in_recovery(e: Endpoint, now: int, prior_una: int) -> None:
    """An ACK in Recovery."""
    if e.ack_flag & FLAG_SND_UNA_ADVANCED and try_undo_partial(e, now, prior_una):
        return
    if try_undo_dsack(e, now):
        try_to_open(e, now)
    identify_packet_loss(e, now)
    if e.ca_state != CA_RECOVERY:
        if e.lost_out == 0:
            return
        enter_recovery(e, now)
    e.ack_rexmit = REXMIT_LOST


def check_sack_reneging(e: Endpoint, now: int) -> int:
    """The ACK stops in front of data SACKed before: give the receiver a moment, then time out. Returns 1 if so."""
    if e.ack_flag & FLAG_SACK_RENEGING == 0 or e.ack_flag & FLAG_SND_UNA_ADVANCED == 0:
        return 0
    reset_unpaced(e, now, TIMER_RTO, max(e.srtt >> 4, RENEGING_WAIT))
    e.ack_flag &= ~FLAG_SET_XMIT_TIMER
    return 1


def fastretrans_alert(e: Endpoint, now: int, prior_una: int, num_dupack: int) -> None:
    """The state machine: an ACK came that is unusual, or that finds the connection not Open.

    What is to be sent for it is left in `ack_rexmit`; `ack_flag` says whether the timer is still to be set.
    """
    if e.packets_out == 0:
        e.sacked_out = 0
    if check_sack_reneging(e, now):
        return
    if e.ca_state == CA_OPEN:
        e.retrans_stamp = 0
    elif e.snd_una >= e.high_seq:
        leave_finished(e, now)
    if e.ca_state == CA_RECOVERY:
        in_recovery(e, now, prior_una)
        return
    if e.ca_state == CA_LOSS:
        process_loss(e, now, num_dupack)
        identify_packet_loss(e, now)
        if e.ca_state != CA_OPEN and e.ack_flag & FLAG_LOST_RETRANS == 0:
            return
    if e.ca_state <= CA_DISORDER:
        try_undo_dsack(e, now)
    identify_packet_loss(e, now)
    if e.lost_out == 0:
        try_to_open(e, now)
        return
    enter_recovery(e, now)
    e.ack_rexmit = REXMIT_LOST


# ---- what is sent for it ----------------------------------------------------------------------------------------


def xmit_recovery(e: Endpoint, l: Link, now: int) -> None:
    """The window has been settled: send what `ack_rexmit` (not REXMIT_NONE) asks for."""
    if e.ack_rexmit == REXMIT_NEW:
        push_pending(e, l, now, NAGLE_OFF, FREED_ACK)
        if e.snd_nxt > e.high_seq:
            return
        e.frto = 0
    xmit_retransmit_queue(e, l, now)
