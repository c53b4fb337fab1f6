"""`tinygram replay` and `tinygram groundtruth ...`: is the model right about a real kernel?

Exit codes beside the common ones: `replay` ends with 3 when a recording met a limit of the model, `groundtruth compare`
with 1 when a tolerance given on the command line is exceeded. What can be replayed is, whatever else fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from experiments.cli import paths, record
from experiments.cli.common import LIMIT, NEGATIVE, OK, Json, note, say, say_json

if TYPE_CHECKING:
    from experiments.groundtruth.recording import Recording
    from sim.errors import Problem

DriverName = Literal["loop", "simpy", "compiled"]
Driver = Annotated[DriverName, Parameter(name="--driver", help="What makes time pass; all give the same numbers.")]


def register(parent: App) -> None:
    """Add the commands of this module."""
    parent.command(replay)
    app = App(
        name="groundtruth", help="Compare the model with a real kernel: recorded runs, or your own.", version_flags=[]
    )
    app.command(compare)
    app.command(stacks)
    record.register(app)
    parent.command(app)


def replay(
    specs: Annotated[list[Path], Parameter(help="Recordings' .json files.")],
    /,
    *,
    out: Annotated[
        Path, Parameter(name=paths.OUT, validator=paths.folder, help="Directory for ID.msgs.csv and ID.pkts.csv.")
    ],
    gzip: Annotated[bool, Parameter(negative="", help="Write .csv.gz instead.")] = False,
    driver: Driver = "loop",
) -> int:
    """Simulate what recordings say was set, and write messages and packets as the recordings have them."""
    from experiments.groundtruth.files import replay_all
    from sim.errors import ScenarioError

    recordings, problems = _read(specs)
    limits = replay_all(recordings, out, driver, gzip)
    note(f"{len(recordings) - len(limits)} of {len(specs)} replayed to {out}")
    for limit in limits:
        note(f"tinygram: {limit}")
    if problems:
        raise ScenarioError(problems)
    return LIMIT if limits else OK


def _read(files: list[Path]) -> tuple[list[Recording], list[Problem]]:
    """The recordings that can be read, and what is wrong with the others."""
    from experiments.groundtruth.recording import read
    from sim.errors import Problem, ScenarioError

    found: dict[str, Recording] = {}
    problems: list[Problem] = []
    for file in dict.fromkeys(files):
        try:
            recording = read(file)
        except ScenarioError as error:
            problems += [p for p in error.problems if p not in problems]
            continue
        if recording.id in found:
            problems.append(Problem(str(file), f"has the id {recording.id!r} of another file", "replay one of them"))
        else:
            found[recording.id] = recording
    return list(found.values()), problems


def compare(
    folder: Annotated[Path, Parameter(help="Recordings: ID.json, ID.msgs.csv, ID.pkts.csv, RANGES.json if any.")],
    /,
    *,
    tolerance: Annotated[
        list[str] | None,
        Parameter(negative="", help="standard, or FIGURE=SHARE: p99=5%. Exit 1 when exceeded. Repeat for more."),
    ] = None,
    only: Annotated[list[str] | None, Parameter(negative="", help="Ids or their beginnings: A, K03.")] = None,
    figure: Annotated[
        Path | None, Parameter(validator=paths.figure, help="Draw the worst ones' distributions: .svg, .png, .pdf.")
    ] = None,
    driver: Driver = "loop",
    json: Json = False,
) -> int:
    """Replay a folder of recordings and say where the model and the kernel differ, by how much, from which segment on.

    Exit code 0: within the tolerance, or none was given. 1: exceeded.
    """
    from experiments.groundtruth import judge, report
    from experiments.groundtruth.compare import compare_folder

    wanted = judge.parse(tolerance or ())
    comparison = compare_folder(folder, only or (), driver, wanted)
    if figure is not None:
        from experiments.groundtruth.figure import draw

        draw(comparison, figure)
        note(f"the worst distributions drawn to {figure}")
    exceeded = tolerance is not None and comparison.exceeded
    if json:
        say_json(report.as_dict(comparison) | {"exit_code": NEGATIVE if exceeded else OK})
    else:
        say(report.text(comparison))
    return NEGATIVE if exceeded else OK


def stacks(
    folder: Annotated[Path, Parameter(help="Tables of recorded runs, runs_*.csv: tests/grpc-measured.")],
    /,
    *,
    only: Annotated[
        list[str] | None, Parameter(negative="", help="Experiments or stacks: S1, node. Repeat for more.")
    ] = None,
    replications: Annotated[int, Parameter(help="Simulations of every paced setting.")] = 5,
    driver: Driver = "loop",
    json: Json = False,
) -> int:
    """Simulate recorded runs of grpc-go, grpcio and Node from what was set, and compare latencies, calls and rates.

    Exit code 0: all that is off has a known reason. 1: something has not.
    """
    from experiments.groundtruth.stacks import report
    from experiments.groundtruth.stacks.compare import compare as compare_stacks

    rows = compare_stacks(folder, only or (), range(1, max(1, replications) + 1), driver)
    if json:
        say_json(report.as_dict(rows))
    else:
        say(report.text(rows))
    return NEGATIVE if any(row.unexplained for row in rows) else OK
