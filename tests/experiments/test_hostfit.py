"""The host profiles are what the measured saturation table says, and the simulation saturates as measured."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from experiments.cli import main
from experiments.hostfit import (
    QUOTA,
    STACKS,
    Cell,
    Costs,
    Simulated,
    fit,
    fitted_profile,
    measured,
    paced_median,
    scenario,
    simulated,
    writes_per_message,
)
from models.profiles import HOSTS
from models.state import CAUSES
from sim import Run, Scenario, simulate
from sim.scenario import Direction, Framing, Host, Network, Workload

MAIN = "1.63.0"
RMS = {"1.33.3": 0.10, "1.63.0": 0.07, "1.85.0-dev": 0.15}
WORST = {"1.33.3": 0.15, "1.63.0": 0.10, "1.85.0-dev": 0.35}


@pytest.fixture(scope="module")
def saturated() -> dict[tuple[int, int], Simulated]:
    """Every cell of the main version, simulated, by message size and buffer."""
    return {(cell.size, cell.buffer): simulated(cell) for cell in measured(MAIN)}


def causes_sum(run: Run) -> bool:
    """Does every message's ledger sum to its latency?"""
    total = sum(run.messages[f"{cause}_ns"] for cause in CAUSES)
    return bool(np.array_equal(total, run.messages["latency_ns"]))


@pytest.mark.parametrize("version", STACKS)
def test_the_packaged_profile_is_the_fit(version):
    assert HOSTS[STACKS[version].profile] == fitted_profile(version)


@pytest.mark.parametrize("version", STACKS)
def test_three_prices_explain_twelve_cells(version):
    costs = fit(measured(version))
    errors = [costs.nanoseconds(cell) / cell.nanoseconds - 1 for cell in measured(version)]
    assert len(errors) == 12
    assert sum(e * e for e in errors) / 12 < RMS[version] ** 2
    assert max(map(abs, errors)) < WORST[version]


def test_the_fit_recovers_prices_it_was_made_from():
    true = Costs(message=900.0, write=7_000.0, byte=0.7)
    cells = [replace(cell, throughput=cell.size / true.nanoseconds(cell) * 1e9) for cell in measured(MAIN)]
    found = fit(cells)
    assert found.message == pytest.approx(900.0, rel=1e-4)
    assert found.write == pytest.approx(7_000.0, rel=1e-4)
    assert found.byte == pytest.approx(0.7, rel=1e-4)


@pytest.mark.parametrize("version", STACKS)
def test_a_busy_stream_is_written_in_rounds_of_one_quota(version):
    """515 B: the counted write() calls are those of the rule. (8 KiB rounds may end in one more, small, write.)"""
    for cell in measured(version):
        if cell.size == 515:
            assert writes_per_message(cell) == pytest.approx(cell.writes, rel=0.05 if cell.buffer < 100_000 else 0.3)


def test_unbuffered_small_writes_saturate_a_core_at_a_sixth_of_the_throughput(saturated):
    best = max(cell.throughput for (size, _), cell in saturated.items() if size == 515)
    tiny = saturated[515, 0]
    assert 0.15 < tiny.throughput / best < 0.20
    assert tiny.server_cpu > 0.98


@pytest.mark.parametrize("cell", measured(MAIN), ids=lambda cell: f"{cell.size}B-buffer{cell.buffer}")
def test_the_simulation_saturates_as_measured(saturated, cell):
    assert saturated[cell.size, cell.buffer].throughput == pytest.approx(cell.throughput, rel=0.12)


def test_the_simulation_makes_the_write_calls_of_the_rule(saturated):
    for cell in measured(MAIN):
        assert saturated[cell.size, cell.buffer].writes == pytest.approx(writes_per_message(cell), rel=0.12)


@pytest.mark.parametrize("buffer", [0, 1_024, 32_768])
def test_the_ledger_of_a_saturated_host_sums(buffer):
    run = simulate(scenario(Cell(MAIN, 515, buffer, 1, 1), 1_500), driver="loop")
    assert causes_sum(run)
    assert run.ledger_ns()["cpu"] > 0


def crowded(quota: int = QUOTA) -> Scenario:
    """More than the hosts can do, a send buffer that blocks, and a core that sender and reader work share."""
    host = Host(nodelay=True, sndbuf=16_384, profile="grpc-go-host")
    framing = Framing(kind="grpc", buffer=4_096, flush="on-idle", quota=quota)
    down = Workload(arrivals="poisson", interval=4_000, size=700, messages=1_200, framing=framing)
    up = Workload(sender="client", arrivals="poisson", interval=9_000, size=300, messages=500, framing=framing)
    way = Direction(rate=400_000_000, delay=200_000)
    return Scenario(workload=down, reverse=up, server=host, client=host, network=Network(way, way))


@pytest.mark.parametrize("quota", [2_000, QUOTA])
def test_a_crowded_core_gives_both_drivers_one_ledger_that_sums(quota):
    loop, simpy = (simulate(crowded(quota), 7, driver=driver) for driver in ("loop", "simpy"))
    assert causes_sum(loop)
    assert np.array_equal(loop.messages, simpy.messages)
    assert loop.undelivered == 0


def paced(size: int, interval: int, count: int, updates: int, nodelay: bool) -> np.ndarray:
    """Latencies, ns, of a paced stream whose client answers every `updates`-th message with two WINDOW_UPDATEs."""
    host = Host(nodelay=nodelay, congestion="reno", profile="grpc-go-host")
    framing = Framing(kind="grpc", buffer=32_768, flush="on-idle", quota=QUOTA)
    every = updates * interval
    back = Workload(sender="client", size=26, interval=every, offset=every + 60_000, messages=count // updates)
    down = Workload(size=size, interval=interval, messages=count, framing=framing)
    runs = [
        simulate(Scenario(workload=down, reverse=back, server=host, client=host), s, driver="loop") for s in (0, 1, 2)
    ]
    return np.concatenate([run.messages["latency_ns"] for run in runs])


def test_a_paced_stream_has_the_measured_latency():
    assert np.median(paced(515, 10_000_000, 300, 32, nodelay=True)) == pytest.approx(paced_median(MAIN), rel=0.1)


def test_window_updates_make_forced_nagle_hold_as_measured():
    """Without them the reader acknowledges at once. Measured, ms: mean 9.9, P99 22.9; 128 B: mean 1.09, P99 32.1."""
    large = paced(515, 10_000_000, 300, 32, nodelay=False) / 1e6
    small = paced(131, 5_000_000, 600, 121, nodelay=False) / 1e6
    assert np.mean(large) == pytest.approx(9.9, rel=0.15)
    assert np.percentile(large, 99) == pytest.approx(20.4, rel=0.15)
    assert np.mean(small) == pytest.approx(1.09, rel=0.15)
    assert np.percentile(small, 99) == pytest.approx(32.1, rel=0.15)


def test_the_command_prints_the_fit_and_says_whether_it_is_packaged(capsys):
    assert main(["fit-host", "--formula-only"]) == 0
    assert "models/profiles.py has these constants" in capsys.readouterr().out
    assert main(["fit-host", "1.85.0-dev", "--formula-only", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["packaged"]
    assert report["constants"] == HOSTS["grpc-go-1.85-host"]
    assert len(report["cells"]) == 12


def test_an_unmeasured_version_is_a_mistake(capsys):
    assert main(["fit-host", "1.0.0"]) == 2
    assert "1.63.0" in capsys.readouterr().err
