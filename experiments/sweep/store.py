"""Where results are kept: one SQLite file, one writer, one row a run. `experiments.sweep.schema` has its tables.

Each result is committed by itself in write-ahead mode: whatever ends the process, what was reported done is there, and
at most the runs in flight are lost. Readers may look on while a sweep writes. A second writer is refused. Keep the file
on a local disk: write-ahead mode needs shared memory, which network file systems do not offer. Once the writer has
closed it, a store is a single plain file.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple
from errno import EDQUOT, EFBIG, ENOSPC
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Self

from experiments.sweep.errors import StoreError, StoreMistake
from experiments.sweep.result import Key, Result
from experiments.sweep.schema import APPLICATION_ID, LAYOUT, RESULT_COLUMNS, SCHEMA

if TYPE_CHECKING:
    from experiments.sweep.plan import Plan

RECOVERIES = 3
"""How often a store may turn out to have just been left in the middle of a transaction before that is an error."""
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR)  # a quota, or a limit on the file's size, shows as the latter


def default_store(sweep: str) -> Path:
    """Where a sweep of this name keeps its results unless told otherwise: the user's cache directory."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "tinygram" / f"{sweep}.sqlite"


class Store:
    """An open store. `Store.to_read` never writes and never waits; `Store.to_write` is the only writer. StoreError.

    foreign: the file is of another version of Tinygram, and this store is empty instead. aside: where it is kept now.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, lock: IO[str] | None) -> None:
        self.path = path
        self.foreign = False
        self.aside: Path | None = None
        self._connection = connection
        self._lock = lock

    @classmethod
    def to_read(cls, path: Path) -> Self:
        """Look into a store; one that does not exist yet, or that `to_write` would set aside, is an empty one."""
        with _explained(path):
            if not path.exists():
                return cls._empty(path)
            connection = _open_to_read(path)
            if (layout := _layout(path, connection)) == LAYOUT:
                return cls(path, connection, None)
            connection.close()
            empty = cls._empty(path)
            empty.foreign = layout is not None
            return empty

    @classmethod
    def to_export(cls, path: Path) -> Self:
        """Look at one state of a store that has to be there, whatever a sweep adds meanwhile. StoreMistake."""
        with _explained(path):
            if not path.exists():
                raise StoreMistake(f"there is no store {path}: give the --store of a sweep")
            connection = _open_to_read(path)
            if (layout := _layout(path, connection)) == LAYOUT:
                connection.execute("BEGIN")
                return cls(path, connection, None)
            connection.close()
            if layout is None:
                raise StoreMistake(f"{path} is empty: give the --store of a sweep")
            raise StoreMistake(f"another version of Tinygram wrote {path}: export it with that one")

    @classmethod
    def to_write(cls, path: Path) -> Self:
        """Open for writing, made if need be. StoreError when another process is writing to it.

        A store whose tables another version of Tinygram laid out is set aside as PATH.1, and a new one is begun.
        """
        with _explained(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _refuse_folder(path)
            lock, aside = _lock(path), None
            try:
                connection = sqlite3.connect(path, isolation_level=None)
                if _layout(path, connection) not in (None, LAYOUT):
                    aside = _set_aside(path, connection)
                    connection = sqlite3.connect(path, isolation_level=None)
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.executescript(
                    f"BEGIN IMMEDIATE; {SCHEMA} PRAGMA application_id = {APPLICATION_ID};"
                    f"PRAGMA user_version = {LAYOUT}; COMMIT"
                )
            except BaseException:
                lock.close()
                raise
            store = cls(path, connection, lock)
            store.foreign, store.aside = aside is not None, aside
            return store

    @classmethod
    def _empty(cls, path: Path) -> Self:
        connection = sqlite3.connect(":memory:")
        connection.executescript(SCHEMA)
        return cls(path, connection, None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._lock is not None:
            with suppress(sqlite3.Error):  # an onlooker, or a full disk: then the log stays beside it, which is as good
                self._connection.execute("PRAGMA journal_mode = DELETE")
        self._connection.close()
        if self._lock is not None:
            self._lock.close()  # which releases it

    # ---- writing

    def keep(self, key: Key, result: Result) -> None:
        """Commit a result. One that is there already stays: it is the same."""
        marks = ", ".join("?" * (len(key) + len(RESULT_COLUMNS)))
        self._insert(f"INSERT OR IGNORE INTO run VALUES ({marks})", (*key, *astuple(result)))

    def keep_failure(self, key: Key, message: str) -> None:
        """Commit that a run met a limit of the model, which it would meet again."""
        self._insert("INSERT OR IGNORE INTO failure VALUES (?, ?, ?, ?)", (*key, message))

    def _insert(self, statement: str, row: Sequence[object]) -> None:
        with _explained(self.path):
            self._connection.execute(statement, row)

    def note(self, plan: Plan, replications: Sequence[int]) -> None:
        """Record what the plan asks for now: its points in their order, each with how many of the first seeds."""
        name, first = plan.sweep.name, plan.sweep.seed
        rows = _point_rows(plan, replications)
        with _explained(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.execute("INSERT OR REPLACE INTO plan VALUES (?, ?, ?)", (name, plan.version, first))
            self._connection.execute("DELETE FROM point WHERE sweep = ?", (name,))
            self._connection.executemany("INSERT INTO point VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._connection.execute("COMMIT")

    # ---- reading

    def has_noted(self, plan: Plan, replications: Sequence[int]) -> bool:
        """Is this what `note` recorded last?"""
        name = plan.sweep.name
        noted = self.rows("SELECT version, seed FROM plan WHERE sweep = ?", name)
        points = self.rows("SELECT * FROM point WHERE sweep = ? ORDER BY position", name)
        return noted == [(plan.version, plan.sweep.seed)] and points == _point_rows(plan, replications)

    def results(self, version: str) -> dict[Key, Result]:
        """Every result of this version of the model."""
        rows = self.rows(f"SELECT scenario_hash, seed, {', '.join(RESULT_COLUMNS)} FROM run WHERE version = ?", version)
        return {Key(row[0], row[1], version): Result(*row[2:]) for row in rows}

    def failures(self, version: str) -> dict[Key, str]:
        """What stopped the runs that met a limit under this version of the model."""
        rows = self.rows("SELECT scenario_hash, seed, message FROM failure WHERE version = ?", version)
        return {Key(found, seed, version): message for found, seed, message in rows}

    def runs(self) -> dict[str, set[tuple[str, int]]]:
        """The (scenario hash, seed) that are done, by version of the model."""
        done: dict[str, set[tuple[str, int]]] = {}
        for version, scenario_hash, seed in self.rows("SELECT version, scenario_hash, seed FROM run"):
            done.setdefault(version, set()).add((scenario_hash, seed))
        return done

    def points(self, sweep: str) -> dict[tuple[str, str], str]:
        """The scenario hash that each (panel, settings) of a sweep made when it was last run."""
        rows = self.rows("SELECT panel, settings, scenario_hash FROM point WHERE sweep = ?", sweep)
        return {(panel, label): found for panel, label, found in rows}

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What a query of the public tables finds."""
        return list(self.each(query, *parameters))

    def each(self, query: str, *parameters: object) -> Iterator[tuple[Any, ...]]:
        """The same, a row at a time."""
        with _explained(self.path):
            yield from self._connection.execute(query, parameters)


