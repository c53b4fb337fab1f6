"""Timeouts: tail loss probe, RTO and its backoff, F-RTO, zero-window probe. Figures: a Linux 6.18 host with HZ=250."""

import pytest

from models.constants import (
    CA_CWR,
    CA_LOSS,
    CA_OPEN,
    CA_RECOVERY,
    CUBIC,
    TIMER_NONE,
    TIMER_PROBE0,
    TIMER_RTO,
    TIMER_TLP,
)
from models.output import push_pending
from models.timeouts import retransmit_timer
from tests.models.sender import MS, MSS, Sender

CORKED = 2


def fire(s):
    """Let the timer fire when it is due; returns that time."""
    now = s.e.timer_at
    retransmit_timer(s.e, s.l, now)
    return now


@pytest.mark.parametrize(("rtt_us", "ms"), [(200, 208), (10_000, 216), (50_000, 256)])
def test_a_lone_segment_is_probed_when_its_rto_is_due(rtt_us, ms):
    s = Sender(rtt_us)
    s.send(0, 100)
    assert (s.e.timer, s.e.timer_at) == (TIMER_TLP, ms * MS)


def test_two_segments_on_a_lan_are_probed_in_the_second_tick():
    s = Sender(200)
    s.send(0, 100, 100)
    assert s.e.timer_at == 8 * MS  # 0.4 + 2 ms is one jiffy; a wheel timer fires in the tick behind
    s.send(3_900_000, 100)
    assert s.e.timer_at == 8 * MS


def test_the_probe_is_the_last_segment_again():
    s = Sender()
    s.send(0, MSS, MSS, 500)
    s.sent()
    assert fire(s) == 28 * MS  # 2 * 10 + 2 ms: six jiffies
    assert s.sent() == [(2 * MSS, 500)]
    assert (s.e.tlps, s.e.tlp_high_seq, s.e.tlp_retrans) == (1, 2 * MSS + 500, 1)
    assert (s.e.timer, s.e.retrans_out) == (TIMER_RTO, 0)


def test_the_probe_is_one_segment_of_a_larger_skb():
    s = Sender()
    s.send(0, 3 * MSS + 100)
    s.sent()
    fire(s)
    assert s.sent() == [(3 * MSS, 100)]
    assert s.rtx() == [(0, 3 * MSS, 3, 0), (3 * MSS, 3 * MSS + 100, 1, 8)]
    assert s.e.packets_out == 4


def test_the_probe_is_new_data_if_there_is_some_whatever_nagle_says():
    s = Sender()
    s.send(0, 100)
    s.send(MS, 200, nonagle=0)
    s.sent()
    fire(s)
    assert s.sent() == [(100, 200)]
    assert (s.e.tlp_retrans, s.e.tlp_high_seq) == (0, 300)
    s.ack(230 * MS, 0, (100, 300), tsecr=220)
    assert s.sent() == [(0, 100)]  # RACK: the one sent 220 ms later has arrived
    assert s.e.ca_state == CA_RECOVERY


def test_one_probe_an_episode():
    s = Sender()
    s.send(0, MSS, MSS)
    fire(s)
    assert s.e.timer == TIMER_RTO
    s.sent()
    fire(s)
    assert s.sent() == [(0, MSS)]
    assert (s.e.ca_state, s.e.rtos) == (CA_LOSS, 1)


def test_a_repaired_tail_loss_reduces_the_window():
    s = Sender(cc=CUBIC)
    s.send(0, MSS, MSS)
    s.ack(10 * MS, MSS, tsecr=0)
    s.e.cwnd = 10
    fire(s)
    s.send(s.e.host.tick * 60, MSS)
    s.ack(240 * MS, 3 * MSS, tsecr=230)
    assert (s.e.ca_state, s.e.ssthresh) == (CA_OPEN, 7)
    assert s.e.cwnd == 7


def test_a_dsack_for_the_probe_ends_the_episode_without_a_reduction():
    s = Sender()
    s.send(0, MSS, MSS)
    fire(s)
    s.ack(38 * MS, 2 * MSS, tsecr=0)
    s.ack(39 * MS, 2 * MSS, (MSS, 2 * MSS), tsecr=28)
    assert (s.e.tlp_high_seq, s.e.ca_state) == (0, CA_OPEN)
    assert s.e.cwnd >= 10


def test_a_segment_lost_three_times():
    """Recorded: 219.9, 439.9 and 899.9 ms after it first left, at srtt 12.5 ms (RTO 216)."""
    s = Sender(12_500, phase_ticks=7)
    s.send(100_000, 100)
    assert s.e.rto == 216_000
    assert [fire(s), fire(s), fire(s)] == [220 * MS, 440 * MS, 900 * MS]
    assert (s.e.tlps, s.e.rtos, s.e.backoff) == (1, 2, 2)
    assert s.e.rto == 4 * 216_000


def test_rto_leaves_one_segment_and_halves_ssthresh():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, *[MSS] * 6)
    s.sent()
    assert fire(s) == 216 * MS
    e = s.e
    assert s.sent() == [(0, MSS)]
    assert (e.ca_state, e.cwnd, e.ssthresh, e.lost_out, e.retrans_out) == (CA_LOSS, 1, 5, 6, 1)
    assert (e.rto, e.backoff, e.high_seq) == (424_000, 1, 6 * MSS)


