"""The worked examples of Nagle, delayed ACK and their meeting, as a Linux 6.18 gave them. Times in ms."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import files
from sim.scenario import Framing, Host
from tests.theory.paths import MS, REAL, SECOND, acks, data, latencies_ms, one_way, run, with_losses, write_write_read

QUIET = Host(profile=REAL, read_start=3_600 * SECOND)  # an application that does not read
NODELAY = Host(profile=REAL, nodelay=True)


# ---- one way, a reader that drains promptly --------------------------------------------------------------------------


@pytest.mark.parametrize("nodelay", [False, True])
def test_a_lan_stream_to_a_prompt_reader_never_stalls(nodelay):
    """RTT 0.2 ms: every write finds nothing in flight; an ACK a segment, by credit first and by the reader later."""
    r = run(one_way(0.2, 512, 10 * MS, 60, Host(profile=REAL, nodelay=nodelay)))
    assert latencies_ms(r).max() < 0.2
    assert (r.server.segments, r.client.acks) == (60, 60)


def test_nagle_over_50_ms_repeats_25_45_35_45_35():
    """512 bytes every 10 ms: a full segment every 50 ms, a runt on every ACK. With TCP_NODELAY all take 25 ms."""
    r = run(one_way(50, 512, 10 * MS, 200), trace=True)
    steady = latencies_ms(r)[50:150].reshape(-1, 5)
    rotated = np.sort(steady.mean(axis=0))
    assert rotated == pytest.approx([25, 35, 35, 45, 45], abs=0.4)
    assert {size for _, size in data(r, 1)[3:70]} == {1448, 1112}
    assert latencies_ms(run(one_way(50, 512, 10 * MS, 100, NODELAY))) == pytest.approx(25, abs=0.1)


def test_small_messages_over_50_ms_leave_once_a_round_trip():
    """100 bytes every 10 ms: 100, 400, 600, then 500 bytes a round trip."""
    r = run(one_way(50, 100, 10 * MS, 100), trace=True)
    sizes = [size for _, size in data(r, 1)]
    assert sizes[0] == 100
    assert set(sizes[3:-1]) == {500}
    steady = latencies_ms(r)[20:80]
    assert 24.9 <= steady.min() <= 36
    assert 64 <= steady.max() <= 75.5
    assert steady.mean() == pytest.approx(47.5, abs=2.6)


def test_the_one_way_stream_that_ns3_gets_wrong():
    """512 bytes every 10 ms over 10 Mbit/s and RTT 10 ms: 11.1 and 16.6 with Nagle, 5.5 without."""
    held = run(files.load("one-way-512")).summary()["latency_ns"]
    assert held["p50"] / MS == pytest.approx(11.1, abs=0.3)
    assert held["p99"] / MS == pytest.approx(16.6, abs=0.3)
    free = run(files.load("one-way-512", ["server.nodelay=true"])).summary()["latency_ns"]
    assert free["p50"] / MS == pytest.approx(5.5, abs=0.3)
    assert free["p99"] / MS == pytest.approx(5.5, abs=0.3)


# ---- one way, nobody reads -------------------------------------------------------------------------------------------


def test_an_unread_stream_is_acknowledged_every_44_ms():
    """Golden trace A3: 16 quick ACKs, one by the second-segment rule, then the timer: 10152, 11688, 13736, 15784."""
    scenario = replace(one_way(0.2, 512, 10 * MS, 60, client=QUIET), time_limit=600 * MS)
    sent = acks(run(scenario, trace=True), 0)
    quick, later = sent[:16], sent[16:]
    assert [a for _, a in quick] == [512 * k for k in range(1, 17)]
    assert [a for _, a in later[:4]] == [10_152, 11_688, 13_736, 15_784]
    assert later[0][0] == pytest.approx(190.1, abs=0.2)
    steady = np.diff([t for t, _ in later[2:8]])
    assert steady == pytest.approx(44.0, abs=0.2)


def test_a_nodelay_sender_probes_before_the_ack_timer_runs_out():
    """Golden trace A4: 16 quick ACKs, two segments unacknowledged, a probe 4 to 8 ms later; its DSACK buys 16 more."""
    scenario = replace(one_way(0.2, 100, 10 * MS, 60, NODELAY, QUIET), time_limit=500 * MS)
    r = run(scenario, trace=True)
    assert r.trace is not None
    again = r.trace.segments[(r.trace.segments["direction"] == 1) & (r.trace.segments["retrans"] == 1)]
    assert again["seq"][0] == 1700
    assert 4 < again["tx"][0] / MS - 170 <= 8.1
    assert 16 <= np.diff(again["seq"])[0] / 100 <= 18
    assert max(np.diff([t for t, _ in acks(r, 0)])) < 30  # nothing like 40 ms


# ---- write, write, read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rtt", "first", "later"),
    [(0.2, 0.74, (40.2, 44.5)), (10, 20.4, (60, 64.3)), (50, 100.6, (140, 144.3)), (100, 200.5, (240, 244.3)),
     (300, 600.8, (640, 644.3))],
)  # fmt: skip
def test_write_write_read_costs_two_round_trips_and_the_ack_timer(rtt, first, later):
    """2 RTT + (40, 44] from the second request on; the first one is fast, its ACKs are quick."""
    seen = latencies_ms(run(write_write_read(rtt)))
    assert seen[0] == pytest.approx(first, abs=0.9)
    assert later[0] <= seen[1:].min()
    assert seen[1:].max() <= later[1]


@pytest.mark.parametrize(
    "cure",
    [
        {"client": NODELAY},
        {"client": Host(profile=REAL, cork="per-message")},
        {"server": Host(profile=REAL, quickack="every-read")},
        {"pieces": (300,)},
        {"framing": Framing(more=True)},
    ],
    ids=["nodelay", "cork", "quickack", "one write", "msg-more"],
)
def test_the_stall_has_cures(cure):
    """TCP_NODELAY, a cork around the request, TCP_QUICKACK after every read, one write, MSG_MORE."""
    seen = latencies_ms(run(write_write_read(0.2, **cure)))
    assert seen.max() < 1


def test_a_server_that_thinks_longer_than_ato_is_never_interactive():
    """60 ms of work: no reply within ATO, so ACKs stay quick."""
    seen = latencies_ms(run(write_write_read(0.2, messages=12, work=60 * MS)))
    assert seen.max() < 62


def test_linux_5_stalled_on_every_third_request():
    """tcp_pingpong_thresh=3 (golden trace A10)."""
    server = Host(profile=REAL, sysctls=(("tcp_pingpong_thresh", "3"),))
    stalls = latencies_ms(run(write_write_read(0.2, messages=12, server=server))) > 30
    assert list(stalls[:3]) == [False] * 3
    assert list(stalls[3:]) == [True, False, False] * 3


def test_the_textbook_receiver_makes_it_200():
    """RFC 1122 with BSD's timer, as most textbooks tell it: 2 RTT + 200 ms, the first request too."""
    server = Host(profile=REAL, os="rfc1122")
    seen = latencies_ms(run(write_write_read(10, messages=10, server=server)))
    assert seen == pytest.approx(220, abs=1)


