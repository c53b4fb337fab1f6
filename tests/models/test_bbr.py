"""BBR v1: the model of the path, the four modes, and what they make of window and pacing rate."""

import pytest

from models.bbr import DRAIN, HIGH_GAIN, PROBE_BW, PROBE_RTT, STARTUP, bbr_bw
from models.congestion import (
    cc_control,
    cc_event,
    cc_has_control,
    cc_init,
    cc_min_tso_segs,
    cc_set_state,
    cc_sndbuf_expand,
    cc_ssthresh,
    cc_undo_cwnd,
    cc_update_pacing_rate,
)
from models.constants import BBR, CA_LOSS, CA_OPEN, CA_RECOVERY, CUBIC, EVENT_TX_START, INFINITE_SSTHRESH
from models.state import Endpoint
from sim.plain import new

MS = 1_000_000
SECOND = 1000 * MS
RTT_US = 40_000


def sender(srtt_us=RTT_US):
    e = new(Endpoint, True)
    e.cc = BBR
    e.host.tick = 4 * MS
    e.host_hz = 250
    e.mss = 1448
    e.cwnd = 10
    e.cwnd_clamp = INFINITE_SSTHRESH
    e.max_header = 192
    e.srtt = srtt_us << 3
    e.min_rtt_v0 = srtt_us
    e.delivered = 1
    e.delivered_at = SECOND
    e.bbr.phase = 0
    cc_init(e, SECOND)
    return e


class Flow:
    """One ACK a round trip for everything in flight, at `rate` packets a round trip."""

    def __init__(self, rate=100):
        self.e = sender()
        self.now = SECOND
        self.rate = rate

    def round(self, acked=None, app_limited=0, losses=0, rtt_us=RTT_US):
        e = self.e
        n = self.rate if acked is None else acked
        self.now += RTT_US * 1000
        prior = e.delivered
        e.delivered += n
        e.lost += losses
        e.delivered_at = self.now
        e.wstamp = self.now
        e.rs_prior_delivered = prior
        e.rs_delivered = n
        e.rs_interval = RTT_US
        e.rs_rtt = rtt_us
        e.rs_losses = losses
        e.rs_acked_sacked = n
        e.rs_app_limited = app_limited
        e.rs_prior_in_flight = e.packets_out
        cc_control(e, self.now, 0, 0)
        return e

    def rounds(self, n, **what):
        for _ in range(n):
            self.round(**what)
        return self.e


def packets_per_rtt(e):
    return bbr_bw(e) * RTT_US / (1 << 24)


def test_the_gains_are_two_over_ln_two_and_its_inverse():
    assert pytest.approx(2.885, abs=0.003) == HIGH_GAIN / 256
    e = Flow().rounds(1)
    assert (e.bbr.pacing_gain, e.bbr.cwnd_gain) == (739, 739)


def test_the_first_pacing_rate_is_the_initial_window_over_the_handshake_round_trip():
    e = sender(40_000)
    assert e.pacing_on == 1
    assert e.pacing_rate == pytest.approx(0.99 * 2.887 * 10 * 1448 / 0.040, rel=0.001)
    unknown = sender(0)
    assert unknown.pacing_rate == pytest.approx(0.99 * 2.887 * 10 * 1448 / 0.001, rel=0.001)


def test_bandwidth_is_the_largest_delivery_rate_of_ten_rounds():
    flow = Flow()
    flow.round(acked=200)
    e = flow.rounds(10, acked=100)
    assert packets_per_rtt(e) == pytest.approx(200, rel=0.01)
    e = flow.rounds(1, acked=100)
    assert packets_per_rtt(e) == pytest.approx(100, rel=0.01)


def test_a_sample_that_the_application_limited_counts_only_as_a_record():
    flow = Flow()
    flow.round(acked=100)
    assert packets_per_rtt(flow.rounds(30, acked=5, app_limited=1)) == pytest.approx(100, rel=0.01)
    assert packets_per_rtt(flow.round(acked=150, app_limited=1)) == pytest.approx(150, rel=0.01)


def test_startup_ends_after_three_rounds_without_a_quarter_more_bandwidth():
    flow = Flow()
    for n in (10, 20, 40, 80, 100):
        assert flow.round(acked=n).bbr.mode == STARTUP
    flow.rounds(2, acked=100)
    assert flow.e.bbr.full_bw_reached == 0
    flow.e.packets_out = 300
    e = flow.round(acked=100)
    assert (e.bbr.full_bw_reached, e.bbr.mode, e.bbr.pacing_gain) == (1, DRAIN, 88)
    e.packets_out = 90
    assert flow.round(acked=100).bbr.mode == PROBE_BW


def test_an_application_limited_startup_never_ends():
    assert Flow().rounds(50, acked=10, app_limited=1).bbr.full_bw_reached == 0


def steady(rate=100):
    flow = Flow(rate)
    flow.e.packets_out = rate
    flow.rounds(8)
    return flow


def test_the_window_is_two_bandwidth_delay_products_and_a_budget_for_bursts():
    flow = steady(100)
    e = flow.rounds(10)
    burst = min(e.pacing_rate >> 10, 65_343) // 1448
    assert e.bbr.mode == PROBE_BW
    assert 200 <= e.cwnd <= 200 + 3 * max(burst, 2) + 4 + 100  # extra_acked: a whole round in one ACK


