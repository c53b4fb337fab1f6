"""Proportional rate reduction: shrinking the window over a round trip instead of stopping at once.

While more is in flight than ssthresh, `ssthresh / prior_cwnd` segments may leave for each one delivered; below it, as
many as were delivered (one more when the ACK advanced and nothing new was lost), up to ssthresh.

Linux: `tcp_init_cwnd_reduction()`, `tcp_cwnd_reduction()`, `tcp_end_cwnd_reduction()`
in tcp_input.c. RFC 6937.
"""

from __future__ import annotations

from models.congestion import cc_event, cc_has_control, cc_ssthresh
from models.constants import CA_CWR, EVENT_COMPLETE_CWR, FLAG_SND_UNA_ADVANCED, INFINITE_SSTHRESH
from models.inflight import packets_in_flight
from models.state import Endpoint


def init_cwnd_reduction(e: Endpoint, now: int) -> None:
    """A reduction begins: the congestion control names the target."""
    e.high_seq = e.snd_nxt
    e.tlp_high_seq = 0
    e.cwnd_cnt = 0
    e.prior_cwnd = e.cwnd
    e.prr_delivered = 0
    e.prr_out = 0
    e.ssthresh = cc_ssthresh(e, now)


def cwnd_reduction(e: Endpoint, newly_delivered: int, newly_lost: int, flag: int) -> None:
    """`newly_delivered` segments were (S)ACKed: how many may be sent for them?"""
    if newly_delivered <= 0 or e.prior_cwnd == 0:
        return
    in_flight = packets_in_flight(e)
    room = e.ssthresh - in_flight
    e.prr_delivered += newly_delivered
    if room < 0:
        may_have_left = (e.ssthresh * e.prr_delivered + e.prior_cwnd - 1) // e.prior_cwnd
        sndcnt = may_have_left - e.prr_out
    else:
        sndcnt = max(e.prr_delivered - e.prr_out, newly_delivered)
        if flag & FLAG_SND_UNA_ADVANCED and newly_lost == 0:
            sndcnt += 1
        sndcnt = min(room, sndcnt)
    fast_retransmit = 0 if e.prr_out else 1
    e.cwnd = in_flight + max(sndcnt, fast_retransmit)


def end_cwnd_reduction(e: Endpoint, now: int) -> None:
    """It is over: the window is ssthresh, unless the reduction has been undone."""
    if cc_has_control(e):
        return
    if e.ssthresh < INFINITE_SSTHRESH and (e.ca_state == CA_CWR or e.undo_marker):
        e.cwnd = e.ssthresh
        e.cwnd_stamp = now
    cc_event(e, now, EVENT_COMPLETE_CWR)
