"""Observing a run: the streaming frontier, staircases, alerts, what held data back, system calls, advice, metrics."""

from __future__ import annotations

import csv
import json
import random
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import files
from experiments.cli import main
from experiments.observe.alerts import episodes, parse_rule
from experiments.observe.diagnosis import diagnose, evidence
from experiments.observe.openmetrics import exposition
from experiments.observe.pareto import StreamingFront
from experiments.observe.sampler import Window, binding_of, held_shares, sampled, windows
from experiments.observe.steps import staircase
from sim import Direction, Host, Network, Scenario, ScenarioError, Workload, simulate
from tests.properties.scenarios import fixed

MS = 1_000_000
SOURCE = [(1240.0, 18.3), (1360.0, 22.7), (1280.0, 21.1)]


# ---- the frontier


def test_the_third_point_of_the_source_is_beaten_by_nothing_and_only_off_the_hull():
    front = StreamingFront(SOURCE)
    assert front.points == sorted(SOURCE)
    assert front.hull() == [(1240.0, 18.3), (1360.0, 22.7)]


POINTS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30)


@settings(max_examples=300, deadline=None)
@given(POINTS)
def test_streaming_keeps_exactly_what_nothing_beats(points):
    unbeaten = {
        p for p in points if not any(q != p and q[0] >= p[0] and q[1] <= p[1] for q in points)
    }  # fmt: skip
    assert StreamingFront(points).points == sorted(unbeaten)


@settings(max_examples=200, deadline=None)
@given(POINTS)
def test_no_mixture_of_two_points_beats_the_hull(points):
    hull = StreamingFront(points).hull()
    for (x0, y0), (x1, y1) in pairwise(hull):
        for x, y in points:
            if x0 <= x <= x1:
                assert (y - y0) * (x1 - x0) >= (y1 - y0) * (x - x0)


# ---- staircases


def test_gaps_of_one_length_and_its_multiples_are_a_staircase():
    gaps = [0, 0, 0, 40, 0, 0, 40, 0, 0, 0, 80, 0, 40, 0, 0, 41, 0, 0, 39, 0, 0]
    found = staircase(np.cumsum(gaps) * MS, np.arange(len(gaps)) * 13 * MS)
    assert found is not None
    assert found.step_ns == pytest.approx(40 * MS, rel=0.02)
    assert (found.stalls, found.regular, found.time) == (6, 1.0, 1.0)


def test_gaps_of_all_lengths_are_none():
    rng = random.Random(1)
    gaps = [0 if rng.random() < 0.7 else rng.randint(20, 400) for _ in range(400)]
    assert staircase(np.cumsum(gaps) * MS, np.arange(len(gaps)) * 60 * MS) is None


def test_a_steady_stream_has_no_stalls():
    times = np.arange(1000) * 5 * MS
    assert staircase(times + 3 * MS, times) is None


def test_nagle_behind_probes_shows_the_delayed_ack_as_its_step():
    """128 bytes every 25 ms: what is held leaves when the 40 ms timer fires, 44 ms on a grid of 4 ms."""
    messages = simulate(files.load("grpc-probes", ["workload.messages=300"]), 1).messages
    found = staircase(messages["read_ns"], messages["intended_ns"])
    assert found is not None
    assert found.step_ns == pytest.approx(44 * MS, rel=0.02)


# ---- alerts


def series(*p99: float | None) -> list[Window]:
    return [
        Window((i + 1) * 100 * MS, 1.0, 1e6, 1, None if x is None else int(x * MS), 0.5, "", 0.0)
        for i, x in enumerate(p99)
    ]


def test_an_alert_is_pending_until_the_condition_has_held_for_so_long():
    rule = parse_rule("p99 > 200ms for 200ms")
    found = episodes(rule, series(100, 250, 250, 100, 250, 250, 250, 250, 100, 300))
    assert [(a.pending_ns, a.firing_ns, a.resolved_ns) for a in found] == [
        (200 * MS, None, 400 * MS),
        (500 * MS, 700 * MS, 900 * MS),
        (1000 * MS, None, None),
    ]


def test_a_window_without_messages_has_no_latency_to_complain_about():
    assert len(episodes(parse_rule("p99 > 1ms"), series(5, None, 5))) == 2


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("p99 is bad", "write it like"),
        ("p98 > 1ms", "no metric 'p98'"),
        ("p99 > 200", "no unit of duration"),
        ("throughput < 5ms", "no unit of rate"),
        ("occupancy > 0.9 for 1", "no unit of duration"),
    ],
)
def test_a_rule_that_cannot_be_read_says_why(text, words):
    with pytest.raises(ScenarioError, match=words):
        parse_rule(text)


# ---- what holds back


def test_what_held_the_sender_back_is_measured_by_its_clocks():
    """A writer that always has something to write, on a full link, is blocked whenever it does not work."""
    scenario = Scenario(
        workload=Workload(arrivals="greedy", messages=4_000, size=1_000),
        server=Host(nodelay=True, sndbuf=32_768),
        network=Network(up=Direction(delay=10 * MS), down=Direction(rate=10_000_000, delay=10 * MS)),
    )
    run = simulate(sampled(scenario), 1)
    assert run.ticks is not None
    last = int(run.ticks["now_ns"][-1])
    assert 0.95 * last < run.ticks["sndbuf_ns"].sum() <= last
    assert run.ticks["sndbuf_ns"].sum() == pytest.approx(run.sender().blocked_ns, rel=0.05)
    assert next(iter(held_shares(run.ticks))) == "sndbuf"
    assert {w.binding for w in windows(run)} == {"sndbuf"}


def test_a_quota_in_front_of_a_full_buffer_is_a_consequence():
    assert binding_of({"write_quota": 100, "sndbuf": 99, "cpu": 0}) == "sndbuf"
    assert binding_of({"write_quota": 100, "sndbuf": 10, "cpu": 0}) == "write_quota"
    assert binding_of({"nagle": 5, "write_quota": 0}) == "nagle"


def test_sampling_changes_nothing():
    scenario = files.load("telemetry", ["workload.messages=150"])
    assert np.array_equal(simulate(scenario, 1).messages, simulate(sampled(scenario), 1).messages)


# ---- system calls


@pytest.mark.parametrize("n", range(0, 40, 2))
def test_every_call_is_there_once_with_its_bytes_and_its_sleep(n: int):
    scenario = replace(fixed(n), policy=None)
    run = simulate(scenario, n, driver="loop", trace=True)
    assert run.trace is not None
    for server, counters in ((0, run.client), (1, run.server)):
        rows = run.trace.writes[run.trace.writes["server"] == server]
        assert rows["calls"].sum() == counters.writes
        assert rows["bytes"].sum() == counters.write_bytes
        assert rows["blocked_ns"].sum() == counters.blocked_ns
        assert (rows["returned_ns"] - rows["called_ns"] >= rows["blocked_ns"]).all()
        assert (rows["calls"] > 0).all()


def test_both_drivers_trace_the_same_calls():
    scenario = files.load("full-link", ["workload.messages=800"])
    loop, simpy = (simulate(scenario, 1, driver=d, trace=True).trace for d in ("loop", "simpy"))  # type: ignore[arg-type]
    assert loop is not None and simpy is not None  # noqa: PT018
    assert np.array_equal(loop.writes, simpy.writes)
    assert loop.writes["blocked_ns"].max() > 0


# ---- advice


def advice(source: str, *changes: str) -> dict[str, str]:
    run = simulate(sampled(files.load(source, list(changes))), 1)
    return {finding.cause: finding.sentence for finding in diagnose(evidence(run))}


def test_a_full_buffer_on_a_full_link_is_not_to_be_raised():
    assert "Make it smaller" in advice("full-link", "server.sndbuf=256KiB")["sndbuf"]


def test_a_full_buffer_on_an_idle_link_is():
    said = advice("full-link", "server.sndbuf=16KiB", "network.rtt=80ms", "network.rate=100Mbit/s")
    assert "raise SO_SNDBUF" in said["sndbuf"]


