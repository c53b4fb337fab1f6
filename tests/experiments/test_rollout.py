"""A canary is rolled back when it should be and left alone when it should not, however often one looks."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from experiments.cli import main
from experiments.cli.canary import levels
from experiments.rollout.canary import Design, outcome, size, standardised
from experiments.rollout.pools import Pool, design_effect
from experiments.rollout.sequential import boundary, messages_needed, obrien_fleming

MS = 1_000_000


def pool(scale: float, connections: int = 60, messages: int = 1_000, seed: int = 0, spread: float = 0.0) -> Pool:
    """Exponential latencies; `spread` makes whole connections slower or faster together."""
    rng = np.random.default_rng(seed)
    factors = np.exp(rng.normal(0, spread, connections))
    return Pool(tuple(np.sort(rng.exponential(scale * MS * f, messages)).astype(np.int64) for f in factors))


@pytest.mark.parametrize(("looks", "constant"), [(1, 1.960), (2, 1.977), (5, 2.040), (10, 2.087)])
def test_the_boundary_is_that_of_the_tables(looks: int, constant: float) -> None:
    """Jennison and Turnbull, table 2.3: two-sided 5 % is one-sided 2.5 %."""
    assert obrien_fleming(looks, 0.025) == pytest.approx(constant, rel=0.012)
    assert boundary(looks, 1, 0.025) == pytest.approx(constant * math.sqrt(looks), rel=0.012)


def test_sample_size_finds_what_it_promises_to_find() -> None:
    """2 % late instead of 1 %: of many samples of the computed size, 90 % lie beyond the 5 % limit."""
    n = messages_needed(0.01, 0.02, 0.05, 0.9)
    late = np.random.default_rng(1).binomial(n, 0.02, 20_000) / n
    found = (late - 0.01) / math.sqrt(0.01 * 0.99 / n) > 1.645
    assert found.mean() == pytest.approx(0.9, abs=0.02)


def test_a_change_that_changes_nothing_is_rarely_rolled_back() -> None:
    """At most 5 % over twelve looks, though each connection has its own speed."""
    same = pool(10, spread=0.1)
    design = Design(1_000, 0.01, (1.0,) * 12, tolerance=0.05)
    found, _ = outcome({"A": {1.0: same}, "B": {1.0: same}}, design, "A", 400, 7)
    assert found.shares["rolled back"] <= 0.06


def test_a_change_that_doubles_latency_is_rolled_back_early() -> None:
    pools = {"A": {1.0: pool(10)}, "B": {1.0: pool(20, seed=1)}}
    found, trial = outcome(pools, Design(1_000, 0.01, (1.0,) * 12), "B", 100, 7)
    assert found.shares["rolled back"] == 1
    assert len(trial.looks) == found.windows_to_roll_back == pytest.approx(2, abs=1)


def test_half_a_percent_of_few_connections_needs_more_windows() -> None:
    """A rise of 25 % in everything: fifty canaries see it sooner than five."""
    pools = {"A": {1.0: pool(10)}, "B": {1.0: pool(12.5, seed=1)}}
    many, _ = outcome(pools, Design(10_000, 0.005, (1.0,) * 20), "B", 100, 7)
    few, _ = outcome(pools, Design(1_000, 0.005, (1.0,) * 20), "B", 100, 7)
    assert many.shares["rolled back"] == 1
    assert few.windows_to_roll_back is not None
    assert many.windows_to_roll_back is not None
    assert few.windows_to_roll_back > many.windows_to_roll_back


def test_drift_fools_the_naive_rule_only() -> None:
    """Load doubles latency in the second half; nothing else changed."""
    levels_of_load = {1.0: pool(10), 2.0: pool(20, seed=2)}
    pools = {"A": levels_of_load, "B": levels_of_load}
    found, _ = outcome(pools, Design(1_000, 0.02, (1.0,) * 4 + (2.0,) * 4), "B", 100, 7)
    assert found.naive_alarms == 1
    assert found.shares["rolled back"] <= 0.05


def test_messages_of_one_connection_are_late_together() -> None:
    alone, together = pool(10, spread=0.0), pool(10, spread=0.3)
    limit = 46 * MS  # about P99
    assert design_effect(alone, limit) == pytest.approx(1, abs=0.5)
    assert design_effect(together, limit) > 4


def test_there_is_nothing_to_find_in_an_improvement() -> None:
    pools = {"A": {1.0: pool(10)}, "B": {1.0: pool(5, seed=1)}}
    assert size(pools, Design(1_000, 0.01, (1.0,))).messages is None


def test_one_canary_is_never_surer_than_its_messages() -> None:
    """No late message in one connection is no proof; and nothing is divided by zero."""
    assert standardised([0.0], 0.01) == pytest.approx(-0.01 / math.sqrt(0.01 * 0.99 / 1_000))
    assert math.isfinite(standardised([0.02, 0.02, 0.02], 0.01))


def test_the_load_goes_up_and_comes_back_in_few_steps() -> None:
    found = levels("1..2", 8)
    assert (min(found), max(found), found[0]) == (1.0, 2.0, 1.0)
    assert len(set(found)) <= 5
    assert levels("1", 3) == (1.0, 1.0, 1.0)


def test_losing_nodelay_is_rolled_back(capsys) -> None:
    few = ["--set", "workload.messages=120", "--pool", "3", "--windows", "3", "--drift", "1", "--trials", "20"]
    code = main(
        ["canary", "telemetry", "--set", "client.nodelay=true", "--set-b", "client.nodelay=false", "--json", *few]
    )
    assert code == 1
    changed, unchanged = json.loads(capsys.readouterr().out)["outcomes"]
    assert changed["shares"]["rolled back"] == 1
    assert unchanged["shares"]["promoted"] == 1


def test_the_matrix_has_all_four_pairings(capsys) -> None:
    arguments = ["--client", "client.nodelay=true", "--set", "workload.messages=300", "--replications", "5", "--json"]
    assert main(["matrix", "telemetry", *arguments]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {(row["client"], row["server"]) for row in rows} == {(c, s) for c in ("old", "new") for s in ("old", "new")}
    p99 = {(row["client"], row["server"]): row["p99_ns"] for row in rows}
    assert p99["new", "old"] < p99["old", "old"]
    assert p99["old", "new"] == pytest.approx(p99["old", "old"])


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--share", "many"),
        ("--share", "150%"),
        ("--drift", "2..1"),
        ("--windows", "1"),
        ("--trials", "0"),
        ("--pool", "1"),
    ],
)
def test_mistakes_name_the_option(option: str, value: str, capsys) -> None:
    assert main(["canary", "telemetry", option, value]) == 2
    assert option in capsys.readouterr().err


def test_another_percentile_allows_another_share() -> None:
    """One message in fifty takes twenty times as long: P99 sees it, the median does not."""
    usual = pool(10, seed=3)
    rng = np.random.default_rng(4)
    tailed = Pool(tuple(np.sort(c * np.where(rng.random(len(c)) < 0.02, 20, 1)) for c in usual.connections))
    pools = {"A": {1.0: usual}, "B": {1.0: tailed}}
    share = {
        metric: outcome(pools, Design(1_000, 0.02, (1.0,) * 6, metric=metric), "B", 60, 7)[0].shares["rolled back"]
        for metric in ("p50", "p99")
    }
    assert share["p99"] == 1
    assert share["p50"] < 0.1
