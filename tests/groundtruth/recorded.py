"""The recorded runs, and all of them replayed."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from experiments.groundtruth.compare import Comparison, compare_one, recordings
from experiments.groundtruth.judge import Rules

FOLDER = Path(__file__).parent / "recordings"
FILES = recordings(FOLDER)
IDS = [file.stem for file in FILES]


def load(name: str) -> dict[str, Any]:
    """A recording's whole JSON."""
    content: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return content


@cache
def comparison() -> Comparison:
    """Every recording against the plain loop, in this process."""
    ranges = json.loads((FOLDER / "RANGES.json").read_text())
    found = [compare_one(file, ranges, "loop", Rules()) for file in FILES]
    assert not [problem for _, problems in found for problem in problems]
    return Comparison(tuple(row for rows, _ in found for row in rows))
