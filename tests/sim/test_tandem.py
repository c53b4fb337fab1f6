"""Queues in tandem: closed forms, exact ledgers, and what stops and bulk jobs do."""

from __future__ import annotations

from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.cli import main
from experiments.systems import file
from models import analytic
from models.tandem import Queue, RunningTime, serve
from sim.errors import ScenarioError
from sim.tandem import CAUSES, SECOND, Arrivals, Station, System, simulate

MS = 1_000_000


def one_station(load: float, seconds: int = 200, **station: object) -> System:
    """Poisson messages at one station whose services take 1 ms on average."""
    return System(
        duration=seconds * SECOND,
        arrivals=Arrivals(rate=load * 1_000),
        station=(Station(service=MS, **station),),  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("load", [0.22, 0.58, 0.8])
def test_exponential_services_wait_like_m_m_1(load: float) -> None:
    waits = [simulate(one_station(load), seed).passages[0].causes["queueing"].mean() for seed in range(6)]
    assert np.mean(waits) == pytest.approx(analytic.mm1_wait(load, MS), rel=0.06)


def test_equal_services_wait_like_m_d_1() -> None:
    waits = [simulate(one_station(0.7, law="fixed"), seed).passages[0].causes["queueing"].mean() for seed in range(6)]
    assert np.mean(waits) == pytest.approx(analytic.md1_wait(0.7, MS), rel=0.06)


def test_a_bulk_job_takes_its_size_over_what_the_load_leaves() -> None:
    """Operations one after the other beside a load of 0.8: size x service / (1 - load)."""
    system = one_station(0.8, bulk=2_000, bulk_every=30 * SECOND)
    took = np.concatenate([simulate(system, seed).passages[0].bulk_ns for seed in range(4)])
    assert took.mean() == pytest.approx(2_000 * MS / 0.2, rel=0.1)


def test_stops_for_a_share_of_the_time_show_as_that_share_of_messages_waiting() -> None:
    """15 % of the time paused, hardly any load: 15 % of the messages meet a pause, for half of it on average."""
    system = one_station(0.01, seconds=2_000, law="fixed", pause=300 * MS, pause_every=2 * SECOND)
    outage = simulate(system, 1).passages[0].causes["outage"]
    met = outage > 0
    assert met.mean() == pytest.approx(0.15, rel=0.1)
    assert outage[met].mean() == pytest.approx(150 * MS, rel=0.1)


def test_a_spike_drains_at_the_capacity_that_is_left() -> None:
    """Factor 5 for 4 s at half load: 6 s worth of backlog, which half of the capacity drains in 12 s."""
    arrivals = Arrivals(rate=500, law="periodic", spike_at=10 * SECOND, spike_length=4 * SECOND, spike_factor=5)
    outcome = simulate(System(duration=60 * SECOND, arrivals=arrivals, station=(Station(service=MS, law="fixed"),)))
    late = outcome.arrived[outcome.latency_ns > 5 * MS]
    assert late.min() == pytest.approx(10 * SECOND, rel=0.01)
    assert late.max() == pytest.approx(26 * SECOND, rel=0.01)
    assert outcome.latency_ns.max() == pytest.approx(6 * SECOND, rel=0.01)


def test_an_outage_is_charged_and_its_backlog_queues() -> None:
    system = one_station(0.5, seconds=20, law="fixed", outages=((5 * SECOND, 2 * SECOND),))
    outcome = simulate(system)
    causes = outcome.passages[0].causes
    assert causes["outage"].max() == pytest.approx(2 * SECOND, rel=0.01)
    assert causes["queueing"].max() == pytest.approx(1 * SECOND, rel=0.1)


stops = st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), max_size=6).map(
    lambda gaps: [(at - length, at) for (_, length), at in zip(gaps, accumulate(sum(gap) for gap in gaps), strict=True)]
)


@given(
    stops=stops,
    messages=st.lists(st.tuples(st.integers(0, 20), st.integers(1, 30)), min_size=1, max_size=40),
    servers=st.integers(1, 3),
)
@settings(deadline=None, max_examples=200)
def test_no_server_works_while_it_is_stopped(
    stops: list[tuple[int, int]], messages: list[tuple[int, int]], servers: int
) -> None:
    """Against a walk in steps of 1 ns."""
    arrivals = list(accumulate(gap for gap, _ in messages))
    work = [ns for _, ns in messages]
    queue = Queue(servers, RunningTime(stops))
    done = [t for t, _ in serve(arrivals, work, queue)]
    assert done == walk(arrivals, work, servers, stops)


def walk(arrivals: list[int], work: list[int], servers: int, stops: list[tuple[int, int]]) -> list[int]:
    """The same queue, step by step."""
    done, waiting, busy, left, t = [0] * len(work), list(range(len(work))), [], list(work), 0
    while waiting or busy:
        while waiting and len(busy) < servers and arrivals[waiting[0]] <= t:
            busy.append(waiting.pop(0))
        if not any(start <= t < end for start, end in stops):
            for i in busy:
                left[i] -= 1
        t += 1
        for i in [i for i in busy if left[i] == 0]:
            done[i] = t
            busy.remove(i)
    return done


@pytest.mark.parametrize("name", file.names())
def test_the_causes_sum_to_the_time_between_arrival_and_leaving(name: str) -> None:
    system = file.load(name, ["duration=2s", "warmup=0s"])
    outcome = simulate(system, 3)
    spent = sum(int(p.causes[cause].sum()) for p in outcome.passages for cause in CAUSES)
    assert all((p.causes[cause] >= 0).all() for p in outcome.passages for cause in CAUSES)
    if all(station.keep == 1 for station in system.station):
        assert spent == int(outcome.latency_ns.sum())
    assert len(outcome.arrived) <= outcome.offered


def test_every_mistake_is_reported_with_its_place(tmp_path, capsys) -> None:
    wrong = tmp_path / "wrong.toml"
    wrong.write_text('duration = "10"\n[arrivals]\nrate = -1\n[[station]]\nservise = "1ms"\nlaw = "gauss"\n')
    assert main(["system", str(wrong)]) == 2
    complaint = capsys.readouterr().err
    for place in ("duration", "arrivals.rate", "station.0.servise", "station.0.law"):
        assert place in complaint


@pytest.mark.parametrize(
    ("setting", "place"),
    [
        ("station.device.pause=2s", "station.0.pause"),
        ('station.device.outages=[["1s", "5s"], ["2s", "1s"]]', "station.0.outages"),
        ("station.disk.servers=2", "station.disk"),
    ],
)
def test_settings_that_cannot_be(setting: str, place: str) -> None:
    with pytest.raises(ScenarioError, match=place):
        file.load("checkpoint", [setting, "station.device.pause_every=1s"])
