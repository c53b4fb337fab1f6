"""HTTP/2 flow control against what can be worked out on paper, and against measured stacks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.state import CAUSES, WRITER_CAUSES
from sim import Run, simulate
from sim.engine import PlainEngine
from sim.scenario import Direction, Framing, Host, Http2, Network, Scenario, Workload

MS = 1_000_000
WINDOW = 65_535
SIZE = 1_024
ON_WIRE = SIZE + 5 + 9  # prefix and frame header; windows count all but the header

Link = dict[str, Any]


def greedy(stack: Http2, rtt_ms: float = 20, streams: int = 1, messages: int = 3_000, **link: Any) -> Scenario:
    """A gRPC server that always has more, as grpc-go frames it."""
    way = Direction(delay=round(rtt_ms * MS / 2), **link)
    framing = Framing(kind="grpc", buffer=32_768, flush="on-idle", quota=65_536)
    return Scenario(
        workload=Workload(arrivals="greedy", size=SIZE, messages=messages, streams=streams, framing=framing),
        server=Host(nodelay=True, http2=stack),
        client=Host(nodelay=True, http2=stack),
        network=Network(up=way, down=way),
    )


def steady_rate(run: Run) -> float:
    """Bytes a second that count against the windows, over the middle half of the messages."""
    m = np.sort(run.messages["read_ns"])
    a, b = len(m) // 4, 3 * len(m) // 4
    return (b - a) * (SIZE + 5) * 1e9 / float(m[b] - m[a])


@pytest.mark.parametrize("streams", [1, 10])
@pytest.mark.parametrize(("share", "rtt_ms"), [(0.25, 20), (0.5, 20), (0.25, 50)])
def test_a_static_window_carries_what_is_not_yet_given_back_less(share: float, rtt_ms: float, streams: int) -> None:
    """Rate = (W - u) / RTT with threshold u, for a stream's window alone and for the connection's over many streams."""
    run = simulate(greedy(Http2(WINDOW, WINDOW, share), rtt_ms, streams), driver="loop")
    expected = WINDOW * (1 - share) / (rtt_ms / 1000)
    assert steady_rate(run) == pytest.approx(expected, rel=0.05)


def test_a_large_stream_window_behind_a_small_connection_window_gains_nothing() -> None:
    both = simulate(greedy(Http2(WINDOW, WINDOW)), driver="loop")
    stream = simulate(greedy(Http2(1 << 20, WINDOW)), driver="loop")
    assert steady_rate(stream) == pytest.approx(steady_rate(both), rel=0.01)
    assert both.measured.causes["stream_window"] > 10 * both.measured.causes["connection_window"]
    assert stream.measured.causes["stream_window"] == 0 < stream.measured.causes["connection_window"]


def test_one_stream_without_windows_is_the_framer_alone() -> None:
    """With nothing to wait for, the HTTP/2 writer does to the nanosecond what the framer does."""
    layered = greedy(Http2(assumed_streams=100), messages=200, rate=100_000_000)
    paced = replace(layered.workload, arrivals="periodic", interval=3 * MS, sizes=(500, 10_000, 20))
    layered = replace(layered, workload=paced)
    alone = replace(layered, server=Host(nodelay=True), client=Host(nodelay=True))
    one, other = (simulate(s, driver="loop").messages[20:] for s in (layered, alone))
    for column in ("intended_ns", "call_ns", "returned_ns", "accepted_ns", "first_sent_ns", "read_ns", "latency_ns"):
        assert np.array_equal(one[column], other[column]), column


@pytest.mark.parametrize(("lead_ms", "late"), [(30, True), (50, False)])
def test_settings_act_half_a_round_trip_late(lead_ms: int, late: bool) -> None:
    """A young connection sends its first 65,535 bytes and waits; one whose SETTINGS have come does not."""
    stack = Http2(1 << 20, 1 << 24)
    scenario = greedy(stack, messages=200)
    framing = replace(scenario.workload.framing, quota=1 << 20)
    workload = replace(scenario.workload, sender="client", framing=framing)
    scenario = replace(scenario, workload=workload, client=replace(scenario.client, sndbuf=1 << 20))
    run = simulate(replace(scenario, lead=lead_ms * MS), driver="loop")
    waited = run.messages["stream_window_ns"]
    held = np.flatnonzero(waited)
    assert (len(held) > 0) == late
    if late:
        assert held[0] == WINDOW // (SIZE + 5)  # the first that did not fit
        assert waited[held[0]] == 10 * MS  # the server's SETTINGS left when the connection was established, at 0


def test_the_queue_clock_is_what_binds_the_stack_as_a_share_of_time() -> None:
    """Of a second of 20 ms rounds, the stream's window binds all but the instants in which something is written."""
    engine = PlainEngine(greedy(Http2(WINDOW, 1 << 24)), 0)
    engine.s.until = 1_000 * MS
    engine.run()
    clock = engine.s.b.h2.queue_clock
    shares = {cause: clock.ran[k] / (1_000 * MS) for k, cause in enumerate(CAUSES[:WRITER_CAUSES]) if clock.ran[k]}
    assert shares.pop("stream_window") > 0.9
    assert sum(shares.values()) < 0.05


