"""Recording on a real kernel: it agrees with the model, follows its plan to the bit, and leaves nothing behind."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from experiments.cli import main
from experiments.files import load, loads
from experiments.groundtruth.compare import compare_one
from experiments.groundtruth.judge import Rules
from experiments.groundtruth.measures import figures, recorded
from experiments.groundtruth.record import helper, layout, own, plan, run, store, support
from experiments.groundtruth.recording import read
from sim.draws import link_draws
from sim.scenario import Scenario

MEDIAN_US = 2_000
DISTURBED_US = 10_000
STREAM = ("workload.messages=120", "workload.interval=10ms")


def whatever_is_missing() -> str:
    try:
        run.ready()
    except support.CannotRecord as reason:
        return str(reason)
    return ""


MISSING = whatever_is_missing()
needs_a_kernel = pytest.mark.skipif(bool(MISSING), reason=MISSING.replace("\n", " "))


def recording(scenario: Scenario, folder: Path, seed: int = 0) -> tuple[run.Recording, Path]:
    made = run.record(plan.make(scenario, seed), tries=3)
    return made, store.save(made, folder)[0]


# ---- the real thing --------------------------------------------------------------------------------------------------


@needs_a_kernel
@pytest.mark.parametrize(
    ("preset", "settings"),
    [
        ("one-way-512", (*STREAM, "server.nodelay=false")),
        ("one-way-512", (*STREAM, "server.nodelay=true")),
        ("write-write-read", ("workload.messages=15",)),
    ],
    ids=["nagle", "nodelay", "write-write-read"],
)
def test_the_model_is_right_about_this_kernel(preset: str, settings: tuple[str, ...], tmp_path: Path) -> None:
    made, file = recording(load(preset, settings), tmp_path)
    rows, problems = compare_one(file, {}, "loop", Rules())
    assert not problems
    (row,) = rows
    assert row.kernel.messages == row.model.messages
    assert abs(row.kernel.p50 - row.model.p50) < (MEDIAN_US if made.precision.good else DISTURBED_US)
    assert made.seen.dropped == (0, 0)


@needs_a_kernel
def test_the_wire_does_what_was_drawn(tmp_path: Path) -> None:
    """Losses, jitter and the serialiser's arithmetic, packet by packet."""
    settings = [
        "workload.messages=100", "workload.interval=5ms", "server.nodelay=true", "network.rate=50Mbit/s",
        "network.down.loss=5%", "network.down.jitter=2ms",
    ]  # fmt: skip
    scenario = load("one-way-512", settings)
    made, file = recording(scenario, tmp_path, seed=3)
    down = made.seen.packets[made.seen.packets["way"] == 1]
    lost, jitter, _ = link_draws(scenario.network.down, 3, "down").fill(len(down))
    assert (down["idx"] == np.arange(len(down))).all()
    assert (down["drop"] == lost).all()

    free = latest = -layout.NEVER
    for p, extra in zip(down[1:], jitter[1:], strict=True):
        free = max(free, int(p["taken"])) + int(p["iplen"]) * 8_000_000_000 // scenario.network.down.rate
        if not p["drop"]:
            latest = max(latest, free + scenario.network.down.delay + int(extra))
            assert p["due"] == latest
            assert p["out"] >= p["due"]
    drops = json.loads(file.read_text())["realised"]["drops"]
    assert [d["idx"] for d in drops] == np.flatnonzero(lost).tolist()


@needs_a_kernel
def test_a_recording_reads_back_as_its_scenario(tmp_path: Path) -> None:
    text = """
        [workload]
        arrivals = "poisson"
        interval = "3ms"
        messages = 60
        [workload.framing]
        kind = "grpc"
        buffer = "4KiB"
        flush = "on-idle"
        quota = "64KiB"
        [network]
        rtt = "4ms"
        jitter = "1ms"
        [client]
        reader = "polling"
        read_every = "5ms"
    """
    made, file = recording(loads(text), tmp_path, seed=5)
    back = read(file)
    assert own.seed(back.spec) == 5
    given = own.scenario(back.spec, back.hz, back.phase, ())
    assert given.workload == made.plan.scenario.workload
    assert given.client.read_every == 5_000_000
    assert given.client.tick_phase == made.seen.t0
    rows = list(csv.DictReader((tmp_path / "unnamed.msgs.csv").open()))
    assert [int(r["size"]) for r in rows] == made.plan.messages[1]["size"].tolist()
    assert figures(recorded(tmp_path, file.stem, back.hz, back.phase), "s2c").messages == 60


