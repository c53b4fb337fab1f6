"""HTTP/2 rules one at a time: what is written, when credit comes back, who is admitted, what the probes do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.bdp import probe_answered, wants_probe
from models.constants import (
    BDP_CORE,
    BDP_GO,
    BDP_JAVA,
    FRAME_ACK,
    FRAME_DATA,
    FRAME_HEADERS,
    FRAME_PING,
    FRAME_SETTINGS,
    FRAME_WINDOW_UPDATE,
)
from models.http2_credit import set_windows, update_due
from models.http2_frames import control_length, put_control
from models.state import CAUSES, CONTROLS, FRAMES, Endpoint, Frame
from sim import simulate
from sim.engine import PlainEngine
from sim.errors import SimulationLimit
from sim.plain import new
from sim.scenario import Direction, Framing, Host, Http2, Network, Scenario, Workload

MS = 1_000_000
WINDOW = 65_535
PREFACE = 24


def scenario(server: Http2, client: Http2, rtt_ms: float = 20, quota: int = 0, **traffic: Any) -> Scenario:
    """gRPC messages from the server."""
    way = Direction(delay=round(rtt_ms * MS / 2))
    framing = Framing(kind="grpc", buffer=32_768, flush="on-idle", quota=quota)
    return Scenario(
        workload=Workload(framing=framing, **traffic),
        server=Host(nodelay=True, http2=server),
        client=Host(nodelay=True, http2=client),
        network=Network(up=way, down=way),
    )


def frames(e: Endpoint) -> list[Frame]:
    """All frames an endpoint has written (fewer than its ring holds)."""
    return [e.h2.frame[i] for i in range(e.h2.framed)]


def finished(s: Scenario) -> PlainEngine:
    """A run to its end, whose state can be looked at."""
    engine = PlainEngine(s, 0)
    engine.s.drain = 1
    engine.run()
    return engine


def test_frames_have_the_sizes_of_the_rfc() -> None:
    e = new(Endpoint)
    e.server = 1
    sizes = {
        (FRAME_WINDOW_UPDATE, 1, 0): 13, (FRAME_PING, 0, 0): 17, (FRAME_PING + FRAME_ACK, 0, 0): 17,
        (FRAME_SETTINGS, -1, 0): 9, (FRAME_SETTINGS, 70_000, 0): 15, (FRAME_SETTINGS, 70_000, 100): 21,
        (FRAME_SETTINGS + FRAME_ACK, -1, -1): 9, (FRAME_HEADERS, 0, 0): 11,
    }  # fmt: skip
    assert {key: control_length(e, *key) for key in sizes} == sizes
    e.server = 0
    assert control_length(e, FRAME_SETTINGS, -1, 0) == PREFACE + 9


@pytest.mark.parametrize("what", ["frames", "control frames"])
def test_too_many_frames_end_the_run_with_the_limit_that_was_reached(what: str) -> None:
    engine = PlainEngine(scenario(Http2(WINDOW, WINDOW), Http2(WINDOW, WINDOW), messages=10), 0)
    h = engine.s.b.h2
    if what == "frames":
        h.framed = h.taken + FRAMES - 1  # as if as many lay in the network
    else:
        h.control_len = CONTROLS - 1
        put_control(engine.s.b, FRAME_PING, -1, 0, 0)
    with pytest.raises(SimulationLimit, match=f"more than .* HTTP/2 {what} "):
        engine.run()


def test_both_ends_exchange_settings_before_the_workload_begins() -> None:
    """Three round trips before: 24 + 15 + 13 bytes one way, 9 the other, and 9 more to acknowledge each."""
    young = replace(scenario(Http2(), Http2(1 << 20, 1 << 20), messages=1), lead=60 * MS)
    run = simulate(young, driver="loop", trace=True)
    assert run.trace is not None
    segments = run.trace.segments
    early = segments[(segments["tx"] < 0) & (segments["len"] > 0)]
    by_end = {way: int(early["len"][early["direction"] == way].sum()) for way in (0, 1)}
    assert by_end == {0: PREFACE + 15 + 13 + 9, 1: 9 + 9}


@pytest.mark.parametrize(
    ("share", "size", "unsent", "granted", "due"),
    [
        (250, 0, 16_382, 49_153, 0), (250, 0, 16_383, 49_152, 1),  # a quarter of 65,535
        (500, 0, 32_766, 32_769, 0), (500, 0, 32_767, 32_768, 1),
        (250, 4_096, 4_095, 61_440, 0), (250, 4_096, 4_096, 61_439, 1), (250, 4_096, 100, 100, 1),  # doubles
    ],
)  # fmt: skip
def test_credit_comes_back_at_the_threshold(share: int, size: int, unsent: int, granted: int, due: int) -> None:
    e = new(Endpoint)
    e.h2.update_per_mille, e.h2.update_bytes = share, size
    assert update_due(e, unsent, granted, WINDOW) == due


@pytest.mark.parametrize(
    ("had", "has", "sent"), [(65_535, 100_000, [34_465]), (100_000, 100_000, []), (200_000, 200_000, [])]
)
def test_an_estimator_may_shrink_the_windows_of_streams_but_not_the_connections(
    had: int, has: int, sent: list[int]
) -> None:
    e, peer = new(Endpoint), new(Endpoint)
    e.h2.connection_window = e.h2.granted = had
    set_windows(e, peer, 100_000)
    control = [e.h2.control[i] for i in range(e.h2.control_len)]
    assert [f.value for f in control if f.kind == FRAME_WINDOW_UPDATE] == sent
    assert [f.value for f in control if f.kind == FRAME_SETTINGS] == [100_000]
    assert e.h2.connection_window == e.h2.granted == has


def test_frames_never_exceed_either_window_or_the_largest_frame() -> None:
    """Two streams of 30,000-byte messages, windows of 20,000 and 65,535, replayed from the frames of both ends."""
    stack = Http2(20_000, WINDOW)
    traffic = {"arrivals": "greedy", "size": 30_000, "messages": 40, "streams": 2}
    engine = finished(scenario(stack, stack, quota=65_536, **traffic))
    sent, received = frames(engine.s.b), frames(engine.s.a)
    data = [f for f in sent if f.kind == FRAME_DATA]
    assert sum(f.len for f in data) == 40 * (30_000 + 5)
    assert max(f.len for f in data) == 16_384
    for stream in (0, 1):
        granted = 20_000 + sum(f.value for f in received if f.kind == FRAME_WINDOW_UPDATE and f.stream == stream)
        used = sum(f.len for f in data if f.stream == stream)
        assert used <= granted < used + 20_000 + 1
    on_connection = [f for f in received if f.kind == FRAME_WINDOW_UPDATE and f.stream == -1]
    assert min(f.value for f in on_connection) >= WINDOW // 4


SLOW = {"reader": "slow", "read_pause": 5 * MS}


def slow(stack: Http2, **reader: Any) -> Scenario:
    """A greedy sender and an application that takes a message every 5 ms."""
    s = scenario(stack, stack, quota=65_536, arrivals="greedy", size=10_000, messages=60)
    return replace(s, client=replace(s.client, **(SLOW | reader)))


def test_a_slow_application_closes_the_window_of_its_stream_and_not_tcps() -> None:
    run = simulate(slow(Http2(WINDOW, 1 << 24)), driver="loop")
    steps = np.diff(run.messages["read_ns"][20:])
    assert (steps == 5 * MS).all()
    assert run.measured.causes["stream_window"] > 0 < run.measured.causes["reader"]
    assert run.measured.causes["rwnd"] == run.measured.causes["connection_window"] == 0


def test_the_connections_credit_comes_back_on_receipt_or_when_the_application_has_read() -> None:
    receipt, read = (
        simulate(slow(Http2(1 << 24, WINDOW, connection_credit=when)), driver="loop")  # type: ignore[arg-type]
        for when in ("receipt", "read")
    )
    assert receipt.measured.causes["connection_window"] < read.measured.causes["connection_window"]
    assert (
        receipt.measured.causes["reader"] > 2 * read.measured.causes["reader"]
    )  # what is not held back lies in the transport


def test_a_polling_application_reads_at_its_instants_and_a_message_larger_than_the_window_arrives() -> None:
    run = simulate(slow(Http2(4_000, WINDOW), reader="polling", read_pause=0, read_every=25 * MS), driver="loop")
    assert (run.messages["read_ns"] % (25 * MS) == 0).all()
    assert run.undelivered == 0


def test_a_stream_that_waits_for_quota_does_not_hold_up_the_others() -> None:
    """A burst fills the first stream's window and quota; the second stream's message goes at once."""
    stack = Http2(2_000, WINDOW)
    trace = ((0, 1_900), (0, 100), (MS, 1_900), (MS, 100), (2 * MS, 1_900), (2 * MS, 100))
    run = simulate(
        scenario(stack, stack, quota=1_000, arrivals="trace", trace=trace, streams=2, messages=6), driver="loop"
    )
    large, small = run.messages[0::2], run.messages[1::2]
    assert (small["latency_ns"] == 10 * MS).all()
    assert large["write_quota_ns"][2] > 0 < large["stream_window_ns"][1]


def test_credit_that_comes_while_a_sender_has_the_core_leaves_no_wait_without_a_cause() -> None:
    """What the window let go again, and the framer could not write yet, waited for the core."""
    stack = Http2(stream_window=WINDOW, connection_window=WINDOW, bdp="grpc-go")
    s = scenario(stack, stack, quota=65_536, sender="client", arrivals="greedy", messages=400)
    hosts = {end: replace(getattr(s, end), profile="grpc-go-host") for end in ("server", "client")}
    run = simulate(replace(s, **hosts), 0)
    causes = sum(run.messages[f"{cause}_ns"] for cause in CAUSES)
    assert (causes == run.messages["latency_ns"]).all()
    assert run.messages["stream_window_ns"].any()


def test_streams_beyond_the_limit_wait_their_turn_and_the_ledger_says_so() -> None:
    """Unary calls: ten at once, three admitted; a call ends a round trip after it began."""
    stack = Http2(max_streams=3)
    run = simulate(
        scenario(Http2(), stack, messages=10, burst=10, streams=10, stream_messages=1, size=100), driver="loop"
    )
    rounds = sorted(run.messages["read_ns"] // (20 * MS))
    assert rounds == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
    assert np.array_equal(run.messages["stream_limit_ns"] // (20 * MS), run.messages["read_ns"] // (20 * MS))


def test_the_limit_is_assumed_until_settings_come() -> None:
    """A client's connection is established half a round trip before the server's SETTINGS can reach it."""
    workload = {"messages": 4, "burst": 4, "streams": 4, "stream_messages": 1, "size": 100, "sender": "client"}
    young = replace(scenario(Http2(), Http2(assumed_streams=2), **workload), lead=30 * MS)
    waited = simulate(young, driver="loop").messages["stream_limit_ns"]
    assert waited.tolist() == [0, 0, 10 * MS, 10 * MS]


def probed(e: Endpoint, sample: int, rtt_ns: int) -> int:
    """One probe during which `sample` bytes come; returns the new windows or 0."""
    now = max(e.h2.probe_at, e.h2.probe_due)
    first = 0 if e.h2.estimator == BDP_CORE else sample  # from then on, or with the frame that brought the PING
    assert wants_probe(e, first, now)
    e.h2.probe_at = now
    assert wants_probe(e, sample - first, now) == 0
    return probe_answered(e, now + rtt_ns)


@pytest.mark.parametrize(
    ("estimator", "start", "steps"),
    [
        # sample of 2/3 of the estimate at a new highest bandwidth: twice the sample; up to the limit
        (BDP_GO, 65_535, [(43_689, 0), (43_690, 87_380), (87_380, 174_760), (174_000, 348_000), (400_000, 500_000)]),
        (BDP_JAVA, 65_535, [(32_767, 0), (32_768, 65_536), (60_000, 120_000), (400_000, 500_000)]),
        (BDP_CORE, 65_536, [(43_690, 0), (43_691, 262_144), (87_382, 500_000)]),
    ],
)
def test_estimators_grow_by_their_rule(estimator: int, start: int, steps: list[tuple[int, int]]) -> None:
    e = new(Endpoint)
    e.h2.estimator, e.h2.bdp, e.h2.bdp_limit, e.h2.probe_every = estimator, start, 500_000, 100 * MS
    for sample, windows in steps:
        assert probed(e, sample, 20 * MS) == windows


def test_an_equal_sample_over_a_longer_round_trip_changes_nothing() -> None:
    e = new(Endpoint)
    e.h2.estimator, e.h2.bdp, e.h2.bdp_limit = BDP_GO, WINDOW, 1 << 24
    assert probed(e, 60_000, 20 * MS) == 120_000
    assert probed(e, 110_000, 200 * MS) == 0


def test_grpc_java_grows_patient() -> None:
    """Each probe that changes nothing asks for half a window more of data before the next, five windows at most."""
    e = new(Endpoint)
    e.server, e.h2.estimator, e.h2.bdp, e.h2.bdp_limit = 1, BDP_JAVA, 100_000, 1 << 23
    waits = []
    for _ in range(12):
        frames_read = 1
        while not wants_probe(e, 1_000, 0):
            frames_read += 1
        waits.append(frames_read)
        assert probe_answered(e, MS) == 0
    assert waits == [1, *(50 * k - 1 for k in range(1, 11)), 499]


def test_a_grpc_java_client_sends_two_pings_and_then_waits_until_it_has_something_else_to_say() -> None:
    e = new(Endpoint)
    e.h2.estimator, e.h2.bdp, e.h2.bdp_limit, e.h2.quiet_pings = BDP_JAVA, 0, 1 << 23, 2
    assert wants_probe(e, 1_000, 0) == 0
    e.h2.quiet_pings = 0
    assert wants_probe(e, 1_000, 0) == 1


def test_c_core_pauses_between_probes() -> None:
    """100 ms, halved by growth; from the second probe without growth 100 ms more each time."""
    e = new(Endpoint)
    e.h2.estimator, e.h2.bdp, e.h2.bdp_limit, e.h2.probe_every = BDP_CORE, 65_536, 1 << 24, 100 * MS
    probed(e, 60_000, MS)
    pauses = [e.h2.probe_every]
    for _ in range(3):
        probed(e, 1_000, MS)
        pauses.append(e.h2.probe_every)
    assert [p // MS for p in pauses] == [50, 50, 150, 250]


def test_a_probe_goes_with_every_message_and_its_credit_before_it() -> None:
    """grpc-go on a slow stream: WINDOW_UPDATE, PING, and nothing until the next message; at last the stream's end."""
    stack = Http2(WINDOW, WINDOW, bdp="grpc-go")
    engine = finished(scenario(stack, stack, messages=20, interval=50 * MS, size=512))
    kinds = [f.kind for f in frames(engine.s.a)][2:]  # behind SETTINGS and their ACK
    assert kinds == [FRAME_WINDOW_UPDATE, FRAME_PING] * 20 + [FRAME_HEADERS]
    assert [f.kind for f in frames(engine.s.b) if f.kind == FRAME_PING + FRAME_ACK] == [FRAME_PING + FRAME_ACK] * 20


def test_keepalive_asks_when_nothing_was_read() -> None:
    """30 ms of silence, a PING, its ACK 20 ms later, silence anew: one every 50 ms."""
    quiet = replace(scenario(Http2(), Http2(keepalive=30 * MS), messages=5, interval=100 * MS, size=512), lead=50 * MS)
    engine = PlainEngine(quiet, 0)
    engine.run()
    pings = [f for f in frames(engine.s.a) if f.kind == FRAME_PING]
    assert len(pings) == pytest.approx(5 * 100 / 50, abs=2)
