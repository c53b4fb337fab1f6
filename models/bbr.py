"""BBR v1: send at the bandwidth the path has shown, keep two round trips of it in flight, and probe for more.

Bandwidth is the largest delivery rate of ten round trips, in packets a microsecond << 24; the round trip the smallest
of ten seconds. Gains are in 1/256. STARTUP doubles the rate each round until bandwidth stops growing, DRAIN empties the
queue that made, PROBE_BW cycles the pacing gain, PROBE_RTT shrinks the window for 200 ms every ten seconds. Two lossy
intervals of the same rate look like a policer and fix the rate ("long term"). (Linux tcp_bbr.c, integer for integer)

Cardwell, Cheng, Gunn, Yeganeh, Jacobson: BBR: Congestion-Based Congestion Control, ACM Queue 14(5), 2016.
"""

from __future__ import annotations

from models.constants import (
    CA_LOSS,
    CA_OPEN,
    CA_RECOVERY,
    EVENT_TX_START,
    FLAG_ACK_MAYBE_DELAYED,
    INFINITE_SSTHRESH,
    INITIAL_WINDOW,
    NO_RTT,
)
from models.inflight import packets_in_flight
from models.state import Bbr, Endpoint
from models.timers import jiffies, timestamp, usecs_to_jiffies

BW_SHIFT = 24
BW_UNIT = 1 << BW_SHIFT
GAIN_SHIFT = 8
UNIT = 1 << GAIN_SHIFT

STARTUP = 0
DRAIN = 1
PROBE_BW = 2
PROBE_RTT = 3

HIGH_GAIN = UNIT * 2885 // 1000 + 1  # 2/ln 2: the smallest gain that doubles the rate each round
DRAIN_GAIN = UNIT * 1000 // 2885
CWND_GAIN = 2 * UNIT
PROBE_GAIN = UNIT * 5 // 4
YIELD_GAIN = UNIT * 3 // 4
CYCLE_LENGTH = 8  # one phase that probes, one that yields, six that cruise
PACING_PERCENT = 99  # paced 1 % below the estimate

BW_ROUNDS = CYCLE_LENGTH + 2
MIN_RTT_WINDOW = 10_000_000  # us
PROBE_RTT_TIME = 200_000  # us
MIN_CWND = 4
FULL_BW_THRESHOLD = UNIT * 5 // 4  # less growth than a quarter ...
FULL_BW_ROUNDS = 3  # ... for three rounds: the pipe is full

LT_MIN_ROUNDS = 4
LT_LOSS = 50  # a fifth of the packets, in 1/256
LT_RATIO = UNIT // 8  # two intervals are alike when their rates differ by an eighth ...
LT_DIFFERENCE = 500  # ... or by so many bytes a second
LT_MAX_ROUNDS = 48

EXTRA_ACKED_ROUNDS = 5
ACK_EPOCH_RESET = 1 << 20
ACK_EPOCH_MAX = 0xFFFFF
EXTRA_ACKED_TIME = 100_000  # us of bandwidth that ACK aggregation may add to the window

MIN_TSO_RATE = 1_200_000 >> 3  # bytes a second
PACING_SHIFT = 10  # sk_pacing_shift
GSO_LEGACY_MAX_SIZE = 65_536
U32 = 0xFFFFFFFF
INT64_MAX = (1 << 63) - 1
RATE_LIMIT = INT64_MAX // (10_000 * PACING_PERCENT)  # what still fits when it is scaled to bytes a second
BDP_LIMIT = INT64_MAX // (HIGH_GAIN + 1)


# ---- bandwidth: a windowed maximum (lib/win_minmax.c) -------------------------------------------------------------


def _bw_reset(b: Bbr, t: int, bw: int) -> None:
    """Forget all samples but this one. minmax_reset()"""
    b.bw_t0 = t
    b.bw_v0 = bw
    b.bw_t1 = t
    b.bw_v1 = bw
    b.bw_t2 = t
    b.bw_v2 = bw


def _bw_shift(b: Bbr, t: int, bw: int) -> None:
    """The best sample is too old: the others move up."""
    b.bw_t0 = b.bw_t1
    b.bw_v0 = b.bw_v1
    b.bw_t1 = b.bw_t2
    b.bw_v1 = b.bw_v2
    b.bw_t2 = t
    b.bw_v2 = bw


