"""How much load a configuration sustains under an SLO: found by bisection, seed by seed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from experiments.capacity import Capacity, capacity
from experiments.slo import parse_slo
from experiments.sweep.result import Result
from sim.errors import ScenarioError
from sim.scenario import Scenario
from tests.experiments.fake import BASE_BPS, capacity_bps, measure, scenario_at


def search(
    slo: str, nodelay: bool = True, seeds: range = range(5), simulate: object = measure, **range_: float
) -> Capacity:
    with ThreadPoolExecutor(2) as executor:
        return capacity(
            lambda load: scenario_at(load, nodelay=nodelay), parse_slo(slo), seeds, simulate, executor, **range_  # type: ignore[arg-type]
        )  # fmt: skip


def test_the_answer_is_where_overload_begins_when_the_slo_is_generous():
    found = search("p99 < 100s")
    assert found.load is not None
    assert found.load.mean == pytest.approx(capacity_bps(scenario_at(1)) / BASE_BPS, rel=0.02)
    assert all(answer.beyond and answer.beyond.result.overloaded for answer in found.answers)


def test_the_answer_is_where_the_slo_ends_when_it_is_strict():
    """P99 = 15 ms + 2 ms x share / (1 - share) < 19 ms: two thirds of the capacity."""
    found = search("p99 < 19ms", precision=0.005)
    assert found.load is not None
    assert found.load.mean == pytest.approx(2 / 3 * capacity_bps(scenario_at(1)) / BASE_BPS, rel=0.03)
    assert found.load.lo < found.load.mean < found.load.hi
    assert not any(answer.beyond and answer.beyond.result.overloaded for answer in found.answers)
    p99 = found.at_best("p99_ns")
    assert p99 is not None
    assert p99.mean < 19e6


def test_what_meets_the_slo_at_no_load_has_no_answer():
    found = search("p99 < 1ms")
    assert found.load is None
    assert found.at_best("p99_ns") is None


def test_sparse_loads_that_fail_below_the_answer_are_reported():
    """Nagle holds the messages of a sparse stream for a round trip."""
    found = search("p99 < 42ms", nodelay=False)
    assert found.load is not None
    assert found.load.mean > 1
    assert min(found.gaps) == 1 / 16
    assert all(gap < found.load.mean for gap in found.gaps)


def test_a_search_that_finds_no_end_says_so():
    found = search("p99 < 100s", highest=2.0)
    assert found.load is not None
    assert found.load.mean == 2
    assert not found.bounded


def test_a_load_that_is_not_heard_is_an_error_with_a_cure():
    def deaf(scenario: Scenario, seed: int) -> Result:
        return replace(measure(scenario_at(1), seed), wall_ns=int(scenario.workload.load * 16))

    with pytest.raises(ScenarioError, match="no effect on this workload"):
        search("p99 < 100s", simulate=deaf)


def test_each_seed_searches_with_its_own_draws():
    seen: set[tuple[float, int]] = set()

    def noted(scenario: Scenario, seed: int) -> Result:
        run = (scenario.workload.load, seed)
        assert run not in seen
        seen.add(run)
        return measure(scenario, seed)

    found = search("p99 < 19ms", seeds=range(3), simulate=noted, precision=0.002)
    assert len({answer.load for answer in found.answers}) > 1