def test_a_run_cut_short_reports_what_was_read_behind_an_unread_message() -> None:
    """The first message is large and its stream has no window; the small ones of the second stream have been read."""
    trace = ((0, 60_000), *((k * MS, 100) for k in range(1, 9)))
    s = greedy(Http2(2_000, 1 << 24))
    s = replace(
        s, workload=replace(s.workload, arrivals="trace", trace=trace, streams=2, messages=9), time_limit=30 * MS
    )
    for driver in ("loop", "simpy"):
        run = simulate(s, driver=driver)  # type: ignore[arg-type]
        assert run.messages["size"].tolist() == [100] * 4
        assert run.messages["stream"].tolist() == [1] * 4
        assert run.undelivered == 5


@pytest.mark.parametrize(("scheduler", "least", "most"), [("round-robin", 0, 5), ("fifo", 60, 1_000)])
def test_round_robin_is_fair_and_fifo_is_not(scheduler: Any, least: int, most: int) -> None:
    """Of ten greedy streams behind one connection window, how far apart are the most and the least served?

    Turns are equal, messages almost: what is left of the window may cut a frame short, and the turn is over.
    """
    stack = Http2(1 << 20, WINDOW, scheduler=scheduler)
    engine = PlainEngine(greedy(stack, streams=10, messages=1_500), 0)
    engine.s.until = 120 * MS
    engine.run()
    served = np.bincount(engine.messages("b")["stream"], minlength=10)
    assert served.sum() > 200
    assert least <= served.max() - served.min() <= most


@pytest.mark.parametrize(
    ("windows", "streams", "rtt_ms", "measured_ms"),
    [
        ("estimator", 1, 20, (140, 160)),
        ("estimator", 100, 50, (420, 480)),
        ("wide", 1, 20, (100, 100)),
        ("wide", 100, 50, (340, 360)),
    ],
)
def test_start_up_takes_as_long_as_measured(
    windows: str, streams: int, rtt_ms: float, measured_ms: tuple[int, int]
) -> None:
    """grpc-go 1.33.3 at 100 Mbit/s: from the start to 90 % of the steady rate, on a 100 ms average, within 20 %."""
    stack = Http2(WINDOW, WINDOW, bdp="grpc-go") if windows == "estimator" else Http2(1 << 20, 16 << 20)
    scenario = greedy(stack, rtt_ms, streams, messages=9_000, rate=100_000_000, queue=2_000_000)
    hosts = {
        name: replace(getattr(scenario, name), congestion="reno", profile="grpc-go-1.33-host")
        for name in ("server", "client")
    }
    read = simulate(replace(scenario, **hosts), driver="loop").messages["read_ns"]  # type: ignore[arg-type]
    bucket = np.bincount(read // (20 * MS)) * SIZE
    average = np.convolve(bucket, np.ones(5) / 5, "valid")
    steady = 11.9e6 * 0.02
    reached = int(np.flatnonzero(average >= 0.9 * steady)[0]) * 20
    low, high = measured_ms
    assert 0.8 * low - 20 <= reached <= 1.2 * high + 20


@pytest.mark.parametrize(("interval_ms", "estimator", "p50_ms", "p99_ms"), [
    (25, "grpc-go", 21.6, 43.9), (25, "off", 0.04, 0.12), (5, "grpc-go", 21.6, 44.5), (5, "off", 0.04, 32.1),
    (5, "c-core", 0.10, 35.8),
])  # fmt: skip
def test_probes_make_a_forced_nagle_expensive(interval_ms: int, estimator: Any, p50_ms: float, p99_ms: float) -> None:
    """128 B (145 on the wire) on a LAN, grpc-go 1.63 and grpcio 1.85 measured: a PING's ACK waits for a delayed ACK."""
    stack = Http2(WINDOW, WINDOW, bdp=estimator)
    scenario = greedy(stack, rtt_ms=0.05)
    paced = replace(scenario.workload, arrivals="periodic", interval=interval_ms * MS, size=131, messages=600)
    host = Host(nodelay=False, http2=stack, profile="linux-vm")
    run = simulate(replace(scenario, workload=paced, server=host, client=host), driver="loop")
    p50, p99 = np.percentile(run.messages["latency_ns"] / MS, [50, 99])
    assert p50 == pytest.approx(p50_ms, rel=0.05, abs=0.1)
    assert p99 == pytest.approx(p99_ms, rel=0.1, abs=0.1)
