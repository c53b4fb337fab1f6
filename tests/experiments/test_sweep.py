"""A sweep does what is missing, keeps what it did whatever happens, and says every mistake at once."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from experiments.sweep.errors import StoreError, StoreMistake
from experiments.sweep.file import load_sweep, packaged, read_sweep
from experiments.sweep.plan import make_plan, standing
from experiments.sweep.result import Result
from experiments.sweep.runner import run_jobs
from experiments.sweep.store import Store, default_store
from sim.errors import ScenarioError
from sim.run import messages_of
from sim.scenario import Scenario
from tests.experiments.fake import measure
from tests.experiments.small_sweep import SWEEP, load, plan_of, run

ROOT = Path(__file__).resolve().parents[2]

# ---- the file --------------------------------------------------------------------------------------------------------


def test_the_grid_is_the_product_and_the_last_axis_runs_fastest():
    sweep = read_sweep(SWEEP, "x", None)
    points = list(sweep.panels[0].points)
    assert len(points) == 8
    assert points[:2] == [{"workload.load": 1, "server.nodelay": True}, {"workload.load": 1, "server.nodelay": False}]
    assert list(sweep.seeds) == [5, 6, 7]


def test_dotted_and_quoted_and_nested_keys_are_the_same():
    quoted = SWEEP.replace(b"server.nodelay =", b'"server.nodelay" =')
    nested = SWEEP.replace(b"server.nodelay = [true, false]", b"[axes.server]\nnodelay = [true, false]")
    assert read_sweep(SWEEP, "x", None) == read_sweep(quoted, "x", None) == read_sweep(nested, "x", None)


def test_a_panel_has_settings_and_axes_of_its_own_on_top_of_the_common_ones():
    content = (
        SWEEP
        + b"""
[panels.wan]
title = "WAN"
set.network.rtt = "30ms"
axes.server.sndbuf = ["16KiB", "64KiB"]
[panels.lan]
set.workload.load = 64
"""
    )
    wan, lan = read_sweep(content, "x", None).panels
    assert (wan.name, wan.title, wan.size, wan.fixed["network.rtt"]) == ("wan", "WAN", 16, "30ms")
    assert lan.axes == {"server.nodelay": (True, False)}
    assert lan.fixed == {"workload.messages": 100, "workload.load": 64}


def test_every_mistake_is_told_with_its_place_and_its_cure():
    content = b"""
