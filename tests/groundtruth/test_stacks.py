"""The model against recorded runs of real RPC stacks: what agrees must go on agreeing, what does not is listed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.groundtruth.stacks.compare import compare
from experiments.groundtruth.stacks.judge import SAMPLING, judge
from experiments.groundtruth.stacks.recorded import Group, read
from experiments.groundtruth.stacks.report import describe
from experiments.groundtruth.stacks.simulated import band, scenario, settling
from sim.errors import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "grpc-measured"
GROUPS = read(FOLDER)


def named(group: Group) -> str:
    return " ".join((group.setting.experiment, *describe(group.setting)))


LIGHT = [g for g in GROUPS if g.setting.paced and g.setting.experiment not in {"S3", "S3b"}]
"""Paced single messages: every cell of S1, S1x, S2 and S2s, of every stack."""


@pytest.mark.parametrize("group", LIGHT, ids=named)
def test_paced_messages_wait_as_they_did_in_the_real_stack(group: Group) -> None:
    """P50 and P99 within 15 % or 1 ms or the recording's own sampling, write() calls to the handshake's."""
    row = judge(group, range(1, 2), "loop")
    assert not row.unexplained, [(f.name, f.recorded, f.simulated) for f in row.unexplained]


def test_probes_make_a_forced_nagle_worse() -> None:
    """128 B every 25 ms, Nagle: P50 near 21.6 ms with grpc-go's probes, 0.04 ms without."""
    found = {}
    for g in GROUPS:
        s = g.setting
        if (s.experiment, s.stack, s.net, s.interval_ms) == ("S2s", "grpc-go", "veth", 25):
            found[s.bdp] = {f.name: f for f in judge(g, range(1, 3), "loop").figures}["p50"]
    assert found[True].recorded == pytest.approx(21_600, rel=0.01)
    assert found[True].simulated == pytest.approx(21_600, rel=0.05)
    assert found[False].simulated < 100


def test_runs_that_repeat_each_other_are_one_group() -> None:
    sizes = {named(g): len(g.runs) for g in GROUPS}
    recorded = sum(len(f.read_text().splitlines()) - 1 for f in FOLDER.glob("runs_*.csv"))
    assert sum(sizes.values()) == recorded - 12  # grpcio and Node at the limit of a CPU whose prices are not known
    assert {len(g.runs) for g in GROUPS if g.setting.experiment == "S1x"} == {8}
    assert {len(g.runs) for g in GROUPS if g.setting.experiment == "FC"} == {2}


def test_the_setting_reaches_the_scenario() -> None:
    wanted = ("S5", 10.0, 65_536, 4_096)
    s = next(g.setting for g in GROUPS if wanted == (
        g.setting.experiment, g.setting.rate_mbit, g.setting.sndbuf, g.setting.buffer))  # fmt: skip
    made = scenario(s, 100)
    assert (made.server.sndbuf, made.client.sndbuf, made.workload.framing.buffer) == (65_536, 0, 4_096)
    assert (made.network.down.rate, made.network.down.queue, made.network.down.delay) == (10_000_000, 400_000, 10**7)
    assert made.server.http2.bdp == "off"
    assert made.client.http2.stream_window == 16 << 20
    assert made.workload.framing.doubled
    assert scenario(replace(s, up=True), 100).workload.sender == "client"


def test_a_band_holds_the_percentile_of_most_samples() -> None:
    """Of samples of 300 from a known distribution, 95 in 100 have their median inside."""
    draws = np.random.default_rng(1)
    population = np.sort(draws.exponential(size=200_000))
    low, high = band(population, 0.50, 300)
    inside = [low <= np.sort(draws.exponential(size=300))[149] <= high for _ in range(2_000)]
    assert float(np.mean(inside)) == pytest.approx(0.95, abs=0.02)


def test_a_steady_stream_settles_at_its_rate_at_once() -> None:
    s = next(g.setting for g in GROUPS if g.setting.experiment == "FC")
    steady, t90 = settling(np.arange(0, 3_000_000_000, 100_000), s)
    assert steady == pytest.approx(s.size / 100e-6, rel=0.001)
    assert t90 == 0.0


def test_the_page_has_a_row_for_every_group() -> None:
    page = (ROOT / "docs" / "model" / "stacks.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith(("| S", "| FC")) and line.count("|") > 8]
    listed = {" ".join(cell.strip() for cell in line.split("|")[1:5]) for line in rows}
    assert listed == {named(g) for g in GROUPS}


def test_what_is_not_recorded_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="nothing recorded of S9"):
        compare(FOLDER, ["S9"])
    with pytest.raises(ScenarioError, match="no tables"):
        compare(tmp_path)
    (tmp_path / "runs_x.csv").write_text("scenario,impl\nS1,grpc-go\n")
    with pytest.raises(ScenarioError, match=r"runs_x\.csv:2"):
        read(tmp_path)


def test_sampling_is_not_agreement_by_another_name() -> None:
    """A value no run of that length would show is off."""
    group = next(g for g in LIGHT if g.setting.experiment == "S2" and not g.setting.nodelay and g.setting.bdp)
    wrong = Group(tuple(replace(run, p50=run.p50 + 15_000, p99=run.p99 + 30_000) for run in group.runs))
    verdicts = {f.name: f.verdict for f in judge(wrong, range(1, 2), "loop").figures}
    assert SAMPLING != verdicts["p50"] == verdicts["p99"] == "off"
