"""RACK: a segment is lost when one sent later has arrived and it has had its round trip and a little more.

The "little more" is the reordering window: nothing once recovery has begun or three segments were SACKed, as long as no
reordering was ever seen; else a quarter of the minimum RTT, and a further quarter for every round in which a DSACK
showed that this was too little. Until it has passed, the REO timer waits.

Linux: tcp_recovery.c; `tcp_mark_skb_lost()`, `tcp_verify_retransmit_hint()` in tcp_input.c. RFC 8985.
"""

from __future__ import annotations

from models.constants import CA_RECOVERY, EVER_OR_NOW_RETRANS, LOST, RETRANS, SACKED, TIMER_REO
from models.rate import sent_after
from models.rearm import reset_unpaced
from models.rtt import us_since
from models.skbuff import ts_unlink
from models.state import Endpoint

STATIC_REO_WND = 2
"""tcp_recovery bit: DSACKs do not widen the reordering window."""
NO_DUPTHRESH = 4
"""tcp_recovery bit: three SACKed segments do not close it."""
TIMER_SLACK = 2000
"""TCP_TIMEOUT_MIN_US"""
MAX_REO_STEPS = 255
REO_WND_PERSIST = 16
"""TCP_RACK_RECOVERY_THRESH: recoveries a widened window lasts."""


def verify_retransmit_hint(e: Endpoint, i: int) -> None:
    """Skb `i` is about to be marked lost: it may be the next one to retransmit."""
    hint = e.retransmit_hint
    if hint == 0:
        if e.retrans_out >= e.lost_out:
            e.retransmit_hint = i
    elif e.skb[i].seq < e.skb[hint].seq:
        e.retransmit_hint = i


def mark_skb_lost(e: Endpoint, i: int) -> None:
    """`tcp_mark_skb_lost()`: the skb was lost, or its retransmission was."""
    k = e.skb[i]
    if k.sacked & SACKED:
        return
    verify_retransmit_hint(e, i)
    if k.sacked & LOST == 0:
        k.sacked |= LOST
        e.lost_out += k.pcount
        e.lost += k.pcount
    elif k.sacked & RETRANS:
        k.sacked &= ~RETRANS
        e.retrans_out -= k.pcount
        e.lost += k.pcount


def reo_wnd(e: Endpoint) -> int:
    """The reordering window, us (`tcp_rack_reo_wnd`)."""
    if e.reord_seen == 0:
        if e.ca_state >= CA_RECOVERY:
            return 0
        if e.sacked_out >= e.reordering and e.recovery & NO_DUPTHRESH == 0:
            return 0
    return min((e.min_rtt_v0 >> 2) * e.reo_wnd_steps, e.srtt >> 3)


def rack_skb_timeout(e: Endpoint, now: int, i: int, wnd: int) -> int:
    """us until skb `i` counts as lost; 0 or less: it does."""
    return e.rack_rtt + wnd - us_since(now, e.skb[i].sent)


def rack_detect_loss(e: Endpoint, now: int) -> int:
    """Mark what is lost, in the order of sending. Returns how long (us) to wait for the last doubtful one; 0: none."""
    wait = 0
    wnd = reo_wnd(e)
    i = e.ts_head
    while i:
        k = e.skb[i]
        following = k.tnext
        if k.sacked & LOST == 0 or k.sacked & RETRANS:
            if sent_after(e.rack_mstamp, k.sent // 1000, e.rack_end_seq, k.end) == 0:
                break
            remaining = rack_skb_timeout(e, now, i, wnd)
            if remaining <= 0:
                mark_skb_lost(e, i)
                ts_unlink(e, i)
            else:
                wait = max(wait, remaining)
        i = following
    return wait


def rack_mark_lost(e: Endpoint, now: int) -> int:
    """If this ACK delivered something, look for losses. Returns 1 if the REO timer was armed."""
    if e.rack_advanced == 0:
        return 0
    e.rack_advanced = 0
    wait = rack_detect_loss(e, now)
    if wait == 0:
        return 0
    reset_unpaced(e, now, TIMER_REO, min(wait + TIMER_SLACK, e.rto))
    return 1


def rack_advance(e: Endpoint, now: int, sacked: int, end: int, sent: int) -> None:
    """An skb sent at `sent` (us) was (S)ACKed: the one sent last so far sets the pace.

    One that was retransmitted and came back faster than the minimum RTT proves nothing: the original did that.
    """
    rtt = max(now // 1000 - sent, 0)
    if sacked & EVER_OR_NOW_RETRANS and rtt < e.min_rtt_v0:
        return
    e.rack_advanced = 1
    e.rack_rtt = rtt
    if sent_after(sent, e.rack_mstamp, end, e.rack_end_seq):
        e.rack_mstamp = sent
        e.rack_end_seq = end


def rack_update_reo_wnd(e: Endpoint) -> None:
    """Widen the reordering window by one step when DSACKs showed it too small, at most once a round trip."""
    if e.dsack_seen == 0 and e.reo_wnd_steps == 1:
        return
    if e.recovery & STATIC_REO_WND or e.rs_prior_delivered == 0:
        return
    if e.rs_prior_delivered < e.rack_last_delivered:
        e.dsack_seen = 0
    if e.dsack_seen:
        e.reo_wnd_steps = min(MAX_REO_STEPS, e.reo_wnd_steps + 1)
        e.dsack_seen = 0
        e.rack_last_delivered = e.delivered
        e.reo_wnd_persist = REO_WND_PERSIST
    elif e.reo_wnd_persist == 0:
        e.reo_wnd_steps = 1
