"""Taking a window reduction back when the retransmissions prove to have been unnecessary.

Two proofs: the ACK that covers the hole echoes a timestamp from before the first retransmission (Eifel, RFC 3522), so
the original did it; or DSACKs report every retransmitted segment as a duplicate. Then window and threshold are what
they were.

Linux: `tcp_init_undo()`, `tcp_may_undo()`, `tcp_packet_delayed()`, `tcp_undo_cwnd_reduction()`, `tcp_try_undo_*()` in
tcp_input.c.
"""

from __future__ import annotations

from models.ca_state import any_retrans_done, set_ca_state, try_keep_open
from models.congestion import cc_undo_cwnd
from models.constants import CA_OPEN, EVER_OR_NOW_RETRANS, LOST
from models.rack import REO_WND_PERSIST
from models.sack import check_sack_reordering
from models.state import Endpoint
from models.timers import timestamp


def init_undo(e: Endpoint) -> None:
    """An episode of retransmissions begins: count those a DSACK may still report."""
    e.undo_marker = e.snd_una + 1
    e.undo_retrans = e.retrans_out
    if e.tlp_high_seq and e.tlp_retrans:
        e.undo_retrans += 1
    if e.undo_retrans == 0:
        e.undo_retrans = -1  # 0 means that all have been reported


def spurious_retrans(e: Endpoint, i: int) -> int:
    """Was skb `i` retransmitted in vain: does the echo date from before? (`tcp_skb_spurious_retrans`)"""
    k = e.skb[i]
    return 1 if e.timestamps and k.sacked & EVER_OR_NOW_RETRANS and e.last_tsecr < timestamp(e.host, k.sent) else 0


def packet_delayed(e: Endpoint) -> int:
    """Does the echo date from before the first retransmission? Then the segment was late, not lost."""
    if e.retrans_stamp == 0:
        return 1  # nothing was retransmitted
    return 1 if e.timestamps and e.last_tsecr < e.retrans_stamp - 1 else 0


def may_undo(e: Endpoint) -> int:
    """Is there a reduction to undo, and a proof?"""
    return 1 if e.undo_marker and (e.undo_retrans == 0 or packet_delayed(e)) else 0


def undo_cwnd_reduction(e: Endpoint, now: int, unmark_loss: int) -> None:
    """Window and threshold as before; with `unmark_loss` nothing counts as lost any more."""
    if unmark_loss:
        i = e.rtx_head
        while i:
            e.skb[i].sacked &= ~LOST
            i = e.skb[i].next
        e.lost_out = 0
        e.retransmit_hint = 0
    if e.prior_ssthresh:
        e.cwnd = cc_undo_cwnd(e)
        e.ssthresh = max(e.ssthresh, e.prior_ssthresh)
    e.cwnd_stamp = now
    e.undo_marker = 0
    e.rack_advanced = 1  # look at the losses again
    e.undos += 1


def try_undo_recovery(e: Endpoint, now: int) -> None:
    """Everything outstanding at the start of the episode is acknowledged: undo if it was for nothing, and be Open."""
    if may_undo(e):
        undo_cwnd_reduction(e, now, 0)
    elif e.reo_wnd_persist:
        e.reo_wnd_persist -= 1
    set_ca_state(e, now, CA_OPEN)
    e.is_sack_reneg = 0


def try_undo_dsack(e: Endpoint, now: int) -> int:
    """All retransmissions were reported as duplicates. Returns 1 if the reduction was undone."""
    if e.undo_marker == 0 or e.undo_retrans:
        return 0
    e.reo_wnd_persist = min(REO_WND_PERSIST, e.reo_wnd_persist + 1)
    undo_cwnd_reduction(e, now, 0)
    return 1


def try_undo_partial(e: Endpoint, now: int, prior_una: int) -> int:
    """A partial ACK in Recovery: a late original fills the hole. Returns 1 while retransmissions are out: then wait."""
    if e.undo_marker == 0 or packet_delayed(e) == 0:
        return 0
    check_sack_reordering(e, prior_una)
    if e.retrans_out:
        return 1
    if any_retrans_done(e) == 0:
        e.retrans_stamp = 0
    undo_cwnd_reduction(e, now, 1)
    try_keep_open(e, now)
    return 0


def try_undo_loss(e: Endpoint, now: int, frto: int) -> int:
    """The timeout was spurious: by F-RTO's reasoning, or by the usual proofs. Returns 1 if it was undone."""
    if frto == 0 and may_undo(e) == 0:
        return 0
    undo_cwnd_reduction(e, now, 1)
    if frto:
        e.spurious_rtos += 1
    e.retransmits = 0
    set_ca_state(e, now, CA_OPEN)
    e.is_sack_reneg = 0
    return 1