# ---- cork ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rtt", "least", "most"), [(0.2, 204, 208.1), (50, 252, 284.1), (300, 904, 936.1)])
def test_a_cork_holds_for_the_rto_but_200_ms_at_least(rtt, least, most):
    """Golden trace A6: 204.3 at RTT 0.2 ms, 259.7 at 50, 932.8 at 300; where in the range is the tick phase's doing."""
    server = Host(profile=REAL, cork="always")
    for seed in range(5):
        r = run(one_way(rtt, 100, 50 * MS, 2, server), seed, trace=True)
        (at, size), *_ = data(r, 1)
        assert size == 200
        assert least <= at <= most


# ---- loss ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rtt", "least", "most"), [(0.2, 204, 208.2), (10, 212, 216.2), (50, 252, 284.2)])
def test_a_lone_lost_segment_costs_srtt_and_200_ms(rtt, least, most):
    """Golden trace A7: +204.3, +215.9, +282.7 ms."""
    r = with_losses(one_way(rtt, 100, 0, 1), down={1})
    m = r.messages[0]
    assert least <= (m["sent_ns"] - m["first_sent_ns"]) / MS <= most
    assert m["loss_recovery_ns"] == m["sent_ns"] - m["first_sent_ns"]


def test_a_paced_nodelay_stream_repairs_a_loss_after_rtt_and_two_gaps():
    """RTT 50 ms, gap 10 ms: the second SACK, 70 ms after the loss, or the reordering timer just before it, repeats it.

    It arrives at 95; the messages behind it wait.
    """
    r = with_losses(one_way(50, 100, 10 * MS, 60, NODELAY), down={21})
    lost = r.messages[20]
    assert (lost["sent_ns"] - lost["first_sent_ns"]) / MS == pytest.approx(69, abs=1.3)
    assert lost["latency_ns"] / MS == pytest.approx(94, abs=1.3)
    behind = np.nonzero(r.messages["in_order_ns"])[0].tolist()
    assert behind in ([*range(21, 27)], [*range(21, 28)])


def test_a_held_nagle_stream_probes_with_new_data():
    """Golden trace A5, RTT 50 ms: 500 bytes a round trip, one such segment lost.

    The other writes are held until the RTO would be due, the probe carries them, its SACK shows the loss: 305 ms to the
    copy, 330 to its arrival.
    """
    r = with_losses(one_way(50, 100, 10 * MS, 9), down={2})
    lost = r.messages[r.messages["retransmitted"] == 1]
    assert len(lost) == 5
    assert (lost["sent_ns"] - lost["first_sent_ns"]) / MS == pytest.approx(304.5, abs=32)
    assert (r.server.tlps, r.server.rtos) == (1, 0)


def test_the_last_of_four_is_probed_on_a_lan_within_two_ticks():
    """Tail loss: RTT 0.2 ms, four segments 1 ms apart, the last two lost: a probe 4 to 8 ms later."""
    r = with_losses(one_way(0.2, 100, 1 * MS, 4, NODELAY), down={3, 4})
    assert r.server.tlps >= 1
    first = r.messages["first_sent_ns"][3]
    sent = r.messages["sent_ns"][3]
    assert 4 < (sent - first) / MS <= 8.1


# ---- send buffer -----------------------------------------------------------------------------------------------------


def test_a_small_send_buffer_lets_18_small_writes_through_a_round_trip():
    """Golden trace A12: SO_SNDBUF 8192 is 16384; 18 skbs of 932 bytes fill it. RTT 400 ms, cwnd open."""
    scenario = one_way(400, 100, 0, 1_000, Host(nodelay=True, sndbuf=8_192), Host())
    r = run(replace(scenario, workload=replace(scenario.workload, arrivals="greedy")), trace=True)
    bursts: dict[int, int] = {}
    for t, _ in data(r, 1):
        bursts[round(t / 400)] = bursts.get(round(t / 400), 0) + 1
    assert [bursts[k] for k in range(3, 20)] == [18] * 17
