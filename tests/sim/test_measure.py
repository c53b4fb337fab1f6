"""Percentiles are latencies that occurred; overload is a backlog that keeps growing, nothing less."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.measure import NEVER, by_size, overloaded, quantiles

MS = 1_000_000


def served(intended: np.ndarray, service_ns: np.ndarray, way_ns: int = 0) -> np.ndarray:
    """Read times behind one server that serves in order, and a way that takes `way_ns`."""
    end, read = 0, []
    for t, s in zip(intended.tolist(), service_ns.tolist(), strict=True):
        end = max(end, t) + s
        read.append(end + way_ns)
    return np.array(read, dtype=np.int64)


def poisson(n: int, gap_ns: int, seed: int) -> np.ndarray:
    return np.cumsum(np.random.default_rng(seed).exponential(gap_ns, n)).astype(np.int64)


def constant(n: int, value: int) -> np.ndarray:
    return np.full(n, value, dtype=np.int64)


# ---- percentiles -----------------------------------------------------------------------------------------------------


def test_a_percentile_is_the_smallest_latency_that_share_did_not_exceed():
    latency = np.arange(1, 1001, dtype=np.int64)[::-1].copy()
    found = quantiles(latency)
    assert found == {"mean": 500, "p50": 500, "p90": 900, "p99": 990, "p999": 999, "max": 1000}


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=400))
def test_percentiles_agree_with_the_inverted_distribution_function(values):
    latency = np.array(values, dtype=np.int64)
    found = quantiles(latency)
    for name, share in {"p50": 0.5, "p90": 0.9, "p99": 0.99}.items():
        assert found[name] == np.quantile(latency, share, method="inverted_cdf")
    assert found["max"] == max(values)


def test_no_messages_have_no_percentiles():
    assert set(quantiles(np.array([], dtype=np.int64)).values()) == {None}


def test_size_classes_part_at_a_segment_and_a_frame():
    size = np.array([1, 128, 129, 1448, 1449, 16384, 16385], dtype=np.int64)
    rows = by_size(size, size * MS)
    assert [(row["from"], row["to"], row["messages"]) for row in rows] == [
        (1, 128, 2), (129, 1448, 2), (1449, 16384, 2), (16385, None, 1),
    ]  # fmt: skip


# ---- overload --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("load", [1.03, 1.2, 3.0])
@pytest.mark.parametrize("n", [1_000, 20_000])
def test_more_than_the_path_carries_is_overload(load, n):
    intended = poisson(n, MS, seed=1) if n > 1_000 else np.arange(n, dtype=np.int64) * MS
    assert overloaded(intended, served(intended, constant(n, round(load * MS))), constant(n, 512))


@pytest.mark.parametrize("load", [0.05, 0.5, 0.8, 0.9])
@pytest.mark.parametrize("seed", range(40))
def test_a_loaded_path_that_keeps_up_is_not_overloaded(load, seed):
    intended = poisson(4_000, MS, seed)
    assert not overloaded(intended, served(intended, constant(4_000, round(load * MS))), constant(4_000, 512))


def test_a_long_way_is_no_backlog():
    """All messages are on the way when the last is sent: none is late."""
    intended = np.arange(200, dtype=np.int64) * MS
    assert not overloaded(intended, served(intended, constant(200, 1_000), way_ns=3_000 * MS), constant(200, 512))


@pytest.mark.parametrize("seed", range(40))
def test_spikes_that_hold_everything_up_now_and_then_are_no_overload(seed):
    rng = np.random.default_rng(seed)
    intended = poisson(6_000, MS, seed)
    held = np.where(rng.random(6_000) < 0.01, 200 * MS + rng.integers(0, 50 * MS, 6_000), 0)
    read = np.maximum.accumulate(intended + 15 * MS + held)  # in order: the next ones wait behind it
    assert not overloaded(intended, read, constant(6_000, 512))


@pytest.mark.parametrize("at", [0.2, 0.6, 0.97])
def test_an_outage_that_heals_is_no_overload(at):
    n = 5_000
    intended = np.arange(n, dtype=np.int64) * MS
    service = constant(n, MS // 5)
    service[int(at * n)] += 400 * MS
    assert not overloaded(intended, served(intended, service), constant(n, 512))


def test_what_is_never_read_is_backlog():
    intended = np.arange(1_000, dtype=np.int64) * MS
    read = np.where(intended < 600 * MS, intended + MS, NEVER)
    assert overloaded(intended, read, constant(1_000, 512))
    assert overloaded(intended, constant(1_000, NEVER), constant(1_000, 512))


def test_the_verdict_does_not_depend_on_how_long_the_run_was():
    for n in (500, 2_000, 8_000, 32_000):
        intended = np.arange(n, dtype=np.int64) * MS
        assert overloaded(intended, served(intended, constant(n, round(1.05 * MS))), constant(n, 100))
        assert not overloaded(intended, served(intended, constant(n, round(0.95 * MS))), constant(n, 100))


def test_a_handful_of_messages_is_not_judged():
    intended = np.arange(20, dtype=np.int64) * MS
    assert not overloaded(intended, intended * 10, constant(20, 512))
    assert not overloaded(np.array([], dtype=np.int64), np.array([], dtype=np.int64), np.array([], dtype=np.int64))
    assert not overloaded(constant(100, 0), np.arange(100, dtype=np.int64), constant(100, 1))  # one instant: no load