def test_probe_bw_cycles_through_one_faster_one_slower_and_six_even_phases():
    flow = steady()
    flow.e.packets_out = 400
    gains = [flow.round(rtt_us=RTT_US - 1 - i).bbr.pacing_gain for i in range(24)]
    start = gains.index(320)
    assert gains[start : start + 9] == [320, 192, 256, 256, 256, 256, 256, 256, 320]


def test_the_drawn_phase_is_where_probe_bw_starts():
    for phase, gain in ((0, 320), (5, 256), (6, 256)):
        flow = Flow()
        flow.e.bbr.phase = phase
        flow.e.packets_out = 10
        while flow.e.bbr.mode != PROBE_BW:
            flow.round()
        assert flow.e.bbr.pacing_gain == gain
        assert flow.e.bbr.cycle_idx == (8 - phase) % 8


def test_after_ten_seconds_without_a_smaller_round_trip_it_sends_four_packets_for_200_ms():
    flow = steady()
    flow.round(rtt_us=RTT_US - 1000)
    before = flow.e.cwnd
    flow.rounds(249)
    assert flow.e.bbr.mode == PROBE_BW
    flow.rounds(2)
    assert (flow.e.bbr.mode, flow.e.cwnd) == (PROBE_RTT, 4)
    flow.e.packets_out = 4
    entered = flow.now
    while flow.e.bbr.mode == PROBE_RTT:
        flow.round(acked=4)
    assert 200 * MS <= flow.now - entered <= 330 * MS
    assert flow.e.cwnd >= before - 110  # the saved window is back
    assert packets_per_rtt(flow.e) > 4


def test_a_smaller_round_trip_puts_probe_rtt_off():
    flow = steady()
    for i in range(1000):
        flow.round(rtt_us=RTT_US - i)
    assert flow.e.bbr.mode == PROBE_BW


def test_recovery_starts_with_one_packet_for_each_delivered_and_ends_with_the_old_window():
    flow = steady()
    e = flow.rounds(5)
    before = e.cwnd
    ssthresh = e.ssthresh
    assert cc_ssthresh(e, flow.now) == ssthresh  # a loss does not change it
    e.ca_state = CA_RECOVERY
    e.packets_out = 60
    e.bbr.next_rtt_delivered = e.delivered + 1000
    flow.round(acked=2, losses=3)
    assert e.bbr.packet_conservation == 1
    assert e.cwnd == 60 + 2
    e.ca_state = CA_OPEN
    flow.round(acked=2)
    assert e.cwnd >= min(before, 200)


def test_a_timeout_ends_the_round_and_looks_for_the_full_pipe_again():
    e = steady().e
    cc_set_state(e, SECOND, CA_LOSS)
    assert (e.bbr.full_bw, e.bbr.round_start, e.bbr.prev_ca_state) == (0, 1, CA_LOSS)
    cwnd = e.cwnd
    assert cc_undo_cwnd(e) == cwnd


def test_two_lossy_intervals_of_the_same_rate_are_a_policer():
    flow = steady(100)
    flow.round(losses=1)
    for _ in range(2):
        flow.rounds(3)
        flow.round(losses=120)
    e = flow.e
    assert e.bbr.lt_use_bw == 1
    assert packets_per_rtt(e) == pytest.approx(100, rel=0.05)
    flow.rounds(60)
    assert e.bbr.lt_use_bw == 0  # for 48 rounds


def test_restarting_from_idle_it_paces_at_the_estimated_rate():
    flow = steady(100)
    e = flow.rounds(3)
    e.app_limited = 1
    cc_event(e, flow.now, EVENT_TX_START)
    assert e.bbr.idle_restart == 1
    assert e.pacing_rate == pytest.approx(0.99 * 100 * 1448 / 0.040, rel=0.01)


def test_slow_flows_send_single_segments():
    e = sender()
    e.pacing_rate = 149_999
    assert cc_min_tso_segs(e) == 1  # 1.2 Mbit/s
    e.pacing_rate = 150_000
    assert cc_min_tso_segs(e) == 2


def test_bbr_controls_window_and_rate_itself_and_wants_a_larger_send_buffer():
    bbr, cubic = sender(), sender()
    cubic.cc = CUBIC
    assert (cc_has_control(bbr), cc_sndbuf_expand(bbr)) == (1, 3)
    assert (cc_has_control(cubic), cc_sndbuf_expand(cubic)) == (0, 2)


def test_everybody_else_paces_at_twice_the_window_a_round_trip_and_later_at_six_fifths():
    e = sender()
    e.cc = CUBIC
    e.pacing_ss_ratio, e.pacing_ca_ratio = 200, 120
    e.srtt = 399 << 3  # recorded: rtt 399 us, pacing_rate 72581453
    cc_update_pacing_rate(e)
    assert e.pacing_rate == pytest.approx(72_581_453, rel=0.001)
    e.ssthresh = 10
    cc_update_pacing_rate(e)
    assert e.pacing_rate == pytest.approx(1.2 * 10 * 1448 / 399e-6, rel=0.001)
