"""Packaged policies and how they are weighed: the runaway, the rule without it, and the arithmetic of standing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from experiments import files
from experiments.cli import main
from experiments.control.arms import Axis, pairs, sweep_of
from experiments.control.standing import overall, sentences, standings
from experiments.frontier import Configuration, weigh
from experiments.sweep.file import Panel
from experiments.sweep.result import Result
from sim import ScenarioError, simulate

KIB = 1024


def ticks(name: str, *settings: str, base: str = "elastic-runaway", seed: int = 1) -> Any:
    scenario = files.load(base, [f"policy.name={name}", "workload.messages=5000", *settings])
    return simulate(scenario, seed, messages=False).ticks


def at_end(rows: Any, column: str) -> float:
    return float(np.median(rows[column][-8:-1]))


def test_the_elastic_rule_runs_away_on_a_full_link():
    """P99 above 200 ms doubles the buffer, which makes the P99 higher: from 128 KiB to the largest, never back."""
    rows = ticks("elastic", 'policy.parameters={buffer="sndbuf", capacity=1160}')
    buffer = rows["sk_sndbuf"] // 2
    assert buffer[0] == 128 * KIB
    assert buffer[-1] == 1024 * KIB
    assert (np.diff(buffer) >= 0).all()
    assert at_end(rows, "p99_ns") > 1_000_000_000


@pytest.mark.parametrize("start", ["16KiB", "128KiB", "1MiB"])
def test_delay_target_comes_to_the_same_buffer_from_everywhere(start: str):
    """10 Mbit/s x (1.5 x 20 ms + 20 ms) are 62.5 kB of payload, and no more queue than those 20 ms and a half RTT."""
    rows = ticks("delay-target(delay=20ms)", f"server.sndbuf={start}")
    assert 28 * KIB < at_end(rows, "sk_sndbuf") / 2 < 36 * KIB
    assert at_end(rows, "p99_ns") < 150_000_000
    assert at_end(rows, "delivered") > 0.97 * 1160 * 0.2


@pytest.mark.parametrize("rtt", ["5ms", "80ms"])
def test_delay_target_fills_the_link_on_other_paths_too(rtt: str):
    rows = ticks("delay-target(delay=20ms)", f"network.rtt={rtt}")
    assert at_end(rows, "delivered") > 0.96 * 1160 * 0.2
    assert at_end(rows, "p99_ns") < 250_000_000


def test_the_rtt_threshold_is_fooled_by_its_own_queue_unless_it_goes_by_the_least_rtt():
    fooled = ticks("rtt-threshold", "network.rtt=5ms")
    assert at_end(fooled, "sk_sndbuf") == 2 * 256 * KIB
    assert at_end(fooled, "framer_buffer") == 32 * KIB
    honest = ticks("rtt-threshold(minimum=true)", "network.rtt=5ms")
    assert at_end(honest, "sk_sndbuf") == 2 * 64 * KIB
    assert at_end(honest, "framer_buffer") == 8 * KIB
    assert at_end(honest, "p99_ns") < at_end(fooled, "p99_ns") / 2
    far = ticks("rtt-threshold(minimum=true)", "network.rtt=80ms")
    assert at_end(far, "sk_sndbuf") == 2 * 256 * KIB


def test_elastic_halves_when_both_are_low_and_keeps_in_its_dead_zone():
    quiet = ["workload.arrivals=periodic", "workload.interval=10ms", "workload.messages=400"]
    shrunk = ticks("elastic", *quiet)
    assert shrunk["sk_sndbuf"][-1] == 2 * 4 * KIB
    busy = ["workload.arrivals=periodic", "workload.interval=2ms", "workload.messages=1000"]
    assert set(ticks("elastic", *busy)["sk_sndbuf"]) == {2 * 128 * KIB}  # 500 a second are neither 800 nor 300


def test_the_walk_along_the_front_ends_where_a_smaller_buffer_would_carry_less():
    for rtt, size in (("5ms", 16), ("20ms", 32)):
        assert (
            at_end(ticks("front-walk", f"network.rtt={rtt}", "workload.messages=9000"), "sk_sndbuf") == 2 * size * KIB
        )


def test_bdp_sndbuf_asks_for_two_products():
    """10 Mbit/s less headers x 20 ms are 24 kB, 80 ms 97 kB."""
    assert 40 * KIB < at_end(ticks("bdp-sndbuf"), "sk_sndbuf") / 2 < 50 * KIB
    assert 170 * KIB < at_end(ticks("bdp-sndbuf", "network.rtt=80ms"), "sk_sndbuf") / 2 < 200 * KIB


def test_notsent_lowat_bounds_what_waits_in_the_kernel():
    rows = ticks("notsent-lowat(limit=16KiB)", "server.sndbuf=1MiB", "network.queue=64KiB")
    assert rows["notsent"].max() < 16 * KIB + 65_536  # one write() beyond
    assert ticks("watch", "server.sndbuf=1MiB", "network.queue=64KiB")["notsent"].max() > 300 * KIB


def test_an_unbounded_pending_queue_grows_without_end_and_a_bounded_one_degrades():
    """1,000 messages a second come due, 500 tokens a second are there."""
    load = ["workload.arrivals=periodic", "workload.interval=1ms", "workload.messages=3000"]
    rate = "rate=500, burst=50, backoff=0"
    unbounded = ticks(f"is-ready({rate})", *load)["pending"]
    assert (np.diff(unbounded[1:15]) > 80).all()
    bounded = ticks(f"is-ready({rate}, limit=100)", *load)
    assert bounded["pending"].max() <= 101
    assert bounded["degraded"][-1] == pytest.approx(3000 - 500 * 3 - 50 - 100, abs=60)


def test_hot_update_changes_a_live_connection_once():
    rows = ticks("hot-update(at=1s, nodelay=off, sndbuf=32KiB, notsent_lowat=8KiB)")
    before, after = rows[rows["now_ns"] < 1_000_000_000], rows[rows["now_ns"] >= 1_000_000_000]
    assert (set(before["nodelay"]), set(after["nodelay"])) == ({1}, {0})
    assert set(after["sk_sndbuf"]) == {64 * KIB}
    assert set(after["notsent_lowat"]) == {8 * KIB}


def test_a_resize_costs_the_core_what_it_copies():
    name = "resize(at=1s, to=128KiB, copy={})"
    free, dear = (ticks(name.format(copy)) for copy in (0.0, 5000.0))
    assert set(free["framer_buffer"]) == {32 * KIB, 128 * KIB}
    window = 7  # 655 ms of the core are gone
    assert dear["sent"][window] == 0 < free["sent"][window]


def test_parameters_behind_a_name_are_those_of_the_table():
    called = files.load("full-link", ["policy.name=delay-target(delay=20ms, memory=3)"]).policy
    tabled = files.load("full-link", ["policy.name=delay-target", "policy.parameters={delay=20ms, memory=3}"]).policy
    assert called == tabled
    with pytest.raises(ScenarioError, match="cannot be read"):
        files.load("full-link", ["policy.name=delay-target(delay=20ms"])


def test_another_policy_has_parameters_of_its_own():
    policy = files.load("elastic-runaway", ["policy.name=watch"]).policy
    assert policy is not None
    assert policy.parameters == ()


# ---- standing


def configuration(path: str, value: str, bps: float, p99: int) -> Configuration:
    latency = dict.fromkeys(("mean", "p50", "p90", "p99", "p999", "max"), p99)
    summary = {
        "messages": 1, "undelivered": 0, "duration_ns": 1, "throughput_bps": bps, "offered_bps": bps, "writes": 1,
        "segments": 1, "acks": 1, "retransmits": 0, "wmem_peak_bytes": 1, "driver": "loop", "latency_ns": latency,
        "overloaded": False, "cpu_share": {"server": 0.0, "client": 0.0}, "ledger_ns": {},
    }  # fmt: skip
    return Configuration({path: value}, {1: Result.from_summary(summary, 1)})


def frontier(path: str, *points: tuple[str, float, int]) -> Any:
    configurations = [configuration(path, *point) for point in points]
    return weigh(Panel("p", "", {}, {path: tuple(c.settings[path] for c in configurations)}), configurations)


def test_a_policy_is_measured_by_the_best_fixed_setting_that_carries_as_much():
    fixed = frontier("server.sndbuf", ("16KiB", 8e6, 100), ("32KiB", 9e6, 200), ("64KiB", 9e6, 400))
    moved = frontier("policy.name", ("a", 8.95e6, 250), ("b", 7e6, 90), ("c", 9.5e6, 300))
    found = {s.name: (s.rival_name, s.excess) for s in standings(fixed, moved)}
    assert found["a"] == ("sndbuf 32KiB", 1.25)
    assert found["b"] == ("sndbuf 16KiB", 0.9)
    assert found["c"] == ("", None)
    assert found["sndbuf 64KiB"] == ("sndbuf 32KiB", 2.0)


def test_over_several_paths_the_largest_excess_counts_and_enough_must_be_carried():
    near = frontier("server.sndbuf", ("16KiB", 9e6, 100), ("64KiB", 9e6, 300))
    far = frontier("server.sndbuf", ("16KiB", 3e6, 100), ("64KiB", 9e6, 200))
    moved = [frontier("policy.name", ("good", 9e6, p99)) for p99 in (110, 180)]
    both = list(zip((near, far), moved, strict=True))
    assert overall(both) == {"good": pytest.approx(1.1), "sndbuf 64KiB": 3.0}
    assert "good comes nearest over 2 paths: a P99 of at most 1.10x" in sentences(both)[0]
    assert "sndbuf 64KiB: 3.00x" in sentences(both)[1]


def test_the_experiment_is_a_sweep_with_two_panels_a_path():
    sweep = sweep_of(
        "full-link", {}, Axis("server.sndbuf", ("16KiB", "32KiB")), ("watch",), Axis("network.rtt", ("5ms",)), 1, 1
    )
    assert [panel.name for panel in sweep.panels] == ["RTT 5ms: fixed", "RTT 5ms: policies"]
    assert sweep.panels[0].fixed == {"network.rtt": "5ms", "policy.name": "none"}
    assert pairs([1, 2, 3, 4]) == [(1, 2), (3, 4)]  # type: ignore[list-item]


def test_the_command_says_where_each_lies_and_draws_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "mine.py").write_text("def mine(tick):\n    tick.server.sndbuf = 20_000\n")
    command = [
        "control", "full-link", "--policy", f"{tmp_path}/mine.py:mine", "--policy", "watch", "--knob",
        "server.sndbuf=16KiB,64KiB", "--set", "workload.messages=1500", "--replications", "1", "--driver", "loop",
        "--workers", "1", "--store", str(tmp_path / "s"), "--out", str(tmp_path), "--json",
    ]  # fmt: skip
    assert main(command) == 0
    said = json.loads(capsys.readouterr().out)
    names = [s["name"] for s in said["paths"][0]["standings"]]
    assert names == ["sndbuf 16KiB", "sndbuf 64KiB", f"{tmp_path}/mine.py:mine", "watch"]
    assert all(Path(file).stat().st_size > 10_000 for file in said["files"])


def test_a_knob_without_values_is_a_mistake(capsys: pytest.CaptureFixture[str]):
    assert main(["control", "full-link", "--knob", "server.sndbuf"]) == 2
    assert "--knob server.sndbuf: is no setting with values" in capsys.readouterr().err
