"""A run's control ticks as a CSV file: one row a tick, integers only."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.drafts import replacing
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from sim import Run


def write_ticks(run: Run, path: Path) -> int:
    """Write the ticks of `run` and return how many there are. ScenarioError when nothing ticks."""
    if run.ticks is None:
        cure = "name one: --policy watch only looks"
        raise ScenarioError([Problem("--ticks", "there are no control ticks without a policy", cure)])
    with replacing(path) as draft, draft.open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(run.ticks.dtype.names or ())
        writer.writerows(run.ticks.tolist())
    return len(run.ticks)
