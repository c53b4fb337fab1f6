"""RACK: lost is what was sent before something that arrived, and had its round trip and the reordering window."""

import pytest

from models.constants import CA_DISORDER, CA_OPEN, CA_RECOVERY, EVER_RETRANS, LOST, RETRANS, TIMER_REO, TIMER_RTO
from models.rack import NO_DUPTHRESH, mark_skb_lost, rack_advance, rack_update_reo_wnd, reo_wnd
from models.rate import sent_after
from models.timeouts import retransmit_timer
from tests.models.sender import MS, MSS, Sender


def test_the_reordering_window_is_a_quarter_of_the_minimum_rtt():
    s = Sender(rtt_us=50_000)
    assert reo_wnd(s.e) == 12_500


def test_it_closes_at_three_sacked_segments_or_in_recovery():
    s = Sender(rtt_us=50_000)
    s.e.sacked_out = 3
    assert reo_wnd(s.e) == 0
    s.e.recovery |= NO_DUPTHRESH
    assert reo_wnd(s.e) == 12_500
    s.e.ca_state = CA_RECOVERY
    assert reo_wnd(s.e) == 0


def test_it_stays_open_once_reordering_was_seen():
    s = Sender(rtt_us=50_000)
    s.e.sacked_out = 3
    s.e.ca_state = CA_RECOVERY
    s.e.reord_seen = 1
    assert reo_wnd(s.e) == 12_500


def test_dsacks_widen_it_a_step_a_round_up_to_srtt():
    s = Sender(rtt_us=50_000)
    e = s.e
    e.delivered, e.rs_prior_delivered, e.dsack_seen = 20, 10, 1
    rack_update_reo_wnd(e)
    assert (e.reo_wnd_steps, e.dsack_seen, e.rack_last_delivered) == (2, 0, 20)
    e.dsack_seen = 1
    rack_update_reo_wnd(e)  # sent before the last change: within the same round trip
    assert (e.reo_wnd_steps, e.dsack_seen) == (2, 0)
    e.reo_wnd_steps = 9
    assert reo_wnd(e) == 50_000


def test_it_goes_back_after_sixteen_good_recoveries():
    s = Sender()
    e = s.e
    e.reo_wnd_steps, e.reo_wnd_persist, e.rs_prior_delivered = 3, 1, 10
    rack_update_reo_wnd(e)
    assert e.reo_wnd_steps == 3
    e.reo_wnd_persist = 0
    rack_update_reo_wnd(e)
    assert e.reo_wnd_steps == 1


@pytest.mark.parametrize(
    ("first", "second", "later"),
    [((5, 100), (4, 900), 1), ((5, 100), (5, 50), 1), ((5, 50), (5, 100), 0)],
)
def test_within_a_microsecond_the_higher_sequence_was_sent_later(first, second, later):
    assert sent_after(first[0], second[0], first[1], second[1]) == later


def test_a_retransmission_back_before_the_minimum_rtt_proves_nothing():
    s = Sender(rtt_us=10_000)
    rack_advance(s.e, 20 * MS, EVER_RETRANS, 1448, 10_001)
    assert s.e.rack_advanced == 0
    rack_advance(s.e, 20 * MS, EVER_RETRANS, 1448, 10_000)
    assert (s.e.rack_advanced, s.e.rack_rtt, s.e.rack_end_seq) == (1, 10_000, 1448)


def stream_with_a_hole(until):
    """100 B every 10 ms over 50 ms, the first lost; the others are SACKed one by one. Returns at `until` ms."""
    s = Sender(rtt_us=50_000)
    now = 0
    while now <= until:
        if now >= 60:
            s.ack(now * MS, 0, (100, 100 * (now // 10 - 4)), tsecr=now - 50)
        s.send(now * MS + 1, 100)
        now += 10
    return s


def test_the_first_sack_only_starts_the_reordering_wait():
    s = stream_with_a_hole(60)
    assert s.e.ca_state == CA_DISORDER
    assert s.e.lost_out == 0
    assert s.e.timer != TIMER_RTO  # 2.5 ms are left, and 2 ms of slack


def test_a_hole_is_retransmitted_a_round_trip_and_two_gaps_later():
    s = stream_with_a_hole(60)
    s.sent()
    s.ack(70 * MS, 0, (100, 300), tsecr=20)
    assert s.e.ca_state == CA_RECOVERY
    assert s.sent()[0] == (0, 100)


def test_the_reo_timer_repairs_when_no_further_sack_comes():
    s = Sender(rtt_us=50_000)
    s.send(0, 100)
    s.send(10 * MS, 100)
    s.sent()
    s.ack(60 * MS, 0, (100, 200), tsecr=10)
    assert s.e.timer == TIMER_REO
    assert s.e.timer_at == 72 * MS  # 2.5 + 2 ms are two jiffies, from tick 15
    retransmit_timer(s.e, s.l, s.e.timer_at)
    assert s.sent() == [(0, 100)]
    assert s.e.ca_state == CA_RECOVERY


def test_a_lost_retransmission_is_noticed():
    s = Sender()
    (i,) = s.send(0, MSS)
    k, e = s.e.skb[i], s.e
    mark_skb_lost(e, i)
    assert (k.sacked, e.lost_out, e.lost) == (LOST, 1, 1)
    k.sacked |= RETRANS | EVER_RETRANS
    e.retrans_out = 1
    mark_skb_lost(e, i)
    assert (k.sacked, e.lost_out, e.retrans_out, e.lost) == (LOST | EVER_RETRANS, 1, 0, 2)


def test_a_late_original_does_not_count_against_the_network():
    s = Sender(rtt_us=50_000)
    s.send(0, 100)
    s.send(1 * MS, 100)
    s.ack(51 * MS, 0, (100, 200), tsecr=1)
    assert s.e.timer == TIMER_REO
    s.ack(52 * MS, 200, tsecr=0)
    assert (s.e.ca_state, s.e.reord_seen, s.e.lost) == (CA_OPEN, 1, 0)