def _bw_sample(b: Bbr, bw: int) -> None:
    """A bandwidth sample of round `rtt_cnt`. minmax_running_max(), minmax_subwin_update()"""
    t = b.rtt_cnt
    if bw >= b.bw_v0 or t - b.bw_t2 > BW_ROUNDS:
        _bw_reset(b, t, bw)
        return
    if bw >= b.bw_v1:
        b.bw_t1 = t
        b.bw_v1 = bw
        b.bw_t2 = t
        b.bw_v2 = bw
    elif bw >= b.bw_v2:
        b.bw_t2 = t
        b.bw_v2 = bw
    age = t - b.bw_t0
    if age > BW_ROUNDS:
        _bw_shift(b, t, bw)
        if t - b.bw_t0 > BW_ROUNDS:
            _bw_shift(b, t, bw)
    elif b.bw_t1 == b.bw_t0 and age > BW_ROUNDS // 4:
        b.bw_t1 = t
        b.bw_v1 = bw
        b.bw_t2 = t
        b.bw_v2 = bw
    elif b.bw_t2 == b.bw_t1 and age > BW_ROUNDS // 2:
        b.bw_t2 = t
        b.bw_v2 = bw


def bbr_bw(e: Endpoint) -> int:
    """The bandwidth in use, packets a microsecond << 24."""
    return e.bbr.lt_bw if e.bbr.lt_use_bw else e.bbr.bw_v0


# ---- what follows from the model ------------------------------------------------------------------------------------


def _bytes_per_sec(e: Endpoint, bw: int, gain: int) -> int:
    """bbr_rate_bytes_per_sec()"""
    rate = min((bw * e.mss * gain) >> GAIN_SHIFT, RATE_LIMIT)
    return (rate * (10_000 * PACING_PERCENT)) >> BW_SHIFT


