"""Intervals contain the truth as often as stated: the counting, and a real scenario on a small scale."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from experiments.coverage import coverage, row, share, skewness
from experiments.files import load
from experiments.statistics import estimate
from experiments.sweep.runner import simulated
from sim.errors import ScenarioError


@pytest.mark.parametrize("size", [5, 10, 20])
@pytest.mark.parametrize("law", ["normal", "skewed"])
def test_independent_runs_are_covered_within_two_points(law, size):
    """8,000 runs; 400 groups of 20 have a standard error of one point, and regrouping makes it smaller."""
    rng = np.random.default_rng(2)
    runs = rng.normal(50, 5, 8_000) if law == "normal" else 20 * np.exp(rng.normal(0, 0.3, 8_000))
    found = row(runs, size)
    assert abs(found.mean_of_runs.share - 0.95) <= 0.02


def test_counting_sees_an_interval_that_is_too_narrow():
    """The same runs, each squeezed a hundredfold towards the mean of its group, no longer cover."""
    rng = np.random.default_rng(3)
    groups = rng.normal(50, 5, (400, 10))
    squeezed = groups.mean(axis=1, keepdims=True) + (groups - groups.mean(axis=1, keepdims=True)) / 100
    assert np.mean([not estimate(group.tolist()).excludes(50) for group in squeezed]) < 0.1


def test_a_truth_that_the_runs_do_not_estimate_is_not_covered():
    found = row(np.random.default_rng(4).normal(50, 1, 2_000), 20, endless=60.0)
    assert found.endless is not None
    assert found.endless.share == 0
    assert found.endless.hi < 0.05


def test_the_interval_of_a_share_is_wilsons():
    found = share([True] * 93 + [False] * 7, 100)
    expected = stats.binomtest(93, 100).proportion_ci(0.95, method="wilson")
    assert (found.lo, found.hi) == pytest.approx((expected.low, expected.high))
    assert found.near(0.95)
    assert not share([True] * 80 + [False] * 20, 100).near(0.95)


def test_skewness_is_the_third_standardised_moment():
    values = np.random.default_rng(5).exponential(1, 500)
    assert skewness(values) == pytest.approx(stats.skew(values))
    assert skewness(np.full(5, 3.0)) == 0


def test_the_p99_of_a_real_scenario_is_covered():
    """Poisson messages through a queue, in runs of 200: 95 % within what 40 groups of five can tell."""
    settings = {"workload.messages": 200, "client.profile": "ideal", "server.profile": "ideal"}
    with ThreadPoolExecutor(1) as executor:
        found = coverage(load("telemetry", settings), "p99_ns", range(200), simulated("loop"), executor, sizes=(5,))
    (only,) = found.rows
    assert only.mean_of_runs.groups == 40
    assert found.met
    assert only.mean_of_runs.share > 0.85
    assert found.endless is not None
    assert found.bias == pytest.approx(0, abs=0.1)


def test_what_is_overloaded_has_no_percentile_to_cover():
    settings = {"workload.load": 2_000, "workload.messages": 400}
    with ThreadPoolExecutor(1) as executor, pytest.raises(ScenarioError, match="lower workload"):
        coverage(load("telemetry", settings), "p99_ns", range(5), simulated("loop"), executor, sizes=(2,))
