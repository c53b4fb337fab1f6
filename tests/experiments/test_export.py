"""Two complete stores of one plan export the same bytes, in every format, and nothing that no plan asks for."""

from __future__ import annotations

import csv
import random
import re
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from experiments.sweep.export import Left, Table, check_format, save, write_csv
from experiments.sweep.plan import Plan, standing
from experiments.sweep.result import Result
from experiments.sweep.runner import run_jobs
from experiments.sweep.store import Store
from sim.errors import ScenarioError
from sim.scenario import Scenario
from tests.experiments.fake import measure
from tests.experiments.small_sweep import SWEEP, plan_of, run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "store.md"


def fill(path: Path, plan: Plan) -> None:
    with Store.to_write(path) as store:
        store.note(plan, standing(plan, store).replications)
        run(plan, store)


def exported(path: Path, everything: bool = False) -> str:
    text = StringIO()
    with Store.to_export(path) as store:
        write_csv(Table(store, everything), text)
    return text.getvalue()


def left(path: Path) -> tuple[int, int, int]:
    with Store.to_export(path) as store:
        found = Left.of(store)
    return found.missing, found.failed, found.other


def test_rows_go_by_point_and_seed_and_hold_what_was_measured(tmp_path: Path):
    fill(tmp_path / "s", plan := plan_of())
    rows = list(csv.DictReader(StringIO(exported(tmp_path / "s"))))
    expected = [(point, seed) for point in plan.points for seed in plan.sweep.seeds]
    assert len(rows) == len(expected) == 24
    for row, (point, seed) in zip(rows, expected, strict=True):
        result = measure(point.scenario, seed)
        assert (row["scenario_hash"], row["seed"], row["version"]) == (point.scenario_hash, str(seed), plan.version)
        assert row["server.nodelay"] == ("true" if point.settings["server.nodelay"] else "false")
        assert float(row["throughput_bps"]) == result.throughput_bps  # to the last bit
        assert int(row["p99_ns"]) == result.p99_ns
        assert int(row["ledger_ns.nagle"]) == result.causes()["nagle"]


def test_stores_filled_in_any_order_and_manner_export_the_same_bytes(tmp_path: Path):
    fill(tmp_path / "plain", plan := plan_of())
    jobs = list(plan.jobs())
    random.Random(4).shuffle(jobs)

    def elsewhere(scenario: Scenario, seed: int) -> Result:
        return replace(measure(scenario, seed), driver="another", wall_ns=random.randrange(10**9))

    for part in (jobs[:7], jobs[5:], jobs):
        with Store.to_write(tmp_path / "other") as store:
            store.note(plan, standing(plan, store).replications)
            for job in part:
                store.keep(job.key, elsewhere(job.point.scenario, job.seed))
    assert exported(tmp_path / "plain") == exported(tmp_path / "other")


def test_only_what_the_plan_asks_for_is_exported_unless_all_is(tmp_path: Path):
    path = tmp_path / "s"
    fill(path, replace(plan_of(), version="older"))
    fill(path, plan_of(SWEEP.replace(b"replications = 3", b"replications = 5").replace(b"[1, 2, 4, 8]", b"[1, 16]")))
    fill(path, plan := plan_of())
    fill(tmp_path / "fresh", plan)
    assert exported(path) == exported(tmp_path / "fresh")
    assert left(path) == (0, 0, 24 + 10 + 4)  # older code; load 16; seeds 4 and 5 of load 1
    assert exported(path, everything=True).count("\n") == 1 + 24 + 24 + 10 + 4


def test_points_that_make_one_scenario_share_its_runs_and_each_has_its_rows(tmp_path: Path):
    plan = plan_of()
    twin = replace(plan.points[0], settings={"workload.load": "one", "server.nodelay": True})
    both = replace(plan, points=(*plan.points, twin))
    assert len(list(both.jobs())) == 24
    fill(tmp_path / "s", both)
    assert len(exported(tmp_path / "s").splitlines()) == 1 + 24 + 3
    assert left(tmp_path / "s") == (0, 0, 0)


