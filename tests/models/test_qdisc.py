"""The shaper at the sender: what leaves together, and what TCP holds back while its own data waits there."""

import pytest

from models.output import small_queue_full
from models.qdisc import begin_unit, qdisc_dequeue, qdisc_send, qdisc_slot
from models.send_queue import autocorks
from models.state import INF, Endpoint, Link
from sim.plain import new

MBIT = 1_000_000
BYTE = 8_000  # ns at 1 Mbit/s


@pytest.fixture
def e():
    made = new(Endpoint, True)
    made.qd.rate = MBIT
    made.qd.burst = 3_200
    made.qd.limit = 100_000
    made.qd.next = INF
    made.mss = 1_448
    made.autocorking = 1
    return made


def put(e, length, truesize=1_000):
    p = e.qd.q[qdisc_slot(e.qd)]
    p.iplen = length
    p.truesize = truesize
    qdisc_send(e, p, 0)


def leave(e):
    """Let the head go when its tokens are there; returns (when, packets)."""
    link = new(Link, True)
    at = e.qd.next
    qdisc_dequeue(e, link, at)
    return at, link.len


def test_a_super_packet_the_bucket_can_hold_leaves_as_one(e):
    begin_unit(e.qd, 2_000, 2)
    put(e, 1_500)
    put(e, 500)
    put(e, 1_500)
    assert e.wmem_qdisc == 3_000
    assert leave(e) == (2_000 * BYTE, 2)
    assert leave(e) == (3_500 * BYTE, 1)
    assert (e.qd.len, e.qd.bytes, e.wmem_qdisc, e.qd.next) == (0, 0, 0, INF)


def test_a_larger_one_is_cut_first(e):
    begin_unit(e.qd, 4_500, 3)
    for _ in range(3):
        put(e, 1_500)
    assert [leave(e) for _ in range(3)] == [(n * 1_500 * BYTE, 1) for n in (1, 2, 3)]


def queue(e, truesize):
    """An unsent skb behind one in flight."""
    k = e.skb[2]
    k.end = 100
    k.truesize = truesize
    e.rtx_head = 1
    e.rtx_tail = 3
    return 2


@pytest.mark.parametrize(("waiting", "held"), [(0, 0), (899, 0), (900, 1), (1_000, 1)])
def test_autocork_waits_for_one_queued_skb_of_the_same_size(e, waiting, held):
    i = queue(e, 900)
    e.gso_segs = 10
    e.max_window = 100_000
    e.wmem_qdisc = waiting
    assert autocorks(e, i) == held


@pytest.mark.parametrize(("waiting", "held"), [(1_799, 0), (1_800, 1)])
def test_small_queue_allows_less_than_two_skbs(e, waiting, held):
    i = queue(e, 900)
    e.limit_output = 1 << 20
    e.wmem_qdisc = waiting
    assert small_queue_full(e, i, 0) == held
    assert e.tsq_throttled == held
