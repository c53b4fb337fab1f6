"""The command line as scripts and people meet it: output, exit codes, and no traceback whatever is typed."""

from __future__ import annotations

import csv
import json
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import main
from models.state import CAUSES

SMALL = ("--set", "workload.messages=60")
COMMAND = (sys.executable, "-c", "import sys; from experiments.cli import main; sys.exit(main())")


def tinygram(capsys: pytest.CaptureFixture[str], *tokens: str) -> tuple[int, str, str]:
    code = main(tokens)
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def told(capsys: pytest.CaptureFixture[str], *tokens: str) -> Any:
    code, out, _ = tinygram(capsys, *tokens)
    assert code == 0
    return json.loads(out)


# ---- conventions -----------------------------------------------------------------------------------------------------


def test_help_comes_before_anything_heavy_is_imported() -> None:
    heavy = "{'numpy', 'scipy', 'matplotlib', 'numba', 'pydantic', 'simpy', 'moocore'}"
    check = f"import sys; from experiments.cli import main; main(['--help']); print({heavy} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert "explain" in done.stdout
    assert done.stdout.endswith("set()\n")


def test_help_is_quick() -> None:
    def seconds() -> float:
        """Processor time: what the command costs on a machine that does nothing else."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([*COMMAND, "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime

    assert min(seconds() for _ in range(5)) < 0.3


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = tinygram(capsys, "--version")
    assert code == 0
    assert out.startswith("tinygram ")


@pytest.mark.parametrize(
    "tokens",
    [
        ("run",), ("run", "one-way-512", "--sede", "3"), ("runn", "one-way-512"), ("run", "one-way-512", "--seed", "x"),
        ("run", "one-way-512", "--driver", "fast"), ("run", "no-such-preset"), ("presets", "no-such-preset"),
        ("run", "one-way-512", "--set", "workload.size=-1B"), ("run", "one-way-512", "--set", "workload.size"),
        ("run", "one-way-512", "--set", "server.nodelay=maybe"), ("run", "one-way-512", "--set", "network.rate=0"),
        ("run", "/dev/null/x.toml"), ("run", "/"),
        ("run", "one-way-512", *SMALL, "--messages", "/no/such/folder/m.csv"),
        ("explain", "one-way-512", *SMALL, "--message", "60"), ("explain", "one-way-512", *SMALL, "--worst", "0"),
        ("explain", "one-way-512", *SMALL, "--message", "1", "--worst", "1"),
        ("explain", "one-way-512", *SMALL, "--figure", "ladder.gif"),
        ("compare", "one-way-512", "--replications", "1"), ("compare", "one-way-512", "--tolerance", "much"),
        ("compare", "one-way-512", "--set-b", "server.nodelay=2"), ("compare", "one-way-512"),
        ("canary", "one-way-512"), ("canary", "one-way-512", "--set-b", "server.nodelay=false"),
        ("matrix", "one-way-512"),
        ("system", "extra-hop", "--replications", "0"),
        ("system", "extra-hop", "--set", "duration=100ms"), ("system", "extra-hop", "--set", "arrivals.rate=0"),
        ("run", "grpc-log-tail", "--set", "workload.capture=nowhere.pcap"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_a_mistake_ends_with_2_and_words_on_stderr(capsys: pytest.CaptureFixture[str], tokens: tuple[str, ...]) -> None:
    code, out, err = tinygram(capsys, *tokens)
    assert (code, out) == (2, "")
    assert err.startswith("tinygram: ")


CHANGE = ("--set-b", "server.nodelay=true")
SEEDED = [
    ("run", "one-way-512"), ("explain", "one-way-512"), ("trace", "one-way-512"), ("observe", "one-way-512"),
    ("compare", "one-way-512", *CHANGE), ("canary", "one-way-512", *CHANGE), ("sweep", "buffers"), ("control",),
    ("matrix", "one-way-512", "--client", "client.nodelay=true"), ("load", "one-way-512", "--slo", "p99<1s"),
    ("system", "extra-hop"), ("warmup", "one-way-512"), ("fleet", "phones"), ("groundtruth", "record", "one-way-512"),
]  # fmt: skip


@pytest.mark.parametrize("command", SEEDED, ids=lambda command: command[0])
def test_what_is_no_seed_is_told_by_all_in_the_same_words(
    capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    for wrong in (-1, 2**62 + 1):
        told = f"tinygram: 1 mistake\n  --seed: {wrong} is no seed (a whole number from 0 to 2**62 is one)\n"
        assert tinygram(capsys, *command, "--seed", str(wrong)) == (2, "", told)


def test_without_a_seed_all_begin_with_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A run, a sweep whose file has no seed, a search and a fleet are the same with `--seed 0`, and others with 1."""
    few = 'base = "telemetry"\nset.workload.messages = 50\n'
    (tmp_path / "f.toml").write_text(
        f"{few}connections = 2\ndraw.network.rtt = {{ law = 'choice', values = ['5ms', '50ms'] }}\n"
    )
    (tmp_path / "s.toml").write_text(f"{few}replications = 2\naxes.server.nodelay = [true, false]\n")
    kept = "--store", str(tmp_path / "s"), "--out", str(tmp_path)
    commands = [
        ("run", "telemetry", *SMALL),
        ("frontier", str(tmp_path / "s.toml"), *kept),
        ("fleet", str(tmp_path / "f.toml"), "--workers", "1"),
        ("load", "telemetry", "--slo", "p99 < 1s", "--highest", "1", "--lowest", "1", *SMALL),
    ]
    for command in commands:
        seeds: list[list[str]] = [[], ["--seed", "0"], ["--seed", "1"]]
        usual, zero, one = (told(capsys, *command, "--driver", "loop", "--json", *seed) for seed in seeds)
        assert usual == zero != one


