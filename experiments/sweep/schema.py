"""The store's tables, which are public: `docs/reference/store.md` describes them column by column.

`run` keeps what was measured, keyed by what it is a result of. `plan` and `point` keep what the last sweep of each
name asked for. The view `result` joins them: the rows of the plans as last swept, without those of older code.
"""

from __future__ import annotations

from dataclasses import fields
from zlib import crc32

from experiments.sweep.result import Result

APPLICATION_ID = 0x54474D53  # "TGMS", so that a foreign database is not written to

_SQL_TYPE = {"int": "INTEGER NOT NULL", "int | None": "INTEGER", "float": "REAL NOT NULL", "str": "TEXT NOT NULL"}
RESULT_COLUMNS = tuple(f.name for f in fields(Result))

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS run (
  scenario_hash TEXT NOT NULL,
  seed INTEGER NOT NULL,
  version TEXT NOT NULL,
  {", ".join(f"{f.name} {_SQL_TYPE[str(f.type)]}" for f in fields(Result))},
  PRIMARY KEY (scenario_hash, seed, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failure (
  scenario_hash TEXT NOT NULL,
  seed INTEGER NOT NULL,
  version TEXT NOT NULL,
  message TEXT NOT NULL,
  PRIMARY KEY (scenario_hash, seed, version)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS plan (
  sweep TEXT NOT NULL PRIMARY KEY,
  version TEXT NOT NULL,
  seed INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS point (
  sweep TEXT NOT NULL REFERENCES plan,
  position INTEGER NOT NULL,
  panel TEXT NOT NULL,
  settings TEXT NOT NULL,
  scenario_hash TEXT NOT NULL,
  replications INTEGER NOT NULL,
  PRIMARY KEY (sweep, position)
) WITHOUT ROWID;
CREATE VIEW IF NOT EXISTS result AS
  SELECT sweep, position, panel, settings, run.*
  FROM plan JOIN point USING (sweep) JOIN run
    ON run.scenario_hash = point.scenario_hash AND run.version = plan.version
    AND run.seed >= plan.seed AND run.seed < plan.seed + point.replications;
"""

LAYOUT = crc32(SCHEMA.encode()) & 0x7FFFFFFF
"""SQLite's `user_version` of a store: a column more or less is another layout, without anybody having to count."""
