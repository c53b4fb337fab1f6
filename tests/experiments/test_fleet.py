"""A fleet is its connections, added up: drawn as its laws say, counted exactly, the same whoever counts."""

from __future__ import annotations

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments import files
from experiments.cli import main
from experiments.fleet import run as running
from experiments.fleet.counts import DIGITS, HIGHEST, Counts, bucket_of, counted, upper_end
from experiments.fleet.draw import EDGES, Drawing
from experiments.fleet.file import Fleet, load_fleet, packaged
from experiments.fleet.percentiles import percentiles
from experiments.fleet.report import as_json, write_hdr
from experiments.fleet.run import MESSAGES, METRICS, THROUGHPUT, Total, run_fleet, samples, seed_of
from experiments.fleet.tail import tail_of
from sim import simulate
from sim.errors import ScenarioError, SimulationLimit

SMALL = """
base = "one-way-512"
connections = 30
seed = 7
[set]
workload.messages = 60
"""
RTT = '[draw]\nnetwork.rtt = { law = "lognormal", median = "40ms", p95 = "200ms" }\n'


def fleet_of(folder: Path, text: str, **tables: str) -> Fleet:
    for name, content in tables.items():
        (folder / f"{name}.csv").write_text(content)
    (folder / "fleet.toml").write_text(text)
    return load_fleet(str(folder / "fleet.toml"))


def run(fleet: Fleet, workers: int = 1) -> Total:
    with ThreadPoolExecutor(workers) as executor:
        return run_fleet(fleet, "loop", executor, lambda: workers)


def problems_of(folder: Path, text: str, **tables: str) -> str:
    with pytest.raises(ScenarioError) as error:
        fleet_of(folder, text, **tables)
    return str(error.value)


# ---- counting --------------------------------------------------------------------------------------------------------


def counts_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return counted(values, np.ones(len(values), np.int64))


VALUES = st.lists(st.integers(0, HIGHEST) | st.integers(0, 5_000), min_size=1, max_size=50)


@settings(deadline=None)
@given(VALUES)
def test_buckets_are_those_of_hdrhistogram(values: list[int]):
    reference = HdrHistogram(1, HIGHEST, DIGITS)
    for value in values:
        reference.record_value(value)
    counts = Counts()
    counts.add(counts_of(np.array(values)))
    assert counts.hdr().equals(reference)


@settings(deadline=None)
@given(VALUES, st.sampled_from([0.5, 0.9, 0.99, 0.9999]))
def test_a_percentile_is_the_least_value_that_its_share_does_not_exceed(values: list[int], share: float):
    counts = Counts()
    counts.add(counts_of(np.array(values)))
    found = counts.quantile(share)
    assert found is not None
    assert sum(value <= found for value in values) >= share * len(values)
    below = [value for value in values if bucket_of(np.array([value]))[0] < bucket_of(np.array([found]))[0]]
    assert len(below) < share * len(values)


@settings(deadline=None)
@given(VALUES, VALUES)
def test_histograms_of_parts_add_up_to_the_histogram_of_all(one: list[int], other: list[int]):
    apart, together = Counts(), Counts()
    apart.add(counts_of(np.array(one)))
    apart.add(counts_of(np.array(other)))
    together.add(counts_of(np.array(one + other)))
    assert (apart.count == together.count).all()
    assert apart.n == len(one) + len(other)


@given(st.integers(0, HIGHEST), st.integers(4, 12))
def test_a_bucket_is_as_narrow_as_promised(value: int, bits: int):
    end = int(upper_end(bucket_of(np.array([value]), bits), bits)[0])
    assert value <= end <= value + value / 2**bits


# ---- drawing ---------------------------------------------------------------------------------------------------------


def test_laws_reach_the_values_they_are_named_by(tmp_path: Path):
    fleet = fleet_of(
        tmp_path,
        SMALL
        + RTT
        + """
network.down.rate = { law = "loguniform", from = "1Mbit/s", to = "100Mbit/s" }
network.jitter = { law = "uniform", from = "0ms", to = "8ms" }
network.loss = { law = "choice", values = ["0%", "1%"], weights = [3, 1] }
workload.size = { law = "quantiles", shares = [0, 0.5, 1], values = ["100B", "200B", "1KiB"] }
""",
    )
    rtt, rate, jitter, loss, size = fleet.laws
    assert rtt.values(np.array([0.5, 0.95])) == [40_000_000, 200_000_000]
    assert rate.values(np.array([0.5])) == [10_000_000]
    assert jitter.values(np.array([0.25])) == [2_000_000]
    assert loss.values(np.array([0.0, 0.7499, 0.75, 1.0])) == [0.0, 0.0, 0.01, 0.01]
    assert size.values(np.array([0.5, 0.75])) == [200, 612]