def _point_rows(plan: Plan, replications: Sequence[int]) -> list[tuple[Any, ...]]:
    return [
        (plan.sweep.name, position, point.panel, point.label, point.scenario_hash, seeds)
        for position, (point, seeds) in enumerate(zip(plan.points, replications, strict=True))
    ]


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


def _refuse_folder(path: Path) -> None:
    if path.is_dir():
        raise StoreMistake(f"{path} is a folder: give --store the name of a file")


def _open_to_read(path: Path, recoveries: int = RECOVERIES) -> sqlite3.Connection:
    _refuse_folder(path)
    try:
        return _connected(path, "ro")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY or not recoveries:
            raise
    # a writer was killed in a transaction, which SQLite takes back at the next opening, though not for a reader
    _connected(path, "rw").close()
    return _open_to_read(path, recoveries - 1)


def _connected(path: Path, mode: str) -> sqlite3.Connection:
    """A connection that has read from the file, which has to be there."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", uri=True)
    try:
        connection.execute("PRAGMA application_id").fetchone()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _layout(path: Path, connection: sqlite3.Connection) -> int | None:
    """Which tables it has, None for none yet. StoreMistake when it is somebody else's database."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if tables and application != APPLICATION_ID:
        raise StoreMistake(f"{path} is a database, but not a store of Tinygram: give another --store")
    return int(layout) if tables else None


def _set_aside(path: Path, connection: sqlite3.Connection) -> Path:
    """Rename a store, its log merged into it, to the first free PATH.1, PATH.2, ..."""
    connection.execute("PRAGMA journal_mode = DELETE")
    connection.close()
    number = next(n for n in count(1) if not path.with_name(f"{path.name}.{n}").exists())
    return path.rename(path.with_name(f"{path.name}.{number}"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what SQLite and the system say into what a user can do about it."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in _FULL:
            raise StoreError(
                f"the disk takes no more of the store {path} ({error}): make room and repeat the command; "
                "all that was reported done is kept"
            ) from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise StoreError(f"the store {path} is damaged: move it away and repeat the command") from error
        why = "it is not a database" if code == sqlite3.SQLITE_NOTADB else str(error)
        raise StoreMistake(f"cannot use the store {path} ({why}): check the path, or give another --store") from error
    except OSError as error:
        why = error.strerror or str(error)
        kind = StoreError if error.errno in (ENOSPC, EDQUOT, EFBIG) else StoreMistake
        raise kind(f"cannot use the store {path} ({why}): check the path, or give another --store") from error
