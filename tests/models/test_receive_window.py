"""The advertised window, byte for byte as Linux 6.18 advertised it, and the rules behind it."""

from pathlib import Path

import pytest

from models.constants import ERR_READS, PSH_FLAG
from models.delayed_ack import measure_rcv_mss
from models.out_of_order import queue_out_of_order, take_in_order
from models.receive_queue import queue_skb, received_truesize, tcp_copy_received, tcp_queue_rcv, tcp_try_rmem_schedule
from models.receive_window import (
    __tcp_select_window,
    set_rcvbuf,
    set_rcvlowat,
    tcp_grow_window,
    tcp_init_buffer_space,
    tcp_rcv_rtt_measure,
    tcp_rcv_rtt_measure_ts,
    tcp_rcv_space_adjust,
    tcp_rcvbuf_grow,
    tcp_receive_window,
    tcp_select_initial_window,
    tcp_select_window,
    update_scaling_ratio,
)
from models.state import READS, Endpoint
from sim.plain import new

HEADERS = 52
KIB = 1024


def socket(server=0, rcvbuf=131_072):
    """tcp_rmem 4096 131072 33554432, MTU 1500, timestamps."""
    e = new(Endpoint, True)
    e.server = server
    e.timestamps = e.wscale_ok = 1
    e.advmss = 1448
    e.rcv_mss = 536
    e.rcvbuf = rcvbuf
    e.rmem_max = 32 * KIB * KIB
    e.max_header = 192
    return e


def opened(server=0, rcvbuf=131_072):
    e = socket(server, rcvbuf)
    tcp_select_initial_window(e)
    tcp_init_buffer_space(e, 0)
    tcp_select_window(e)
    return e


def receive(e, length, now=0, psh=1):
    """An in-order segment, as tcp_rcv_established() treats it."""
    tcp_rcv_rtt_measure_ts(e, now, length)
    assert tcp_try_rmem_schedule(e, e.rcv_nxt) == 0
    truesize = received_truesize(e, length + HEADERS)
    tcp_queue_rcv(e, e.rcv_nxt, e.rcv_nxt + length, length + HEADERS, received_truesize(e, length + HEADERS))
    measure_rcv_mss(e, length, PSH_FLAG if psh else 0, truesize)
    tcp_rcv_rtt_measure(e, now)
    if length >= 128:
        tcp_grow_window(e, length, truesize)


# What six connections of Linux 6.18.44 advertised (`ack,us,window`), and when their segments arrived
# (`data,us,bytes,psh,tsecr`) and were read (`read,us,bytes`). rcvbuf is what getsockopt() said at the end.
RECORDED = {"A01": 2_075_880, "A03": 131_072, "F01": 131_072, "G03": 237_136, "M01": 1_683_798, "O01": 131_072}


@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_window_is_reproduced(name):
    e = socket()
    tcp_select_initial_window(e)
    lines = (Path(__file__).parent / "windows" / f"{name}.csv").read_text().splitlines()
    for number, line in enumerate(lines, 1):
        kind, us, *rest = line.split(",")
        now = int(us) * 1000
        if kind == "open":
            tcp_init_buffer_space(e, now)
        elif kind == "data":
            length, psh, e.last_tsecr = map(int, rest)
            receive(e, length, now, psh)
        elif kind == "read":
            assert tcp_copy_received(e, now, int(rest[0])) == int(rest[0])
        else:
            assert tcp_select_window(e) == int(rest[0]), f"{name}.csv:{number}"
    assert e.rcvbuf == RECORDED[name]


def test_the_syn_offers_half_the_buffer_in_whole_segments():
    client, server = socket(0), socket(1)
    tcp_select_initial_window(client)
    tcp_select_initial_window(server)
    assert client.rcv_wnd == 44 * 1460  # timestamps are not agreed on yet
    assert server.rcv_wnd == 45 * 1448
    assert client.rcv_wscale == server.rcv_wscale == 10  # log2(32 MB) - 15


def test_the_first_ack_holds_one_segment_back_but_the_right_edge_stays():
    client, server = opened(0), opened(1)
    assert client.rcv_ssthresh == server.rcv_ssthresh == 65_536 - 1448
    assert client.rcv_wnd == 63 * KIB
    assert server.rcv_wnd == 64 * KIB  # 65160 were promised, rounded up to the scale