def test_a_connection_is_the_same_in_any_portion_of_any_fleet(tmp_path: Path):
    fleet = fleet_of(tmp_path, SMALL + RTT)
    whole = Drawing(replace(fleet, connections=5_000)).draw(0, 3_000)
    parts = [Drawing(fleet).draw(a, b) for a, b in ((0, 7), (7, 1_030), (1_030, 3_000))]
    assert [value for part in parts for value in part.columns[0]] == whole.columns[0]
    assert (np.concatenate([part.bins for part in parts], axis=1) == whole.bins).all()


def test_drawn_values_lie_in_their_bins_and_fill_them_evenly(tmp_path: Path):
    drawn = Drawing(fleet_of(tmp_path, SMALL + RTT)).draw(0, 20_000)
    share = np.bincount(drawn.bins[0]) / 20_000
    assert np.abs(share - np.diff(EDGES)).max() < 0.01
    median = np.median(drawn.columns[0])
    assert abs(median - 40e6) < 4 * 1.57 * 40e6 / np.sqrt(20_000)  # its standard error: sqrt(pi/2) sigma / sqrt(n)


def test_rows_are_drawn_by_weight_and_stay_together(tmp_path: Path):
    table = "network.rtt,network.down.rate,weight\n10ms,1Mbit/s,1\n20ms,2Mbit/s,3\n30ms,3Mbit/s,0\n"
    fleet = fleet_of(tmp_path, 'table = "t.csv"\n' + SMALL, t=table)
    rtt, rate = Drawing(fleet).draw(0, 10_000).columns
    found = Counter(zip(rtt, rate, strict=True))
    assert found.keys() == {(10_000_000, 1_000_000), (20_000_000, 2_000_000)}
    assert abs(found[20_000_000, 2_000_000] - 7_500) < 4 * np.sqrt(10_000 * 0.75 * 0.25)


def test_what_is_drawn_goes_where_a_file_would_have_put_it(tmp_path: Path):
    fleet = fleet_of(tmp_path, SMALL + RTT + 'network.loss = { law = "uniform", from = "1%", to = "2%" }\n')
    drawn = Drawing(fleet).draw(0, 5)
    for batch in running.batches(fleet, Drawing(fleet), "loop"):
        if batch.first < 5:
            rtt, loss = (column[batch.first] for column in drawn.columns)
            written = {"workload.messages": 60, "network.rtt": f"{rtt}ns", "network.loss": loss}
            assert running._scenario(batch, 0) == files.load("one-way-512", written)


# ---- running ---------------------------------------------------------------------------------------------------------


def test_connections_that_are_alike_are_replications_of_one_scenario(tmp_path: Path):
    fleet = replace(fleet_of(tmp_path, 'table = "t.csv"\n' + SMALL, t="network.rtt\n30ms\n"), connections=4)
    total = run(fleet)
    scenario = files.load("one-way-512", {"workload.messages": 60, "network.rtt": "30ms"})
    runs = [simulate(scenario, seed_of(7, i), driver="loop") for i in range(4)]
    for metric in METRICS:
        expected = Counts()
        for one in runs:
            expected.add(counted(*samples(one)[metric]))
        assert (total.counts(metric).count == expected.count).all()
    assert (total.connections, total.messages) == (4, 240)


def test_the_number_of_workers_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(running, "BATCH", 1)
    fleet = fleet_of(tmp_path, SMALL + RTT)
    one, three = run(fleet, 1), run(fleet, 3)
    assert as_json(fleet, one) == as_json(fleet, three)
    assert (one.spread == three.spread).all()
    other = replace(fleet, seed=8)
    assert as_json(other, run(other)) != as_json(fleet, one)


def test_the_tail_is_traced_to_what_was_drawn(tmp_path: Path):
    text = (
        SMALL.replace("connections = 30", "connections = 100")
        + """
[draw]
network.rtt = { law = "choice", values = ["10ms", "500ms"], weights = [97, 3] }
client.nodelay = { law = "choice", values = [true, false] }
"""
    )
    total = run(fleet_of(tmp_path, text))
    tail = tail_of(total, share=0.01)
    assert tail is not None
    first = tail.shares[0]
    assert first.parameter.name == "network.rtt"
    assert first.labels[first.most] == "500ms"
    assert first.tail[first.most] == 1
    assert tail.beyond_ns > 250_000_000
    assert 0 < tail.share <= 0.01


