"""A run's messages as a CSV file, written as the run goes: one row a message, integers only, one column a cause."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.drafts import replacing
from models.state import CAUSES

if TYPE_CHECKING:
    from sim.outlet import Sink
    from sim.table import Rows

COLUMNS = {
    "index": "index",
    "intended_ns": "intended_ns",
    "write_call_ns": "call_ns",
    "write_return_ns": "returned_ns",
    "delivered_ns": "read_ns",
    "latency_ns": "latency_ns",
    "size": "size",
    "stream": "stream",
} | {f"{cause}_ns": f"{cause}_ns" for cause in CAUSES}
"""Column of the file: column of `Run.messages`. The causes of a row sum to its latency_ns."""


@contextmanager
def csv_file(path: Path) -> Iterator[Sink]:
    """Write the messages the sink is given to `path`, which is what it was until all are written.

    OSError when it cannot be written to, at once, or when the disk is full.
    """
    with replacing(path) as draft, draft.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)

        def write(rows: Rows) -> None:
            writer.writerows(zip(*(rows[name].tolist() for name in COLUMNS.values()), strict=True))

        yield write