@pytest.mark.parametrize(
    ("payload", "truesize"), [(0, 832), (100, 832), (140, 832), (141, 1280), (524, 1280), (600, 2304), (1448, 2304)]
)
def test_a_received_packet_is_charged_its_slab(payload, truesize):
    assert received_truesize(socket(), payload + HEADERS) == truesize


def test_the_ratio_follows_the_first_larger_segment():
    e = opened()
    receive(e, 600)
    assert (e.scaling_ratio, e.window_clamp) == (66, 33_792)
    e = opened()
    receive(e, 1448)
    assert (e.scaling_ratio, e.window_clamp) == (160, 81_920)


def test_a_lower_ratio_takes_the_sizing_base_down_with_the_clamp():
    e = opened(rcvbuf=8192)
    update_scaling_ratio(e, 100, 2304)
    assert e.scaling_ratio == 11
    assert e.rcvq_space == e.window_clamp == 2304 // 2  # SOCK_MIN_RCVBUF / 2


def test_a_small_segment_fills_the_room_the_last_one_left_and_costs_nothing():
    e = opened()
    receive(e, 600)
    charged = e.rmem_alloc
    receive(e, 600)
    assert (e.rmem_alloc, e.rq_len) == (charged, 1)  # 1012 bytes were left
    receive(e, 600)
    assert (e.rmem_alloc, e.rq_len) == (2 * charged, 2)


def test_reading_frees_whole_skbs_only():
    e = opened()
    for _ in range(3):
        receive(e, 1448)
    assert tcp_copy_received(e, 0, 2000) == 2000
    assert (e.rq_len, e.rmem_alloc) == (2, 2 * 2304)
    assert tcp_copy_received(e, 0, 1 << 20) == 3 * 1448 - 2000
    assert (e.rq_len, e.rmem_alloc) == (0, 0)


def test_the_right_edge_never_moves_back():
    e = opened()
    edge = e.rcv_wup + e.rcv_wnd
    for _ in range(200):
        e.rcv_nxt += 300
        e.rmem_alloc += 1280  # much memory for few bytes: the window must close
        tcp_select_window(e)
        assert e.rcv_wup + e.rcv_wnd >= edge
        edge = e.rcv_wup + e.rcv_wnd


def test_it_moves_back_with_tcp_shrink_window():
    e = opened()
    e.shrink_window = 1
    e.rmem_alloc = 100_000
    assert tcp_select_window(e) == 15 * KIB  # half of 31072, rounded down to the scale
    e.rmem_alloc = 0
    assert tcp_select_window(e) == 63 * KIB


def test_less_than_half_the_buffer_free_ends_quick_acks():
    e = opened()
    e.quick = 16
    e.rmem_alloc = e.rcvbuf // 2
    __tcp_select_window(e)
    assert e.quick == 16
    e.rmem_alloc += 4 * e.advmss
    __tcp_select_window(e)
    assert e.quick == 0


def test_the_window_closes_below_a_sixteenth_of_the_buffer():
    e = opened()
    e.rmem_alloc = e.rcvbuf - 2 * 4096
    assert __tcp_select_window(e) == 4096
    e.rmem_alloc += 2
    assert __tcp_select_window(e) == 0


def test_the_window_closes_below_one_segment():
    e = opened(rcvbuf=16_384)
    e.rcv_mss = 1448
    e.rmem_alloc = e.rcvbuf - 2 * 2048
    assert __tcp_select_window(e) == 2048
    e.rmem_alloc += 2
    assert __tcp_select_window(e) == 0


def test_without_scaling_the_window_moves_by_whole_segments():
    e = opened(rcvbuf=16_384)
    e.rcv_wscale = 0
    e.rcv_mss = 1000
    e.rcv_ssthresh = 7600
    e.rcv_wnd = 6700
    assert __tcp_select_window(e) == 6700  # less than a segment better: leave it
    e.rcv_wnd = 6500
    assert __tcp_select_window(e) == 7000


def test_a_segment_without_memory_closes_the_window_once():
    e = opened()
    e.nomem = 1
    assert tcp_select_window(e) == 0
    assert tcp_select_window(e) == 63 * KIB