def test_messages_that_are_all_alike_have_no_tail():
    total = Total((), [], np.zeros((0, 0, 0), np.int64))
    assert tail_of(total) is None


def test_intervals_contain_the_percentile_as_often_as_they_say():
    rng = np.random.default_rng(1)
    truth = np.exp(1.2815515655446004) * 1e6  # P90 of a lognormal law
    hits = 0
    for _ in range(150):
        groups = [{metric: Counts() for metric in METRICS} for _ in range(20)]
        for group in groups:
            group[MESSAGES].add(counts_of((np.exp(rng.standard_normal(100)) * 1e6).astype(np.int64)))
        found = percentiles(Total((), groups, np.zeros((0, 0, 0), np.int64)), MESSAGES)["p90"]
        assert found.lo is not None
        assert found.hi is not None
        hits += found.lo <= truth <= found.hi
    assert 0.90 <= hits / 150 <= 0.99  # 0.95, and about three standard errors


def test_a_percentile_beyond_the_data_has_no_interval(tmp_path: Path):
    found = percentiles(run(fleet_of(tmp_path, SMALL + RTT)), MESSAGES)
    assert found["p50"].lo is not None
    assert found["p9999"].lo is None


def test_a_connection_that_meets_a_limit_is_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def limited(scenario, seed, **options):
        if seed == seed_of(7, 3):
            raise SimulationLimit("too many packets: lower the load")
        return simulate(scenario, seed, **options)

    monkeypatch.setattr("sim.simulate", limited)
    total = run(fleet_of(tmp_path, SMALL + RTT))
    assert (total.connections, total.limits) == (29, ["too many packets: lower the load"])


def test_a_contradiction_names_the_connection_and_what_was_drawn(tmp_path: Path):
    text = SMALL + '[draw]\nnetwork.queue = { law = "choice", values = ["64KiB", "1B"], weights = [9, 1] }\n'
    with pytest.raises(ScenarioError, match=r"connection \d+: network.*drawn: network.queue = 1"):
        run(fleet_of(tmp_path, text))


# ---- files -----------------------------------------------------------------------------------------------------------


def test_other_tools_read_the_histograms(tmp_path: Path):
    fleet = fleet_of(tmp_path, SMALL + RTT)
    total = run(fleet)
    distribution, log = write_hdr(fleet, total, tmp_path / "out")
    assert log.read_text().count("Tag=") == len(METRICS) - 1
    reader = HistogramLogReader(str(log), HdrHistogram(1, HIGHEST, DIGITS))
    first = reader.get_next_interval_histogram()
    reader.close()
    assert first.get_total_count() == total.counts(MESSAGES).n
    assert first.get_value_at_percentile(99) == total.counts(MESSAGES).quantile(0.99)
    assert "1/(1-Percentile)" in distribution.read_text()


def test_mistakes_of_a_table_name_the_row_and_the_cure(tmp_path: Path):
    text = 'table = "t.csv"\n' + SMALL
    told = problems_of(tmp_path, text, t="network.rtt,weight\n10ms,1\n20,1\nfast,-1\n")
    assert "t.csv row 3, network.rtt: a duration needs a unit" in told
    assert "t.csv row 4, network.rtt: 'fast' is not a duration (write it like '40ms')" in told
    assert "t.csv row 4, weight: '-1' is no weight" in told
    assert "t.csv row 2: 1 columns (the header has 2" in problems_of(tmp_path, text, t="network.rtt,weight\n10ms\n")
    assert "t.csv row 1: 'rtt' cannot be drawn (name one value" in problems_of(tmp_path, text, t="rtt\n10ms\n")
    assert "row 2, network.rtt: empty" in problems_of(tmp_path, text, t="network.rtt,weight\n,1\n")
    assert "all are 0" in problems_of(tmp_path, text, t="network.rtt,weight\n1ms,0\n")
    assert "no rows" in problems_of(tmp_path, text, t="network.rtt\n")
    assert "no such file" in problems_of(tmp_path, 'table = "none.csv"\n' + SMALL)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('network.rtt = "40ms"', "draw.network.rtt: '40ms' is no law"),
        ('network.rtt = { law = "uniform", from = "40ms" }', "draw.network.rtt.to: missing"),
        ('network.rtt = { law = "uniform", from = "4ms", to = 9 }', "draw.network.rtt.to: a duration needs a unit"),
        ('network.rtt = { law = "uniform", from = "9ms", to = "4ms" }', "not below `to`"),
        ('network.rtt = { law = "lognormal", median = "40ms" }', "the spread is needed once"),
        ('network.loss = { law = "lognormal", median = "1%", sigma = 2.0 }', "outside 0 to 1"),
        ('client.nodelay = { law = "uniform", from = false, to = true }', 'use law = "choice"'),
        ('client.nodelay = { law = "choice", values = [true], weights = [1, 2] }', "2 for 1 values"),
        ('client.nodelay = { law = "choice", value = true }', "there are: values, weights"),
        ('workload.size = { law = "quantiles", shares = [0, 0.5], values = ["1B", "2B"] }', "rise from 0 to 1"),
        ('workload.messages = { law = "choice", values = [1, 2] }', "set.workload.messages: is drawn too"),
        ('workload.trace = { law = "choice", values = [1, 2] }', "cannot be drawn"),
        ('workload.spikes.where = { law = "choice", values = ["link"] }', "decides about other keys"),
    ],
)
def test_mistakes_of_laws_are_told_with_their_place(tmp_path: Path, line: str, words: str):
    assert words in problems_of(tmp_path, f"{SMALL}\n[draw]\n{line}\n")


