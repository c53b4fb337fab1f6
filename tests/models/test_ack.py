"""An ACK: what leaves the retransmit queue, the window, the samples it gives."""

from models.constants import CA_OPEN, FLAG_ACK_MAYBE_DELAYED, TIMER_NONE, TIMER_TLP
from tests.models.sender import MS, MSS, OVERHEAD, Sender

RTT = 10 * MS


def test_it_frees_what_it_covers():
    s = Sender()
    s.send(0, 100, 200, 300)
    assert s.e.wmem_queued == 3 * OVERHEAD + 600
    s.ack(RTT, 300, tsecr=0)
    assert (s.e.wmem_queued, s.e.packets_out, s.e.snd_una) == (OVERHEAD + 300, 1, 300)
    assert s.e.timer == TIMER_TLP


def test_part_of_a_super_segment_is_cut_off():
    s = Sender()
    s.send(0, 4 * MSS)
    s.ack(RTT, 3 * MSS, tsecr=0)
    assert s.rtx() == [(3 * MSS, 4 * MSS, 1, 0)]
    assert (s.e.packets_out, s.e.wmem_queued, s.e.delivered) == (1, OVERHEAD + MSS, 4)


def test_part_of_a_lone_segment_counts_for_nothing():
    s = Sender()
    s.send(0, MSS)
    s.ack(RTT, 700, tsecr=0)
    assert (s.e.packets_out, s.e.snd_una, s.rtx()) == (1, 700, [(0, MSS, 1, 0)])


def test_the_last_ack_stops_the_timer():
    s = Sender()
    s.send(0, 100)
    s.ack(RTT, 100, tsecr=0)
    assert s.e.timer == TIMER_NONE


def test_the_window_moves_with_newer_segments_only():
    s = Sender()
    s.e.snd_wl1 = 500
    s.e.rcv_nxt = 400
    s.ack(RTT, 0, wnd=99)
    assert s.e.snd_wnd == 1 << 20
    s.e.rcv_nxt = 500
    s.ack(RTT, 0, wnd=99)
    assert s.e.snd_wnd == 1 << 20  # the same segment may raise it, or close it
    s.ack(RTT, 0, wnd=0)
    assert s.e.snd_wnd == 0
    s.e.rcv_nxt = 501
    s.ack(RTT, 0, wnd=99)
    assert (s.e.snd_wnd, s.e.max_window) == (99, 1 << 20)


def test_an_ack_of_unsent_data_is_ignored():
    s = Sender()
    s.send(0, 100)
    s.ack(RTT, 101, wnd=5)
    assert (s.e.snd_una, s.e.packets_out, s.e.snd_wnd) == (0, 1, 1 << 20)


def test_slow_start_counts_segments():
    s = Sender()
    s.send(0, *[100] * 6)
    for n in range(1, 7):
        s.ack(RTT, n * 100, tsecr=0)
    assert (s.e.cwnd, s.e.ca_state) == (12, CA_OPEN)  # six in flight allow twelve


def test_the_rtt_is_that_of_the_oldest_segment_acknowledged_the_sample_that_of_the_latest():
    s = Sender()
    s.send(0, MSS)
    s.send(2 * MS, MSS)
    s.ack(14 * MS, 2 * MSS, tsecr=0)
    assert s.e.rs_rtt == 12_000
    assert s.e.srtt >> 3 == 10_500  # 10 + (14 - 10) / 8


def test_a_lone_small_segment_may_have_met_a_delayed_ack():
    s = Sender()
    s.send(0, 100)
    s.ack(50 * MS, 100, tsecr=0)
    assert s.e.ack_flag & FLAG_ACK_MAYBE_DELAYED
    assert s.e.min_rtt_v0 == 10_000
    s.send(60 * MS, MSS)
    s.ack(70 * MS, 100 + MSS, tsecr=60)
    assert s.e.ack_flag & FLAG_ACK_MAYBE_DELAYED == 0


def test_the_delivery_rate_is_what_arrived_over_the_longer_phase():
    s = Sender()
    s.send(0, *[MSS] * 5)
    s.ack(RTT, 5 * MSS, tsecr=0)
    assert (s.e.rs_delivered, s.e.rs_interval) == (5, 10_000)
    s.send(RTT, *[MSS] * 2)
    s.send(RTT + 15 * MS, MSS)
    s.ack(RTT + 25 * MS, 8 * MSS, tsecr=25)
    assert (s.e.rs_delivered, s.e.rs_interval) == (3, 25_000)  # the sending phase took 15 ms


def test_data_without_news_for_the_sender_is_not_a_duplicate_ack():
    s = Sender()
    s.send(0, 100)
    s.ack(RTT, 0, tsecr=0, length=50)
    assert s.e.ca_state == CA_OPEN
