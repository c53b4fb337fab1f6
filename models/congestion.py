"""The congestion controls behind one set of verbs: `struct tcp_congestion_ops`, chosen by `Endpoint.cc`."""

from __future__ import annotations

from models.bbr import (
    bbr_cwnd_event,
    bbr_init,
    bbr_main,
    bbr_min_tso_segs,
    bbr_set_state,
    bbr_ssthresh,
    bbr_undo_cwnd,
)
from models.constants import BBR, CUBIC
from models.cubic import cubic_acked, cubic_cong_avoid, cubic_cwnd_event, cubic_init, cubic_set_state, cubic_ssthresh
from models.reno import reno_cong_avoid, reno_ssthresh, reno_undo_cwnd
from models.state import Endpoint

RATE_UNIT = 10_000 << 3  # a percent of a second in us, times srtt's 8


def cc_init(e: Endpoint, now: int) -> None:
    """The connection is established. tcp_init_congestion_control()"""
    if e.cc == CUBIC:
        cubic_init(e, now)
    elif e.cc == BBR:
        bbr_init(e, now)


def cc_ssthresh(e: Endpoint, now: int) -> int:
    """The slow-start threshold a loss or an ECN mark asks for; what led to it is remembered."""
    if e.cc == CUBIC:
        return cubic_ssthresh(e)
    if e.cc == BBR:
        return bbr_ssthresh(e)
    return reno_ssthresh(e)


def cc_cong_avoid(e: Endpoint, now: int, ack: int, acked: int) -> None:
    """Grow the window for `acked` segments. Not called for a control with `cc_control`."""
    if e.cc == CUBIC:
        cubic_cong_avoid(e, now, acked)
    else:
        reno_cong_avoid(e, acked)


def cc_acked(e: Endpoint, now: int, rtt_us: int, pkts_acked: int, in_flight: int) -> None:
    """Segments were acknowledged; `rtt_us` is -1 without a sample. tcp_congestion_ops.pkts_acked"""
    if e.cc == CUBIC:
        cubic_acked(e, now, rtt_us)


def cc_event(e: Endpoint, now: int, ev: int) -> None:
    """EVENT_TX_START: first data with nothing in flight. tcp_ca_event()"""
    if e.cc == CUBIC:
        cubic_cwnd_event(e, now, ev)
    elif e.cc == BBR:
        bbr_cwnd_event(e, now, ev)


def cc_set_state(e: Endpoint, now: int, new_state: int) -> None:
    """`ca_state` becomes `new_state`; call it before the change. tcp_set_ca_state()"""
    if e.cc == CUBIC:
        cubic_set_state(e, now, new_state)
    elif e.cc == BBR:
        bbr_set_state(e, new_state)


def cc_undo_cwnd(e: Endpoint) -> int:
    """The window after a reduction that proved to be unnecessary."""
    if e.cc == BBR:
        return bbr_undo_cwnd(e)
    return reno_undo_cwnd(e)


def cc_has_control(e: Endpoint) -> int:
    """1 if the control sets window and pacing rate itself (cong_control)."""
    return 1 if e.cc == BBR else 0


def cc_control(e: Endpoint, now: int, ack: int, flag: int) -> None:
    """Window and pacing rate after an ACK whose rate sample is in `rs_*`."""
    bbr_main(e, now)


def cc_min_tso_segs(e: Endpoint) -> int:
    """Least number of segments in a super-segment."""
    if e.cc == BBR:
        return bbr_min_tso_segs(e)
    return e.min_tso_segs


def cc_sndbuf_expand(e: Endpoint) -> int:
    """Windows the send buffer should hold: BBR may slow-start even in recovery."""
    return 3 if e.cc == BBR else 2


def cc_update_pacing_rate(e: Endpoint) -> None:
    """cwnd * mss / srtt, 200 % of it in early slow start, 120 % later; bytes a second. tcp_update_pacing_rate()

    Kept even when nobody paces: it sizes super-segments and TCP small queues.
    """
    if e.cc == BBR:
        return
    percent = e.pacing_ss_ratio if e.cwnd < e.ssthresh >> 1 else e.pacing_ca_ratio
    e.pacing_rate = e.mss * RATE_UNIT * percent * max(e.cwnd, e.packets_out)
    if e.srtt:
        e.pacing_rate //= e.srtt
