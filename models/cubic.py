"""CUBIC: after a loss the window follows a cubic curve of time towards the window at which it happened, and beyond.

Windows are in packets; the curve's time is in 1/1024 s, the clock that drives it is jiffies, HyStart's is microseconds.
All arithmetic is the kernel's, truncations included. (RFC 9438; Linux tcp_cubic.c)
"""

from __future__ import annotations

from models.constants import CA_LOSS, EVENT_TX_START
from models.slow_start import cong_avoid_ai, is_cwnd_limited, slow_start
from models.state import Cubic, Endpoint
from models.timers import jiffies, usecs_to_jiffies

BETA_SCALE = 1024
BETA = 717  # 0.7: what is left of the window after a loss
TIME_SHIFT = 10  # BICTCP_HZ: the curve's time is in 1/1024 s
RTT_SCALE = 410  # cube_rtt_scale: C = 41/1024 over a nominal RTT of 100 ms
CURVE_SHIFT = 10 + 3 * TIME_SHIFT
CUBE_FACTOR = (1 << CURVE_SHIFT) // RTT_SCALE
FRIENDLY_SCALE = 8 * (BETA_SCALE + BETA) // 3 // (BETA_SCALE - BETA)  # beta_scale
FARTHEST = 282_000  # 275 s: the cube of more leaves 63 bits, and the window would have outgrown any network before
U32 = 0xFFFFFFFF

HYSTART_LOW_WINDOW = 16
HYSTART_MIN_SAMPLES = 8
HYSTART_ACK_DELTA = 2000  # us: ACKs this close together are one train
HYSTART_DELAY_MIN = 4000  # us
HYSTART_DELAY_MAX = 16_000  # us
MAX_ACK_DELAY = 1000  # us
GSO_LEGACY_MAX_SIZE = 65_536

# cubic_root(): cbrt(x << 18) - 1 for x in 0..63, as tuned there
CUBE_ROOTS = (
    0, 54, 54, 54, 118, 118, 118, 118, 123, 129, 134, 138, 143, 147, 151, 156,
    157, 161, 164, 168, 170, 173, 176, 179, 181, 185, 187, 190, 192, 194, 197, 199,
    200, 202, 204, 206, 209, 211, 213, 215, 217, 219, 221, 222, 224, 225, 227, 229,
    231, 232, 234, 236, 237, 239, 240, 242, 244, 245, 246, 248, 250, 251, 252, 254,
)  # fmt: skip


def cubic_root(a: int) -> int:
    """Cube root of a 64-bit number, within a fraction of a percent: six leading bits looked up, one Newton step."""
    if a < 64:
        return (CUBE_ROOTS[a & 63] + 35) >> 6
    bits = 0
    while a >> bits:
        bits += 1
    b = ((bits * 84) >> 8) - 1
    x = ((CUBE_ROOTS[(a >> (3 * b)) & 63] + 10) << b) >> 6
    x = 2 * x + a // (x * (x - 1))
    return (x * 341) >> 10


def _reset(c: Cubic) -> None:
    """bictcp_reset()"""
    c.cnt = 0
    c.last_max_cwnd = 0
    c.last_cwnd = 0
    c.last_time = 0
    c.bic_origin_point = 0
    c.bic_K = 0
    c.delay_min = 0
    c.epoch_start = 0
    c.ack_cnt = 0
    c.tcp_cwnd = 0
    c.found = 0


def _hystart_reset(e: Endpoint, now: int) -> None:
    """A new round begins: it ends when what has been sent by now is acknowledged. bictcp_hystart_reset()"""
    c = e.cubic
    c.round_start = now // 1000
    c.last_ack = c.round_start
    c.end_seq = e.snd_nxt
    c.curr_rtt = U32
    c.sample_cnt = 0


def cubic_init(e: Endpoint, now: int) -> None:
    """cubictcp_init()"""
    _reset(e.cubic)
    _hystart_reset(e, now)


def cubic_set_state(e: Endpoint, now: int, new_state: int) -> None:
    """A timeout forgets everything. cubictcp_state()"""
    if new_state == CA_LOSS:
        cubic_init(e, now)


def cubic_cwnd_event(e: Endpoint, now: int, event: int) -> None:
    """Sending again after idleness: the curve stood still meanwhile. cubictcp_cwnd_event()"""
    c = e.cubic
    if event == EVENT_TX_START and c.epoch_start:
        j = jiffies(e.host, now)
        if j > e.lsndtime:
            c.epoch_start = min(c.epoch_start + j - e.lsndtime, j)