def test_after_the_rto_the_window_opens_in_slow_start():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, *[MSS] * 6)
    fire(s)
    s.sent()
    s.ack(226 * MS, MSS, tsecr=216)
    assert (s.e.cwnd, s.sent()) == (2, [(MSS, MSS), (2 * MSS, MSS)])
    assert (s.e.backoff, s.e.retransmits) == (0, 0)


def test_segments_sent_less_than_a_round_trip_ago_are_not_lost_at_the_rto():
    s = Sender()
    s.e.early_retrans = 0
    s.e.rack_rtt = 10_000
    s.send(0, MSS)
    s.send(210 * MS, MSS)
    fire(s)
    assert s.e.lost_out == 1


def test_a_spurious_rto_is_undone_when_the_original_is_acknowledged():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, *[MSS] * 4)
    fire(s)
    assert s.e.ca_state == CA_LOSS
    s.ack(218 * MS, MSS, tsecr=0)
    e = s.e
    assert (e.ca_state, e.undos, e.lost_out) == (CA_OPEN, 1, 0)
    assert (e.ssthresh, e.cwnd >= 10) == (0x7FFFFFFF, True)


def test_frto_a_sack_of_data_never_retransmitted_shows_the_timeout_spurious():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, *[MSS] * 4)
    fire(s)
    s.ack(218 * MS, 0, (2 * MSS, 3 * MSS), tsecr=216)
    assert (s.e.spurious_rtos, s.e.undos) == (1, 1)


def test_frto_sends_new_data_first():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, *[MSS] * 4)
    fire(s)
    s.queue(MSS)
    s.sent()
    s.ack(226 * MS, MSS, tsecr=216)
    assert s.sent() == [(4 * MSS, MSS)]
    assert s.e.ca_state == CA_LOSS
    s.ack(236 * MS, MSS, (4 * MSS, 5 * MSS), tsecr=226)  # the new data arrives, the rest is really lost
    assert s.e.frto == 0
    assert s.sent()[0] == (MSS, MSS)


def test_thin_streams_may_back_off_linearly():
    s = Sender()
    s.e.early_retrans = 0
    s.e.thin_linear = 1
    s.e.ssthresh = 20
    s.send(0, 100)
    fire(s)
    assert (s.e.rto, s.e.backoff) == (212_000, 0)


@pytest.mark.parametrize(("rtt_us", "earliest", "latest"), [(200, 204, 208), (50_000, 252, 284), (300_000, 900, 932)])
def test_a_cork_lasts_an_rto(rtt_us, earliest, latest):
    s = Sender(rtt_us)
    s.e.nonagle = CORKED
    s.send(1, 100, nonagle=CORKED)
    s.sent()
    assert s.e.timer == TIMER_PROBE0
    assert earliest * MS < s.e.timer_at <= latest * MS
    s.e.skb[s.e.sq_tail].eor = 0
    fire(s)
    assert s.sent() == [(0, 100)]
    assert (s.e.timer, s.e.packets_out, s.e.snd_nxt) == (TIMER_RTO, 1, 100)


def test_a_closed_window_is_probed_at_doubling_intervals():
    s = Sender()
    s.e.snd_wnd = 0
    s.send(0, 100)
    times = [fire(s) // MS for _ in range(3)]
    assert s.sent() == [(-1, 0)] * 3
    assert times[0] == 216  # 53 jiffies
    assert 424 < times[1] - times[0] <= 424 + 32
    assert 848 < times[2] - times[1] <= 848 + 32 + 4


def test_an_opening_window_stops_the_probes():
    s = Sender()
    s.e.snd_wnd = 0
    s.send(0, 100)
    fire(s)
    s.ack(230 * MS, 0, wnd=50)
    assert s.e.timer == TIMER_PROBE0
    s.ack(231 * MS, 0, wnd=5000)
    assert (s.e.timer, s.e.backoff) == (TIMER_NONE, 0)
    push_pending(s.e, s.l, 231 * MS, 1, 3)
    assert s.sent()[-1] == (0, 100)


def test_a_window_too_small_for_the_segment_gets_a_part_of_it():
    s = Sender()
    s.e.snd_wnd = 60
    s.send(0, 100)
    assert s.sent() == []
    fire(s)
    assert s.sent() == [(0, 60)]
    assert s.queue_of(s.e.sq_head) == [(60, 100, 1, 0)]


def test_a_retransmission_into_a_closed_window_is_its_probe():
    s = Sender()
    s.e.early_retrans = 0
    s.send(0, MSS, MSS)
    s.e.snd_wnd = 0
    s.sent()
    fire(s)
    assert s.sent() == [(0, MSS)]
    assert (s.e.rtos, s.e.retransmits) == (0, 0)


def test_cwr_keeps_the_probe():
    s = Sender()
    s.e.ca_state = CA_CWR
    s.send(0, MSS, MSS)
    assert s.e.timer == TIMER_TLP
