"""plan, sweep, frontier, load: what they print, what they leave behind, and their exit codes."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from experiments.cli import main

SWEEP = """
name = "two-settings"
base = "one-way-512"
replications = 2
slo = "p99 < 100ms"
[set]
workload.messages = 150
[axes]
server.nodelay = [true, false]
workload.load = [1, 2]
"""

Arguments = list[str]


@pytest.fixture
def arguments(tmp_path: Path) -> Arguments:
    (tmp_path / "sweep.toml").write_text(SWEEP)
    return [str(tmp_path / "sweep.toml"), "--store", str(tmp_path / "store"), "--workers", "1", "--driver", "loop"]


def said(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    value: dict[str, object] = json.loads(capsys.readouterr().out)
    return value


def test_plan_then_sweep_then_nothing_to_do(arguments: Arguments, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", *arguments]) == 2
    told = capsys.readouterr().out
    assert "8 runs: 0 done, 8 to do" in told
    assert "one run at a time: estimated from a probe" in told
    assert main(["sweep", *arguments, "--json"]) == 0
    assert said(capsys)["new_runs"] == 8
    assert main(["plan", *arguments]) == 0
    assert "8 runs: 8 done, 0 to do" in capsys.readouterr().out
    assert main(["sweep", *arguments, "--json"]) == 0
    assert said(capsys)["new_runs"] == 0


def test_with_a_precision_a_sweep_goes_on_until_it_is_reached(arguments: Arguments, capsys: pytest.CaptureFixture[str]):
    file = Path(arguments[0])
    file.write_text(SWEEP.replace("replications = 2", 'precision = "1%"\nmin_seeds = 2\nmax_seeds = 5'))
    arguments += ["--set", "workload.arrivals=poisson"]
    assert main(["plan", *arguments]) == 2
    told = capsys.readouterr().out
    assert "4 points; 2 to 5 seeds each" in told
    assert "more runs may follow" in told
    assert main(["sweep", *arguments, "--json"]) == 0
    runs = said(capsys)["new_runs"]
    assert main(["plan", *arguments, "--json"]) == 0
    found = said(capsys)
    assert found["done"] == runs == sum(found["replications_by_point"])  # type: ignore[call-overload]
    assert 8 < runs <= 20
    assert main(["frontier", *arguments, "--out", str(file.parent), "--json"]) == 0


def test_mistakes_of_the_file_and_of_its_scenarios_are_told_together(
    arguments: Arguments, capsys: pytest.CaptureFixture[str]
):
    Path(arguments[0]).write_text(SWEEP.replace("messages = 150", "mtu = 1") + "server.mtu = []\n")
    assert main(["sweep", *arguments]) == 2
    told = capsys.readouterr().err
    assert "2 mistakes" in told
    assert "axes.server.mtu" in told
    assert "set.workload.mtu" in told


def test_a_store_of_another_version_is_not_set_aside_in_silence(
    arguments: Arguments, capsys: pytest.CaptureFixture[str]
):
    import sqlite3

    store = arguments[2]
    few = [*arguments, "--set", "workload.load=1", "--replications", "1"]
    assert main(["sweep", *few]) == 0
    assert "another version" not in capsys.readouterr().err
    with sqlite3.connect(store) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert main(["plan", *few]) == 2
    assert f"{store} is of another version of Tinygram: a sweep keeps it aside" in capsys.readouterr().err
    assert main(["sweep", *few]) == 0
    assert f"it is kept as {store}.1, and a new one begun" in capsys.readouterr().err
    assert main(["sweep", *few]) == 0
    assert "another version" not in capsys.readouterr().err


def test_an_empty_file_is_no_store_of_another_version(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "s").touch()
    assert main(["export", "--store", str(tmp_path / "s")]) == 2
    assert f"{tmp_path / 's'} is empty: give the --store of a sweep" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["no-such-file.toml"], ["frontier", "--seed", "x"], ["frontier", "--store", "/proc"]]
)
def test_a_mistake_in_plan_is_neither_work_nor_none(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(["plan", *wrong]) == 1
    assert capsys.readouterr().err.startswith("tinygram: ")


def test_frontier_leaves_a_table_a_figure_and_advice(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    assert main(["frontier", *arguments, "--out", str(tmp_path / "out")]) == 0
    captured = capsys.readouterr()
    assert "choose NODELAY on" in captured.out
    assert "8 runs" in captured.err
    assert "8 runs" not in captured.out
    assert {file.name for file in (tmp_path / "out").iterdir()} == {f"two-settings.{s}" for s in ("png", "svg", "csv")}
    assert main(["frontier", *arguments, "--out", str(tmp_path / "out"), "--json"]) == 0
    assert len(said(capsys)["panels"][0]["configurations"]) == 4  # type: ignore[index]


def test_an_slo_nothing_meets_is_exit_code_1(arguments: Arguments, tmp_path: Path):
    assert main(["frontier", *arguments, "--out", str(tmp_path), "--slo", "p99 < 1ms"]) == 1


def test_load_finds_the_load_or_ends_with_1(capsys: pytest.CaptureFixture[str]):
    search = ["load", "one-way-512", "--set", "workload.messages=200", "--driver", "loop", "--workers", "1"]
    search += ["--replications", "2", "--precision", "0.2", "--json"]
    assert main([*search, "--slo", "p99 < 100ms"]) == 0
    load = said(capsys)["load"]
    assert isinstance(load, dict)
    assert 10 < load["mean"] < 30  # 512 B every 10 ms are 0.41 of 10 Mbit/s
    assert main([*search, "--slo", "p99 < 1ms"]) == 1


def test_export_prints_or_saves_the_rows_and_says_what_is_missing(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], tmp_path: Path
):
    export = ["export", "--store", arguments[2]]
    assert main(["sweep", *arguments, "--set", "workload.load=1"]) == 0
    capsys.readouterr()
    assert main(export) == 0
    captured = capsys.readouterr()
    assert captured.err.splitlines() == ["4 rows"]
    assert len(captured.out.splitlines()) == 5
    assert main([*export, "-o", str(tmp_path / "t.csv")]) == 0
    assert (tmp_path / "t.csv").read_text() == captured.out
    assert main([*export, "--table", str(tmp_path / "t.xls")]) == 2
    assert main([*export, "--table", str(tmp_path / "no" / "t.csv")]) == 2
    assert main(["export", "--store", str(tmp_path / "none")]) == 2


def test_an_export_to_a_full_disk_is_a_limit_not_a_mistake(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device", "t.csv")

    assert main(["sweep", *arguments, "--set", "workload.load=1", "--replications", "1"]) == 0
    monkeypatch.setattr("experiments.sweep.export.write_csv", full)
    assert main(["export", "--store", arguments[2], "--table", str(tmp_path / "t.csv")]) == 3
    assert "no space left on device" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        ["sweep", "no-such-file.toml"],
        ["sweep", "frontier", "--replications", "0"],
        ["frontier", "frontier", "--slo", "fast"],
        ["load", "one-way-512", "--slo", "p99 < 1ms", "--lowest", "-1"],
        ["load", "one-way-512", "--slo", "p99 < 1ms", "--set", "workload.load=2"],
    ],
)
def test_a_mistake_is_exit_code_2_and_words(wrong: list[str], capsys: pytest.CaptureFixture[str]):
    assert main(wrong) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("tinygram: ")
    assert "Traceback" not in captured.err


def test_a_store_that_cannot_be_used_is_words_too(arguments: Arguments, capsys: pytest.CaptureFixture[str]):
    Path(arguments[2]).mkdir()
    assert main(["sweep", *arguments]) == 2
    assert "is a folder: give --store" in capsys.readouterr().err


def test_choose_names_the_cheapest_and_its_settings(arguments: Arguments, capsys: pytest.CaptureFixture[str]):
    ask = ["choose", *arguments, "--set", "workload.messages=150", "--cost", "segments,cpu"]
    assert main([*ask, "--slo", "p99 < 100ms"]) == 0
    out = capsys.readouterr().out
    assert out.count("meets p99 < 100ms with 95 % confidence is NODELAY off") == 2  # one answer for each load
    assert "2 configurations compared, Holm's method" in out
    assert "server.nodelay = false" in out
    assert main([*ask, "--json"]) == 0
    assert said(capsys)["choices"][0]["chosen"] == {"server.nodelay": False, "workload.load": 1}  # type: ignore[index]
    assert main([*ask, "--slo", "p99 < 7ms"]) == 0
    assert "NODELAY on" in capsys.readouterr().out
    assert main([*ask, "--slo", "p99 < 1ms"]) == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--cost", "beauty"], "a metric"),
        (["--confidence", "30%"], "--confidence"),
        (["--replications", "1"], "at least 2"),
        (["--slo", "fast"], "not a condition"),
    ],
)
def test_choose_refuses_what_it_cannot_answer(
    arguments: Arguments, capsys: pytest.CaptureFixture[str], wrong: list[str], words: str
):
    assert main(["choose", *arguments, *wrong]) == 2
    assert words in capsys.readouterr().err


def test_load_says_when_a_closed_loop_does_not_hear_it(capsys: pytest.CaptureFixture[str]):
    ask = ["load", "request-response", "--slo", "p99 < 1s", "--set", "workload.messages=20", "--driver", "loop"]
    assert main([*ask, "--workers", "1", "--replications", "2"]) == 2
    assert "a closed loop goes at its own pace" in capsys.readouterr().err