def test_every_growth_is_a_quick_ack_credit_and_the_clamp_ends_it():
    e = socket()
    set_rcvbuf(e, 1_000_000)
    assert (e.rcvbuf, e.rcvbuf_locked) == (2_000_000, 1)  # doubled; below net.core.rmem_max
    tcp_select_initial_window(e)
    tcp_init_buffer_space(e, 0)
    e.rcv_ssthresh = 20_000
    tcp_grow_window(e, 512, 1280)
    assert (e.rcv_ssthresh, e.quick) == (20_000 + 2 * 536, 1)
    tcp_grow_window(e, 1448, 2304)
    assert e.rcv_ssthresh == 20_000 + 2 * 536 + 2 * 1448
    e.rcv_ssthresh, e.quick = e.window_clamp, 0
    tcp_grow_window(e, 1448, 2304)
    assert (e.rcv_ssthresh, e.quick) == (e.window_clamp, 0)


def test_with_the_default_buffer_nothing_grows():
    e = opened()
    ssthresh = e.rcv_ssthresh
    for _ in range(100):
        receive(e, 512)
        tcp_copy_received(e, 0, 512)
    assert (e.rcv_ssthresh, e.quick) == (ssthresh, 0)


def test_wasteful_segments_do_not_open_large_windows():
    e = opened(rcvbuf=4_000_000)
    e.window_clamp = 2_000_000
    e.rcv_ssthresh = 1_000_000
    tcp_grow_window(e, 128, 2304)  # 1152 bytes of window for 128 of payload
    assert e.rcv_ssthresh == 1_000_000 + 2 * 536
    e.rcv_ssthresh = 1_100_000  # more than an eighth of what tcp_rmem[2] is good for
    e.rmem_max = 8 * KIB * KIB
    tcp_grow_window(e, 128, 2304)
    assert e.rcv_ssthresh == 1_100_000


def test_low_water_mark_makes_room_for_itself_twice():
    e = opened()
    set_rcvlowat(e, 100_000)
    assert (e.r.lowat, e.rcvbuf, e.window_clamp) == (100_000, 200_000, 100_000)


def test_the_receivers_round_trip_is_the_smallest_it_has_seen():
    e = opened()
    tcp_rcv_rtt_measure(e, 1_000_000)
    e.rcv_nxt += e.rcv_wnd - 1
    tcp_rcv_rtt_measure(e, 50_000_000)
    assert e.rcv_rtt == 0
    e.rcv_nxt += 1
    tcp_rcv_rtt_measure(e, 51_000_000)
    assert e.rcv_rtt >> 3 == 50_000
    e.rcv_nxt += e.rcv_wnd
    tcp_rcv_rtt_measure(e, 71_000_000)
    assert e.rcv_rtt >> 3 == 20_000
    e.rcv_nxt += e.rcv_wnd
    tcp_rcv_rtt_measure(e, 171_000_000)
    assert e.rcv_rtt >> 3 == 20_000


def test_a_timestamp_sample_needs_a_full_segment_a_new_echo_and_an_empty_queue():
    e = opened()
    e.last_tsecr = 10
    tcp_rcv_rtt_measure_ts(e, 30_500_000, 535)
    assert e.rcv_rtt == 0
    tcp_rcv_rtt_measure_ts(e, 30_500_000, 536)
    assert e.rcv_rtt == 0  # the echo is not new
    e.last_tsecr = 11
    tcp_rcv_rtt_measure_ts(e, 31_500_000, 536)
    assert e.rcv_rtt == 20_000 << 3
    e.last_tsecr, e.rcv_nxt = 12, 1
    tcp_rcv_rtt_measure_ts(e, 60_500_000, 536)
    assert e.rcv_rtt == 20_000 << 3  # unread data may be why it took so long
    e.last_tsecr, e.copied_seq = 13, 1
    tcp_rcv_rtt_measure_ts(e, 61_500_000, 536)
    assert e.rcv_rtt == (20_000 * 7 + 48_000)