nme = "x"
replications = 0
seed = "one"
slo = "p95 < 1s"
set = 3
[axes]
server.nodelay = true
server.sndbuf = []
workload.load = [1, 1]
[panels.wan]
colour = "red"
"""
    with pytest.raises(ScenarioError) as error:
        read_sweep(content, "x", None)
    told = {problem.path: problem for problem in error.value.problems}
    assert told.keys() >= {
        "nme", "base", "replications", "seed", "slo", "set", "axes.server.nodelay", "axes.server.sndbuf",
        "axes.workload.load", "panels.wan.colour", "panels.wan",
    }  # fmt: skip
    assert "did you mean 'name'?" in told["nme"].cure
    assert all(problem.cure for problem in told.values())


def test_mistakes_in_scenarios_are_told_once_at_their_place_in_the_sweep_file():
    with pytest.raises(ScenarioError) as error:
        plan_of(SWEEP.replace(b"[1, 2, 4, 8]", b"[1, -2, -3]"))
    assert [str(p) for p in error.value.problems] == [
        "axes.workload.load: -2 is no load (write a number above 0)",
        "axes.workload.load: -3 is no load (write a number above 0)",
    ]


def test_a_grid_beyond_reason_is_refused_before_it_is_built():
    big = b'base = "x"\n[axes]\n' + b"".join(b"a%d = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n" % i for i in range(9))
    with pytest.raises(ScenarioError, match="1,000,000,000 points"):
        read_sweep(big, "x", None)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"name = ", b""])
def test_what_is_no_sweep_file_is_refused_in_words(content):
    with pytest.raises(ScenarioError):
        read_sweep(content, "x", None)


def test_an_unknown_sweep_is_told_which_there_are():
    with pytest.raises(ScenarioError, match="frontier"):
        load_sweep("no-such-sweep")
    assert "frontier" in packaged()


def test_the_sweep_that_speed_is_measured_by_has_the_size_it_is_named_for():
    sweep = load_sweep("buffers")
    (panel,) = sweep.panels
    buffers = {(p["workload.framing.buffer"], p["server.sndbuf"]) for p in panel.points}
    assert (len(buffers), panel.size, sweep.replications) == (12, 12 * 2 * 6, 20)
    assert sum(messages_of(point.scenario) for point in make_plan(sweep).points) * 20 == 57_600_000


def test_the_command_line_fixes_axes():
    sweep = read_sweep(SWEEP, "x", None).with_changes({"server.nodelay": True}, 7, 1)
    assert sweep.panels[0].axes == {"workload.load": (1, 2, 4, 8)}
    assert sweep.panels[0].fixed["server.nodelay"] is True
    assert list(sweep.seeds) == list(range(1, 8))


# ---- running and keeping ---------------------------------------------------------------------------------------------


def test_a_second_run_does_only_what_is_missing(tmp_path: Path):
    plan, path = plan_of(), tmp_path / "deep" / "store.sqlite"
    with Store.to_write(path) as store:
        assert run(plan, store) == 24
        assert run(plan, store) == 0
    more = plan_of(SWEEP.replace(b"replications = 3", b"replications = 4"))
    with Store.to_write(path) as store:
        assert run(more, store) == 8
        assert len(store.results(plan.version)) == 32


def test_what_is_kept_is_what_was_measured(tmp_path: Path):
    plan = plan_of()
    with Store.to_write(tmp_path / "s") as store:
        run(plan, store)
    with Store.to_read(tmp_path / "s") as store:
        results = store.results(plan.version)
    for job in plan.jobs():
        assert results[job.key] == measure(job.point.scenario, job.seed)


def test_runs_of_an_older_model_or_of_other_settings_are_stale(tmp_path: Path):
    plan = plan_of()
    with Store.to_write(tmp_path / "s") as store:
        store.note(plan, standing(plan, store).replications)
        run(plan, store)
        edited = replace(plan, version="another")
        assert (standing(edited, store).stale_code, standing(edited, store).done) == (24, 0)

        changed = make_plan(plan.sweep, lambda source, o: replace(load(source, o), time_limit=1))
        state = standing(changed, store)
        assert (state.stale_scenario, state.stale_code, len(state.to_do)) == (24, 0, 24)


def test_every_point_has_its_first_replication_before_any_has_its_second():
    plan = plan_of()
    assert [job.seed for job in plan.jobs()] == [5] * 8 + [6] * 8 + [7] * 8


def test_a_run_that_meets_a_limit_does_not_stop_the_others(tmp_path: Path):
    plan = plan_of(SWEEP.replace(b"[1, 2, 4, 8]", b"[1, 666, 8]"))
    with Store.to_write(tmp_path / "s") as store:
        outcome = run_jobs(plan.jobs(), store, measure, ThreadPoolExecutor(2), 2)
        state = standing(plan, store)
    assert (outcome.kept, len(outcome.failures)) == (12, 6)
    assert "lower the load" in outcome.failures[0].message
    assert (state.done, len(state.failures), len(state.to_do)) == (12, 6, 0)  # it would meet the limit again


def test_a_bug_in_a_run_is_not_hidden(tmp_path: Path):
    def broken(scenario: Scenario, seed: int) -> Result:
        raise AssertionError("an invariant")

    with Store.to_write(tmp_path / "s") as store, pytest.raises(AssertionError, match="an invariant"):
        run(plan_of(), store, simulate=broken)


def test_ctrl_c_lets_the_runs_in_flight_end_and_keeps_them(tmp_path: Path):
    started, plan = threading.Semaphore(0), plan_of()
    interrupt = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))

    def slow(scenario: Scenario, seed: int) -> Result:
        started.release()
        threading.Event().wait(0.15)
        return measure(scenario, seed)

    with Store.to_write(tmp_path / "s") as store:
        interrupt.start()
        outcome = run_jobs(plan.jobs(), store, slow, ThreadPoolExecutor(2), 2)
        assert outcome.interrupted
        assert 0 < outcome.kept == len(store.results(plan.version)) < 24
        assert run(plan, store) == 24 - outcome.kept


# ---- the store -------------------------------------------------------------------------------------------------------

KILLED = """
import sys
from pathlib import Path
from concurrent.futures import ThreadPoolExecutor
from experiments.sweep.runner import run_jobs
from experiments.sweep.store import Store
from tests.experiments.fake import measure
from tests.experiments.small_sweep import SWEEP, plan_of
import time
def slow(scenario, seed):
    time.sleep(0.01)
    return measure(scenario, seed)
