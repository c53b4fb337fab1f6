"""CUBIC: the curve of RFC 9438 in Linux's integers, fast convergence, Reno-friendliness and HyStart."""

import pytest

from models.congestion import cc_acked, cc_cong_avoid, cc_event, cc_init, cc_set_state, cc_ssthresh, cc_undo_cwnd
from models.constants import CA_LOSS, CUBIC, EVENT_TX_START, INFINITE_SSTHRESH
from models.cubic import cubic_root
from models.state import Endpoint
from models.timers import jiffies
from sim.plain import new

MS = 1_000_000
SECOND = 1000 * MS


def sender(cwnd=10, ssthresh=INFINITE_SSTHRESH, now=SECOND):
    e = new(Endpoint, True)
    e.cc = CUBIC
    e.host.tick = 4 * MS
    e.host_hz = 250
    e.cwnd = cwnd
    e.cwnd_clamp = INFINITE_SSTHRESH
    e.ssthresh = ssthresh
    e.is_cwnd_limited = 1
    e.max_header = 192
    cc_init(e, now)
    return e


def avoid(e, start, seconds, rtt_ms):
    """Congestion avoidance with the window always full: it is acknowledged once a round trip, in pairs."""
    now = start
    while now < start + seconds * SECOND:
        now += rtt_ms * MS
        for _ in range(e.cwnd // 2):
            cc_cong_avoid(e, now, 0, 2)
    return now


@pytest.mark.parametrize("root", [10, 100, 999, 4321, 100_000])
def test_the_cube_root_is_good_to_a_percent(root):
    assert abs(cubic_root(root**3) - root) <= max(1, root // 100)


def test_the_cube_root_of_small_numbers_is_rounded():
    assert [cubic_root(n) for n in (0, 1, 8, 27, 63)] == [0, 1, 2, 3, 4]


def test_a_loss_leaves_seven_tenths():
    e = sender(cwnd=10)
    assert cc_ssthresh(e, SECOND) == 7
    e.cwnd = 1000
    assert cc_ssthresh(e, SECOND) == 700  # 1000 * 717 / 1024
    e.cwnd = 2
    assert cc_ssthresh(e, SECOND) == 2


def test_a_flow_that_did_not_get_back_to_its_maximum_makes_room():
    e = sender(cwnd=200)
    cc_ssthresh(e, SECOND)
    assert e.cubic.last_max_cwnd == 200
    e.cwnd = 100
    cc_ssthresh(e, SECOND)
    assert e.cubic.last_max_cwnd == 85  # 100 * (1024 + 717) / 2048


def after_loss(at=100):
    e = sender(cwnd=at)
    e.ssthresh = cc_ssthresh(e, SECOND)
    e.cwnd = e.ssthresh
    e.cubic.delay_min = 0
    return e


def test_k_is_the_cube_root_of_what_was_lost_over_c():
    e = after_loss(100)
    assert e.cwnd == 70
    cc_cong_avoid(e, 2 * SECOND, 0, 1)
    assert e.cubic.bic_K == pytest.approx(1024 * (30 / 0.4) ** (1 / 3), rel=0.01)  # RFC 9438: 4.217 s
    assert e.cubic.bic_origin_point == 100


def test_the_window_is_back_at_its_maximum_after_k_and_grows_beyond():
    e = after_loss(100)
    now = avoid(e, 2 * SECOND, 3, 100)
    assert 97 <= e.cwnd <= 100  # 100 - 0.4 * 1.2^3
    now = avoid(e, now, 2, 100)
    assert 99 <= e.cwnd <= 101
    avoid(e, now, 5, 100)
    assert e.cwnd > 130  # 0.4 * 5^3 = 50 more, less what Reno-paced ACKs lag behind


def test_it_is_never_slower_than_reno_with_the_same_losses():
    e = after_loss(20)  # 14 packets; Reno with that beta adds one for every 15/8 windows acknowledged
    avoid(e, 2 * SECOND, 1, 10)
    assert e.cwnd >= 14 + 47  # in 100 round trips 53, less a tenth for rounding


def test_the_window_grows_by_half_a_round_trip_at_most():
    e = sender(cwnd=100, ssthresh=50)
    e.cubic.last_max_cwnd = 100_000
    for _ in range(100):
        cc_cong_avoid(e, 900 * SECOND, 0, 1)
    assert e.cubic.cnt >= 2
    assert e.cwnd <= 150


def test_before_any_loss_it_grows_by_a_twentieth_a_round_trip():
    e = sender(cwnd=100, ssthresh=50)
    cc_cong_avoid(e, SECOND, 0, 1)
    assert e.cubic.cnt == 20


def test_an_epoch_of_an_hour_stays_within_64_bits():
    e = after_loss(1_000_000)
    for s in range(2, 3600, 60):
        cc_cong_avoid(e, s * SECOND, 0, 10)
    assert e.cubic.cnt == 2


def test_idle_time_does_not_count():
    e = after_loss(100)
    cc_cong_avoid(e, 2 * SECOND, 0, 1)
    epoch = e.cubic.epoch_start
    e.lsndtime = jiffies(e.host, 3 * SECOND)
    cc_event(e, 13 * SECOND, EVENT_TX_START)
    assert e.cubic.epoch_start == epoch + 2500


def test_a_timeout_forgets_the_curve():
    e = after_loss(100)
    cc_cong_avoid(e, 2 * SECOND, 0, 1)
    cc_set_state(e, 3 * SECOND, CA_LOSS)
    assert (e.cubic.last_max_cwnd, e.cubic.bic_K, e.cubic.epoch_start) == (0, 0, 0)


def test_an_undone_reduction_restores_the_window():
    e = sender(cwnd=7)
    e.prior_cwnd = 10
    assert cc_undo_cwnd(e) == 10


def rounds(e, rtts_us, per_round=20, gap_us=3000):
    """One ACK every `gap_us`, too far apart to be a train; a round ends when its last byte is acknowledged."""
    now = 10 * SECOND
    for rtt in rtts_us:
        e.snd_nxt += per_round * 1448
        for _ in range(per_round):
            now += gap_us * 1000
            e.snd_una += 1448
            cc_acked(e, now, rtt, 1, 0)
    return now


def test_hystart_leaves_slow_start_when_delay_rises_by_an_eighth():
    e = sender(cwnd=32)
    rounds(e, [40_000, 40_000, 44_900])
    assert e.ssthresh == INFINITE_SSTHRESH  # 40 ms / 8 = 5 ms
    rounds(e, [45_100, 45_100])
    assert e.ssthresh == 32


def test_hystart_allows_at_least_four_and_at_most_sixteen_milliseconds():
    short, long = sender(cwnd=32), sender(cwnd=32)
    rounds(short, [1000, 1000, 4900])
    assert short.ssthresh == INFINITE_SSTHRESH
    rounds(short, [5100, 5100])
    assert short.ssthresh == 32
    rounds(long, [800_000, 800_000, 815_000])
    assert long.ssthresh == INFINITE_SSTHRESH
    rounds(long, [817_000, 817_000])
    assert long.ssthresh == 32


def test_hystart_does_not_look_at_windows_below_sixteen():
    e = sender(cwnd=15)
    rounds(e, [40_000, 40_000, 80_000, 80_000])
    assert e.ssthresh == INFINITE_SSTHRESH


def train(e, length_us):
    """A round whose ACKs come a millisecond apart, for `length_us`."""
    e.cubic.delay_min = 40_000
    now = 10 * SECOND
    cc_init_round(e, now)
    for us in range(1000, length_us + 1, 1000):
        e.snd_una += 1448
        cc_acked(e, now + us * 1000, 40_000, 1, 0)


def cc_init_round(e, now):
    e.cubic.round_start = e.cubic.last_ack = now // 1000
    e.cubic.end_seq = e.snd_nxt = 1 << 30


def test_hystart_leaves_slow_start_when_the_ack_train_fills_half_the_round_trip():
    e = sender(cwnd=32)
    train(e, 20_000)
    assert e.ssthresh == INFINITE_SSTHRESH
    e = sender(cwnd=32)
    train(e, 21_000)
    assert e.ssthresh == 32


def test_a_paced_flow_may_take_the_whole_round_trip():
    e = sender(cwnd=32)
    e.pacing_on = 1
    train(e, 40_000)
    assert e.ssthresh == INFINITE_SSTHRESH
    e = sender(cwnd=32)
    e.pacing_on = 1
    train(e, 41_000)
    assert e.ssthresh == 32


def test_samples_in_the_second_after_a_loss_do_not_count():
    e = after_loss(100)
    cc_cong_avoid(e, 2 * SECOND, 0, 1)
    cc_acked(e, 2 * SECOND + 900 * MS, 5000, 1, 0)
    assert e.cubic.delay_min == 0
    cc_acked(e, 3 * SECOND, 5000, 1, 0)
    assert e.cubic.delay_min == 5000
