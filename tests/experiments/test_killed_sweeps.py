"""Whatever ends a sweep, the same command goes on, and the table comes out as if nothing had happened."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from experiments.sweep.errors import StoreError
from experiments.sweep.store import Store

ROOT = Path(__file__).resolve().parents[2]

SWEEP = """
name = "disturbed"
base = "one-way-512"
replications = 6
[set]
workload.messages = 300
workload.arrivals = "poisson"
[axes]
server.nodelay = [true, false]
workload.load = [1, 2, 4]
"""
RUNS = 36
TINYGRAM = [sys.executable, "-c", "import sys; from experiments.cli import main; sys.exit(main())"]


class Sweep:
    """A sweep file and a store, and commands run on them as a user would, each in a session of its own."""

    def __init__(self, folder: Path, store: str) -> None:
        self.file = folder / "disturbed.toml"
        self.file.write_text(SWEEP)
        self.store = folder / store
        self.environment = {**os.environ, "PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache")}

    def start(self, before: Callable[[], None] | None = None) -> subprocess.Popen[str]:
        command = ["sweep", str(self.file), "--store", str(self.store), "--workers", "2", "--driver", "loop"]
        return subprocess.Popen(
            [*TINYGRAM, *command], cwd=ROOT, env=self.environment, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=before,
        )  # fmt: skip

    def finish(self) -> str:
        """Complete it and return the exported table."""
        run = self.start()
        _, complaint = run.communicate(timeout=120)
        assert run.returncode == 0, complaint
        return self.exported()

    def exported(self) -> str:
        command = [*TINYGRAM, "export", "--store", str(self.store)]
        return subprocess.run(command, env=self.environment, check=True, capture_output=True, text=True).stdout

    def kept(self) -> int:
        with Store.to_read(self.store) as store:
            [(count,)] = store.rows("SELECT count(*) FROM run")
        return int(count)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    table = Sweep(tmp_path_factory.mktemp("undisturbed"), "whole.sqlite").finish()
    assert len(table.splitlines()) == 1 + RUNS
    return table


def wait_until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def nobody_left(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False


def test_kills_at_random_moments_change_nothing(undisturbed: str, tmp_path: Path):
    sweep, chance = Sweep(tmp_path, "killed.sqlite"), random.Random(20)
    run = sweep.start()
    wait_until(sweep.store.exists)  # before there is any result
    run.kill()
    run.communicate()
    kept = [0]
    for _ in range(4):
        run = sweep.start()
        wait_until(lambda kept=kept, run=run: sweep.kept() > kept[-1] or run.poll() is not None)
        time.sleep(chance.uniform(0, 0.1))
        run.kill()
        run.communicate()
        wait_until(lambda run=run: nobody_left(run.pid))  # its workers do not outlive it
        kept.append(sweep.kept())
    assert kept == sorted(kept)  # nothing that was there is lost
    assert kept[2] < RUNS  # most kills hit a sweep at work
    assert sweep.finish() == undisturbed


def test_a_second_sweep_is_refused_and_ctrl_c_keeps_what_was_done_and_in_flight(undisturbed: str, tmp_path: Path):
    sweep = Sweep(tmp_path, "interrupted.sqlite")
    first = sweep.start()
    wait_until(lambda: sweep.kept() > 0)
    with pytest.raises(StoreError, match=rf"another sweep \(process {first.pid}\) is writing to"):
        Store.to_write(sweep.store)
    os.killpg(first.pid, signal.SIGINT)  # as a terminal does it: to the workers too
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130
    assert "the same command goes on" in said
    assert "Traceback" not in said
    assert sweep.finish() == undisturbed


def test_ctrl_c_while_workers_start_is_no_bug(tmp_path: Path):
    sweep = Sweep(tmp_path, "born.sqlite")
    run = sweep.start()
    wait_until(sweep.store.exists)
    time.sleep(0.4)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 130, said
    assert "Traceback" not in said


def test_a_disk_that_fills_up_is_said_and_loses_nothing(undisturbed: str, tmp_path: Path):
    sweep = Sweep(tmp_path, "full.sqlite")

    def small_disk() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

    run = sweep.start(before=small_disk)
    _, said = run.communicate(timeout=60)
    assert run.returncode == 3, said
    assert "the disk takes no more of the store" in said
    assert "make room and repeat the command" in said
    assert 0 < sweep.kept() < RUNS
    assert sweep.finish() == undisturbed


KILLED_WRITER = """
import os, signal, sqlite3, sys
store = sqlite3.connect(sys.argv[1], isolation_level=None)
store.execute("PRAGMA journal_mode = DELETE")
store.execute("PRAGMA cache_size = 1")  # pages that are written before they are committed
store.execute("BEGIN IMMEDIATE")
store.execute("CREATE TABLE half (text)")
store.executemany("INSERT INTO half VALUES (?)", [("x" * 1000,)] * 1000)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_killed_in_the_middle_of_a_transaction_keeps_nobody_from_reading(tmp_path: Path):
    path = tmp_path / "half.sqlite"
    with Store.to_write(path):
        pass
    subprocess.run([sys.executable, "-c", KILLED_WRITER, str(path)], check=False)
    assert path.with_name("half.sqlite-journal").exists()
    with Store.to_read(path) as store:
        assert store.rows("SELECT name FROM sqlite_master WHERE name = 'half'") == []
    with Store.to_export(path) as store:
        assert store.rows("SELECT count(*) FROM run") == [(0,)]
