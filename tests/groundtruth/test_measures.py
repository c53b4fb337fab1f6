"""Figures of hand-made logs."""

from __future__ import annotations

import numpy as np

from experiments.groundtruth.measures import PACKET, Log, Messages, departure, figures, retransmissions, sequence

DATA, ACK = 1, 0


def log(*packets: tuple[int, float, float, int, int, int], messages: Messages | None = None) -> Log:
    """Packets as (way, in, out, seq, ack, len) in us; the server sends."""
    rows = np.array([(*p, False) for p in packets], PACKET)
    nothing = np.zeros(0)
    return Log({"s2c": messages or Messages(nothing, nothing, nothing)}, rows, hz=250, phase=0)


def test_latency_counts_from_the_call_and_skips_what_never_came():
    m = Messages(np.array([0.0, 10.0, 20.0]), np.array([1.0, 2_011.0, 21.0]), np.array([5.0, 30.0, np.nan]))
    found = figures(log(messages=m), "s2c")
    assert (found.messages, found.p50, found.max) == (2, 12.5, 20)
    assert (found.blocked_writes, found.blocked) == (1, 2_001)


def test_segments_acks_and_retransmissions_of_one_direction():
    found = log(
        (DATA, 1, 2, 0, 0, 100), (DATA, 2, np.nan, 100, 0, 100), (ACK, 3, 4, 0, 100, 0), (DATA, 5, 6, 100, 0, 100),
        (ACK, 7, 8, 0, 200, 0), (ACK, -9, -8, 0, 0, 0),
    )  # fmt: skip
    assert sequence(found, "s2c") == [(0, 100), (100, 100), (100, 100)]
    assert sequence(found, "c2s") == []
    f = figures(found, "s2c")
    assert (f.segments, f.acks, f.retransmissions) == (3, 2, 1)


def test_a_segment_with_new_bytes_is_no_retransmission():
    assert retransmissions([(0, 100), (100, 50), (100, 100), (0, 100)]) == 1


def test_a_timer_ack_is_late_and_on_a_tick():
    late = 44_000.0
    on_tick = log((DATA, 1, 2_000, 0, 0, 100), (ACK, late + 10, late + 20, 0, 100, 0))
    off_tick = log((DATA, 1, 2_000, 0, 0, 100), (ACK, late + 900, late + 910, 0, 100, 0))
    soon = log((DATA, 1, 20_000, 0, 0, 100), (ACK, late + 10, late + 20, 0, 100, 0))
    assert [figures(x, "s2c").timer_acks for x in (on_tick, off_tick, soon)] == [1, 0, 0]


def test_departure_is_the_first_segment_that_differs():
    a = [(0, 10), (10, 10)]
    assert departure(a, a) == -1
    assert departure(a, [(0, 10), (10, 5)]) == 1
    assert departure(a, a[:1]) == 1
