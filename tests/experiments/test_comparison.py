"""Comparisons: paired differences, the tolerance, and the verdict."""

from __future__ import annotations

from typing import Any

import pytest

from experiments.comparison import Comparison, judge, text

SEEDS = range(6)
NOISE = (0.0, 0.4, -0.3, 0.2, -0.1, 0.3)


def summaries(p50: float, p99: float, mbit: float, overloaded: bool = False, noise: float = 1.0) -> dict[int, Any]:
    return {
        seed: {
            "latency_ns": {"p50": (p50 + noise * NOISE[seed]) * 1e6, "p99": (p99 + noise * NOISE[seed]) * 1e6},
            "throughput_bps": mbit * 1e6,
            "overloaded": overloaded,
        }
        for seed in SEEDS
    }


def verdicts(before: dict[int, Any], after: dict[int, Any], tolerance: float = 0.05) -> tuple[str, dict[str, str]]:
    result = judge("a", "b", before, after, tolerance)
    return result.verdict, {metric.name: metric.verdict for metric in result.metrics}


def test_the_same_is_no_worse_however_noisy() -> None:
    same = summaries(10, 20, 1)
    overall, each = verdicts(same, same, tolerance=0)
    assert {overall, *each.values()} == {"no worse"}


def test_shared_noise_cancels_out() -> None:
    overall, _ = verdicts(summaries(10, 20, 1), summaries(10.1, 20.1, 1))
    assert overall == "no worse"


def test_a_rise_beyond_the_tolerance_is_worse_and_within_it_is_not() -> None:
    before, after = summaries(10, 20, 1), summaries(10, 22, 1)
    assert verdicts(before, after, 0.05)[1]["p99"] == "worse"
    assert verdicts(before, after, 0.15)[1]["p99"] == "no worse"


def test_a_fall_is_better_and_less_throughput_is_worse() -> None:
    overall, each = verdicts(summaries(10, 20, 1), summaries(5, 8, 0.5))
    assert each == {"p50": "better", "p99": "better", "throughput": "worse"}
    assert overall == "worse"


def test_better_in_one_and_no_worse_in_the_others_is_better() -> None:
    assert verdicts(summaries(10, 20, 1), summaries(10, 8, 1))[0] == "better"


def test_an_interval_across_the_tolerance_is_undecided() -> None:
    assert verdicts(summaries(10, 20, 1, noise=0), summaries(10.5, 21, 1, noise=3))[0] == "undecided"


def test_overload_of_one_side_decides_and_of_both_says_nothing() -> None:
    fine, flooded = summaries(10, 20, 1), summaries(900, 2000, 1, overloaded=True)
    assert verdicts(fine, flooded)[1]["p99"] == "worse"
    assert verdicts(flooded, fine)[1]["p99"] == "better"
    assert verdicts(flooded, flooded)[1]["p99"] == "no worse"


def test_a_run_that_delivers_nothing_is_worse_than_one_that_does() -> None:
    nothing = {seed: s | {"latency_ns": {"p50": None, "p99": None}} for seed, s in summaries(1, 1, 0).items()}
    assert verdicts(summaries(10, 20, 1), nothing)[0] == "worse"


@pytest.fixture
def comparison() -> Comparison:
    return judge("one", "two", summaries(10, 20, 1), summaries(10, 30, 1), 0.05)


def test_the_text_has_numbers_intervals_and_a_sentence(comparison: Comparison) -> None:
    told = text(comparison)
    assert "P99, ms            20.1      30.1     +10.0" in told
    assert "+49.8%" in told
    assert told.endswith("verdict: B is worse than A in P99")


def test_json_has_the_paired_difference(comparison: Comparison) -> None:
    told = comparison.as_dict()
    assert told["verdict"] == "worse"
    assert told["metrics"][1]["difference"]["mean"] == pytest.approx(10e6)
