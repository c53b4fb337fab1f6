"""The round-trip time and the retransmission timeout that follows from it.

A sample changes the smoothed RTT by an eighth, the mean deviation by a quarter (an error downwards by a 32nd only, so
that a falling RTT does not raise the timeout). The variance term is the largest deviation of the window, never below
`rto_min`: that is why RTO is srtt + 200 ms and more, not max(200 ms, ...). Everything is in us; srtt is kept << 3, mdev
<< 2. RTO is a whole number of jiffies.

Linux: `tcp_rtt_estimator()`, `tcp_set_rto()`, `tcp_bound_rto()`, `tcp_update_rtt_min()`, `tcp_ack_update_rtt()` in
tcp_input.c; lib/win_minmax.c. RFC 6298, RFC 7323 section 4.
"""

from __future__ import annotations

from models.constants import FLAG_ACK_MAYBE_DELAYED, FLAG_DATA_ACKED, NO_RTT
from models.state import Endpoint
from models.timers import jiffies, jiffies_to_usecs, timestamp, usecs_to_jiffies

MIN_RTT_SECONDS = 300
"""tcp_min_rtt_wlen: the minimum RTT is that of the last five minutes."""


def us_since(now: int, then: int) -> int:
    """us from `then` to `now` (both ns), as clocks that tick in us see it (`tcp_stamp_us_delta`)."""
    return max(now // 1000 - then // 1000, 0)


def rtt_estimator(e: Endpoint, m: int) -> None:
    """Take in the sample `m`, us."""
    if e.srtt == 0:
        e.srtt = max(1, m << 3)
        e.mdev = m << 1
        e.rttvar = max(e.mdev, e.rto_min)
        e.mdev_max = e.rttvar
        e.rtt_seq = e.snd_nxt
        return
    error = m - (e.srtt >> 3)
    e.srtt = max(1, e.srtt + error)
    if error < 0:
        deviation = -error - (e.mdev >> 2)
        if deviation > 0:
            deviation >>= 3
    else:
        deviation = error - (e.mdev >> 2)
    e.mdev += deviation
    if e.mdev > e.mdev_max:
        e.mdev_max = e.mdev
        e.rttvar = max(e.rttvar, e.mdev_max)
    if e.snd_una > e.rtt_seq:  # a window has passed
        if e.mdev_max < e.rttvar:
            e.rttvar -= (e.rttvar - e.mdev_max) >> 2
        e.rtt_seq = e.snd_nxt
        e.mdev_max = e.rto_min


def unbacked_rto(e: Endpoint) -> int:
    """The timeout without backoff, us (`__tcp_set_rto`): the estimate, rounded up to whole jiffies."""
    us = (e.srtt >> 3) + e.rttvar
    if us <= e.rto_jiffy_less or us > e.rto_unbacked:
        ticks = usecs_to_jiffies(e.host, us)
        e.rto_unbacked = jiffies_to_usecs(e.host, ticks)
        e.rto_jiffy_less = jiffies_to_usecs(e.host, ticks - 1)
    return e.rto_unbacked


def set_rto(e: Endpoint) -> None:
    """The timeout that follows from the estimate; a backoff is forgotten with it."""
    e.rto = max(min(unbacked_rto(e), e.rto_max), e.rto_floor)


def min_rtt_reset(e: Endpoint, t: int, us: int) -> None:
    """`minmax_reset()`: forget all earlier samples. `t` is in jiffies; `us` NO_RTT means none yet."""
    e.min_rtt_t0 = t
    e.min_rtt_v0 = us
    e.min_rtt_t1 = t
    e.min_rtt_v1 = us
    e.min_rtt_t2 = t
    e.min_rtt_v2 = us


def min_rtt_shift(e: Endpoint, t: int, us: int) -> None:
    """The best sample is too old: the second best takes its place, the new one the last."""
    e.min_rtt_t0 = e.min_rtt_t1
    e.min_rtt_v0 = e.min_rtt_v1
    e.min_rtt_t1 = e.min_rtt_t2
    e.min_rtt_v1 = e.min_rtt_v2
    e.min_rtt_t2 = t
    e.min_rtt_v2 = us


def min_rtt_age(e: Endpoint, window: int, t: int, us: int) -> None:
    """`minmax_subwin_update()`: let old samples go, keep one candidate for each quarter and half of the window."""
    age = t - e.min_rtt_t0
    if age > window:
        min_rtt_shift(e, t, us)
        if t - e.min_rtt_t0 > window:
            min_rtt_shift(e, t, us)
    elif e.min_rtt_t1 == e.min_rtt_t0 and age > window // 4:
        e.min_rtt_t1 = t
        e.min_rtt_v1 = us
        e.min_rtt_t2 = t
        e.min_rtt_v2 = us
    elif e.min_rtt_t2 == e.min_rtt_t1 and age > window // 2:
        e.min_rtt_t2 = t
        e.min_rtt_v2 = us


def min_rtt_sample(e: Endpoint, t: int, us: int) -> None:
    """`minmax_running_min()` over MIN_RTT_SECONDS; the minimum is `min_rtt_v0`."""
    if us <= e.min_rtt_v0:
        min_rtt_reset(e, t, us)
        return
    window = MIN_RTT_SECONDS * e.host_hz
    if t - e.min_rtt_t2 > window:
        min_rtt_reset(e, t, us)
        return
    if us <= e.min_rtt_v1:
        e.min_rtt_t1 = t
        e.min_rtt_v1 = us
        e.min_rtt_t2 = t
        e.min_rtt_v2 = us
    elif us <= e.min_rtt_v2:
        e.min_rtt_t2 = t
        e.min_rtt_v2 = us
    min_rtt_age(e, window, t, us)


def update_rtt_min(e: Endpoint, now: int, us: int, flag: int) -> None:
    """A sample for the minimum, unless it looks like a delayed ACK, which the filter would take for distance."""
    if flag & FLAG_ACK_MAYBE_DELAYED and us > e.min_rtt_v0:
        return
    if us == 0:
        us = jiffies_to_usecs(e.host, 1)
    min_rtt_sample(e, jiffies(e.host, now), us)


def rtt_from_timestamp(e: Endpoint, now: int) -> int:
    """The RTT the peer's echo shows, us: whole milliseconds, at least one (`tcp_rtt_tsopt_us`)."""
    return max(timestamp(e.host, now) - e.last_tsecr, 1) * 1000


def ack_update_rtt(e: Endpoint, now: int, flag: int, seq_rtt: int, sack_rtt: int, ca_rtt: int) -> int:
    """Choose the sample (us; -1 = none), take it in, set RTO. Returns 1 if there was one.

    First the ACK's own timing, then that of SACKed data, neither of which may come from retransmitted data (Karn); the
    timestamp echo only where both are silent and new data was acknowledged.
    """
    if seq_rtt < 0:
        seq_rtt = sack_rtt
    if seq_rtt < 0 and e.timestamps and flag & FLAG_DATA_ACKED:
        seq_rtt = rtt_from_timestamp(e, now)
        ca_rtt = seq_rtt
    e.rs_rtt = ca_rtt
    if seq_rtt < 0:
        return 0
    update_rtt_min(e, now, ca_rtt, flag)
    rtt_estimator(e, seq_rtt)
    set_rto(e)
    e.backoff = 0
    return 1


def rtt_handshake(e: Endpoint, now: int, us: int) -> None:
    """The handshake's sample, on both sides (`tcp_synack_rtt_meas`; the client's SYN is acknowledged like data)."""
    ack_update_rtt(e, now, 0, us, -1, us)


def rtt_init(e: Endpoint, now: int) -> None:
    """No sample yet: RTO is one second (`tcp_init_sock`, RFC 6298 section 2.1)."""
    e.srtt = 0
    e.mdev = 1_000_000
    e.rto = 1_000_000
    min_rtt_reset(e, jiffies(e.host, now), NO_RTT)
