"""Where results are kept: one SQLite file, one writer, one row a run.

The tables are public. `run` has a row per result, keyed by what it is a result of (scenario hash, seed, version of the
model), with the columns of `experiments.sweep.result.Result`. `point` says which scenario hash a sweep's settings made,
so a result can be found by its settings:

    SELECT settings, seed, throughput_bps, p99_ns FROM point JOIN run USING (scenario_hash) WHERE NOT overloaded

Each result is committed by itself in write-ahead mode: whatever ends the process, what was reported done is there, and
at most the runs in flight are lost. Readers may look on while a sweep writes. A second writer is refused. Keep the file
on a local disk: write-ahead mode needs shared memory, which network file systems do not offer.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, fields
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

from experiments.sweep.errors import StoreError
from experiments.sweep.result import Key, Result

if TYPE_CHECKING:
    from experiments.sweep.plan import Plan

SCHEMA_VERSION = 1
APPLICATION_ID = 0x54474D53  # "TGMS", so that a foreign database is not written to

_SQL_TYPE = {"int": "INTEGER NOT NULL", "int | None": "INTEGER", "float": "REAL NOT NULL", "str": "TEXT NOT NULL"}
_COLUMNS = tuple(f.name for f in fields(Result))
SCHEMA = f"""
CREATE TABLE IF NOT EXISTS run (
  scenario_hash TEXT NOT NULL,
  seed INTEGER NOT NULL,
  version TEXT NOT NULL,
  {", ".join(f"{f.name} {_SQL_TYPE[str(f.type)]}" for f in fields(Result))},
  PRIMARY KEY (scenario_hash, seed, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS point (
  sweep TEXT NOT NULL,
  panel TEXT NOT NULL,
  settings TEXT NOT NULL,
  scenario_hash TEXT NOT NULL,
  PRIMARY KEY (sweep, panel, settings)
) WITHOUT ROWID;
"""


def default_store(sweep: str) -> Path:
    """Where a sweep of this name keeps its results unless told otherwise: the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tinygram" / f"{sweep}.sqlite"


class Store:
    """An open store. `Store.to_read` never writes and never waits; `Store.to_write` is the only writer. StoreError."""

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: IO[str] | None) -> None:
        self.path = path
        self._connection = connection
        self._lock = lock

    @classmethod
    def to_read(cls, path: Path) -> Self:
        """Look into a store; one that does not exist yet is an empty one."""
        with _explained(path):
            if not path.exists():
                connection = sqlite3.connect(":memory:")
                connection.executescript(SCHEMA)
                return cls(path, connection, None)
            connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
            _check_ours(path, connection)
            return cls(path, connection, None)

    @classmethod
    def to_write(cls, path: Path) -> Self:
        """Open for writing, made if need be. StoreError when another process is writing to it."""
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            lock = _lock(path)
            try:
                connection = sqlite3.connect(path, isolation_level=None)
                _check_ours(path, connection)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
                    f"PRAGMA user_version = {SCHEMA_VERSION}; COMMIT"
                )
            except BaseException:
                lock.close()
                raise
            return cls(path, connection, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._connection.close()
        if self._lock is not None:
            self._lock.close()  # which releases it

    def keep(self, key: Key, result: Result) -> None:
        """Commit a result. One that is there already stays: it is the same."""
        marks = ", ".join("?" * (len(key) + len(_COLUMNS)))
        with _explained(self.path):
            self._connection.execute(f"INSERT OR IGNORE INTO run VALUES ({marks})", (*key, *astuple(result)))

    def note_points(self, plan: Plan) -> None:
        """Record which scenario each of the plan's settings makes now."""
        rows = [(plan.sweep.name, point.panel, point.label, point.scenario_hash) for point in plan.points]
        with _explained(self.path):
            self._connection.execute("BEGIN")
            self._connection.executemany("INSERT OR REPLACE INTO point VALUES (?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")

    def results(self, version: str) -> dict[Key, Result]:
        """Every result of this version of the model."""
        query = f"SELECT scenario_hash, seed, {', '.join(_COLUMNS)} FROM run WHERE version = ?"
        with _explained(self.path):
            rows = self._connection.execute(query, (version,)).fetchall()
        return {Key(row[0], row[1], version): Result(*row[2:]) for row in rows}

    def runs(self) -> dict[str, set[tuple[str, int]]]:
        """The (scenario hash, seed) that are done, by version of the model."""
        done: dict[str, set[tuple[str, int]]] = {}
        with _explained(self.path):
            for version, scenario_hash, seed in self._connection.execute(
                "SELECT version, scenario_hash, seed FROM run"
            ):
                done.setdefault(version, set()).add((scenario_hash, seed))
        return done

    def points(self, sweep: str) -> dict[tuple[str, str], str]:
        """The scenario hash that each (panel, settings) of a sweep made when it was last run."""
        query = "SELECT panel, settings, scenario_hash FROM point WHERE sweep = ?"
        with _explained(self.path):
            return {(panel, label): found for panel, label, found in self._connection.execute(query, (sweep,))}

    def seconds_a_run(self, version: str) -> float | None:
        """Mean time a run of this version took, in s; None before the first."""
        with _explained(self.path):
            (mean,) = self._connection.execute("SELECT avg(wall_ns) FROM run WHERE version = ?", (version,)).fetchone()
        return None if mean is None else mean / 1e9


def _lock(path: Path) -> IO[str]:
    """Hold `PATH.lock` as long as the returned file is open. The kernel lets go of it however the process ends."""
    import fcntl

    lock = path.with_name(path.name + ".lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "unknown"
        lock.close()
        raise StoreError(
            f"another sweep (process {owner}) is writing to {path}: wait for it, or give this one its own --store"
        ) from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _check_ours(path: Path, connection: sqlite3.Connection) -> None:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (schema,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreError(f"{path} is a database, but not a store of Tinygram: give another --store")
    if schema > SCHEMA_VERSION:
        raise StoreError(f"{path} was written by a later Tinygram: upgrade, or give another --store")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into what a user can do about it."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code == sqlite3.SQLITE_FULL:
            why = "no space left for it; all that was reported done is kept: make room and repeat the command"
        elif code == sqlite3.SQLITE_NOTADB:
            why = "it is not a database: give another --store"
        elif code == sqlite3.SQLITE_CORRUPT:
            why = "it is damaged: move it away and repeat the command"
        else:
            why = f"{error}: check the path and its permissions, or give another --store"
        raise StoreError(f"cannot use the store {path}: {why}") from error
    except OSError as error:
        raise StoreError(f"cannot use the store {path}: {error.strerror or error}: give another --store") from error
