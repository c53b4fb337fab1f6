"""What can be worked out on paper: no queue, one queue, a full window, a full link."""

from dataclasses import replace

import numpy as np
import pytest

from experiments import files
from sim.engine import PlainEngine
from sim.scenario import Direction, Host, Network, Scenario, Spikes, Workload
from tests.theory.paths import HEADERS, MS, SECOND, latencies_ms, one_way, rtt, run

IDEAL = Host()
IDEAL_NODELAY = Host(nodelay=True)


@pytest.mark.parametrize("size", [1, 100, 512, 1_448])
@pytest.mark.parametrize("rate", [1_000_000, 10_000_000, 1_000_000_000])
def test_without_a_queue_latency_is_size_over_rate_plus_delay(size, rate):
    """To the nanosecond, on a host that costs nothing."""
    r = run(one_way(10, size, 50 * MS, 20, IDEAL_NODELAY, IDEAL, rate=rate))
    expected = (size + HEADERS) * 8 * SECOND // rate + 5 * MS
    assert set(r.messages["latency_ns"]) == {expected}


def test_a_large_message_waits_for_its_own_segments_only():
    """9000 bytes in seven segments: serialisation of all of them, and the way."""
    r = run(one_way(10, 9_000, 100 * MS, 10, IDEAL_NODELAY, IDEAL, rate=10_000_000))
    wire = (9_000 + 7 * HEADERS) * 8 * SECOND // 10_000_000
    assert r.messages["latency_ns"] == pytest.approx(wire + 5 * MS, abs=10)
    assert r.messages["serialisation_ns"] == pytest.approx(wire, abs=10)
    assert r.messages["queueing_ns"].max() == 0