def test_what_is_missing_or_failed_is_counted(tmp_path: Path):
    plan = plan_of(SWEEP.replace(b"[1, 2, 4, 8]", b"[1, 666]"))
    with Store.to_write(tmp_path / "s") as store:
        store.note(plan, standing(plan, store).replications)
        run_jobs(list(plan.jobs())[:5], store, measure, ThreadPoolExecutor(2), 2)
    assert left(tmp_path / "s") == (12 - 3, 2, 0)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_parquet_and_arrow_hold_the_same_rows_with_types(tmp_path: Path, suffix: str):
    pytest.importorskip("pyarrow")
    import pyarrow
    from pyarrow import ipc, parquet

    fill(tmp_path / "s", plan_of())
    with Store.to_export(tmp_path / "s") as store:
        assert save(Table(store), tmp_path / f"t{suffix}") == 24
    if suffix == ".parquet":
        table = parquet.read_table(tmp_path / "t.parquet")
    else:
        table = ipc.open_file(tmp_path / "t.arrow").read_all()
    assert table.schema.field("server.nodelay").type == pyarrow.bool_()
    assert table.schema.field("p99_ns").type == pyarrow.int64()
    assert table.schema.field("throughput_bps").type == pyarrow.float64()
    lines = list(csv.DictReader(StringIO(exported(tmp_path / "s"))))
    assert [str(p99) for p99 in table["p99_ns"].to_pylist()] == [line["p99_ns"] for line in lines]
    assert table.column_names == list(lines[0])


def test_an_export_that_fails_leaves_the_old_file_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    fill(tmp_path / "s", plan_of())
    (tmp_path / "t.csv").write_text("before")

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("experiments.sweep.export.write_csv", full)
    with Store.to_export(tmp_path / "s") as store, pytest.raises(OSError, match="No space"):
        save(Table(store), tmp_path / "t.csv")
    assert (tmp_path / "t.csv").read_text() == "before"
    assert {file.name for file in tmp_path.iterdir()} == {"s", "s.lock", "t.csv"}


def test_a_format_we_do_not_write_or_cannot_is_said(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ScenarioError, match=r"\.csv, \.parquet, \.arrow"):
        check_format(Path("table.xlsx"))
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ScenarioError, match="pip install 'tinygram"):
        check_format(Path("table.parquet"))
    check_format(Path("table.csv"))


# ---- docs/reference/store.md -----------------------------------------------------------------------------------------


def test_the_page_describes_every_table_and_column_there_is():
    with Store.to_read(Path("/nothing/here")) as store:
        names = [name for (name,) in store.rows("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")]
        real = {name: store.rows("SELECT name, type FROM pragma_table_info(?)", name) for name in names}
    sections = dict(re.findall(r"^### `(\w+)`\n(.*?)(?=^##|\Z)", PAGE.read_text(), re.DOTALL | re.MULTILINE))
    assert sections.keys() == real.keys()
    for name, columns in real.items():
        told = re.findall(r"^\| `(\w+)` \| (\S+)", sections[name], re.MULTILINE)
        if name == "result":
            assert [column for column, _ in told] + [c for c, _ in real["run"]] == [column for column, _ in columns]
        else:
            assert told == columns


@pytest.mark.parametrize("library", ["duckdb", "pandas", "polars", "sqlite3"])
def test_the_page_reads_what_export_writes(library: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip(library)
    pytest.importorskip("pyarrow")
    fill(tmp_path / "results.sqlite", plan := plan_of())
    with Store.to_export(tmp_path / "results.sqlite") as store:
        for suffix in (".csv", ".parquet", ".arrow"):
            save(Table(store), tmp_path / f"results{suffix}")
    code = next(c for c in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL) if f"import {library}" in c)
    first, expression = code.split("\n", 1)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(first, names)
    shown = str(eval(expression, names))
    on = [measure(p.scenario, seed).p99_ns for p in plan.points if p.settings["server.nodelay"] for seed in (5, 6, 7)]
    mean = sum(value for value in on if value) / len(on) / 1e6
    assert f"{mean:.3f}"[:5] in shown


def test_an_onlooker_may_read_the_store_while_it_is_written(tmp_path: Path):
    with Store.to_write(tmp_path / "s") as store:
        store.note(plan := plan_of(), standing(plan_of(), store).replications)
        run(plan, store)
        with sqlite3.connect(tmp_path / "s") as onlooker:
            assert onlooker.execute("SELECT count(*) FROM result").fetchone() == (24,)