@needs_a_kernel
def test_the_command_reports_and_judges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["groundtruth", "record", "one-way-512", "--set", "workload.messages=50", "--time-limit", "300ms"]
    code = main([*command, "--json", "--tries", "1", "-o", str(tmp_path)])
    told = json.loads(capsys.readouterr().out)
    assert code in (0, 1, 4)
    assert told["format"] == "kernel-truth/1"
    assert told["cut_short"]
    assert told["comparison"]["verdict"] in ("agrees", "differs", "undecided")
    assert {f.name for f in tmp_path.iterdir()} == {f"one-way-512.{kind}" for kind in ("json", "msgs.csv", "pkts.csv")}
    assert main(["replay", str(tmp_path / "one-way-512.json"), "-o", str(tmp_path / "again")]) == 0


# ---- nothing is left -------------------------------------------------------------------------------------------------


def descendants(pid: int) -> Iterator[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return
    for child in map(int, children):
        yield child
        yield from descendants(child)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def network(pid: str) -> str:
    """The network namespace of a process."""
    return str(Path(f"/proc/{pid}/ns/net").readlink())


def namespaces() -> set[str]:
    """Every network namespace in which somebody lives."""
    found = set()
    for link in Path("/proc").glob("[0-9]*/ns/net"):
        try:
            found.add(str(link.readlink()))
        except OSError:
            continue
    return found


def wait_for(condition: object, seconds: float = 15) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@needs_a_kernel
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_when_it_is_killed(blow: signal.Signals, tmp_path: Path) -> None:
    devices = set(Path("/sys/class/net").iterdir())
    program = "import sys; from experiments.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "groundtruth", "record", "one-way-512", "-o", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        assert wait_for(lambda: len(list(descendants(process.pid))) >= 3)
        helpers = list(descendants(process.pid))
        made = {network(str(pid)) for pid in helpers} - {network("self")}
        assert len(made) == 2
        process.send_signal(blow)
    assert wait_for(lambda: not any(map(alive, helpers)))
    assert wait_for(lambda: not made & namespaces())
    assert set(Path("/sys/class/net").iterdir()) == devices
    assert list(tmp_path.iterdir()) == []


# ---- what it says when it cannot -------------------------------------------------------------------------------------


def refusal(capsys: pytest.CaptureFixture[str], *settings: str) -> tuple[int, str]:
    tokens = [token for setting in settings for token in ("--set", setting)]
    code = main(["groundtruth", "record", "one-way-512", *tokens])
    return code, capsys.readouterr().err


def test_without_root_it_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    code, told = refusal(capsys)
    assert code == 3
    assert "not root" in told


def test_without_tun_or_namespaces_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(support, "TUN", Path("/no/such/tun"))
    monkeypatch.setattr(support, "NAMESPACE", Path("/no/such/namespace"))
    code, told = refusal(capsys)
    assert code == 3
    assert "/no/such/tun" in told
    assert "no network namespaces" in told


def test_without_a_compiler_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TINYGRAM_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    with pytest.raises(support.CannotRecord, match="C compiler"):
        helper.helper()


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_helper_is_built_once_and_never_run_when_others_could_change_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TINYGRAM_CACHE", str(tmp_path))
    first = helper.helper()
    built = first.stat().st_mtime_ns
    assert helper.helper().stat().st_mtime_ns == built
    first.chmod(0o777)
    again = helper.helper()
    assert again == first
    assert not again.stat().st_mode & 0o022
    assert [f.name for f in first.parent.iterdir()] == [first.name]


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("server.nagle=rfc896", "server.nagle"), ("client.os=rfc1122", "client.os"),
        ("server.shaper_rate=1Mbit/s", "server.shaper_rate"), ("server.gso_segments=1", "server.gso_segments"),
        ("client.mtu=1400", "client.mtu"), ("lead=5ms", "lead"),
    ],
)  # fmt: skip
def test_what_a_recording_cannot_do_is_refused(setting: str, key: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, told = refusal(capsys, setting)
    assert code == 2
    assert f"{key}: " in told


def test_a_recording_that_would_take_too_long_is_refused() -> None:
    with pytest.raises(support.CannotRecord, match="real time"):
        plan.make(load("one-way-512", ["workload.messages=50", "workload.interval=20s"]), 0)


def test_equal_seeds_make_equal_plans() -> None:
    scenario = load("telemetry", ["workload.messages=30", "network.loss=1%"])
    one, two, other = (plan.make(scenario, seed) for seed in (1, 1, 2))
    assert one.bytes(False) == two.bytes(False)
    assert one.bytes(False) != other.bytes(False)
