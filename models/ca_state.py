"""The congestion state of the connection: Open, Disorder, CWR, Recovery, Loss.

Linux: `tcp_set_ca_state()` in tcp_cong.c; `tcp_any_retrans_done()`, `tcp_try_keep_open()` in tcp_input.c;
`tcp_in_cwnd_reduction()` in include/net/tcp.h.
"""

from __future__ import annotations

from models.congestion import cc_set_state
from models.constants import CA_CWR, CA_DISORDER, CA_OPEN, CA_RECOVERY, EVER_RETRANS
from models.inflight import left_out
from models.state import Endpoint


def set_ca_state(e: Endpoint, now: int, state: int) -> None:
    """Tell the congestion control, then change the state."""
    cc_set_state(e, now, state)
    e.ca_state = state


def in_cwnd_reduction(e: Endpoint) -> int:
    """Is the window being reduced, by PRR?"""
    return 1 if e.ca_state == CA_CWR or e.ca_state == CA_RECOVERY else 0


def any_retrans_done(e: Endpoint) -> int:
    """Is a retransmission out, or was the head ever retransmitted?"""
    if e.retrans_out:
        return 1
    if e.rtx_head and e.skb[e.rtx_head].sacked & EVER_RETRANS:
        return 1
    return 0


def try_keep_open(e: Endpoint, now: int) -> None:
    """Open, or Disorder while something is SACKed, lost or retransmitted."""
    state = CA_OPEN
    if left_out(e) or any_retrans_done(e):
        state = CA_DISORDER
    if e.ca_state != state:
        set_ca_state(e, now, state)
        e.high_seq = e.snd_nxt