plan = plan_of(SWEEP.replace(b"replications = 3", b"replications = 300"))
with Store.to_write(Path(sys.argv[1])) as store:
    def said(job, end):
        print(job.key.scenario_hash, job.seed, flush=True)
    run_jobs(plan.jobs(), store, slow, ThreadPoolExecutor(2), 2, said)
"""


def test_a_killed_sweep_keeps_all_it_reported(tmp_path: Path):
    path = tmp_path / "s"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True, cwd=ROOT, env=environment
    )
    assert child.stdout is not None
    reported = [child.stdout.readline().split() for _ in range(20)]
    with pytest.raises(StoreError, match=rf"another sweep \(process {child.pid}\)"):
        Store.to_write(path)
    with Store.to_read(path) as onlooker:
        assert len(onlooker.results(plan_of().version)) >= 20
    child.kill()
    reported += [line.split() for line in child.stdout.read().splitlines()]
    child.wait()
    with Store.to_write(path) as store:
        kept = {(key.scenario_hash, str(key.seed)) for key in store.results(plan_of().version)}
        assert {tuple(line) for line in reported if len(line) == 2} <= kept
        run(plan_of(), store)
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path):
    plan = plan_of(SWEEP.replace(b"replications = 3", b"replications = 50"))
    with Store.to_write(tmp_path / "s") as store:
        (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
        store._connection.execute(f"PRAGMA max_page_count = {pages + 10}")
        with pytest.raises(StoreError, match="takes no more"):
            run(plan, store)
        kept = len(store.results(plan.version))
    with Store.to_write(tmp_path / "s") as store:
        assert len(store.results(plan.version)) == kept > 0
        assert run(plan, store) == 400 - kept


def test_what_is_no_store_is_left_alone(tmp_path: Path):
    text, foreign = tmp_path / "text", tmp_path / "foreign"
    text.write_text("no database at all, but long enough to look at " * 20)
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE mine (x)")
    for path, words in ((text, "not a database"), (foreign, "not a store of Tinygram"), (tmp_path, "a folder")):
        for opening in (Store.to_write, Store.to_read, Store.to_export):
            with pytest.raises(StoreMistake, match=words):
                opening(path)
    with pytest.raises(StoreMistake, match="--store"):
        Store.to_write(Path("/proc/nothing/here"))
    with pytest.raises(StoreMistake, match="there is no store"):
        Store.to_export(tmp_path / "none")


def test_a_store_of_another_layout_is_set_aside_with_all_it_holds(tmp_path: Path):
    path, plan = tmp_path / "s", plan_of()
    for number in (1, 2):
        with Store.to_write(path) as store:
            run(plan, store)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA user_version = 99")
        with Store.to_read(path) as store:
            assert store.foreign
            assert len(standing(plan, store).to_do) == 24
        with pytest.raises(StoreMistake, match="another version"):
            Store.to_export(path)
        with Store.to_write(path) as store:
            assert store.aside == tmp_path / f"s.{number}"
            assert len(standing(plan, store).to_do) == 24
        with sqlite3.connect(f"{path}.{number}") as connection:
            assert connection.execute("SELECT count(*) FROM run").fetchone() == (24,)


def test_a_store_nobody_writes_to_is_a_single_file(tmp_path: Path):
    with Store.to_write(tmp_path / "s") as store:
        run(plan_of(), store)
        assert (tmp_path / "s-wal").exists()
    assert {file.name for file in tmp_path.iterdir()} == {"s", "s.lock"}


def test_a_store_that_does_not_exist_reads_as_empty_and_is_not_made(tmp_path: Path):
    with Store.to_read(tmp_path / "none") as store:
        assert standing(plan_of(), store).done == 0
    assert not (tmp_path / "none").exists()


def test_results_are_kept_in_the_cache_directory_by_default(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    assert default_store("frontier") == Path("/cache/tinygram/frontier.sqlite")
