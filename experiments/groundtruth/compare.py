"""A folder of recordings against the model: each replayed, measured and judged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from experiments.groundtruth import judge
from experiments.groundtruth.judge import PERCENTILES, Rules, Verdict
from experiments.groundtruth.measures import Figures, Floats, departure, figures, recorded, sequence, simulated
from experiments.groundtruth.parallel import in_parallel
from experiments.groundtruth.recording import MANIFEST, Recording, read
from experiments.groundtruth.replay import DriverName, replay
from sim.errors import Problem, ScenarioError, SimulationLimit

RANGES = "RANGES.json"
NAMES = {"q50": "p50", "q90": "p90", "q99": "p99", "q100": "max", "n": "messages"}
"""What RANGES.json calls figures by another name."""


@dataclass(frozen=True)
class Row:
    """One direction of one recording: the kernel's figures, the model's, and how they are judged."""

    id: str
    direction: str
    title: str
    kind: str  # class of scenarios
    lossy: bool
    kernel: Figures
    model: Figures
    runs: tuple[Mapping[str, float], ...]  # figures of every recording of this scenario
    repeats: bool | None  # do all recordings have the same data segments? None when there is only one
    departs: int  # the first data segment that differs from the recording; -1 none
    verdict: Verdict
    latencies: tuple[Floats, Floats]  # kernel, model; us

    @property
    def error(self) -> float:
        """The largest error of P50, P90 and P99, as a share, signed."""
        errors = [getattr(self.model, q) / getattr(self.kernel, q) - 1 for q in PERCENTILES]
        return float(max(errors, key=lambda e: float("inf") if np.isnan(e) else abs(e)))

    @property
    def noise(self) -> float | None:
        """The largest spread of the recordings' own P50, P90 and P99, as a share; None for a single recording."""
        if len(self.runs) < 2:
            return None
        values = [[run[q] for run in self.runs] for q in PERCENTILES]
        return max((max(v) - min(v)) / (sum(v) / len(v)) for v in values)

    @property
    def within(self) -> bool:
        """Are all figures within their tolerances?"""
        return not self.verdict.exceeded


@dataclass(frozen=True)
class Comparison:
    """All directions of a folder."""

    rows: tuple[Row, ...]

    @property
    def exceeded(self) -> bool:
        """Is any figure out of tolerance?"""
        return any(not row.within for row in self.rows)

    @property
    def worst(self) -> list[Row]:
        """The rows, farthest from the recordings first."""
        return sorted(self.rows, key=lambda row: (row.verdict.worst, abs(row.error)), reverse=True)


def compare_folder(
    folder: Path, only: Sequence[str] = (), driver: DriverName = "loop", rules: Rules | None = None
) -> Comparison:
    """Compare every recording in `folder` (whose ids begin with one of `only`).

    Raises ScenarioError when there is nothing to compare or a file is not as it should be.
    """
    files = recordings(folder, only)
    ranges = _ranges(folder / RANGES)
    one = partial(compare_one, ranges=ranges, driver=driver, rules=rules or Rules())
    found = in_parallel(one, files)
    problems = [problem for _, problems in found for problem in problems]
    if problems:
        raise ScenarioError(problems)
    return Comparison(tuple(row for rows, _ in found for row in rows))


def recordings(folder: Path, only: Sequence[str] = ()) -> list[Path]:
    """The recordings' .json files."""
    files = [f for f in sorted(folder.glob("*.json")) if f.name not in (RANGES, MANIFEST)]
    files = [f for f in files if not only or f.stem.startswith(tuple(only))]
    if not files:
        which = f" whose id begins with {' or '.join(only)}" if only else ""
        raise ScenarioError([Problem(str(folder), f"holds no recording{which}", "name a folder of ID.json files")])
    return files


def compare_one(
    file: Path, ranges: Mapping[str, Any], driver: DriverName, rules: Rules
) -> tuple[list[Row], list[Problem]]:
    """The rows of one recording, or what is wrong with its files."""
    try:
        recording = read(file)
        kernel = recorded(file.parent, file.stem, recording.hz, recording.phase)
        model = simulated(replay(recording, driver))
        missing = set(recording.directions) - set(kernel.messages)
        if missing:
            raise ScenarioError([Problem(f"{file.stem}.msgs.csv", f"has no messages of {missing.pop()}", "record it")])
    except ScenarioError as error:
        return [], error.problems
    except SimulationLimit as limit:
        return [], [Problem(file.stem, f"cannot be simulated: {limit}", "leave it out with --only")]
    rows = []
    for direction in recording.directions:
        a, b = figures(kernel, direction), figures(model, direction)
        runs, repeats = _runs(ranges.get(recording.id, {}).get(direction), a)
        lossy = is_lossy(recording)
        tolerances = rules.tolerances(lossy, recording.spec["tie_prone"], direction == "rr")
        rows.append(
            Row(
                id=recording.id,
                direction=direction,
                title=recording.spec["title"],
                kind=recording.spec["class"],
                lossy=lossy,
                kernel=a,
                model=b,
                runs=runs,
                repeats=repeats,
                departs=departure(sequence(kernel, direction), sequence(model, direction)),
                verdict=judge.judge(b, runs, tolerances),
                latencies=(kernel.messages[direction].latency, model.messages[direction].latency),
            )
        )
    return rows, []


def is_lossy(recording: Recording) -> bool:
    """Does the wire lose or hold packets at random?"""
    path = recording.spec["path"]
    chances = ("loss_c2s", "loss_s2c", "spike_prob_c2s", "spike_prob_s2c")
    return any(path[key] > 0 for key in chances) or bool(path["stalls"])


def _ranges(file: Path) -> dict[str, Any]:
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ScenarioError([Problem(str(file), f"is not JSON ({error})", "mend or remove it")]) from None
    return dict(content)


def _runs(entry: Any, own: Figures) -> tuple[tuple[Mapping[str, float], ...], bool | None]:
    """Figures of all recordings of a direction; the one at hand when there are no others."""
    if not entry:
        return (vars(own),), None
    runs = tuple({NAMES.get(key, key): value for key, value in run.items()} for run in entry["runs"])
    return runs, bool(entry["repeats"]) if len(runs) > 1 else None
