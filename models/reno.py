"""Reno: slow start, then one segment a round trip; half the window at a loss. RFC 5681; Linux tcp_cong.c."""

from __future__ import annotations

from models.slow_start import cong_avoid_ai, is_cwnd_limited, slow_start
from models.state import Endpoint


def reno_ssthresh(e: Endpoint) -> int:
    """tcp_reno_ssthresh()"""
    return max(e.cwnd >> 1, 2)


def reno_undo_cwnd(e: Endpoint) -> int:
    """The loss was none: the window from before it. tcp_reno_undo_cwnd()"""
    return max(e.cwnd, e.prior_cwnd)


def reno_cong_avoid(e: Endpoint, acked: int) -> None:
    """tcp_reno_cong_avoid()"""
    if is_cwnd_limited(e) == 0:
        return
    left = acked
    if e.cwnd < e.ssthresh:
        left = slow_start(e, acked)
        if left == 0:
            return
    cong_avoid_ai(e, e.cwnd, left)
