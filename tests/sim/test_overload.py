"""More messages than a connection carries: every one enters when it is due, or the run says that it cannot."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import slots
from sim import Run, Scenario, SimulationLimit, Workload, simulate
from sim.run import Driver
from sim.scenario import Direction, Framing, Http2, Network
from tests.equivalence.outcome import assert_same_outcome
from tests.properties.laws import causes_sum_exactly, no_cause_is_negative

pytest.importorskip("numba")

US, MS = 1_000, 1_000_000
SLOW = Network(up=Direction(delay=5 * MS, rate=10_000_000), down=Direction(delay=5 * MS, rate=10_000_000))
DRIVERS: tuple[Driver, ...] = ("loop", "simpy", "compiled")


def flood(messages: int, **workload: Any) -> Scenario:
    """By default 100 bytes every 2 us, 400 Mbit/s, over 10 Mbit/s."""
    stream = {"interval": 2 * US, "size": 100, **workload}
    return Scenario(workload=Workload(kind="stream", messages=messages, **stream), network=SLOW)


def is_exact(run: Run) -> None:
    causes_sum_exactly(run)
    no_cause_is_negative(run)


@pytest.mark.timeout(300)
def test_a_flood_is_charged_exactly_by_every_driver():
    runs = [simulate(flood(50_000), driver=driver) for driver in DRIVERS]
    is_exact(runs[0])
    assert len(runs[0].messages) == 50_000
    assert runs[0].messages["intended_ns"].tolist() == list(range(0, 50_000 * 2 * US, 2 * US))
    for other in runs[1:]:
        assert_same_outcome(runs[0], other)


def test_all_at_once_is_a_flood_too():
    """More messages with one intended time than are drawn ahead."""
    run = simulate(flood(40_000, arrivals="trace", trace=tuple((MS, 10) for _ in range(40_000))), driver="compiled")
    assert set(run.messages["intended_ns"]) == {MS}
    assert len(run.messages) == 40_000
    is_exact(run)


@settings(max_examples=12, deadline=None)
@given(
    messages=st.integers(17_000, 60_000),
    interval=st.integers(1, 20 * US),
    size=st.integers(1, 200),
    arrivals=st.sampled_from(["periodic", "poisson"]),
    streams=st.sampled_from([0, 1, 7]),
    quota=st.sampled_from([0, 65_536]),
    sndbuf=st.sampled_from([None, 16_384]),
    seed=st.integers(0, 99),
)
@pytest.mark.timeout(300)
def test_any_flood_is_charged_exactly(
    messages: int, interval: int, size: int, arrivals: str, streams: int, quota: int, sndbuf: int | None, seed: int
) -> None:
    scenario = flood(
        messages,
        interval=interval,
        size=size,
        arrivals=arrivals,
        streams=max(streams, 1),
        framing=Framing("grpc", buffer=32_768, quota=quota, flush="on-idle"),
    )
    http2 = Http2(65_535, 1 << 20) if streams else Http2()
    scenario = replace(
        scenario,
        server=replace(scenario.server, sndbuf=sndbuf, http2=http2),
        client=replace(scenario.client, http2=http2),
    )
    run = simulate(scenario, seed, driver="compiled")
    assert run.undelivered == 0
    is_exact(run)
    brief = simulate(scenario, seed, driver="compiled", messages=False)
    assert run.summary() == brief.summary()


def limit_of(scenario: Scenario, driver: Driver) -> str:
    """What the run ends with."""
    with pytest.raises(SimulationLimit, match=r"messages are due and not yet read") as caught:
        simulate(scenario, driver=driver)
    return str(caught.value)


def test_the_limit_is_said_by_every_driver():
    said = [limit_of(flood(300_000, interval=100), driver) for driver in DRIVERS]
    assert "more than 250,000 messages" in said[0]
    assert said == said[:1] * 3


def test_so_many_at_once_are_refused():
    """More with one intended time than there is memory for arrivals."""
    trace = tuple((MS, 10) for _ in range(270_000))
    assert "250,000" in limit_of(flood(270_000, arrivals="trace", trace=trace), "compiled")


@pytest.mark.parametrize("layered", [False, True])
def test_a_greedy_sender_hits_the_same_limit(layered: bool, monkeypatch: pytest.MonkeyPatch):
    """It is never held up by slots: before that the run ends."""
    scenario = flood(20_000, arrivals="greedy", size=1)
    if layered:
        http2 = Http2(1 << 20, 1 << 20)
        scenario = replace(
            scenario, server=replace(scenario.server, http2=http2), client=replace(scenario.client, http2=http2)
        )
    free = simulate(scenario, driver="loop")
    is_exact(free)
    monkeypatch.setattr(slots, "UNDER_WAY", 1_000)
    assert limit_of(scenario, "loop") == limit_of(scenario, "simpy")


@pytest.mark.parametrize("keep", [True, False])
def test_slots_are_used_again(keep: bool):
    """Few messages under way take few slots, however many there are."""
    from sim.engine import PlainEngine

    engine = PlainEngine(flood(6_000, interval=MS), 0, keep)
    engine.run()
    w = engine.s.b.w
    assert w.done == 6_000
    assert w.top < (4_300 if keep else 100)