def _init_pacing_rate(e: Endpoint) -> None:
    """The initial window over the handshake's round trip, 1 ms if there was none. bbr_init_pacing_rate_from_rtt()"""
    rtt_us = 1000
    if e.srtt:
        rtt_us = max(e.srtt >> 3, 1)
        e.bbr.has_seen_rtt = 1
    e.pacing_rate = _bytes_per_sec(e, e.cwnd * BW_UNIT // rtt_us, HIGH_GAIN)


def _set_pacing_rate(e: Endpoint, bw: int, gain: int) -> None:
    """Until the pipe is full the rate only grows. bbr_set_pacing_rate()"""
    rate = _bytes_per_sec(e, bw, gain)
    if e.bbr.has_seen_rtt == 0 and e.srtt:
        _init_pacing_rate(e)
    if e.bbr.full_bw_reached or rate > e.pacing_rate:
        e.pacing_rate = rate


def bbr_min_tso_segs(e: Endpoint) -> int:
    """No bursts of two below 1.2 Mbit/s."""
    return 1 if e.pacing_rate < MIN_TSO_RATE else 2


def _tso_segs_goal(e: Endpoint) -> int:
    """Segments in the super-segments to come. bbr_tso_segs_goal()"""
    size = min(e.pacing_rate >> PACING_SHIFT, GSO_LEGACY_MAX_SIZE - 1 - e.max_header)
    return min(max(size // e.mss, bbr_min_tso_segs(e)), 0x7F)


def _bdp(e: Endpoint, bw: int, gain: int) -> int:
    """Bandwidth times least round trip, in packets, rounded up. bbr_bdp()"""
    if e.bbr.min_rtt_us == NO_RTT:
        return INITIAL_WINDOW
    w = min(bw * e.bbr.min_rtt_us, BDP_LIMIT)
    return (((w * gain) >> GAIN_SHIFT) + BW_UNIT - 1) >> BW_SHIFT


def _quantization_budget(e: Endpoint, cwnd: int) -> int:
    """Room for super-segments at both ends and for delayed ACKs. bbr_quantization_budget()"""
    cwnd = (cwnd + 3 * _tso_segs_goal(e) + 1) & -2
    if e.bbr.mode == PROBE_BW and e.bbr.cycle_idx == 0:
        cwnd += 2
    return cwnd


def _inflight(e: Endpoint, bw: int, gain: int) -> int:
    """bbr_inflight()"""
    return _quantization_budget(e, _bdp(e, bw, gain))


def _in_net_at_departure(e: Endpoint, now: int, inflight: int) -> int:
    """Packets in the network when pacing lets the next skb go. bbr_packets_in_net_at_edt()"""
    wait_us = max(e.wstamp - now, 0) // 1000
    if e.bbr.pacing_gain > UNIT:
        inflight += _tso_segs_goal(e)
    return max(inflight - ((bbr_bw(e) * wait_us) >> BW_SHIFT), 0)


def _ack_aggregation_cwnd(e: Endpoint) -> int:
    """Window on top for ACKs that come in clumps. bbr_ack_aggregation_cwnd()"""
    if e.bbr.full_bw_reached == 0:
        return 0
    most = (bbr_bw(e) * EXTRA_ACKED_TIME) >> BW_SHIFT
    return min(max(e.bbr.extra_acked0, e.bbr.extra_acked1), most)


# ---- window ---------------------------------------------------------------------------------------------------------


def _save_cwnd(e: Endpoint) -> None:
    """Remember the window to come back to after a loss or PROBE_RTT. bbr_save_cwnd()"""
    b = e.bbr
    if b.prev_ca_state < CA_RECOVERY and b.mode != PROBE_RTT:
        b.prior_cwnd = e.cwnd
    else:
        b.prior_cwnd = max(b.prior_cwnd, e.cwnd)


def _recovery_cwnd(e: Endpoint) -> int:
    """The window recovery asks for; `packet_conservation` says that it is final. bbr_set_cwnd_to_recover_or_restore()

    The first round of recovery sends a packet for each delivered; leaving recovery restores the old window.
    """
    b = e.bbr
    cwnd = e.cwnd
    if e.rs_losses > 0:
        cwnd = max(cwnd - e.rs_losses, 1)
    if e.ca_state == CA_RECOVERY and b.prev_ca_state != CA_RECOVERY:
        b.packet_conservation = 1
        b.next_rtt_delivered = e.delivered
        cwnd = packets_in_flight(e) + e.rs_acked_sacked
    elif b.prev_ca_state >= CA_RECOVERY and e.ca_state < CA_RECOVERY:
        cwnd = max(cwnd, b.prior_cwnd)
        b.packet_conservation = 0
    b.prev_ca_state = e.ca_state
    if b.packet_conservation:
        cwnd = max(cwnd, packets_in_flight(e) + e.rs_acked_sacked)
    return cwnd


def _set_cwnd(e: Endpoint, bw: int, gain: int) -> None:
    """Towards gain times the bandwidth-delay product; down at once, but only once the pipe is full. bbr_set_cwnd()"""
    b = e.bbr
    cwnd = e.cwnd
    acked = e.rs_acked_sacked
    if acked:
        cwnd = _recovery_cwnd(e)
        if b.packet_conservation == 0:
            target = _quantization_budget(e, _bdp(e, bw, gain) + _ack_aggregation_cwnd(e))
            if b.full_bw_reached:
                cwnd = min(cwnd + acked, target)
            elif cwnd < target or e.delivered < INITIAL_WINDOW:
                cwnd += acked
            cwnd = max(cwnd, MIN_CWND)
    e.cwnd = min(cwnd, e.cwnd_clamp)
    if b.mode == PROBE_RTT:
        e.cwnd = min(e.cwnd, MIN_CWND)


# ---- modes ----------------------------------------------------------------------------------------------------------


def _enter_probe_bw(e: Endpoint) -> None:
    """bbr_reset_probe_bw_mode(): any phase but the one that yields; `phase` is drawn outside."""
    b = e.bbr
    b.mode = PROBE_BW
    b.cycle_idx = CYCLE_LENGTH - 1 - b.phase
    _advance_cycle_phase(e)


def _advance_cycle_phase(e: Endpoint) -> None:
    b = e.bbr
    b.cycle_idx = (b.cycle_idx + 1) & (CYCLE_LENGTH - 1)
    b.cycle_mstamp = e.delivered_at // 1000


def _cycle_phase_done(e: Endpoint, now: int) -> int:
    """A phase lasts a round trip; probing longer until it filled the pipe, yielding less once it is drained."""
    b = e.bbr
    full_length = e.delivered_at // 1000 - b.cycle_mstamp > b.min_rtt_us
    if b.pacing_gain == UNIT:
        return 1 if full_length else 0
    inflight = _in_net_at_departure(e, now, e.rs_prior_in_flight)
    if b.pacing_gain > UNIT:
        return 1 if full_length and (e.rs_losses or inflight >= _inflight(e, b.bw_v0, b.pacing_gain)) else 0
    return 1 if full_length or inflight <= _inflight(e, b.bw_v0, UNIT) else 0


def _check_full_bw(e: Endpoint) -> None:
    """Three rounds without a quarter more bandwidth: the pipe is full. bbr_check_full_bw_reached()"""
    b = e.bbr
    if b.full_bw_reached or b.round_start == 0 or e.rs_app_limited:
        return
    if b.bw_v0 >= (b.full_bw * FULL_BW_THRESHOLD) >> GAIN_SHIFT:
        b.full_bw = b.bw_v0
        b.full_bw_cnt = 0
        return
    b.full_bw_cnt += 1
    b.full_bw_reached = 1 if b.full_bw_cnt >= FULL_BW_ROUNDS else 0


def _check_drain(e: Endpoint, now: int) -> None:
    """bbr_check_drain()"""
    b = e.bbr
    if b.mode == STARTUP and b.full_bw_reached:
        b.mode = DRAIN
        e.ssthresh = _inflight(e, b.bw_v0, UNIT)
    if b.mode == DRAIN and _in_net_at_departure(e, now, packets_in_flight(e)) <= _inflight(e, b.bw_v0, UNIT):
        _enter_probe_bw(e)


def _check_probe_rtt_done(e: Endpoint, now: int) -> None:
    """bbr_check_probe_rtt_done(), bbr_reset_mode()"""
    b = e.bbr
    j = jiffies(e.host, now)
    if b.probe_rtt_done_stamp == 0 or j <= b.probe_rtt_done_stamp:
        return
    b.min_rtt_stamp = j
    e.cwnd = max(e.cwnd, b.prior_cwnd)
    if b.full_bw_reached:
        _enter_probe_bw(e)
    else:
        b.mode = STARTUP


def _update_min_rtt(e: Endpoint, now: int) -> None:
    """The least round trip of ten seconds; when it has expired, PROBE_RTT looks for a new one. bbr_update_min_rtt()"""
    b = e.bbr
    j = jiffies(e.host, now)
    expired = j > b.min_rtt_stamp + usecs_to_jiffies(e.host, MIN_RTT_WINDOW)
    if e.rs_rtt >= 0 and (e.rs_rtt < b.min_rtt_us or (expired and e.ack_flag & FLAG_ACK_MAYBE_DELAYED == 0)):
        b.min_rtt_us = e.rs_rtt
        b.min_rtt_stamp = j
    if expired and b.idle_restart == 0 and b.mode != PROBE_RTT:
        b.mode = PROBE_RTT
        _save_cwnd(e)
        b.probe_rtt_done_stamp = 0
    if b.mode == PROBE_RTT:
        _probe_rtt(e, now, j)
    if e.rs_delivered > 0:
        b.idle_restart = 0


def _probe_rtt(e: Endpoint, now: int, j: int) -> None:
    """Four packets in flight for 200 ms and a round trip; its samples say nothing about bandwidth."""
    b = e.bbr
    inflight = packets_in_flight(e)
    e.app_limited = max(e.delivered + inflight, 1)
    if b.probe_rtt_done_stamp == 0:
        if inflight <= MIN_CWND:
            b.probe_rtt_done_stamp = j + usecs_to_jiffies(e.host, PROBE_RTT_TIME)
            b.probe_rtt_round_done = 0
            b.next_rtt_delivered = e.delivered
        return
    if b.round_start:
        b.probe_rtt_round_done = 1
    if b.probe_rtt_round_done:
        _check_probe_rtt_done(e, now)


def _update_gains(b: Bbr) -> None:
    """bbr_update_gains()"""
    b.cwnd_gain = HIGH_GAIN
    if b.mode == STARTUP:
        b.pacing_gain = HIGH_GAIN
    elif b.mode == DRAIN:
        b.pacing_gain = DRAIN_GAIN
    elif b.mode == PROBE_BW:
        b.cwnd_gain = CWND_GAIN
        b.pacing_gain = UNIT
        if b.lt_use_bw == 0 and b.cycle_idx == 0:
            b.pacing_gain = PROBE_GAIN
        elif b.lt_use_bw == 0 and b.cycle_idx == 1:
            b.pacing_gain = YIELD_GAIN
    else:
        b.cwnd_gain = UNIT
        b.pacing_gain = UNIT


# ---- long-term bandwidth: is the path policed? ----------------------------------------------------------------------


def _lt_interval(e: Endpoint) -> None:
    """A new interval begins. bbr_reset_lt_bw_sampling_interval()"""
    b = e.bbr
    b.lt_last_stamp = timestamp(e.host, e.delivered_at)
    b.lt_last_delivered = e.delivered
    b.lt_last_lost = e.lost
    b.lt_rtt_cnt = 0


def _lt_reset(e: Endpoint) -> None:
    """bbr_reset_lt_bw_sampling()"""
    b = e.bbr
    b.lt_bw = 0
    b.lt_use_bw = 0
    b.lt_is_sampling = 0
    _lt_interval(e)


def _lt_interval_done(e: Endpoint, bw: int) -> None:
    """Two intervals of the same rate: that is the policer's, use it. bbr_lt_bw_interval_done()"""
    b = e.bbr
    if b.lt_bw:
        diff = abs(bw - b.lt_bw)
        if diff * UNIT <= LT_RATIO * b.lt_bw or _bytes_per_sec(e, diff, UNIT) <= LT_DIFFERENCE:
            b.lt_bw = (bw + b.lt_bw) >> 1
            b.lt_use_bw = 1
            b.pacing_gain = UNIT
            b.lt_rtt_cnt = 0
            return
    b.lt_bw = bw
    _lt_interval(e)


def _lt_sampling(e: Endpoint, losses: int, app_limited: int) -> None:
    """Intervals of 4 to 16 rounds that begin and end with a loss and lost a fifth. bbr_lt_bw_sampling()"""
    b = e.bbr
    if b.lt_use_bw:
        if b.mode == PROBE_BW and b.round_start:
            b.lt_rtt_cnt += 1
            if b.lt_rtt_cnt >= LT_MAX_ROUNDS:
                _lt_reset(e)
                _enter_probe_bw(e)
        return
    if b.lt_is_sampling == 0:
        if losses == 0:
            return
        _lt_interval(e)
        b.lt_is_sampling = 1
    if app_limited:
        _lt_reset(e)
        return
    if b.round_start:
        b.lt_rtt_cnt += 1
    if b.lt_rtt_cnt < LT_MIN_ROUNDS:
        return
    if b.lt_rtt_cnt > 4 * LT_MIN_ROUNDS:
        _lt_reset(e)
    elif losses:
        _lt_loss(e)


def _lt_loss(e: Endpoint) -> None:
    """The interval is long enough and ends with a loss: was it lossy enough, and how fast?"""
    b = e.bbr
    lost = e.lost - b.lt_last_lost
    delivered = e.delivered - b.lt_last_delivered
    if delivered == 0 or lost << GAIN_SHIFT < LT_LOSS * delivered:
        return
    ms = timestamp(e.host, e.delivered_at) - b.lt_last_stamp
    if ms < 1:
        return
    if ms >= U32 // 1000:
        _lt_reset(e)
        return
    _lt_interval_done(e, delivered * BW_UNIT // (ms * 1000))


# ---- one ACK --------------------------------------------------------------------------------------------------------


def _update_bw(e: Endpoint) -> None:
    """Round counting and the bandwidth sample; an application-limited one counts only when it is a record.

    bbr_update_bw()
    """
    b = e.bbr
    b.round_start = 0
    if e.rs_delivered < 0 or e.rs_interval <= 0:
        return
    if e.rs_prior_delivered >= b.next_rtt_delivered:
        b.next_rtt_delivered = e.delivered
        b.rtt_cnt += 1
        b.round_start = 1
        b.packet_conservation = 0
    _lt_sampling(e, e.rs_losses, e.rs_app_limited)
    bw = e.rs_delivered * BW_UNIT // e.rs_interval
    if e.rs_app_limited == 0 or bw >= b.bw_v0:
        _bw_sample(b, min(bw, U32))


def _update_ack_aggregation(e: Endpoint) -> None:
    """How many more packets were acknowledged in an epoch than bandwidth explains. bbr_update_ack_aggregation()"""
    b = e.bbr
    if e.rs_acked_sacked <= 0 or e.rs_delivered < 0 or e.rs_interval <= 0:
        return
    if b.round_start:
        b.extra_acked_win_rtts = min(b.extra_acked_win_rtts + 1, 0x1F)
        if b.extra_acked_win_rtts >= EXTRA_ACKED_ROUNDS:
            b.extra_acked_win_rtts = 0
            b.extra_acked_win_idx = 1 - b.extra_acked_win_idx
            _set_extra_acked(b, 0)
    us = e.delivered_at // 1000
    expected = (bbr_bw(e) * min(max(us - b.ack_epoch_mstamp, 0), U32 >> 1)) >> BW_SHIFT
    if b.ack_epoch_acked <= expected or b.ack_epoch_acked + e.rs_acked_sacked >= ACK_EPOCH_RESET:
        b.ack_epoch_acked = 0
        b.ack_epoch_mstamp = us
        expected = 0
    b.ack_epoch_acked = min(b.ack_epoch_acked + e.rs_acked_sacked, ACK_EPOCH_MAX)
    extra = min(b.ack_epoch_acked - expected, e.cwnd)
    if extra > (b.extra_acked1 if b.extra_acked_win_idx else b.extra_acked0):
        _set_extra_acked(b, extra)


def _set_extra_acked(b: Bbr, extra: int) -> None:
    if b.extra_acked_win_idx:
        b.extra_acked1 = extra
    else:
        b.extra_acked0 = extra


def bbr_main(e: Endpoint, now: int) -> None:
    """Everything an ACK changes: model, mode, pacing rate, window; the sample is in `rs_*`. bbr_main()"""
    b = e.bbr
    _update_bw(e)
    _update_ack_aggregation(e)
    if b.mode == PROBE_BW and _cycle_phase_done(e, now):
        _advance_cycle_phase(e)
    _check_full_bw(e)
    _check_drain(e, now)
    _update_min_rtt(e, now)
    _update_gains(b)
    bw = bbr_bw(e)
    _set_pacing_rate(e, bw, b.pacing_gain)
    _set_cwnd(e, bw, b.cwnd_gain)


# ---- the rest of tcp_congestion_ops ---------------------------------------------------------------------------------


def bbr_init(e: Endpoint, now: int) -> None:
    """The handshake is done. bbr_init(); `phase` is kept."""
    b = e.bbr
    e.ssthresh = INFINITE_SSTHRESH
    e.pacing_on = 1
    e.sampling = 1
    b.prior_cwnd = 0
    b.rtt_cnt = 0
    b.next_rtt_delivered = e.delivered
    b.prev_ca_state = CA_OPEN
    b.packet_conservation = 0
    b.probe_rtt_done_stamp = 0
    b.probe_rtt_round_done = 0
    b.min_rtt_us = e.min_rtt_v0
    b.min_rtt_stamp = jiffies(e.host, now)
    _bw_reset(b, 0, 0)
    b.has_seen_rtt = 0
    _init_pacing_rate(e)
    b.round_start = 0
    b.idle_restart = 0
    b.full_bw_reached = 0
    b.full_bw = 0
    b.full_bw_cnt = 0
    b.cycle_mstamp = 0
    b.cycle_idx = 0
    _lt_reset(e)
    b.mode = STARTUP
    _update_gains(b)
    b.ack_epoch_mstamp = now // 1000
    b.ack_epoch_acked = 0
    b.extra_acked_win_rtts = 0
    b.extra_acked_win_idx = 0
    b.extra_acked0 = 0
    b.extra_acked1 = 0


def bbr_cwnd_event(e: Endpoint, now: int, event: int) -> None:
    """Sending again after the application had nothing: at the estimated rate, no faster. bbr_cwnd_event()"""
    b = e.bbr
    if event != EVENT_TX_START or e.app_limited == 0:
        return
    b.idle_restart = 1
    b.ack_epoch_mstamp = now // 1000
    b.ack_epoch_acked = 0
    if b.mode == PROBE_BW:
        _set_pacing_rate(e, bbr_bw(e), UNIT)
    elif b.mode == PROBE_RTT:
        _check_probe_rtt_done(e, now)


def bbr_ssthresh(e: Endpoint) -> int:
    """A loss does not change it, but the window is worth remembering. bbr_ssthresh()"""
    _save_cwnd(e)
    return e.ssthresh


def bbr_undo_cwnd(e: Endpoint) -> int:
    """The loss was none: look for the full pipe again. bbr_undo_cwnd()"""
    e.bbr.full_bw = 0
    e.bbr.full_bw_cnt = 0
    _lt_reset(e)
    return e.cwnd


def bbr_set_state(e: Endpoint, new_state: int) -> None:
    """A timeout ends the round. bbr_set_state()"""
    b = e.bbr
    if new_state == CA_LOSS:
        b.prev_ca_state = CA_LOSS
        b.full_bw = 0
        b.round_start = 1
        _lt_sampling(e, 1, 0)
