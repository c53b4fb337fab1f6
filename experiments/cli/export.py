"""The command `export`: what a store holds, as a table that opens anywhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from experiments.cli import paths
from experiments.cli.common import OK, note

if TYPE_CHECKING:
    from experiments.sweep.export import Left


def export(
    *,
    store: Path,
    table: Annotated[Path | None, Parameter(name=["--table", "-o"], validator=paths.file("--table"))] = None,
    everything: Annotated[bool, Parameter(name="--all", negative="")] = False,
) -> int:
    """Write a store's results as one table: a row a run, by point and seed, always in the same order.

    Parameters
    ----------
    store
        The SQLite file that a sweep wrote.
    table
        The file to write: its name ends in .csv, .parquet or .arrow; CSV to stdout when left out.
    everything
        Results of older code, and of points the sweep file no longer has, too.
    """
    from experiments.sweep.export import Left, Table, check_format, save, write_csv
    from experiments.sweep.store import Store

    if table is not None:
        check_format(table)
    with Store.to_export(store) as opened:
        flat = Table(opened, everything)
        rows = write_csv(flat, sys.stdout) if table is None else save(flat, table)
        left = None if everything else Left.of(opened)
    note(f"{rows:,} rows{f' in {table}' if table else ''}")
    if left is not None:
        _tell(left)
    return OK


def _tell(left: Left) -> None:
    """On stderr: what the table lacks."""
    if left.missing > left.failed:
        note(f"{left.missing - left.failed:,} runs of the plan are still to do: the same sweep command makes them")
    if left.failed:
        note(f"{left.failed:,} runs met a limit of the model and have no row")
    if left.other:
        note(f"{left.other:,} results of older code or of points no longer asked for are left out: --all has them")
