"""The retransmission timeout is srtt plus at least 200 ms, in whole jiffies."""

import pytest

from models.constants import FLAG_ACK_MAYBE_DELAYED, FLAG_DATA_ACKED, NO_RTT
from models.rtt import (
    MIN_RTT_SECONDS,
    ack_update_rtt,
    min_rtt_reset,
    min_rtt_sample,
    rtt_estimator,
    set_rto,
    update_rtt_min,
    us_since,
)
from models.state import Endpoint
from sim.plain import new

MS = 1_000_000
WINDOW = MIN_RTT_SECONDS * 250  # jiffies at HZ=250


@pytest.fixture
def e():
    made = new(Endpoint, True)
    made.host.tick = 4 * MS
    made.host_hz = 250
    made.timestamps = 1
    made.rto_min = 200_000
    made.rto_max = 120_000_000
    min_rtt_reset(made, 0, NO_RTT)
    return made


@pytest.mark.parametrize(
    ("rtt_us", "rto_us"),
    [
        (200, 204_000),  # 0.2 + 200 ms
        (10_000, 212_000),
        (50_000, 252_000),
        (300_000, 900_000),  # the deviation 2 R exceeds 200 ms: 3 R
    ],
)
def test_rto_after_the_first_sample(e, rtt_us, rto_us):
    rtt_estimator(e, rtt_us)
    set_rto(e)
    assert e.rto == rto_us


def test_a_larger_sample_counts_an_eighth_and_its_error_a_quarter(e):
    rtt_estimator(e, 10_000)
    assert (e.srtt, e.mdev) == (80_000, 20_000)
    rtt_estimator(e, 18_000)
    assert e.srtt >> 3 == 11_000
    assert e.mdev == 20_000 + (8_000 - 5_000)


def test_a_falling_rtt_raises_the_deviation_eight_times_less(e):
    rtt_estimator(e, 10_000)
    rtt_estimator(e, 2_000)
    assert e.srtt >> 3 == 9_000
    assert e.mdev == 20_000 + (8_000 - 5_000 >> 3)


def test_a_small_error_lowers_the_deviation(e):
    rtt_estimator(e, 10_000)
    rtt_estimator(e, 10_000)
    assert e.mdev == 15_000


def test_the_variance_term_decays_by_a_quarter_of_the_gap_a_window(e):
    rtt_estimator(e, 300_000)
    assert e.rttvar == 600_000
    e.mdev_max = 200_000
    e.mdev = 0
    e.snd_una, e.rtt_seq, e.snd_nxt = 2000, 1000, 5000
    rtt_estimator(e, 300_000)
    assert e.rttvar == 500_000
    assert (e.rtt_seq, e.mdev_max) == (5000, 200_000)


def test_rto_is_bounded(e):
    rtt_estimator(e, 60_000_000)
    set_rto(e)
    assert e.rto == 120_000_000


def test_clocks_tick_in_microseconds():
    assert us_since(2_000, 1_999) == 1
    assert us_since(1_999, 1_000) == 0
    assert us_since(0, 5_000) == 0


def test_karn_the_timestamp_echo_serves_when_retransmitted_data_was_acknowledged(e):
    e.last_tsecr = 10
    assert ack_update_rtt(e, 25_900_000, FLAG_DATA_ACKED, -1, -1, -1) == 1
    assert (e.rs_rtt, e.srtt >> 3) == (15_000, 15_000)


def test_an_echo_of_the_same_millisecond_counts_as_one(e):
    e.last_tsecr = 25
    ack_update_rtt(e, 25_900_000, FLAG_DATA_ACKED, -1, -1, -1)
    assert e.rs_rtt == 1_000


def test_no_sample_without_new_data(e):
    e.last_tsecr = 10
    e.backoff = 2
    assert ack_update_rtt(e, 25_900_000, 0, -1, -1, -1) == 0
    assert (e.rs_rtt, e.srtt, e.backoff) == (-1, 0, 2)


def test_sacked_data_gives_a_sample_and_ends_the_backoff(e):
    e.backoff = 2
    assert ack_update_rtt(e, 30 * MS, 0, -1, 12_000, 11_000) == 1
    assert (e.srtt >> 3, e.rs_rtt, e.min_rtt_v0, e.backoff) == (12_000, 11_000, 11_000, 0)


def test_min_rtt_is_forgotten_after_five_minutes(e):
    min_rtt_sample(e, 0, 10_000)
    min_rtt_sample(e, WINDOW // 2, 12_000)
    min_rtt_sample(e, WINDOW, 15_000)
    assert e.min_rtt_v0 == 10_000
    min_rtt_sample(e, WINDOW + 1, 15_000)
    assert e.min_rtt_v0 == 12_000


def test_min_rtt_takes_a_lower_sample_at_once(e):
    min_rtt_sample(e, 0, 10_000)
    min_rtt_sample(e, 1, 9_000)
    assert (e.min_rtt_v0, e.min_rtt_v2) == (9_000, 9_000)


def test_delayed_acks_do_not_enter_the_minimum(e):
    update_rtt_min(e, 0, 10_000, 0)
    e.min_rtt_t0 = e.min_rtt_t1 = e.min_rtt_t2 = -2 * WINDOW
    update_rtt_min(e, 0, 50_000, FLAG_ACK_MAYBE_DELAYED)
    assert e.min_rtt_v0 == 10_000
    update_rtt_min(e, 0, 50_000, 0)
    assert e.min_rtt_v0 == 50_000


def test_an_rtt_of_zero_is_a_jiffy(e):
    update_rtt_min(e, 0, 0, 0)
    assert e.min_rtt_v0 == 4_000
