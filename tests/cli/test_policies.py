"""Policies from the command line, from scenario files and in sweeps."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from experiments import files, policies
from experiments.cli import main
from sim import ScenarioError
from sim.identity import scenario_hash

NEWCOMER = '''
seen = []

def gentle(tick, limit=150_000_000, least=8_192):
    """Less in the send buffer while the P99 is high, more while it is low."""
    end = tick.server
    if tick.p99_ns > limit:
        end.sndbuf = max(end.sndbuf // 2, least)
    elif tick.p99_ns < limit / 2:
        end.sndbuf += least
    seen.append(tick.number)
'''
SWEEP = """
base = "full-link"
replications = 2
set.workload.messages = 600
axes.policy.name = ["none", "mine.py:gentle"]
"""
QUICK = ["--set", "workload.messages=1500"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "mine.py").write_text(NEWCOMER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def summary(capsys: pytest.CaptureFixture[str], *tokens: str) -> dict[str, object]:
    assert main(["run", *tokens, "--json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_a_policy_of_ones_own_runs_and_leaves_a_row_a_tick(folder: Path, capsys: pytest.CaptureFixture[str]):
    plain = summary(capsys, "full-link", *QUICK)
    held = summary(capsys, "full-link", *QUICK, "--policy", "mine.py:gentle", "--ticks", "ticks.csv")
    assert held["latency_ns"]["p50"] < plain["latency_ns"]["p50"]  # type: ignore[index]
    assert held["scenario_hash"] != plain["scenario_hash"]
    rows = list(csv.DictReader((folder / "ticks.csv").open()))
    assert [int(row["now_ns"]) for row in rows] == [200_000_000 * i for i in range(len(rows))]
    assert len({row["sk_sndbuf"] for row in rows}) > 1


@pytest.mark.parametrize("driver", ["loop", "simpy"])
def test_both_drivers_say_the_same(folder: Path, capsys: pytest.CaptureFixture[str], driver: str):
    expected = summary(capsys, "full-link", *QUICK, "--policy", "mine.py:gentle", "--driver", "loop")
    found = summary(capsys, "full-link", *QUICK, "--policy", "mine.py:gentle", "--driver", driver)
    assert found | {"driver": ""} == expected | {"driver": ""}


def test_a_scenario_file_names_it_relative_to_itself(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "deep").mkdir()
    (folder / "deep" / "mine.py").write_text(NEWCOMER)
    (folder / "deep" / "mine.toml").write_text(
        'base = "full-link"\n[policy]\nname = "mine.py:gentle"\nevery = "100ms"\nparameters = { limit = "90ms" }\n'
    )
    scenario = files.load("deep/mine.toml")
    assert scenario.policy is not None
    assert (scenario.policy.every, scenario.policy.parameters) == (100_000_000, (("limit", 90_000_000),))
    assert scenario.policy.source == NEWCOMER
    assert files.loads(files.dump(scenario)).policy == scenario.policy
    assert summary(capsys, "deep/mine.toml", *QUICK)["messages"] == 1_500


def test_where_the_file_lies_does_not_count_but_its_text_does(folder: Path):
    (folder / "other").mkdir()
    (folder / "other" / "mine.py").write_text(NEWCOMER)
    one, other = (files.load("full-link", {"policy.name": f"{at}mine.py:gentle"}) for at in ("", "other/"))
    assert scenario_hash(one) == scenario_hash(other)
    (folder / "mine.py").write_text(NEWCOMER.replace("8_192", "4_096"))
    assert scenario_hash(files.load("full-link", {"policy.name": "mine.py:gentle"})) != scenario_hash(one)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_sweep_takes_it_as_an_axis_from_another_folder(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, workers: str
):
    (folder / "sweep.toml").write_text(SWEEP)
    monkeypatch.chdir("/")
    options = [str(folder / "sweep.toml"), "--store", str(folder / f"store{workers}"), "--workers", workers]
    assert main(["sweep", *options, "--driver", "loop"]) == 0
    assert "policy = 2 = 2 points" in capsys.readouterr().out
    assert main(["plan", *options]) == 0
    (folder / "mine.py").write_text(NEWCOMER + "\n# edited\n")
    capsys.readouterr()
    assert main(["plan", *options]) == 2
    assert "2 to do (2 stale since the scenario changed)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("rtt-treshold", "did you mean 'rtt-threshold'?"),
        ("mine.py", "write mine.py:FUNCTION"),
        ("mine.py:rough", "no function 'rough' in it (it has: gentle)"),
        ("yours.py:gentle", "yours.py: no such file or directory"),
    ],
)
def test_a_policy_that_is_not_there_is_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str], name, words):
    assert main(["run", "full-link", "--policy", name]) == 2
    assert words in capsys.readouterr().err


def test_what_it_raises_ends_the_command_with_its_line(folder: Path, capsys: pytest.CaptureFixture[str]):
    (folder / "bad.py").write_text("def bad(tick):\n    if tick.number == 2:\n        return {}['rate']\n")
    assert main(["run", "full-link", "--policy", "bad.py:bad"]) == 2
    assert "bad.py:3: KeyError: 'rate', at tick 2, 0.400 s of simulated time" in capsys.readouterr().err


def test_a_sweep_says_which_line_stopped_its_runs_and_goes_on_with_the_others(
    folder: Path, capsys: pytest.CaptureFixture[str]
):
    (folder / "mine.py").write_text("def gentle(tick):\n    tick.server.sndbuf = 0\n")
    (folder / "sweep.toml").write_text(SWEEP)
    assert main(["sweep", "sweep.toml", "--store", "store", "--workers", "1", "--driver", "loop"]) == 3
    said = capsys.readouterr()
    assert "2 runs new" in said.out
    assert "2 runs could not be made: mine.py:2: sndbuf = 0 is out of bounds" in " ".join(said.err.split())


def test_a_recording_has_no_policy(folder: Path):
    from experiments.groundtruth.record.support import check_scenario

    problems = check_scenario(files.load("one-way-512", {"policy.name": "watch"}))
    assert [p.path for p in problems] == ["policy.name"]


def test_ticks_without_a_policy_are_a_mistake(folder: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["run", "one-way-512", "--set", "workload.messages=20", "--ticks", "t.csv"]) == 2
    assert "--policy watch" in capsys.readouterr().err


def test_parameters_are_checked_when_the_file_is_read(folder: Path):
    with pytest.raises(ScenarioError, match="it takes limit, least"):
        files.load("full-link", {"policy.name": "mine.py:gentle", "policy.parameters": {"limits": 1}})


@pytest.mark.parametrize("behind_the_name", [True, False])
@pytest.mark.parametrize(
    ("name", "parameter", "words"),
    [
        ("delay-target", "delay=20", "a duration needs a unit (write '20ns' or '40ms')"),
        ("delay-target", "delay=20KiB", "'20KiB' has no unit of duration"),
        ("delay-target", "delay=-1ms", "'-1ms' is too small a duration"),
        ("elastic", "largest=1024", "a size needs a unit (write '1024B' or '16KiB')"),
        ("front-walk", "smallest=16384", "a size needs a unit"),
        ("mine.py:Kind", "after=5", "a duration needs a unit"),
        ("elastic", "capacity=lots", "'lots' is not a number"),
        ("is-ready", "burst=1.5", "1.5 is not a whole number"),
        ("rtt-threshold", "minimum=1", "1 is neither true nor false"),
    ],
)
def test_a_parameter_without_its_unit_is_the_mistake_it_is_in_a_scenario(
    folder: Path, capsys: pytest.CaptureFixture[str], behind_the_name: bool, name: str, parameter: str, words: str
):
    (folder / "mine.py").write_text(
        "from sim.units import Duration\n\nclass Kind:\n"
        "    def __init__(self, after: Duration, of: 'None | Odd' = None): ...\n"
        "    def __call__(self, tick): ...\n"
    )
    key, _, _ = parameter.partition("=")
    if behind_the_name:
        command, place = ["--policy", f"{name}({parameter})"], f"--policy policy.name: {key}: "
    else:
        command = ["--set", f"policy.name={name}", "--set", f"policy.parameters.{parameter}"]
        place = f"--set policy.parameters.{key}: "
    assert main(["run", "full-link", *command]) == 2
    assert place + words in capsys.readouterr().err


@pytest.mark.parametrize("value", ["nan", "inf", "[1]", "{a=1}", "2026-01-01"])
def test_what_no_parameter_can_be_is_told(capsys: pytest.CaptureFixture[str], value: str):
    for command in (
        ["--policy", f"elastic(capacity={value})"],
        ["--set", "policy.name=elastic", "--set", f"policy.parameters={{capacity={value}}}"],
    ):
        assert main(["run", "full-link", *command]) == 2
        told = capsys.readouterr().err
        assert "is no parameter (write a number" in told or "is not a number" in told


def test_parameters_are_shown_and_written_down_with_their_units(capsys: pytest.CaptureFixture[str]):
    policy = "is-ready(backoff=2ms, ready=0, rate=500)"
    scenario = files.load("full-link", {"policy.name": policy, "workload.messages": 20})
    assert scenario.policy is not None
    assert scenario.policy.parameters == (("backoff", 2_000_000), ("rate", 500), ("ready", 0))
    text = files.dump(scenario)
    assert 'parameters = { backoff = "2ms", rate = 500, ready = "0B" }' in text
    assert files.loads(text) == scenario
    assert main(["run", "full-link", "--policy", policy, *QUICK]) == 0
    assert "policy is-ready(backoff=2ms, rate=500, ready=0B), every 200ms" in capsys.readouterr().out


@pytest.mark.parametrize("name", policies.names())
def test_every_packaged_policy_has_a_title_and_loads(name: str):
    assert policies.title(name)
    scenario = files.load("full-link", {"policy.name": name})
    assert scenario.policy is not None
    assert files.loads(files.dump(scenario)) == scenario
    assert "source" not in files.dump(scenario)
