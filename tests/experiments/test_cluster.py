"""A sweep on a Dask cluster: a scheduler and two workers, each a process of its own, and what happens when one dies."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from experiments import cli
from experiments.sweep import cluster as module

ROOT = Path(__file__).resolve().parents[2]
TINYGRAM = [sys.executable, "-c", "from experiments.cli import main; raise SystemExit(main())"]
RUNS = 32
SWEEP = """
base = "telemetry"
replications = 8
[set]
workload.messages = 1500
[axes]
client.nodelay = [true, false]
workload.load = [1, 4]
"""
FLEET = """
base = "one-way-512"
connections = 40
[set]
workload.messages = 50
[draw]
network.rtt = { law = "uniform", from = "5ms", to = "90ms" }
"""


class Cluster:
    """A scheduler and workers on the loopback interface; ended one by one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        contact = folder / "scheduler.json"
        self.scheduler = self.start("scheduler", "--port", "0", "--scheduler-file", str(contact))
        wait_until(contact.exists)
        self.address: str = json.loads(contact.read_text())["address"]

    def worker(self, source: Path = ROOT) -> subprocess.Popen[bytes]:
        """Start a worker that finds its Tinygram in `source`."""
        scratch = self.folder / f"worker-{len(self.processes)}"
        options = ("--nthreads", "1", "--no-nanny", "--local-directory", str(scratch))
        return self.start("worker", self.address, *options, source=source)

    def start(self, *command: str, source: Path = ROOT) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + command[0], "--host", "127.0.0.1", "--no-dashboard",
             *command[1:]],
            cwd=self.folder, env=os.environ | {"PYTHONPATH": str(source)}, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def end(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    found = Cluster(tmp_path)
    yield found
    found.end()


@contextmanager
def sweeping(folder: Path, store: str, *options: str) -> Iterator[subprocess.Popen[str]]:
    """`tinygram sweep` under way."""
    (folder / "small.toml").write_text(SWEEP)
    command = [*TINYGRAM, "sweep", "small.toml", "--store", store, "--driver", "loop", *options]
    process = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with process:
        yield process
        process.kill()


def swept(folder: Path, store: str, *options: str) -> tuple[int, str]:
    """The exit code and complaint of a whole `tinygram sweep`."""
    with sweeping(folder, store, *options) as process:
        _, complaint = process.communicate(timeout=120)
        return process.returncode, complaint


def done(store: Path) -> int:
    """How many results the store holds."""
    if not store.exists():
        return 0
    with closing(sqlite3.connect(store)) as connection:
        made = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'run'").fetchone()[0]
        return connection.execute("SELECT count(*) FROM run").fetchone()[0] if made else 0


def exported(store: Path) -> bytes:
    """What `tinygram export` makes of a complete store."""
    table = store.with_suffix(".csv")
    assert cli.main(["export", "--store", str(store), "--table", str(table)]) == 0
    return table.read_bytes()


def wait_until(true: Callable[[], object], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def test_no_death_of_a_worker_or_of_the_sweep_changes_a_result(cluster: Cluster, tmp_path: Path) -> None:
    store = tmp_path / "remote.sqlite"
    doomed, _ = cluster.worker(), cluster.worker()

    with sweeping(tmp_path, "remote.sqlite", "--cluster", cluster.address) as sweep:
        wait_until(lambda: done(store) >= 3)
        doomed.send_signal(signal.SIGKILL)
        reached = done(store)
        wait_until(lambda: done(store) > reached)
        sweep.send_signal(signal.SIGKILL)
    assert 3 < done(store) < RUNS

    with sweeping(tmp_path, "remote.sqlite", "--cluster", cluster.address) as sweep:
        reached = done(store)
        wait_until(lambda: done(store) > reached)
        sweep.send_signal(signal.SIGINT)
        _, complaint = sweep.communicate(timeout=60)
    assert sweep.returncode == 130
    assert "the same command goes on" in complaint
    assert "Traceback" not in complaint

    assert swept(tmp_path, "remote.sqlite", "--cluster", cluster.address)[0] == 0
    assert swept(tmp_path, "local.sqlite", "--workers", "2")[0] == 0
    assert done(store) == RUNS
    assert exported(store) == exported(tmp_path / "local.sqlite")


def test_a_scheduler_that_goes_away_is_said_and_what_was_done_is_kept(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    with sweeping(tmp_path, "store", "--cluster", cluster.address) as sweep:
        wait_until(lambda: done(tmp_path / "store"))
        cluster.scheduler.send_signal(signal.SIGKILL)
        _, complaint = sweep.communicate(timeout=60)
    assert sweep.returncode == 3
    assert f"lost the scheduler at {cluster.address}" in complaint
    assert "repeat the command" in complaint
    assert "Traceback" not in complaint
    assert 0 < done(tmp_path / "store") < RUNS


def test_a_worker_with_another_model_or_none_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    other, none = tmp_path / "other", tmp_path / "none"
    for package in ("experiments", "sim", "models"):
        shutil.copytree(ROOT / package, other / package, ignore=shutil.ignore_patterns("__pycache__", "data"))
        (none / package).mkdir(parents=True)
        (none / package / "__init__.py").touch()
    with (other / "models" / "nagle.py").open("a") as rule:
        rule.write("# another model\n")

    stranger = cluster.worker(other)
    code, complaint = swept(tmp_path, "store", "--cluster", cluster.address)
    assert (code, done(tmp_path / "store")) == (3, 0)
    assert "install the same Tinygram" in complaint
    stranger.kill()
    stranger.wait()

    cluster.worker(none)
    code, complaint = swept(tmp_path, "store", "--cluster", cluster.address)
    assert (code, done(tmp_path / "store")) == (3, 0)
    assert "install this Tinygram on every worker" in complaint


def test_a_fleet_is_the_same_on_a_cluster(cluster: Cluster, tmp_path: Path) -> None:
    cluster.worker()
    (tmp_path / "fleet.toml").write_text(FLEET)
    command = [*TINYGRAM, "fleet", "fleet.toml", "--driver", "loop", "--json"]
    local, remote = (
        subprocess.run(
            [*command, *options], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
            stdout=subprocess.PIPE, check=True, timeout=120,
        ).stdout
        for options in (("--workers", "1"), ("--cluster", cluster.address))
    )  # fmt: skip
    assert json.loads(local)["connections"] == 40
    assert local == remote


def test_mistakes_are_exit_code_2_and_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(module, "PATIENCE", "0.3s")
    (tmp_path / "small.toml").write_text(SWEEP)
    command = ["sweep", str(tmp_path / "small.toml"), "--store", str(tmp_path / "store")]
    for options, words in (
        (["--cluster", "tcp://127.0.0.1:9"], "no scheduler answers at tcp://127.0.0.1:9"),
        (["--cluster", "no address"], "no scheduler answers at no address"),
        (["--cluster", "tcp://127.0.0.1:9", "--workers", "2"], "contradicts --cluster"),
    ):
        assert cli.main([*command, *options]) == 2
        assert words in capsys.readouterr().err