def test_a_stall_of_write_write_read_is_the_delayed_ack():
    said = advice("write-write-read", "workload.messages=60")
    assert next(iter(said)) == "delayed_ack"
    assert "TCP_NODELAY" in said["delayed_ack"]


# ---- OpenMetrics


def test_the_exposition_is_complete_and_consistent():
    run = simulate(sampled(files.load("telemetry", ["workload.messages=300"])), 1)
    text = exposition(run)
    assert text.endswith("# EOF\n")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    assert len(values) == len(lines)
    families = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    assert all(any(name.startswith(family) for family in families) for name in values)
    buckets = [value for name, value in values.items() if "_bucket{" in name]
    assert buckets == sorted(buckets)
    assert buckets[-1] == 300
    waited = sum(value for name, value in values.items() if name.startswith("tinygram_waited_seconds_total"))
    total = next(value for name, value in values.items() if name.startswith("tinygram_latency_seconds_sum"))
    assert waited == pytest.approx(total, rel=1e-6)


# ---- the command


def test_the_command_shows_windows_advice_and_writes_what_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    command = ["observe", "full-link", "--set", "workload.messages=900", "--syscalls", str(tmp_path / "calls.csv")]
    assert main([*command, "--openmetrics", str(tmp_path / "metrics.txt"), "--alert", "p99 > 1s for 100ms"]) == 0
    shown = capsys.readouterr().out
    assert "Held back at the sender" in shown
    assert "frontier" in shown
    rows = list(csv.DictReader((tmp_path / "calls.csv").open()))
    assert sum(int(row["calls"]) for row in rows) > 20
    assert (tmp_path / "metrics.txt").read_text().endswith("# EOF\n")


def test_an_alert_that_fires_is_exit_code_1(capsys: pytest.CaptureFixture[str]):
    command = ["observe", "full-link", "--set", "workload.messages=900", "--alert", "occupancy > 0.1 for 200ms"]
    assert main([*command, "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    (alert,) = said["alerts"]
    assert alert["firing_ns"] - alert["pending_ns"] == 200 * MS
    assert said["windows"][0]["binding"]
    assert said["findings"]


def test_a_mistake_in_a_rule_is_found_before_anything_runs(capsys: pytest.CaptureFixture[str]):
    assert main(["observe", "full-link", "--alert", "p99 > fast"]) == 2
    assert "--alert p99 > fast" in capsys.readouterr().err


def test_a_policy_s_ticks_are_the_windows_and_others_are_not_ignored_in_silence(capsys: pytest.CaptureFixture[str]):
    command = ["observe", "elastic-runaway", "--set", "workload.messages=900", "--json"]
    assert main([*command, "--every", "50ms", "--window", "1s"]) == 2
    told = capsys.readouterr().err
    assert "--every: the windows are the ticks of the policy elastic (--set policy.every=50ms)" in told
    assert "--window: the windows are the ticks of the policy elastic (--set policy.window=1s)" in told
    assert main([*command, "--set", "policy.every=50ms"]) == 0  # as it says
    windows = json.loads(capsys.readouterr().out)["windows"]
    assert [window["end_ns"] for window in windows[:3]] == [50 * MS, 100 * MS, 150 * MS]


def test_lengths_without_a_unit_are_mistakes_told_together(capsys: pytest.CaptureFixture[str]):
    assert main(["observe", "full-link", "--every", "5", "--window", "3KiB"]) == 2
    told = capsys.readouterr().err
    assert "--every: '5' has no unit of duration" in told
    assert "--window: '3KiB' has no unit of duration" in told


def test_windows_of_a_quiet_time_say_nothing():
    quiet = Scenario(
        workload=Workload(interval=300 * MS, messages=5, size=100),
        server=Host(nodelay=True),
        network=Network(up=Direction(delay=MS), down=Direction(delay=MS)),
    )
    found = windows(simulate(sampled(quiet), 1))
    assert [w.p99_ns for w in found[:3]] == [MS, None, None]
    assert {w.binding for w in found} == {""}