def cubic_ssthresh(e: Endpoint) -> int:
    """0.7 of the window; one that did not come back to its old height aims lower still. cubictcp_recalc_ssthresh()"""
    c = e.cubic
    c.epoch_start = 0
    if e.cwnd < c.last_max_cwnd:
        c.last_max_cwnd = e.cwnd * (BETA_SCALE + BETA) // (2 * BETA_SCALE)  # fast convergence
    else:
        c.last_max_cwnd = e.cwnd
    return max(e.cwnd * BETA // BETA_SCALE, 2)


def cubic_cong_avoid(e: Endpoint, now: int, acked: int) -> None:
    """cubictcp_cong_avoid()"""
    if is_cwnd_limited(e) == 0:
        return
    left = acked
    if e.cwnd < e.ssthresh:
        left = slow_start(e, acked)
        if left == 0:
            return
    _update(e, now, left)
    cong_avoid_ai(e, e.cubic.cnt, left)


def _update(e: Endpoint, now: int, acked: int) -> None:
    """How many ACKs the next segment of window costs: `cnt`. bictcp_update()

    The curve is evaluated once a jiffy; never more than half the window a round trip.
    """
    c = e.cubic
    j = jiffies(e.host, now)
    hz = e.host_hz
    c.ack_cnt += acked
    if c.last_cwnd == e.cwnd and j - c.last_time <= hz // 32:
        return
    if c.epoch_start == 0 or j != c.last_time:
        c.last_cwnd = e.cwnd
        c.last_time = j
        if c.epoch_start == 0:
            _begin_epoch(e, j, acked)
        _follow_curve(e, j, hz)
    _be_friendly(e)
    c.cnt = max(c.cnt, 2)


def _begin_epoch(e: Endpoint, j: int, acked: int) -> None:
    """The first increase after a loss: K is the time the curve takes to the old maximum."""
    c = e.cubic
    c.epoch_start = j
    c.ack_cnt = acked
    c.tcp_cwnd = e.cwnd
    if c.last_max_cwnd <= e.cwnd:
        c.bic_K = 0
        c.bic_origin_point = e.cwnd
    else:
        c.bic_K = cubic_root(CUBE_FACTOR * (c.last_max_cwnd - e.cwnd))
        c.bic_origin_point = c.last_max_cwnd


def _follow_curve(e: Endpoint, j: int, hz: int) -> None:
    """W(t) = origin + C (t - K)^3, a round trip ahead."""
    c = e.cubic
    t = ((j - c.epoch_start + usecs_to_jiffies(e.host, c.delay_min)) << TIME_SHIFT) // hz
    offs = min(abs(t - c.bic_K), FARTHEST)
    delta = (RTT_SCALE * offs * offs * offs) >> CURVE_SHIFT
    target = c.bic_origin_point + delta
    if t < c.bic_K:
        target = (c.bic_origin_point - delta) & U32
    if target > e.cwnd:
        c.cnt = e.cwnd // (target - e.cwnd)
    else:
        c.cnt = 100 * e.cwnd
    if c.last_max_cwnd == 0:
        c.cnt = min(c.cnt, 20)  # no loss yet: at least 5 % a round trip


def _be_friendly(e: Endpoint) -> None:
    """Not slower than Reno with the same losses would be: `tcp_cwnd` is its window."""
    c = e.cubic
    per_segment = (e.cwnd * FRIENDLY_SCALE) >> 3
    if c.ack_cnt > per_segment:
        segments = (c.ack_cnt - 1) // per_segment
        c.ack_cnt -= segments * per_segment
        c.tcp_cwnd += segments
    if c.tcp_cwnd > e.cwnd:
        c.cnt = min(c.cnt, e.cwnd // (c.tcp_cwnd - e.cwnd))


def cubic_acked(e: Endpoint, now: int, rtt_us: int) -> None:
    """A round-trip sample, us; -1 is none. Those of the first second after a loss do not count. cubictcp_acked()"""
    c = e.cubic
    if rtt_us < 0:
        return
    if c.epoch_start and jiffies(e.host, now) - c.epoch_start < e.host_hz:
        return
    delay = max(rtt_us, 1)
    if c.delay_min == 0 or c.delay_min > delay:
        c.delay_min = delay
    if c.found == 0 and e.cwnd < e.ssthresh:
        _hystart_update(e, now, delay)


def _hystart_update(e: Endpoint, now: int, delay: int) -> None:
    """Leave slow start before the queue overflows: a round's ACK train is long, or delay rises. hystart_update()"""
    c = e.cubic
    if e.snd_una > c.end_seq:
        _hystart_reset(e, now)
    if e.cwnd < HYSTART_LOW_WINDOW:
        return
    us = now // 1000
    if us - c.last_ack <= HYSTART_ACK_DELTA:
        c.last_ack = us
        longest = c.delay_min + _ack_delay(e)
        if e.pacing_on == 0:
            longest >>= 1
        if us - c.round_start > longest:
            c.found = 1
            e.ssthresh = e.cwnd
    c.curr_rtt = min(c.curr_rtt, delay)
    if c.sample_cnt < HYSTART_MIN_SAMPLES:
        c.sample_cnt += 1
    elif c.curr_rtt > c.delay_min + min(max(c.delay_min >> 3, HYSTART_DELAY_MIN), HYSTART_DELAY_MAX):
        c.found = 1
        e.ssthresh = e.cwnd


def _ack_delay(e: Endpoint) -> int:
    """us that offloads may add: four of the largest packets at the pacing rate, at most 1 ms. hystart_ack_delay()"""
    if e.pacing_rate == 0:
        return 0
    gso_max_size = GSO_LEGACY_MAX_SIZE - 1 - e.max_header
    return min(MAX_ACK_DELAY, gso_max_size * 4 * 1_000_000 // e.pacing_rate)
