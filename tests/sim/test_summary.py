"""A summary needs no messages: it is the same without them, says what they say, and takes no memory for them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.state import CAUSES
from sim import Run, simulate
from sim.distribution import PER_MILLE
from sim.scenario import Direction, Network, Scenario, Workload
from tests.properties.scenarios import scenarios

MS = 1_000_000
CLOSE = 1 + 2**-14


def agrees(found: dict[str, int | None], latency: np.ndarray) -> None:
    """Exact mean and maximum, percentiles to one part in 16384."""
    if len(latency) == 0:
        assert set(found.values()) == {None}
        return
    assert (found["mean"], found["max"]) == (round(float(latency.mean())), latency.max())
    for name, share in PER_MILLE.items():
        exact = np.quantile(latency, share / 1000, method="inverted_cdf")
        assert exact <= found[name] <= exact * CLOSE
        assert found[name] in latency


def startup(run: Run) -> int:
    """How many messages are start-up, from the definition."""
    early = int(np.searchsorted(run.messages["intended_ns"], run.scenario.warmup_time))
    return min(max(run.scenario.warmup, early), run.offered // 2)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000), st.sampled_from([0, 5, 1_000]), st.sampled_from([0, 30 * MS]))
def test_a_summary_says_what_the_messages_say(scenario: Scenario, seed: int, warmup: int, warmup_time: int):
    run = simulate(replace(scenario, warmup=warmup, warmup_time=warmup_time), seed, driver="loop")
    m, first, found = run.messages, startup(run), run.summary()
    steady = m[first:]
    assert found["messages"] == len(m)
    agrees(found["startup_latency_ns"], m["latency_ns"][:first])
    agrees(found["latency_ns"], steady["latency_ns"])
    agrees(found["closed_loop_latency_ns"], steady["read_ns"] - steady["call_ns"])
    for row in found["by_size"]:
        inside = (steady["size"] >= row["from"]) & (steady["size"] <= (row["to"] or steady["size"].max()))
        assert row["messages"] == inside.sum()
        agrees(row["latency_ns"], steady["latency_ns"][inside])
    assert sum(row["messages"] for row in found["by_size"]) == len(steady)
    assert found["ledger_ns"] == {cause: m[f"{cause}_ns"].sum() for cause in CAUSES}
    assert found["duration_ns"] == m["read_ns"].max() - m["intended_ns"].min()
    assert found["throughput_bps"] == m["size"].sum() * 8_000_000_000 // found["duration_ns"]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_it_is_the_same_without_them(scenario: Scenario, seed: int):
    kept, not_kept = (simulate(scenario, seed, driver="loop", messages=keep) for keep in (True, False))
    assert kept.summary() == not_kept.summary()
    with pytest.raises(ValueError, match="kept no messages"):
        _ = not_kept.messages


def test_the_histogram_is_that_of_the_steady_state():
    run = simulate(Scenario(workload=Workload(messages=500)), driver="loop", messages=False)
    assert run.histogram().get_total_count() == 500 - run.scenario.warmup
    assert run.histogram().get_value_at_percentile(99) == pytest.approx(run.summary()["latency_ns"]["p99"], rel=1e-3)


@pytest.mark.slow
@pytest.mark.timeout(600)  # the first one compiles, unless it has been done before
def test_nor_do_more_messages_than_can_be_under_way_change_it():
    pytest.importorskip("numba")
    flood = Workload(interval=2_000, size=100, messages=50_000)
    scenario = Scenario(workload=flood, network=Network(down=Direction(rate=10_000_000, delay=5 * MS)))
    kept, not_kept = (simulate(scenario, driver="compiled", messages=keep) for keep in (True, False))
    assert kept.summary() == not_kept.summary()
    assert kept.summary()["overloaded"]


PEAK = """
import resource
from dataclasses import replace
from experiments.files import load
from sim import simulate
scenario = load("telemetry")
workload = replace(scenario.workload, messages={messages})
run = simulate(replace(scenario, workload=workload), driver="compiled", messages=False)
assert run.summary()["messages"] == {messages}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_does_not_grow_with_messages():
    pytest.importorskip("numba")
    few, many = (
        int(subprocess.run([sys.executable, "-c", PEAK.format(messages=n)], check=True, capture_output=True).stdout)
        for n in (200_000, 1_000_000)
    )
    assert many - few < 16 * 1024, "800,000 messages more took more than 16 MiB"
