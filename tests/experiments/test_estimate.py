"""The time a sweep would take: exact where every message costs the same, and never bought with a long run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from experiments.sweep.estimate import PROBE, Estimated, estimated
from experiments.sweep.plan import standing
from experiments.sweep.result import Result
from experiments.sweep.store import Store
from sim.errors import SimulationLimit
from sim.run import work_of
from sim.scenario import Scenario
from tests.experiments import fake
from tests.experiments.small_sweep import plan_of, run

SETUP_NS, MESSAGE_NS = 5_000_000, 400


def costly(scenario: Scenario, seed: int) -> Result:
    return replace(fake.measure(scenario, seed), wall_ns=SETUP_NS + MESSAGE_NS * work_of(scenario))


def seconds_of(runs: int, messages: int) -> float:
    return runs * (SETUP_NS + MESSAGE_NS * messages) / 1e9


def ask(store: Store, messages: int, measure: object = costly, workers: int = 2) -> Estimated | None:
    plan = plan_of()
    points = [replace(p, scenario=_of(p.scenario, messages)) for p in plan.points]
    plan = replace(plan, points=tuple(points))
    return estimated(plan, standing(plan, store).to_do, store, measure, "loop", workers)  # type: ignore[arg-type]


def _of(scenario: Scenario, messages: int) -> Scenario:
    return replace(scenario, workload=replace(scenario.workload, messages=messages))


@pytest.mark.parametrize("messages", [50, 2_000, 40_000_000])
def test_a_probe_finds_set_up_and_cost_of_a_message(messages: int):
    longest = 0

    def watched(scenario: Scenario, seed: int) -> Result:
        nonlocal longest
        longest = max(longest, work_of(scenario))
        return costly(scenario, seed)

    with Store.to_read(Path("/nothing/here")) as store:
        found = ask(store, messages, watched)
    assert found is not None
    assert found.source == "a probe"
    assert found.seconds == pytest.approx(seconds_of(24, messages) / 2)
    assert longest <= PROBE["loop"]


def test_earlier_runs_of_the_same_points_say_it_better(tmp_path: Path):
    plan = plan_of()
    with Store.to_write(tmp_path / "s") as store:
        run(replace(plan, sweep=replace(plan.sweep, replications=1)), store, simulate=costly)
        found = estimated(plan, standing(plan, store).to_do, store, costly, "loop", 2)
    assert found == Estimated(pytest.approx(seconds_of(16, 2_000) / 2), "earlier runs")  # type: ignore[arg-type]


def test_a_run_alone_is_no_faster_for_many_workers(tmp_path: Path):
    plan = plan_of()
    jobs = list(plan.jobs())[:1]
    with Store.to_read(tmp_path / "none") as store:
        found = estimated(plan, jobs, store, costly, "loop", 64)
    assert found is not None
    assert found.seconds == pytest.approx(seconds_of(1, 2_000))


def test_a_probe_that_meets_a_limit_says_nothing():
    def limited(scenario: Scenario, seed: int) -> Result:
        raise SimulationLimit("too much")

    with Store.to_read(Path("/nothing/here")) as store:
        assert ask(store, 1_000, limited) is None
