"""`tinygram groundtruth record`: is the model right about *your* kernel?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from experiments.cli import paths
from experiments.cli.common import (
    LIMIT,
    NEGATIVE,
    OK,
    UNDECIDED,
    Json,
    Seed,
    Settings,
    Source,
    busy,
    note,
    say,
    say_json,
)

if TYPE_CHECKING:
    from sim.errors import Problem
    from sim.scenario import Scenario

Folder = Annotated[
    Path | None, Parameter(name=paths.OUT, validator=paths.folder, help="Directory to keep the recording in.")
]
Compare = Annotated[bool, Parameter(name="--compare", help="Simulate the same and compare.")]
Limit = Annotated[
    str, Parameter(name="--time-limit", help="End the recording after this long; what it has by then counts.")
]
Tries = Annotated[int, Parameter(name="--tries", help="Record so often at most until the machine did not disturb it.")]

MOST_TRIES = 100


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(record)


def record(
    source: Source,
    /,
    *,
    out: Folder = None,
    settings: Settings = None,
    seed: Seed = 0,
    time_limit: Limit = "",
    tries: Tries = 3,
    compare: Compare = True,
    json: Json = False,
) -> int:
    """Run a scenario on this machine's own kernel and hold the simulation against it.

    Needs root and, once, a C compiler; takes as long as the scenario does.
    It all happens in two network namespaces, of which nothing remains.

    Exit code 0: the model agrees. 1: it differs. 3: this machine cannot record.
    4: undecided, because the recording was disturbed.
    """
    from experiments.files import load
    from experiments.groundtruth.record import support
    from sim.errors import ScenarioError

    scenario = load(source, settings or ())
    problems = support.check_scenario(scenario) + _problems(time_limit, tries)
    if problems:
        raise ScenarioError(problems)
    try:
        return _record(scenario, seed, _duration(time_limit), tries, out, compare, json)
    except support.CannotRecord as reason:
        note(f"tinygram: {reason}")
        return LIMIT


def _record(
    scenario: Scenario, seed: int, limit: int | None, tries: int, out: Path | None, compare: bool, json: bool
) -> int:
    from tempfile import TemporaryDirectory

    from experiments.groundtruth.record import report, run
    from experiments.groundtruth.record.plan import make
    from experiments.groundtruth.record.store import document, save
    from experiments.groundtruth.record.verdict import judge

    run.ready()
    plan = make(scenario, seed, limit)
    with busy(f"recording: about {min(plan.expected_ns, plan.limit_ns) / 1e9:.0f} s", True):
        recording = run.record(plan, tries, note)
    with TemporaryDirectory(prefix="tinygram-") as scratch:
        files = save(recording, out or Path(scratch))
        verdict = judge(files[0], recording.precision.good, recording.seen.cut_short) if compare else None
    for file in files if out is not None else ():
        note(f"{file} written")
    if json:
        say_json(document(recording) | {"comparison": verdict.as_dict() if verdict else None})
    else:
        say(report.text(recording, verdict))
    return {"differs": NEGATIVE, "undecided": UNDECIDED}.get(verdict.word, OK) if verdict else OK


def _problems(time_limit: str, tries: int) -> list[Problem]:
    from sim.errors import Problem

    found = []
    if not 1 <= tries <= MOST_TRIES:
        found.append(Problem("--tries", f"{tries} is no number of tries", f"from 1 to {MOST_TRIES}"))
    try:
        _duration(time_limit)
    except ValueError as error:
        problem, _, cure = str(error).partition(": ")
        found.append(Problem("--time-limit", problem, cure))
    return found


def _duration(text: str) -> int | None:
    """ns, or None when nothing is asked for."""
    from sim.units import POSITIVE_DURATION

    return POSITIVE_DURATION.parse(text) if text else None