def test_a_fitted_file_gives_laws_and_the_fleet_file_has_the_last_word(tmp_path: Path):
    (tmp_path / "fitted.toml").write_text(RTT + 'network.loss = { law = "choice", values = ["2%"] }\n')
    fleet = fleet_of(
        tmp_path, 'laws = "fitted.toml"\n' + SMALL + '[draw]\nnetwork.loss = { law = "choice", values = [0] }'
    )
    assert {law.key.name: law.values(np.array([0.5])) for law in fleet.laws} == {
        "network.rtt": [40_000_000],
        "network.loss": [0.0],
    }


def test_laws_fitted_to_a_table_draw_its_columns_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(3)
    rtt = np.round(np.exp(rng.standard_normal(400)) * 40, 3)
    rows = [f"{value}ms,{'true' if i % 4 else 'false'},{1 + i % 2}" for i, value in enumerate(rtt)]
    (tmp_path / "clients.csv").write_text("\n".join(["network.rtt,client.nodelay,weight", *rows]))
    assert main(["fit-fleet", str(tmp_path / "clients.csv")]) == 0
    (tmp_path / "laws.toml").write_text(capsys.readouterr().out)
    fleet = fleet_of(tmp_path, 'laws = "laws.toml"\n' + SMALL)
    drawn, nodelay = Drawing(fleet).draw(0, 20_000).columns
    weight = np.array([1 + i % 2 for i in range(400)])
    for at in np.quantile(rtt, [0.1, 0.5, 0.9]):
        expected = weight[rtt <= at].sum() / weight.sum()
        assert abs(np.mean(np.array(drawn) <= at * 1e6) - expected) < 0.03
    assert rtt.min() * 1e6 * 0.999 <= min(drawn) <= max(drawn) <= rtt.max() * 1e6 * 1.001
    assert abs(np.mean(nodelay) - weight[np.arange(400) % 4 != 0].sum() / weight.sum()) < 0.02


# ---- the command -----------------------------------------------------------------------------------------------------


def test_the_command_prints_saves_and_can_fix_what_is_drawn(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "small.toml").write_text(SMALL + RTT + 'client.nodelay = { law = "choice", values = [true, false] }\n')
    command = ["fleet", str(tmp_path / "small.toml"), "--workers", "1", "--driver", "loop", "--connections", "8"]
    assert main([*command, "--out", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "8 connections, 480 messages" in printed
    assert "P99.99" in printed
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".png", ".svg", ".hgrm", ".hlog"}
    assert main([*command, "--json", "--set", "client.nodelay=true"]) == 0
    summary = json.loads(capsys.readouterr().out)
    assert [parameter["name"] for parameter in summary["tail"]["parameters"]] == ["network.rtt"]
    assert summary["metrics"][THROUGHPUT]["p50"]["value"] > 0


def test_what_is_no_fleet_is_refused_in_words(capsys: pytest.CaptureFixture[str]):
    assert main(["fleet", "no-such-fleet"]) == 2
    assert all(name in capsys.readouterr().err for name in packaged())


@pytest.mark.parametrize("name", packaged())
def test_packaged_fleets_are_in_order(name: str):
    assert load_fleet(name).connections >= 10_000
