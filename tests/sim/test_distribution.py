"""Histograms of latencies: percentiles that occurred, within one part in 16384; parts that add up to the whole."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.histogram import bucket_of, carry_total, open_histogram, record, shift_of
from models.state import Histogram
from models.tally import CARRY, LOW_BITS, carry, tally
from sim.distribution import PER_MILLE, Distribution, bucket_index
from sim.engine import PlainEngine
from sim.plain import new
from sim.scenario import Scenario

LATENCY = st.one_of(
    st.integers(0, 2**61), st.integers(0, 100_000), st.integers(0, 61).flatmap(lambda k: st.integers(0, 2**k))
)
LATENCIES = st.lists(LATENCY, min_size=1, max_size=300)
ENGINE = PlainEngine(Scenario(), 0)


def counted(values: list[int]) -> Distribution:
    h = new(Histogram, True)
    open_histogram(h)
    shift = 0
    for v in values:
        shift = shift_of(v, shift)
        record(h, v, bucket_of(v, shift))
        if h.total >= CARRY:  # as `models.tally` does
            carry_total(h, LOW_BITS)
    return ENGINE.distribution(h)


def exact(values: list[int], per_mille: float) -> int:
    return sorted(values)[max(0, math.ceil(len(values) * per_mille / 1000) - 1)]


@given(LATENCIES)
def test_a_percentile_occurred_and_is_the_exact_one_to_four_digits(values: list[int]):
    found = counted(values)
    for share in (1, 250, *PER_MILLE.values(), 1000):
        of_sample = exact(values, share)
        assert found.percentile(share) in values
        assert of_sample <= found.percentile(share) <= of_sample * (1 + 2**-14)


@given(LATENCIES)
def test_count_sum_least_and_most_are_exact(values: list[int]):
    found = counted([v >> 10 for v in values])
    values = [v >> 10 for v in values]
    assert (found.n, found.total, found.least, found.most) == (len(values), sum(values), min(values), max(values))
    assert found.summary()["mean"] == round(sum(values) / len(values))


@given(st.integers(0, 2**62 - 1))
def test_a_bucket_is_where_the_rule_puts_it(value: int):
    assert counted([value]).index.tolist() == [bucket_index(value)]


@given(st.lists(LATENCIES, min_size=1, max_size=5))
def test_merged_parts_are_the_whole(parts: list[list[int]]):
    merged, whole = Distribution.merged(counted(part) for part in parts), counted([v for part in parts for v in part])
    for one, other in ((merged.index, whole.index), (merged.value, whole.value), (merged.count, whole.count)):
        assert np.array_equal(one, other)
    assert (merged.n, merged.least, merged.summary()) == (whole.n, whole.least, whole.summary())


def test_what_is_constant_has_exact_percentiles():
    assert set(counted([45_000_001] * 1000).summary().values()) == {45_000_001}


def test_nothing_has_no_percentiles():
    none = Distribution.merged([])
    assert set(none.summary().values()) == {None}
    assert (none.n, none.least, none.most) == (0, 0, 0)
    with pytest.raises(ValueError, match="no latencies"):
        none.percentile(500)


def test_sums_leave_the_first_word_before_it_is_full():
    t = PlainEngine(Scenario(), 0).s.b.w.tally
    latency = (1 << 60) + 12_345
    for _ in range(100):
        t.cause[0] += latency
        tally(t, 0, 0, 0, latency, 512)
    carry(t)
    found = Distribution.merged(ENGINE.distribution(h) for h in (t.startup, *(t.steady[k] for k in range(4))))
    assert found.total == (t.high[0] << LOW_BITS) + t.cause[0] == 100 * latency
    assert max(t.cause[0], t.held, t.closed.total) < CARRY


@given(LATENCIES)
def test_hdr_histograms_agree_and_add_up(values: list[int]):
    whole = counted(values).hdr()
    assert whole.get_total_count() == len(values)
    for share in (500, 990):
        assert whole.get_value_at_percentile(share / 10) == pytest.approx(counted(values).percentile(share), rel=1e-3)
    half = len(values) // 2
    added = counted(values[:half]).hdr()
    added.add(counted(values[half:]).hdr())
    assert added.get_total_count() == len(values)
    assert added.get_max_value() == whole.get_max_value()