def test_right_sizing_asks_for_twice_what_was_read_and_more_while_the_sender_accelerates():
    e = opened()
    e.scaling_ratio = 160
    tcp_rcvbuf_grow(e, 30_000)
    window = 60_000 + 2 * (60_000 * (30_000 - 14_480) // 14_480)
    assert e.rcvbuf == window * 256 // 160
    assert e.window_clamp == e.rcvbuf * 160 >> 8
    assert e.rcvq_space == 30_000


def test_right_sizing_waits_a_round_trip_and_never_shrinks():
    e = opened()
    e.rcv_rtt = 10_000 << 3
    e.rcv_nxt = e.copied_seq = 20_000
    tcp_rcv_space_adjust(e, 9_999_000)
    assert e.rcvq_space == 14_480
    tcp_rcv_space_adjust(e, 10_000_000)
    assert e.rcvq_space == 20_000
    rcvbuf = e.rcvbuf
    e.rcv_nxt = e.copied_seq = 40_000
    tcp_rcv_space_adjust(e, 20_000_000)
    assert (e.rcvq_space, e.rcvbuf) == (20_000, rcvbuf)


def test_a_locked_buffer_is_measured_but_not_resized():
    e = opened()
    e.rcvbuf_locked = 1
    tcp_rcvbuf_grow(e, 60_000)
    assert (e.rcvbuf, e.rcvq_space) == (131_072, 60_000)


def overdraw(e, size, count):
    for _ in range(count):
        tcp_queue_rcv(e, e.rcv_nxt, e.rcv_nxt + size, size + HEADERS, received_truesize(e, size + HEADERS))


def test_an_overdrawn_buffer_that_may_grow_takes_what_it_holds_as_its_size():
    e = opened(rcvbuf=8192)
    overdraw(e, 100, 12)
    assert e.rmem_alloc == 12 * 832
    assert tcp_try_rmem_schedule(e, e.rcv_nxt) == 0
    assert e.rcvbuf == 12 * 832


def test_an_overdrawn_locked_buffer_copies_small_segments_together():
    e = opened(rcvbuf=8192)
    e.rcvbuf_locked = 1
    overdraw(e, 100, 12)
    assert tcp_try_rmem_schedule(e, e.rcv_nxt) == 0
    assert (e.rq_len, e.rmem_alloc) == (1, 2304)  # 1200 bytes in a 2 KiB slab
    assert tcp_copy_received(e, 0, 5000) == 1200
    assert e.rmem_alloc == 0


def test_full_segments_are_worth_their_memory_and_the_next_one_is_refused():
    e = opened(rcvbuf=8192)
    e.rcvbuf_locked = 1
    e.scaling_ratio = 160
    overdraw(e, 1448, 4)
    assert tcp_try_rmem_schedule(e, e.rcv_nxt) == -1
    assert (e.rq_len, e.rmem_alloc) == (4, 4 * 2304)
    assert e.rcv_ssthresh == 2 * 1448


def test_out_of_order_data_is_dropped_before_the_segment_that_fills_the_hole():
    e = opened(rcvbuf=8192)
    e.rcvbuf_locked = 1
    e.ooo_len = 2
    for i, start in ((0, 10_000), (1, 20_000)):
        e.ooo[i].start, e.ooo[i].end, e.ooo[i].truesize = start, start + 2896, 4608
        e.rmem_alloc += 4608
    assert tcp_try_rmem_schedule(e, 0) == 0
    assert e.ooo_len == 1
    assert e.rmem_alloc == 4352  # what is kept was copied into one page-sized skb
    assert e.nsack == 0


def test_what_is_left_of_the_window_is_never_negative():
    e = opened()
    e.rcv_nxt += 100_000
    assert tcp_receive_window(e) == 0


def test_more_skbs_than_the_receive_queue_holds_are_an_error_however_they_come() -> None:
    e = new(Endpoint, True)
    for i in range(READS - 1):
        queue_skb(e, i, i + 1, 832, 0)
    assert (e.rq_len, e.err) == (READS - 1, 0)
    e.rcv_nxt = READS - 1
    queue_out_of_order(e, e.rcv_nxt, e.rcv_nxt + 1, 832)
    take_in_order(e)
    assert (e.rq_len, e.err) == (READS - 1, ERR_READS)
    assert e.rq[e.rq_head].start == 0