def test_a_capture_that_is_empty_or_cut_short_never_ends_in_a_traceback(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from experiments.recordings import packaged_captures

    content = packaged_captures()["grpc-log-tail"].read_bytes()
    for length in (0, 10, 24, 100, 5_000):
        (tmp_path / "cut.pcap").write_bytes(content[:length])
        code, _, err = tinygram(capsys, "run", "grpc-log-tail", "--set", f"workload.capture={tmp_path / 'cut.pcap'}")
        assert code in (0, 2)
        assert (code == 2) == err.startswith("tinygram: ")


@pytest.mark.parametrize("command", [("schema",), ("observe", "one-way-512", *SMALL), ("profiles",)], ids=" ".join)
def test_a_reader_that_left_before_the_first_line_ends_with_141(command: tuple[str, ...]) -> None:
    """With plain text as with Rich's tables, whose own way out is exit code 1, a verdict of ours."""
    read, write = os.pipe()
    process = subprocess.Popen([*COMMAND, *command], stdout=write, stderr=subprocess.PIPE, text=True)
    os.close(read)
    os.close(write)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (141, "")


def test_all_mistakes_are_counted_and_listed(capsys: pytest.CaptureFixture[str]) -> None:
    wrong = ("--set", "workload.size=0", "--set", "workload.sise=1B", "--set", "server.mtu=1")
    _, _, err = tinygram(capsys, "run", "one-way-512", *wrong)
    assert err.startswith("tinygram: 3 mistakes\n")
    assert err.count("\n") == 4


def test_a_reader_that_leaves_early_is_no_error_message() -> None:
    shell = f"{' '.join(map(repr, COMMAND))} schema | head -n 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert done.stdout == "{\n"
    assert done.stderr == ""
    assert done.returncode in (0, 141)


def test_ctrl_c_ends_with_130(tmp_path: Path) -> None:
    long = [*COMMAND, "run", "one-way-512", "--set", "workload.messages=50_000_000", "--driver", "loop"]
    process = subprocess.Popen(long, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        time.sleep(2)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, err) == (130, "tinygram: interrupted\n")


def test_no_colour_without_a_terminal() -> None:
    environment = {**os.environ, "FORCE_COLOR": "", "NO_COLOR": "1"}
    for tokens in (["--help"], ["run", "one-way-512", *SMALL], ["runn"]):
        done = subprocess.run([*COMMAND, *tokens], capture_output=True, text=True, env=environment, check=False)
        assert "\x1b" not in done.stdout + done.stderr


# ---- presets, schema -------------------------------------------------------------------------------------------------


def test_presets_are_listed_with_their_questions(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = tinygram(capsys, "presets")
    assert "write-write-read" in out
    assert all(line.endswith("?") for line in out.splitlines())
    names = {row["name"] for row in told(capsys, "presets", "--json")}
    assert {"grpc-log-tail", "one-way-512"} <= names


def test_a_preset_is_printed_to_start_a_file_from(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    _, toml, _ = tinygram(capsys, "presets", "one-way-512")
    (tmp_path / "mine.toml").write_text(toml)
    mine = told(capsys, "run", str(tmp_path / "mine.toml"), *SMALL, "--json")
    preset = told(capsys, "run", "one-way-512", *SMALL, "--json")
    assert mine["scenario_hash"] == preset["scenario_hash"]


# ---- run -------------------------------------------------------------------------------------------------------------


def test_run_prints_what_planners_read(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, err = tinygram(capsys, "run", "one-way-512", *SMALL)
    assert err == ""
    for word in ("p99.9", "steady state", "throughput", "segments", "nagle", "sum", "seed 0"):
        assert word in out


def test_json_has_all_promised_keys(capsys: pytest.CaptureFixture[str]) -> None:
    summary = told(capsys, "run", "one-way-512", *SMALL, "--json", "--seed", "4")
    promised = {
        "messages", "duration_ns", "throughput_bps", "latency_ns", "ledger_ns", "writes", "segments", "acks",
        "retransmits", "cpu_share", "wmem_peak_bytes", "overloaded", "seed", "scenario_hash", "version",
    }  # fmt: skip
    assert promised <= summary.keys()
    assert {"mean", "p50", "p90", "p99", "p999", "max"} <= summary["latency_ns"].keys()
    assert (summary["messages"], summary["seed"]) == (60, 4)


@pytest.mark.parametrize("preset", ["one-way-512", "write-write-read"])
def test_the_csv_has_a_row_a_message_whose_causes_sum(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, preset: str
) -> None:
    path = tmp_path / "messages.csv"
    code, _, err = tinygram(capsys, "run", preset, *SMALL, "--messages", str(path))
    assert code == 0
    assert "60 messages written" in err
    with path.open(newline="") as file:
        rows = [{name: int(value) for name, value in row.items()} for row in csv.DictReader(file)]
    assert len(rows) == 60
    assert list(rows[0])[:8] == [
        "index", "intended_ns", "write_call_ns", "write_return_ns", "delivered_ns", "latency_ns", "size", "stream",
    ]  # fmt: skip
    for row in rows:
        assert sum(row[f"{cause}_ns"] for cause in CAUSES) == row["latency_ns"]
        assert row["latency_ns"] == row["delivered_ns"] - row["intended_ns"]


def test_every_message_of_a_capture_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "run", "grpc-log-tail", "--json")["messages"] == 2_842


def test_an_overloaded_run_reports_no_percentiles_that_depend_on_its_length(capsys: pytest.CaptureFixture[str]) -> None:
    flood = ("--set", "network.rate=100kbit/s", "--set", "workload.messages=600")
    _, out, _ = tinygram(capsys, "run", "one-way-512", *flood)
    assert "OVERLOADED" in out
    assert "p99" not in out


# ---- explain ---------------------------------------------------------------------------------------------------------


def test_explain_tells_the_story_of_a_stalled_request(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = tinygram(capsys, "explain", "write-write-read", "--message", "17")
    assert out.startswith("message 17 of write-write-read")
    for words in ("delayed_ack", "was delaying the ACK", "Freed by the server's ACK", "to the nanosecond"):
        assert words in " ".join(out.split())


def test_explain_json_sums(capsys: pytest.CaptureFixture[str]) -> None:
    explanations = told(capsys, "explain", "one-way-512", *SMALL, "--worst", "2", "--json")["explanations"]
    assert len(explanations) == 2
    assert explanations[0]["latency_ns"] >= explanations[1]["latency_ns"]
    for one in explanations:
        assert sum(step["ns"] for step in one["steps"]) == one["latency_ns"]


@pytest.mark.parametrize("preset", ["write-write-read", "telemetry"])
def test_explain_draws_the_ladder(capsys: pytest.CaptureFixture[str], tmp_path: Path, preset: str) -> None:
    code, _, err = tinygram(capsys, "explain", preset, *SMALL, "--figure", str(tmp_path / "ladder.svg"))
    assert code == 0
    assert "drawn to" in err
    assert (tmp_path / "ladder.svg").read_text().startswith("<?xml")


# ---- compare ---------------------------------------------------------------------------------------------------------

FEW = ("--replications", "3", "--set", "workload.messages=200")


def test_compare_ends_with_0_when_b_is_no_worse_and_1_when_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = tinygram(capsys, "compare", "one-way-512", *FEW, "--set-b", "server.nodelay=true")
    assert code == 0
    assert "verdict: B is no worse than A, and better in P50 and P99" in out
    code, out, _ = tinygram(capsys, "compare", "one-way-512", *FEW, "--set-a", "server.nodelay=true")
    assert code == 1
    assert "verdict: B is worse than A in P50 and P99" in out


def test_compare_with_itself_finds_no_difference(capsys: pytest.CaptureFixture[str]) -> None:
    result = told(capsys, "compare", "telemetry", "telemetry", *FEW, "--tolerance", "0", "--json")
    assert result["verdict"] == "no worse"
    assert [metric["difference"]["mean"] for metric in result["metrics"]] == [0, 0, 0]


@pytest.mark.parametrize(
    ("command", "option"),
    [
        ("compare", "--set-a"),
        ("compare", "--set-b"),
        ("canary", "--set-b"),
        ("matrix", "--client"),
        ("matrix", "--server"),
    ],
)
def test_a_mistake_is_placed_at_the_option_it_stands_behind(
    capsys: pytest.CaptureFixture[str], command: str, option: str
) -> None:
    code, _, err = tinygram(capsys, command, "telemetry", "--set", "network.rtt=1ms", option, "client.nodelai=true")
    assert code == 2
    assert f"{option} client.nodelai: unknown key" in err


def test_control_places_mistakes_at_its_own_options(capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--knob", "server.sndbug=1KiB", "--over", "network.rrt=2ms", "--policy", "nope")
    code, _, err = tinygram(capsys, "control", "full-link", *options, "--set", "workload.messages=5")
    assert code == 2
    assert sorted(line.split(":")[0].strip() for line in err.splitlines()[1:]) == ["--knob", "--over", "--policy"]
    code, _, err = tinygram(capsys, "run", "full-link", "--policy", "nope")
    assert code == 2
    assert "--policy policy.name: nope: no such policy" in err


def test_a_policy_is_printed_as_json_too(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def f(tick):\n    pass\n")
    assert told(capsys, "policies", f"{tmp_path / 'mine.py'}:f", "--json")["source"].startswith("def f")
    code, source, _ = tinygram(capsys, "policies", "elastic")
    found = told(capsys, "policies", "elastic", "--json")
    assert code == 0
    assert found["source"].strip() == source.strip()
    assert found["rows"]


def test_a_count_of_one_is_no_plural() -> None:
    from experiments.cli.progress import counted

    assert [counted(n, "runs") for n in (0, 1, 2_000)] == ["0 runs", "1 run", "2,000 runs"]


def test_a_start_up_longer_than_the_run_leaves_its_later_half(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = tinygram(capsys, "run", "one-way-512", *SMALL, "--warmup", "5000")
    assert "SHORT: start-up is 5,000 messages, and 30 of them are counted as steady" in out


# ---- profiles --------------------------------------------------------------------------------------------------------


def test_profiles_are_listed_and_shown_with_their_sources(capsys: pytest.CaptureFixture[str]) -> None:
    names = {row["name"] for row in told(capsys, "profiles", "--json")}
    assert {"linux", "windows", "ideal"} <= names
    values = {row["key"]: row for row in told(capsys, "profiles", "linux@5.4", "--json")["values"]}
    assert values["tcp_pingpong_thresh"]["value"] == 3
    assert "4a41f453bedf" in values["tcp_pingpong_thresh"]["source"]
    code, _, err = tinygram(capsys, "profiles", "linux@2.4")
    assert code == 2
    assert "4.19 to 6.18" in err
