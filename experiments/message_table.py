"""A run's messages as a CSV file: one row a message, integers only, one column a cause."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from models.state import CAUSES

if TYPE_CHECKING:
    from sim import Run

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

CHUNK = 65_536  # rows turned into Python integers at a time


def write_csv(run: Run, path: Path) -> None:
    """Write the delivered messages of `run`, in the order they were sent."""
    with path.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for at in range(0, len(run.messages), CHUNK):
            rows = run.messages[at : at + CHUNK]
            writer.writerows(zip(*(rows[name].tolist() for name in COLUMNS.values()), strict=True))
