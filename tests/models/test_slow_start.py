"""The congestion window counts packets, grows only while it is used, and is taken back when it is not."""

from models.constants import BBR, CA_OPEN, CA_RECOVERY, INFINITE_SSTHRESH, RENO
from models.reno import reno_cong_avoid, reno_ssthresh, reno_undo_cwnd
from models.slow_start import (
    cong_avoid_ai,
    current_ssthresh,
    cwnd_restart,
    cwnd_validate,
    is_cwnd_limited,
    slow_start,
    slow_start_after_idle,
)
from models.state import Endpoint
from sim.plain import new

TICK = 4_000_000  # HZ=250


def sender(cwnd=10, ssthresh=INFINITE_SSTHRESH):
    e = new(Endpoint, True)
    e.cc = RENO
    e.ca_state = CA_OPEN
    e.host.tick = TICK
    e.cwnd = cwnd
    e.initcwnd = 10
    e.cwnd_clamp = INFINITE_SSTHRESH
    e.ssthresh = ssthresh
    e.rto = 204_000  # 51 jiffies
    e.slow_start_after_idle = 1
    return e


def burst(e, packets, now=0):
    """`packets` leave together, and all of them are acknowledged with one ACK each."""
    e.snd_nxt += packets * 1448
    e.packets_out = packets
    cwnd_validate(e, now, 1 if packets >= e.cwnd else 0)
    for _ in range(packets):
        e.snd_una += 1448
        e.packets_out -= 1
        reno_cong_avoid(e, 1)


def test_one_packet_at_a_time_keeps_the_initial_window_for_ever():
    e = sender()
    for _ in range(1000):
        burst(e, 1)
    assert e.cwnd == 10


def test_five_packets_leave_ten_alone_and_six_make_twelve():
    e = sender()
    burst(e, 5)
    assert e.cwnd == 10
    burst(e, 6)
    assert e.cwnd == 12


def test_nine_of_ten_packets_make_eighteen_and_ten_make_twenty():
    nine, ten = sender(), sender()
    burst(nine, 9)
    burst(ten, 10)
    assert (nine.cwnd, ten.cwnd) == (18, 20)


def test_being_limited_is_remembered_for_one_window_of_data():
    e = sender()
    e.snd_nxt, e.packets_out = 10 * 1448, 10
    cwnd_validate(e, 0, 1)
    e.snd_una, e.snd_nxt, e.packets_out = 5 * 1448, 11 * 1448, 6
    cwnd_validate(e, 0, 0)
    assert is_cwnd_limited(e)
    e.snd_una, e.snd_nxt, e.packets_out = 10 * 1448, 12 * 1448, 2
    cwnd_validate(e, 0, 0)
    assert (is_cwnd_limited(e), e.max_packets_out) == (0, 2)


def test_slow_start_stops_at_ssthresh_and_hands_the_rest_to_congestion_avoidance():
    e = sender(cwnd=10, ssthresh=12)
    assert slow_start(e, 5) == 3
    assert e.cwnd == 12


def test_congestion_avoidance_adds_one_segment_for_each_window_acknowledged():
    e = sender(cwnd=10, ssthresh=5)
    e.is_cwnd_limited = 1
    for _ in range(10):
        reno_cong_avoid(e, 1)
    assert (e.cwnd, e.cwnd_cnt) == (11, 0)


def test_credit_from_a_slower_pace_is_worth_one_segment():
    e = sender(cwnd=10)
    e.cwnd_cnt = 50
    cong_avoid_ai(e, 4, 9)
    assert (e.cwnd, e.cwnd_cnt) == (13, 1)  # one for the old credit, two for nine ACKs at four each


def test_congestion_avoidance_does_not_grow_an_unused_window():
    e = sender(cwnd=10, ssthresh=5)
    e.max_packets_out = 9
    reno_cong_avoid(e, 100)
    assert e.cwnd == 10


def test_a_window_unused_for_an_rto_goes_halfway_back():
    e = sender(cwnd=40)
    e.cwnd_stamp, e.snd_nxt, e.packets_out = 0, 20 * 1448, 20
    e.ssthresh = 30
    cwnd_validate(e, 50 * TICK, 0)
    assert e.cwnd == 40
    cwnd_validate(e, 51 * TICK, 0)
    assert (e.cwnd, e.ssthresh) == (30, 30)  # (40 + 20) / 2, and three quarters of 40 remembered
    e.cwnd_stamp = 0
    e.packets_out, e.cwnd_used = 1, 0
    cwnd_validate(e, 51 * TICK, 0)
    assert e.cwnd == 20  # never below the initial window: (30 + 10) / 2


def test_a_sender_blocked_on_its_buffer_or_paced_by_bbr_keeps_its_window():
    blocked, paced = sender(cwnd=40), sender(cwnd=40)
    blocked.nospace = 1
    paced.cc = BBR
    for e in (blocked, paced):
        e.ssthresh, e.packets_out = 20, 1
        cwnd_validate(e, 100 * TICK, 0)
        assert e.cwnd == 40


def test_idleness_halves_the_window_once_an_rto_down_to_the_initial_one():
    e = sender(cwnd=80)
    cwnd_restart(e, 1000 * TICK, 52)  # one jiffy more than an RTO
    assert (e.cwnd, e.ssthresh) == (40, INFINITE_SSTHRESH)
    cwnd_restart(e, 1000 * TICK, 103)
    assert e.cwnd == 10
    e.cwnd = 7
    cwnd_restart(e, 1000 * TICK, 1000)
    assert e.cwnd == 7


def test_idleness_counts_from_the_last_transmission_and_only_with_nothing_in_flight():
    e = sender(cwnd=80)
    e.lsndtime = 100
    slow_start_after_idle(e, 151 * TICK)
    assert e.cwnd == 80  # exactly one RTO is not idle yet
    e.packets_out = 1
    slow_start_after_idle(e, 152 * TICK)
    assert e.cwnd == 80
    e.packets_out = 0
    slow_start_after_idle(e, 152 * TICK)
    assert e.cwnd == 40


def test_ssthresh_remembers_three_quarters_except_in_recovery():
    e = sender(cwnd=41, ssthresh=2)
    assert current_ssthresh(e) == 20 + 10
    e.ca_state = CA_RECOVERY
    assert current_ssthresh(e) == 2


def test_reno_halves_at_a_loss_and_comes_back_when_it_was_none():
    e = sender(cwnd=21)
    assert reno_ssthresh(e) == 10
    e.cwnd = 1
    assert reno_ssthresh(e) == 2
    e.prior_cwnd = 21
    assert reno_undo_cwnd(e) == 21