def test_a_closed_window_carries_one_window_a_round_trip():
    """Throughput is window over RTT when the receiver's buffer is fixed and small."""
    scenario = one_way(100, 1_448, 0, 3_000, IDEAL_NODELAY, replace(IDEAL, rcvbuf=32_768))
    scenario = replace(scenario, workload=replace(scenario.workload, arrivals="greedy"))
    r = run(scenario, trace=True)
    assert r.trace is not None
    up = r.trace.segments[r.trace.segments["direction"] == 0]
    window = int(np.median(up["wnd"][len(up) // 2 :]))
    segments = window // 1_448
    half = r.messages[len(r.messages) // 2 :]
    elapsed = (half["read_ns"][-1] - half["read_ns"][0]) / SECOND
    assert (len(half) - 1) * 1_448 / elapsed == pytest.approx(segments * 1_448 / 0.1, rel=0.1)


@pytest.mark.parametrize("sndbuf", ["64KiB", "128KiB", "256KiB"])
def test_on_a_full_link_latency_is_what_lies_in_the_buffers(sndbuf):
    """P50 is about (stream quota + write buffer + what a doubled SO_SNDBUF holds) / rate."""
    scenario = files.load("full-link", [f"server.sndbuf={sndbuf}", "workload.messages=2500"])
    r = run(scenario)
    rate = 10_000_000 * 1_448 / 1_500
    payload_share = 0.75  # of what SO_SNDBUF is charged, 1.5 of 2 times its value
    held = 65_536 + 32_768 + 2 * scenario.server.sndbuf * payload_share
    assert r.summary()["latency_ns"]["p50"] / SECOND == pytest.approx(held * 8 / rate, rel=0.25)
    assert r.summary()["throughput_bps"] == pytest.approx(rate, rel=0.05)


# ---- one queue: Pollaczek and Khinchine ------------------------------------------------------------------------------


def queueing(sizes: np.ndarray, load: float, seed: int) -> tuple[float, float, float]:
    """(mean wait, its standard error, P-K's mean) in us of Poisson messages at a link of 1 Mbit/s."""
    rng = np.random.default_rng(seed)
    service = (sizes + HEADERS) * 8 * SECOND // 1_000_000
    gap = service.mean() / load
    times = np.cumsum(rng.exponential(gap, len(sizes))).astype(np.int64)
    scenario = Scenario(
        workload=Workload(arrivals="trace", trace=tuple(zip(times.tolist(), sizes.tolist(), strict=True))),
        server=replace(IDEAL_NODELAY, sndbuf=4_000_000),
        network=Network(down=Direction(rate=1_000_000)),
        warmup=0,
    )
    wait = run(scenario).messages["queueing_ns"] / 1_000
    batches = wait[: len(wait) // 20 * 20].reshape(20, -1).mean(axis=1)
    formula = (service.astype(float) ** 2).mean() / gap / (2 * (1 - load)) / 1_000
    return float(wait.mean()), float(batches.std(ddof=1) / 20**0.5), formula


@pytest.mark.parametrize("load", [0.3, 0.5])
def test_equal_messages_at_random_times_wait_like_m_d_1(load):
    """Mean wait rho S / (2 (1 - rho)), within four standard errors and 5 %."""
    mean, error, formula = queueing(np.full(8_000, 500), load, 1)
    assert abs(mean - formula) < 4 * error
    assert mean == pytest.approx(formula, rel=0.1)


def test_unequal_messages_wait_like_m_g_1():
    """lambda E[S^2] / (2 (1 - rho)) for sizes 60 and 1400."""
    sizes = np.random.default_rng(2).choice([60, 1_400], 8_000, p=[0.7, 0.3])
    mean, error, formula = queueing(sizes, 0.4, 3)
    assert abs(mean - formula) < 4 * error
    assert mean == pytest.approx(formula, rel=0.1)


# ---- spikes and drops ------------------------------------------------------------------------------------------------


def test_a_stall_of_500_ms_over_30_ms_fires_an_rto_that_is_undone():
    """Nothing was lost, the ACK's timestamp says so: cwnd is as before, and the copies are dead weight."""
    stalled = Direction(delay=15 * MS, stalls=((1_000 * MS, 500 * MS),))
    scenario = replace(
        one_way(30, 1_448, 1 * MS, 2_000, IDEAL_NODELAY, IDEAL), network=Network(down=stalled, up=rtt(30).up)
    )
    engine = PlainEngine(scenario, 0)
    b = engine.s.b
    while engine.s.now < 1_000 * MS:
        engine.run_loop(1)
    cwnd, ssthresh = b.cwnd, b.ssthresh
    engine.run()
    assert b.rtos >= 1
    assert b.undos >= 1
    assert b.total_retrans >= 1
    assert b.cwnd >= cwnd
    assert b.ssthresh == ssthresh
    assert (engine.s.ab.lost, engine.s.ba.lost) == (0, 0)


def test_a_spike_keeps_the_packets_behind_it_in_order():
    """One spiked packet of 200 ms holds what follows: all of it is charged to the spike."""
    spikes = Spikes(probability=0.01, delay=200 * MS, jitter=50 * MS)
    r = run(one_way(30, 512, 10 * MS, 1_000, IDEAL_NODELAY, IDEAL, spikes=spikes))
    assert (np.diff(r.messages["arrived_ns"]) >= 0).all()
    late = r.messages["spike_ns"] > 0
    assert late.sum() > 10 * 5
    assert latencies_ms(r).max() > 200


def test_a_full_fifo_drops_and_every_drop_is_counted_and_repaired():
    """Slow start into a queue of 30 kB: drops, retransmissions for them, and everything arrives."""
    scenario = one_way(40, 1_448, 0, 2_000, IDEAL_NODELAY, IDEAL, rate=10_000_000, queue=30_000)
    scenario = replace(scenario, workload=replace(scenario.workload, arrivals="greedy"))
    r = run(scenario, trace=True)
    assert r.trace is not None
    dropped = int((r.trace.segments["drop"] == 2).sum())
    assert r.link_drops == (0, dropped)
    assert dropped > 0
    assert r.server.retransmits >= dropped
    assert r.undelivered == 0


def test_the_literal_spike_generator_offers_what_its_description_says():
    """128 bytes a message, 5 ms apart, spikes at the sender: a mean gap of 5.65 ms and 2.05 Mbit/s with its bursts."""
    r = run(files.load("seed-jitter-spikes"))
    gaps = np.diff(np.unique(r.messages["call_ns"]))
    assert gaps.mean() / MS == pytest.approx(5.65, rel=0.25)
