"""Sensitivity against closed forms, and of a scenario whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiments.cli import main
from experiments.metrics import METRICS
from experiments.sensitivity import analysed, elementary, saltelli, sampled, sentence, settings_at, sobol, trajectories
from experiments.sweep.design import Condition, Design, Range
from experiments.sweep.file import Panel
from sim.errors import ScenarioError
from sim.scenario import Scenario
from tests.experiments.fake import measure

AXES = ["a", "b", "c"]


def ishigami(shares):
    x = (2 * shares - 1) * np.pi
    return np.sin(x[:, 0]) + 7 * np.sin(x[:, 1]) ** 2 + 0.1 * x[:, 2] ** 4 * np.sin(x[:, 0])


def test_sobol_indices_of_ishigamis_function():
    """Closed form: first order 0.3139, 0.4424, 0; total 0.5576, 0.4424, 0.2437 (Saltelli and others, 2008)."""
    shares = saltelli(3, 2_048, seed=1)
    effects = sobol(ishigami(shares), shares, AXES)
    assert [e.own.mean for e in effects] == pytest.approx([0.3139, 0.4424, 0], abs=0.02)
    assert [e.total.mean for e in effects] == pytest.approx([0.5576, 0.4424, 0.2437], abs=0.02)
    for effect in effects:
        assert effect.own.lo <= effect.own.mean <= effect.own.hi
        assert effect.total.hi - effect.total.lo < 0.15


def test_sobol_indices_of_a_sum_are_the_shares_of_its_variance():
    """1 x + 2 y + 3 z: 1, 4 and 9 fourteenths, and no interplay."""
    shares = saltelli(3, 1_024, seed=2)
    effects = sobol(shares @ np.array([1.0, 2.0, 3.0]), shares, AXES)
    expected = [1 / 14, 4 / 14, 9 / 14]
    assert [e.own.mean for e in effects] == pytest.approx(expected, abs=0.02)
    assert [e.total.mean for e in effects] == pytest.approx(expected, abs=0.02)


def test_what_does_nothing_has_no_index_and_no_interval():
    shares = saltelli(2, 64, seed=3)
    one, none = sobol(shares[:, 0], shares, ["a", "b"])
    assert one.own.mean == pytest.approx(1, abs=0.1)
    assert (none.total.mean, none.total.lo, none.total.hi) == (0, 0, 0)
    assert [e.total.mean for e in sobol(np.ones(len(shares)), shares, ["a", "b"])] == [0, 0]


def test_morris_of_a_line_is_its_slopes_and_of_a_product_shows_interplay():
    pytest.importorskip("SALib")
    shares = trajectories(3, 20, seed=1)
    effects = elementary(shares @ np.array([1.0, -2.0, 0.0]), shares, AXES)
    assert [e.own.mean for e in effects] == pytest.approx([1, 2, 0])
    assert [e.total.mean for e in effects] == pytest.approx([0, 0, 0], abs=1e-9)
    bent = elementary(shares[:, 0] * shares[:, 1], shares, AXES)
    assert bent[0].total.mean > 0.2
    assert bent[2].own.mean == 0


def panel(**axes: object) -> Panel:
    return Panel("p", "", {}, Design({key.replace("__", "."): axis for key, axis in axes.items()}))  # type: ignore[misc]


def test_a_share_of_an_axis_is_a_value():
    axes = {"x": Range(0.0, 10.0), "y": (False, True)}
    assert settings_at(axes, [0.25, 0.49]) == {"x": 2.5, "y": False}
    assert settings_at(axes, [1.0, 1.0]) == {"x": 10.0, "y": True}


def test_the_sentence_names_what_decides_and_what_may_be_left():
    """The fake path's P99 under Nagle is 30 ms more at little load; the reader's rate plays no part."""
    varied = panel(server__nodelay=(False, True), workload__load=Range(1.0, 3.0), reader=Range(0.0, 1.0))
    points, shares = sampled(varied, "sobol", 64, seed=1)
    runs = {}
    for settings in points.design.listed:
        s = Scenario()

        server = replace(s.server, nodelay=bool(settings["server.nodelay"]))
        workload = replace(s.workload, load=float(str(settings["workload.load"])))
        runs[json.dumps(settings, sort_keys=True)] = [measure(replace(s, server=server, workload=workload), 0)]
    found = analysed(points, "sobol", METRICS["p99"], shares, list(varied.design.axes), runs)
    assert found.effects[0].axis == "server.nodelay"
    assert "NODELAY decides" in sentence(found)
    assert "On these ranges load, reader may be left as they are" in sentence(found)
    with pytest.raises(ScenarioError, match="have no p99"):
        analysed(points, "sobol", METRICS["p99"], shares, AXES, {})


@pytest.mark.parametrize(
    ("varied", "samples", "words"),
    [
        (panel(a=Range(0.0, 1.0), b=(1, 2)), 48, "power of 2"),
        (panel(a=Range(0.0, 1.0)), 64, "at least two axes"),
        (
            Panel("p", "", {}, Design({"a": (1, 2), "b": (1, 2)}, conditions=(Condition("a", None, {"b": (1,)}),))),
            64,
            "holes",
        ),
    ],
)
def test_what_is_no_box_of_ranges_is_refused(varied, samples, words):
    with pytest.raises(ScenarioError, match=words):
        sampled(varied, "sobol", samples, seed=1)


SWEEP = """
name = "decides"
base = "one-way-512"
replications = 1
[set]
workload.messages = 60
[axes]
network.rtt = { from = "4ms", to = "64ms", log = true }
server.nodelay = [false, true]
[design]
kind = "sobol"
points = 16
"""


def test_the_round_trip_decides_the_latency_of_a_sparse_stream(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "decides.toml").write_text(SWEEP)
    ask = ["sensitivity", str(tmp_path / "decides.toml"), "--store", str(tmp_path / "s"), "--out", str(tmp_path)]
    ask += ["--driver", "loop", "--workers", "1"]
    assert main([*ask, "--samples", "16", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["panels"]
    assert found["effects"][0]["axis"] == "network.rtt"
    assert found["effects"][0]["total"]["mean"] > 0.5
    assert {path.name for path in tmp_path.glob("*.*g")} == {"decides-sensitivity.png", "decides-sensitivity.svg"}
    assert main([*ask, "--samples", "16"]) == 0  # from the store
    captured = capsys.readouterr()
    assert "RTT decides" in captured.out
    assert "runs in" not in captured.err
    assert main([*ask, "--metric", "beauty"]) == 2
