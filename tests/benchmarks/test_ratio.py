"""Benchmarks as ratios: speed against something run beside it, so that no machine is too slow for them."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import table
from benchmarks.bench import SCENARIOS
from benchmarks.heapq_loop import events_per_cpu_second
from experiments.files import load
from experiments.sweep.file import load_sweep
from sim import Scenario, simulate
from sim.run import Driver

BENCHMARKS = Path(table.__file__).parent
KEPT = sorted((BENCHMARKS / "results").glob("*.json"))
TRIES = 5
OVER_PLAIN = 3
"""The compiled loop must be this much faster than the same rules in plain Python; it is by about a hundred."""
OF_KEPT = 1 / 3
"""Share of the kept multiple of the heapq loop that must be left: machines and Python versions differ, by less."""


@pytest.fixture
def cached() -> None:
    """These are no tests of the compiler, and it would take longer than all of them."""
    from sim import compiled

    if not compiled.is_cached():
        pytest.skip("the model is not compiled; `python -m sim.compiled` does it")


def scenario(name: str, messages: int | None = None) -> Scenario:
    found = load(BENCHMARKS / f"{name}.toml")
    return found if messages is None else replace(found, workload=replace(found.workload, messages=messages))


def messages_per_cpu_second(s: Scenario, driver: Driver) -> float:
    """The best of a few runs after a first one: what disturbs a measurement only ever slows it."""
    simulate(s, driver=driver, messages=False)
    best = 0.0
    for _ in range(TRIES):
        started = time.process_time()
        run = simulate(s, driver=driver, messages=False)
        best = max(best, run.measured.n / (time.process_time() - started))
    return best


@pytest.mark.parametrize("name", [*SCENARIOS, "s1-nagle-20x"])
def test_every_scenario_loads(name: str) -> None:
    assert scenario(name).name == name


def test_the_long_scenario_is_the_short_one_twenty_times() -> None:
    short, long = scenario("s1-nagle"), scenario("s1-nagle-20x")
    assert long.workload.messages == 20 * (short.workload.messages or 0) == 2_000_000
    assert replace(long, name=short.name, title=short.title, workload=short.workload) == short


def test_the_sweep_loads_and_is_worth_interrupting() -> None:
    sweep = load_sweep(str(BENCHMARKS / "sweep-20s.toml"))
    assert sum(panel.size for panel in sweep.panels) * sweep.replications >= 100


@pytest.mark.usefixtures("cached")
def test_compiling_pays() -> None:
    plain = messages_per_cpu_second(scenario("s1-nagle", 2_000), "loop")
    compiled = messages_per_cpu_second(scenario("s1-nagle", 100_000), "compiled")
    assert compiled > OVER_PLAIN * plain


@pytest.mark.usefixtures("cached")
@pytest.mark.parametrize("name", ["s1-nagle", "s3-loss"])
def test_no_slower_beside_a_heapq_loop_than_when_it_was_last_kept(name: str) -> None:
    kept = table.rates(json.loads(KEPT[-1].read_text())[name])["messages_to_heapq"]
    now = messages_per_cpu_second(scenario(name), "compiled") / max(events_per_cpu_second() for _ in range(TRIES))
    assert now > OF_KEPT * kept


def test_the_manual_shows_the_figures_last_kept() -> None:
    shown = table.PAGE.read_text()
    assert table.page(shown, json.loads(KEPT[-1].read_text()), KEPT[-1]) == shown
