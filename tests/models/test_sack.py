"""SACK blocks: what they mark, where they cut, what they report twice, and how reordering shows."""

from models.constants import SACKED
from models.inflight import highest_sack_seq
from models.sack import check_dsack
from tests.models.sender import MS, MSS, OVERHEAD, Sender

RTT = 10 * MS


def test_a_block_marks_what_it_covers():
    s = Sender()
    s.send(0, *[MSS] * 4)
    s.ack(RTT, 0, (MSS, 2 * MSS), (3 * MSS, 4 * MSS), tsecr=0)
    assert [k[3] & SACKED for k in s.rtx()] == [0, SACKED, 0, SACKED]
    assert (s.e.sacked_out, s.e.delivered) == (2, 3)
    assert highest_sack_seq(s.e) == 4 * MSS


def test_blocks_may_come_in_any_order():
    s = Sender()
    s.send(0, *[MSS] * 6)
    s.ack(RTT, 0, (5 * MSS, 6 * MSS), (MSS, 2 * MSS), (3 * MSS, 4 * MSS), tsecr=0)
    assert [k[0] // MSS for k in s.rtx() if k[3] & SACKED] == [1, 3, 5]


def test_a_super_segment_is_cut_at_segment_boundaries():
    s = Sender()
    s.e.cwnd = 20
    s.send(0, 5 * MSS + 100)
    s.ack(RTT, 0, (2 * MSS, 4 * MSS), tsecr=0)
    assert s.rtx() == [
        (0, 2 * MSS, 2, 0),
        (2 * MSS, 4 * MSS, 2, SACKED),
        (4 * MSS, 5 * MSS + 100, 2, 0),
    ]
    assert (s.e.packets_out, s.e.sacked_out) == (6, 2)
    assert s.e.wmem_queued == 3 * OVERHEAD + 5 * MSS + 100


def test_half_a_segment_is_not_marked():
    s = Sender()
    s.send(0, 3 * MSS)
    s.ack(RTT, 0, (MSS, MSS + 700), tsecr=0)
    assert s.e.sacked_out == 0
    assert s.e.packets_out == 3


def test_neighbours_that_arrived_are_joined_and_give_their_overhead_back():
    s = Sender()
    s.send(0, *[100] * 5)
    s.ack(RTT, 0, (100, 200), tsecr=0)
    s.ack(RTT, 0, (100, 300), tsecr=0)
    assert s.rtx()[1] == (100, 300, 2, SACKED)
    assert s.e.skb[s.e.skb[s.e.rtx_head].next].gso_size == 100
    assert s.e.wmem_queued == 4 * OVERHEAD + 500
    assert (s.e.packets_out, s.e.sacked_out) == (5, 2)


def test_a_filled_hole_joins_both_sides():
    s = Sender()
    s.send(0, *[100] * 5)
    s.ack(RTT, 0, (100, 200), tsecr=0)
    s.ack(RTT, 0, (300, 400), (100, 200), tsecr=0)
    s.ack(RTT, 0, (100, 400), tsecr=0)
    assert s.rtx() == [(0, 100, 1, s.rtx()[0][3]), (100, 400, 3, SACKED), (400, 500, 1, 0)]


def test_segments_of_different_size_are_not_joined():
    s = Sender()
    s.send(0, 100, 100, 200)
    s.ack(RTT, 0, (100, 400), tsecr=0)
    assert [k[:2] for k in s.rtx()] == [(0, 100), (100, 200), (200, 400)]


def test_a_cumulative_ack_frees_joined_skbs():
    s = Sender()
    s.send(0, *[100] * 5)
    s.ack(RTT, 0, (100, 500), tsecr=0)
    s.ack(RTT + MS, 500, tsecr=0)
    e = s.e
    assert (e.packets_out, e.sacked_out, e.wmem_queued, e.rtx_head) == (0, 0, 0, 0)
    assert e.delivered == 6


def test_a_hole_that_fills_by_itself_is_reordering():
    s = Sender()
    s.send(0, *[MSS] * 8)
    s.ack(RTT, 0, (7 * MSS, 8 * MSS), tsecr=0)
    s.ack(RTT, 0, (MSS, 2 * MSS), (7 * MSS, 8 * MSS), tsecr=0)
    assert s.e.reord_seen == 1
    assert s.e.reordering == 7


def test_a_dsack_below_the_ack_is_a_duplicate():
    s = Sender()
    s.e.total_retrans = 1
    assert check_dsack(s.e, 1000, 1000, 1, 900, 1000, 0, 0) == 1
    assert s.e.sack_delivered == 1


def test_a_dsack_inside_the_second_block_is_a_duplicate():
    s = Sender()
    s.e.total_retrans = 1
    assert check_dsack(s.e, 0, 0, 2, 200, 300, 100, 500) == 1
    assert check_dsack(s.e, 0, 0, 2, 200, 300, 400, 500) == 0
    assert check_dsack(s.e, 0, 0, 1, 200, 300, 0, 0) == 0


def test_more_duplicates_than_retransmissions_are_not_ours():
    s = Sender()
    assert check_dsack(s.e, 1000, 1000, 1, 900, 1000, 0, 0) == 0


def test_a_duplicate_of_several_segments_counts_each():
    s = Sender()
    s.e.total_retrans = 3
    check_dsack(s.e, 5000, 5000, 1, 0, 2 * MSS + 1, 0, 0)
    assert s.e.dsack_dups == 3


def test_a_block_beyond_what_was_sent_is_ignored():
    s = Sender()
    s.send(0, MSS, MSS)
    s.ack(RTT, 0, (MSS, 3 * MSS), tsecr=0)
    assert s.e.sacked_out == 0
