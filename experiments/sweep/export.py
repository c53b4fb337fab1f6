"""A store's results as one flat table: CSV, Parquet or Arrow.

A row is one run of one point: where it belongs (sweep, panel, the value of each axis), what it is a result of
(scenario hash, seed, model version), and its numbers. Rows go by sweep, by the point's position in the plan, by seed.
What depends on how a run was made (the driver, how long it took) stays in the store, so that two complete stores of one
plan, filled in any order, by whatever workers and with whatever interruptions, export the same bytes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from experiments.drafts import replacing
from experiments.sweep.schema import RESULT_COLUMNS
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from experiments.sweep.store import Store

    Row = dict[str, Any]

FORMATS = (".csv", ".parquet", ".arrow")
PLACE = ("sweep", "panel")
IDENTITY = ("scenario_hash", "seed", "version")
NUMBERS = tuple(name for name in RESULT_COLUMNS if name not in {"ledger", "detail", "driver", "wall_ns"})
"""The columns of `run` that are exported as they are; `ledger` and `detail` become a column for each of their keys."""

BATCH = 10_000
"""Rows held at a time."""

_FIELDS = f"panel, settings, {', '.join((*IDENTITY, *NUMBERS))}, ledger, detail"
CURRENT = f"SELECT sweep, {_FIELDS} FROM result ORDER BY sweep, position, seed"
EVERYTHING = (
    f"SELECT sweep, {_FIELDS} FROM run LEFT JOIN point USING (scenario_hash) "
    "ORDER BY sweep IS NULL, sweep, position, scenario_hash, version, seed"
)
"""The rows of the plans as last swept; and all there are, of older code and of points no plan asks for any more too."""


@dataclass(frozen=True)
class Left:
    """What an export of the current plans does not contain."""

    missing: int  # runs the plans ask for that are not there
    failed: int  # of these, how many met a limit of the model
    other: int  # results that belong to no current plan: older code, older settings

    @classmethod
    def of(cls, store: Store) -> Left:
        """Count them."""
        [(asked,)] = store.rows("SELECT coalesce(sum(replications), 0) FROM point")
        [(found,)] = store.rows("SELECT count(*) FROM result")
        [(failed,)] = store.rows(
            "SELECT count(*) FROM plan JOIN point USING (sweep) JOIN failure USING (scenario_hash, version) "
            "WHERE failure.seed >= plan.seed AND failure.seed < plan.seed + point.replications"
        )
        [(other,)] = store.rows(
            "SELECT count(*) FROM run WHERE NOT EXISTS (SELECT 1 FROM result WHERE result.scenario_hash = "
            "run.scenario_hash AND result.seed = run.seed AND result.version = run.version)"
        )
        return cls(asked - found, failed, other)


class Table:
    """The rows to export, and their columns: the same for every row, found by a first look at all of them."""

    def __init__(self, store: Store, everything: bool = False) -> None:
        self._store = store
        self._query = EVERYTHING if everything else CURRENT
        axes: dict[str, set[type]] = {}
        finer: dict[str, set[type]] = {}
        fixed: dict[str, set[type]] = {name: set() for name in (*PLACE, *IDENTITY, *NUMBERS)}
        for place, settings, numbers, details in self._parts():
            for columns, found in ((axes, settings), (finer, details), (fixed, place), (fixed, numbers)):
                for name, value in found.items():
                    columns.setdefault(name, set()).add(type(value))
        lead, rest = (*PLACE,), (*IDENTITY, *NUMBERS)
        self.types = {name: fixed[name] for name in lead}
        self.types |= axes
        self.types |= {name: fixed[name] for name in rest}
        self.types |= {name: finer[name] for name in sorted(finer)}

    @property
    def columns(self) -> tuple[str, ...]:
        """Their names, in order."""
        return tuple(self.types)

    def __iter__(self) -> Iterator[Row]:
        for place, settings, numbers, details in self._parts():
            yield {**place, **settings, **numbers, **details}

    def _parts(self) -> Iterator[tuple[Row, Row, Row, Row]]:
        for row in self._store.each(self._query):
            sweep, panel, settings, *numbers, ledger, detail = row
            finer = dict(_leaves(json.loads(ledger), "ledger_ns."))
            finer.update(_leaves(json.loads(detail), ""))
            yield (
                dict(zip(PLACE, (sweep, panel), strict=True)),
                json.loads(settings) if settings else {},
                dict(zip((*IDENTITY, *NUMBERS), numbers, strict=True)),
                finer,
            )


def _leaves(table: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Nested numbers by dotted name; lists have no place in a flat table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{name}.")
        elif not isinstance(value, list):
            yield prefix + name, value


def check_format(path: Path) -> None:
    """ScenarioError when the file's ending is none we write, or needs what is not installed."""
    if path.suffix not in FORMATS:
        raise ScenarioError([Problem(f"--table {path}", "no such format", f"end its name in {', '.join(FORMATS)}")])
    if path.suffix != ".csv":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            cure = "pip install 'tinygram[arrow]', or pip install pyarrow; or write .csv"
            raise ScenarioError([Problem(f"--table {path}", "Parquet and Arrow need pyarrow", cure)]) from None


def save(table: Table, path: Path) -> int:
    """Write the table in the format its name ends in, whole or not at all; returns the number of rows.

    OSError, which names `path`, when it cannot be written.
    """
    with replacing(path) as draft:
        if path.suffix == ".csv":
            with draft.open("w", newline="", encoding="utf-8") as file:
                return write_csv(table, file)
        return _write_arrow(table, draft, parquet=path.suffix == ".parquet")


def write_csv(table: Table, file: IO[str]) -> int:
    """One line a row: floats so that they read back exactly, nothing for what has no value, `\\n` at line ends."""
    writer, rows = csv.writer(file, lineterminator="\n"), 0
    writer.writerow(table.columns)
    for row in table:
        writer.writerow([_text(row.get(name)) for name in table.columns])
        rows += 1
    return rows


def _text(value: object) -> object:
    """As TOML would write it, but without quotes."""
    if isinstance(value, bool | list | dict):
        return json.dumps(value)
    return value


def _write_arrow(table: Table, path: Path, parquet: bool) -> int:
    import pyarrow
    from pyarrow import ipc
    from pyarrow import parquet as pq

    schema = pyarrow.schema([(name, _arrow_type(pyarrow, types)) for name, types in table.types.items()])
    text = {field.name for field in schema if pyarrow.types.is_string(field.type)}
    rows = 0
    with pq.ParquetWriter(path, schema) if parquet else ipc.new_file(path, schema) as writer:
        for batch in _batches(table, BATCH):
            columns = [[_plain(row.get(name), name in text) for row in batch] for name in table.columns]
            arrays = [pyarrow.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
            writer.write_batch(pyarrow.record_batch(arrays, schema))
            rows += len(batch)
    return rows


def _arrow_type(pyarrow: Any, types: Iterable[type]) -> Any:
    """The narrowest type that holds every value seen; text when they are of several kinds."""
    seen = set(types) - {type(None)}
    if seen == {bool}:
        return pyarrow.bool_()
    if seen == {int}:
        return pyarrow.int64()
    return pyarrow.float64() if seen and seen <= {int, float} else pyarrow.string()


def _plain(value: object, as_text: bool) -> object:
    return value if value is None or isinstance(value, str) or not as_text else json.dumps(value)


def _batches(rows: Iterable[Row], size: int) -> Iterator[Sequence[Row]]:
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch
