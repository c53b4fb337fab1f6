"""Where start-up ends: courses with a known transient, and scenarios whose transient has a known reason."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.cli import main
from experiments.files import load
from experiments.warmup import LAST, Warmup, detect, mser5
from sim.errors import ScenarioError


def found(name: str, **settings: object) -> Warmup:
    changes = {key.replace("__", "."): value for key, value in settings.items()}
    with ThreadPoolExecutor(1) as executor:
        return detect(load(name, changes), range(6), "loop", executor)


@pytest.mark.parametrize("decay", [20, 60, 150])
def test_a_decaying_transient_is_cut_where_it_sinks_into_the_noise(decay):
    """20 ms above the mean of 10 at first, noise 1: it is below 1 after 3 decay times, below 0.1 after 5.3."""
    n = np.arange(2_000)
    course = 10 + 20 * np.exp(-n / decay) + np.random.default_rng(decay).normal(0, 1, len(n))
    assert 1.5 * decay <= mser5(course) <= 6 * decay


def test_a_transient_from_below_is_cut_too():
    n = np.arange(1_000)
    assert 60 <= mser5(30 * (1 - np.exp(-n / 40)) + np.random.default_rng(1).normal(0, 1, len(n))) <= 240


@given(st.floats(1e-3, 1e12), st.integers(40, 400))
def test_what_is_steady_from_the_start_loses_nothing(level, length):
    assert mser5(np.full(length, level)) == 0


def test_the_exact_rule_on_a_small_course():
    """Batches 9, 5, 1, 1, 1, 1: cutting one leaves errors of 12.8 / 25, cutting two none."""
    assert mser5(np.repeat([9.0, 5.0, 1.0, 1.0, 1.0, 1.0], 5)) == 10


@given(st.floats(0.1, 100), st.integers(100, 500))
def test_a_course_that_rises_for_ever_is_cut_in_the_middle(slope, length):
    assert mser5(slope * np.arange(length)) >= LAST * length - 10


def test_slow_start_is_a_start_up():
    """100 KiB at a window of ten packets take several round trips of 80 ms, later ones little more than one half."""
    warmup = found(
        "one-way-512", workload__size="100KiB", workload__interval="100ms", workload__messages=60,
        network__rate="100Mbit/s", network__rtt="80ms",
    )  # fmt: skip
    assert warmup.steady
    assert 5 <= warmup.messages <= 20
    assert warmup.startup_ns > 1.2 * warmup.after_ns


def test_a_stream_that_fills_its_buffers_first_is_faster_at_the_start():
    warmup = found("full-link", workload__messages=1_000)
    assert warmup.steady
    assert 100 <= warmup.messages <= 400
    assert warmup.startup_ns < warmup.after_ns


def test_a_growing_backlog_has_no_steady_state():
    warmup = found("one-way-512", workload__interval="3ms", network__rate="1Mbit/s", workload__messages=300)
    assert not warmup.steady
    assert warmup.overloaded == 6


def test_a_handful_of_messages_shows_no_start_up():
    with pytest.raises(ScenarioError, match="too few"):
        found("one-way-512", workload__messages=20)


def test_run_counts_as_start_up_what_is_detected(capsys: pytest.CaptureFixture[str]):
    run = ["run", "full-link", "--set", "workload.messages=800", "--driver", "loop"]
    assert main([*run, "--warmup", "auto"]) == 0
    captured = capsys.readouterr()
    assert "MSER-5 over 10 replications of 800 messages" in captured.err
    assert main([*run, "--warmup", "0"]) == 0
    whole = capsys.readouterr().out
    assert "start-up" not in whole
    assert "start-up" in captured.out
    assert main([*run, "--warmup", "-3"]) == 2


def test_a_short_run_says_that_its_start_up_is_in_its_percentiles(capsys: pytest.CaptureFixture[str]):
    assert main(["run", "one-way-512", "--set", "workload.messages=30"]) == 0
    assert "SHORT: start-up is 20 messages, and 5 of them are counted as steady" in capsys.readouterr().out
    assert main(["run", "one-way-512", "--set", "workload.messages=300"]) == 0
    assert "SHORT" not in capsys.readouterr().out
