"""How the congestion window grows, and how it shrinks again when nobody uses it.

The window counts packets, not bytes, and it only grows while it is what limits the sender: a stream of small messages
keeps its ten segments for ever. Unused window is taken back (RFC 2861). Linux: tcp_cong.c, tcp_output.c, tcp.h.
"""

from __future__ import annotations

from models.constants import BBR, CA_CWR, CA_OPEN, CA_RECOVERY
from models.state import Endpoint
from models.timers import jiffies, jiffies_at, lasted, usecs_to_jiffies


def slow_start(e: Endpoint, acked: int) -> int:
    """One segment for each acknowledged, up to ssthresh; returns the ACKs left for congestion avoidance.

    tcp_slow_start(); RFC 5681 section 3.1, counting packets as RFC 3465 counts bytes, without its limit of two.
    """
    cwnd = min(e.cwnd + acked, e.ssthresh)
    left = acked - (cwnd - e.cwnd)
    e.cwnd = min(cwnd, e.cwnd_clamp)
    return left


def cong_avoid_ai(e: Endpoint, w: int, acked: int) -> None:
    """Additive increase: one segment for every `w` acknowledged. tcp_cong_avoid_ai()

    Credit saved up while `w` was larger is worth one segment at most.
    """
    if e.cwnd_cnt >= w:
        e.cwnd_cnt = 0
        e.cwnd += 1
    e.cwnd_cnt += acked
    if e.cwnd_cnt >= w:
        delta = e.cwnd_cnt // w
        e.cwnd_cnt -= delta * w
        e.cwnd += delta
    e.cwnd = min(e.cwnd, e.cwnd_clamp)


def is_cwnd_limited(e: Endpoint) -> int:
    """Was the window in use? In slow start it may grow to twice what was. tcp_is_cwnd_limited()"""
    if e.is_cwnd_limited:
        return 1
    if e.cwnd >= e.ssthresh:
        return 0
    return 1 if e.cwnd < 2 * e.max_packets_out else 0


def current_ssthresh(e: Endpoint) -> int:
    """ssthresh that remembers three quarters of a window about to be given up. tcp_current_ssthresh()"""
    if e.ca_state == CA_CWR or e.ca_state == CA_RECOVERY:
        return e.ssthresh
    return max(e.ssthresh, (e.cwnd >> 1) + (e.cwnd >> 2))


def initial_cwnd(e: Endpoint) -> int:
    """tcp_init_cwnd()"""
    return min(e.initcwnd, e.cwnd_clamp)


def cwnd_validate(e: Endpoint, now: int, cwnd_limited: int) -> None:
    """After sending: note whether the window was full, and take back what has been idle. tcp_cwnd_validate()

    "Limited" is remembered for one window of data; otherwise the most packets outstanding in it.
    """
    if e.snd_una >= e.cwnd_usage_seq or cwnd_limited or (e.is_cwnd_limited == 0 and e.packets_out > e.max_packets_out):
        e.is_cwnd_limited = cwnd_limited
        e.max_packets_out = e.packets_out
        e.cwnd_usage_seq = e.snd_nxt
    if is_cwnd_limited(e):
        e.cwnd_used = 0
        e.cwnd_stamp = now
        return
    e.cwnd_used = max(e.cwnd_used, e.packets_out)
    if e.slow_start_after_idle and e.cc != BBR and not_full_for_long(e, now):
        _application_limited(e)
        e.cwnd_stamp = now


def not_full_for_long(e: Endpoint, now: int) -> int:
    """Is the latest moment with a full window an RTO ago, in jiffies? A count of them is at most one too many."""
    h = e.host
    if now - e.cwnd_stamp + h.tick <= e.rto * 1000:
        return 0
    return lasted(h, jiffies(h, now) - jiffies_at(h, e.cwnd_stamp), e.rto)


def _application_limited(e: Endpoint) -> None:
    """An RTO without a full window: halfway back to what was used. tcp_cwnd_application_limited()"""
    if e.ca_state != CA_OPEN or e.nospace:
        return
    used = max(e.cwnd_used, initial_cwnd(e))
    if used < e.cwnd:
        e.ssthresh = current_ssthresh(e)
        e.cwnd = (e.cwnd + used) >> 1
    e.cwnd_used = 0


def slow_start_after_idle(e: Endpoint, now: int) -> None:
    """New data after an idle RTO: start again from a smaller window. tcp_slow_start_after_idle_check()"""
    if e.packets_out or e.slow_start_after_idle == 0 or e.cc == BBR:
        return
    idle = jiffies(e.host, now) - e.lsndtime
    if lasted(e.host, idle - 1, e.rto):
        cwnd_restart(e, now, idle)


def cwnd_restart(e: Endpoint, now: int, idle: int) -> None:
    """Halve the window for every RTO in `idle` jiffies, not below the initial one. tcp_cwnd_restart(), RFC 2861"""
    rto = usecs_to_jiffies(e.host, e.rto)
    e.ssthresh = current_ssthresh(e)
    floor = min(initial_cwnd(e), e.cwnd)
    left = idle - rto
    while left > 0 and e.cwnd > floor:
        e.cwnd >>= 1
        left -= rto
    e.cwnd = max(e.cwnd, floor)
    e.cwnd_stamp = now
    e.cwnd_used = 0
