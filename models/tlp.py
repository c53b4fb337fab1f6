"""Tail loss probe: when the end of a flight stays unacknowledged, send something that provokes an ACK.

The probe timer runs 2 * srtt (plus 200 ms for a lone segment, whose ACK may be delayed; plus 2 ms otherwise) and never
past the RTO. What the probe's ACK says is worked out here; sending it is a timeout's business.

Linux: `tcp_schedule_loss_probe()` in tcp_output.c, `tcp_process_tlp_ack()` in tcp_input.c. RFC 8985 section 7.
"""

from __future__ import annotations

from models.ca_state import set_ca_state, try_keep_open
from models.constants import (
    CA_CWR,
    CA_OPEN,
    FLAG_DATA_SACKED,
    FLAG_DSACK_TLP,
    FLAG_NOT_DUP,
    FLAG_SND_UNA_ADVANCED,
    TIMER_TLP,
)
from models.prr import end_cwnd_reduction, init_cwnd_reduction
from models.rearm import reset_xmit_timer
from models.state import Endpoint

PROBE_SLACK = 2000
"""TCP_TIMEOUT_MIN_US"""
TIMEOUT_INIT = 1_000_000
"""TCP_TIMEOUT_INIT, us: without an RTT sample"""


def may_probe(e: Endpoint) -> int:
    """May a loss probe be sent, once something is in flight?"""
    if e.early_retrans != 3 and e.early_retrans != 4:
        return 0
    if e.ca_state != CA_OPEN and e.ca_state != CA_CWR:
        return 0
    return 1 if e.sack_ok else 0


def schedule_loss_probe(e: Endpoint, now: int, left: int) -> None:
    """Something is in flight and may be probed: arm the probe timer, not beyond the RTO, which comes in `left` us."""
    if e.srtt == 0:
        us = TIMEOUT_INIT
    elif e.packets_out == 1:
        us = (e.srtt >> 2) + e.rto_min
    else:
        us = (e.srtt >> 2) + PROBE_SLACK
    if left > 0:
        us = min(us, left)
    reset_xmit_timer(e, now, TIMER_TLP, us)


def process_tlp_ack(e: Endpoint, now: int, ack: int, flag: int) -> None:
    """An ACK during a probe episode: does it end it, and was there a loss the probe repaired?"""
    if ack < e.tlp_high_seq:
        return
    if e.tlp_retrans == 0 or flag & FLAG_DSACK_TLP:
        e.tlp_high_seq = 0  # new data, or both copies arrived
    elif ack > e.tlp_high_seq:
        init_cwnd_reduction(e, now)  # the original was lost: reduce as if recovery had found it
        set_ca_state(e, now, CA_CWR)
        end_cwnd_reduction(e, now)
        try_keep_open(e, now)
    elif flag & (FLAG_SND_UNA_ADVANCED | FLAG_NOT_DUP | FLAG_DATA_SACKED) == 0:
        e.tlp_high_seq = 0  # a pure duplicate ACK: both copies arrived
