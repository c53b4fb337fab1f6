"""Intervals come from replications, differences from pairs on the same draws."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.slo import parse_slo
from experiments.statistics import (
    FOR_T,
    bound,
    coefficient_of_variation,
    difference,
    doubt,
    estimate,
    paired_difference,
    t_quantile,
)
from sim.errors import ScenarioError


def test_the_interval_is_students_t_and_upwards_on_a_logarithmic_scale():
    values = [10.1, 9.8, 10.4, 10.0, 9.6]
    found = estimate(values)
    mean, t = np.mean(values), stats.t.ppf(1 - 0.05 * FOR_T / 2, 4)
    reach = t * stats.sem(values)
    assert (found.mean, found.lo, found.n) == pytest.approx((mean, mean - reach, 5))
    assert found.hi == pytest.approx(mean * np.exp(reach / mean))
    assert estimate([1.0, 30.0]).lo == 0
    assert t_quantile(0.975, 9) == pytest.approx(2.2622, abs=1e-4)


def test_the_interval_of_a_difference_is_students_t():
    values = [-0.1, 0.2, 0.3, -0.2, 0.1]
    found = difference(values)
    lo, hi = stats.t.interval(0.95, 4, loc=np.mean(values), scale=stats.sem(values))
    assert (found.mean, found.lo, found.hi, found.n) == pytest.approx((np.mean(values), lo, hi, 5))


@given(st.lists(st.floats(0, 1e15), min_size=1, max_size=30), st.floats(0.5, 0.999))
def test_a_latency_is_never_negative(values, confidence):
    found = estimate(values, confidence)
    assert len(values) == 1 or 0 <= found.lo <= found.mean * (1 + 1e-12)
    assert len(values) == 1 or found.hi >= found.mean * (1 - 1e-12)
    with pytest.raises(ValueError, match="negative"):
        estimate([*values, -1.0])


@given(st.lists(st.floats(1, 1e9), min_size=2, max_size=30), st.floats(0.1, 10))
def test_an_interval_has_the_unit_of_its_values(values, factor):
    one, other = estimate(values), estimate([value * factor for value in values])
    assert (one.lo * factor, one.hi * factor) == pytest.approx((other.lo, other.hi), rel=1e-6)


@given(st.lists(st.floats(1, 100), min_size=3, max_size=30), st.floats(0.001, 0.4), st.booleans())
def test_doubt_and_bound_are_one_anothers_inverse(values, error, below):
    limit = bound(values, error, below)
    if max(values) - min(values) > 0.1 and limit > 0:
        assert doubt(values, limit, below) == pytest.approx(error, rel=1e-6)
    assert doubt(values, max(values) + 1 if not below else min(values) - 0.5, below) == 1


@given(st.lists(st.floats(1, 100), min_size=2, max_size=30))
def test_a_bound_is_an_end_of_the_interval_that_errs_twice_as_often(values):
    found = estimate(values, 0.9)
    assert (bound(values, 0.05), bound(values, 0.05, below=False)) == pytest.approx((found.hi, found.lo))


def test_what_never_varies_is_certain_and_what_was_seen_once_is_not():
    assert doubt([5.0, 5.0], 5.1) == 0
    assert doubt([5.0, 5.0], 4.9, below=False) == 0
    assert doubt([5.0, 5.0], 5.0) == doubt([5.0], 9.0) == 1
    assert math.isnan(bound([5.0], 0.05))


def test_the_interval_covers_what_it_estimates_as_often_as_it_says():
    """The P99 of autocorrelated runs, by replications: 95 % within 2.5 points over 2,000 experiments."""
    rng = np.random.default_rng(7)
    noise = rng.normal(size=(20_000, 400))
    series = np.empty_like(noise)
    series[:, 0] = noise[:, 0]
    for i in range(1, 400):
        series[:, i] = 0.8 * series[:, i - 1] + 0.6 * noise[:, i]
    p99 = np.quantile(np.exp(series), 0.99, axis=1, method="inverted_cdf")
    truth = p99.mean()
    covered = [not estimate(ten.tolist()).excludes(truth) for ten in p99.reshape(2_000, 10)]
    assert np.mean(covered) == pytest.approx(0.95, abs=0.025)


def test_one_replication_has_no_interval():
    found = estimate([5.0])
    assert math.isnan(found.lo)
    assert math.isnan(found.relative_half_width)
    assert not found.excludes(1e9)
    assert found.as_dict()["lo"] is None


def test_pairs_share_their_luck():
    luck = {seed: float(seed * 100) for seed in range(8)}
    before = {seed: value + 1.0 for seed, value in luck.items()}
    after = {seed: value + 3.0 + 0.01 * (seed % 2) for seed, value in luck.items()}
    difference = paired_difference(before, after)
    assert difference.mean == pytest.approx(2.005)
    assert difference.half_width < 0.01 < estimate(list(before.values())).half_width
    assert difference.excludes(0)


def test_pairs_are_matched_by_seed():
    assert paired_difference({1: 1.0, 2: 2.0, 3: 9.0}, {2: 5.0, 1: 4.0}).n == 2
    with pytest.raises(ValueError, match="no seed"):
        paired_difference({1: 1.0}, {2: 1.0})


def test_the_gaps_of_a_poisson_stream_vary_by_one():
    gaps = np.random.default_rng(3).exponential(10, 50_000)
    assert coefficient_of_variation(gaps.tolist()) == pytest.approx(1, abs=0.02)


# ---- objectives ------------------------------------------------------------------------------------------------------


def test_an_objective_compares_in_base_units():
    slo = parse_slo("p99 < 50ms and throughput >= 10Mbit/s")
    assert slo.met_by({"p99_ns": 49_999_999, "throughput_bps": 10_000_000})
    assert not slo.met_by({"p99_ns": 50_000_000, "throughput_bps": 20_000_000})
    assert not slo.met_by({"p99_ns": None, "throughput_bps": 20_000_000})
    assert slo.limit("p99_ns") == 50_000_000
    assert str(slo) == "p99 < 50ms and throughput >= 10Mbit/s"


@pytest.mark.parametrize(("text", "plain"), [("p(99)<50ms", "p99 < 50ms"), ("p99.9 < 1s", "p999 < 1s")])
def test_the_spellings_of_other_tools_are_understood(text, plain):
    assert parse_slo(text) == parse_slo(plain)


def test_every_mistake_in_an_objective_is_told():
    with pytest.raises(ScenarioError) as error:
        parse_slo("p95 < 50ms, p99 < 50, quick please")
    assert [p.path for p in error.value.problems] == ["slo"] * 3
    for words in ("no metric 'p95'", "has no unit", "'quick please' is not a condition"):
        assert words in str(error.value)
