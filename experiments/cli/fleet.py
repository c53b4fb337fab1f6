"""The commands `fleet`, many connections, each with conditions of its own, and `fit-fleet`, laws for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import cyclopts

from experiments.cli import paths, progress
from experiments.cli.common import LIMIT, OK, Driver, Json, Settings, a_seed, say, say_json
from experiments.cli.sweep import Positive, on_cluster

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from experiments.fleet.file import Fleet
    from experiments.fleet.run import Part, Total


def register(app: cyclopts.App) -> None:
    """Add the commands to the application."""
    app.command(fleet)
    app.command(fit_fleet)


@cyclopts.Parameter(name="*")
@dataclass(frozen=True)
class Options:
    """How many connections, and how they are run."""

    settings: Settings = None
    connections: Annotated[int | None, cyclopts.Parameter(validator=Positive)] = None
    """How many, instead of what the file says."""
    seed: Annotated[int | None, cyclopts.Parameter(validator=a_seed)] = None
    """Which connections are drawn, and the draws of each."""
    workers: Annotated[int | None, cyclopts.Parameter(validator=Positive)] = None
    """Processes; by default one a core."""
    cluster: str | None = None
    """Run on a Dask cluster instead of this machine: its scheduler, like tcp://scheduler:8786."""
    driver: Driver = "auto"
    json: Json = False


DEFAULTS = Options()


def fleet(
    file: str,
    /,
    *,
    out: Annotated[Path | None, cyclopts.Parameter(name=paths.OUT, validator=paths.folder)] = None,
    options: Options = DEFAULTS,
) -> int:
    """Simulate a population of connections: percentiles of all their messages together, and who is in the tail.

    Parameters
    ----------
    file
        A fleet file, or the name of a packaged fleet.
    out
        Directory for NAME.png, NAME.svg (figure), NAME.hgrm and NAME.hlog (for HdrHistogram's tools).
    """
    from experiments.fleet import report
    from experiments.fleet.file import load_fleet
    from experiments.fleet.tail import tail_of
    from experiments.settings import flattened, table_of

    fixed = flattened(table_of(options.settings or ()))
    the_fleet = load_fleet(file, fixed, options.connections, options.seed)
    total = _simulated(the_fleet, options)
    files = [] if out is None else _save(the_fleet, total, out)
    if options.json:
        say_json({**report.as_json(the_fleet, total), "files": [str(path) for path in files]})
    else:
        console = progress.results()
        for sentence in report.sentences(the_fleet, total):
            console.print(sentence, soft_wrap=True)
        progress.show(console, report.percentile_table(total))
        tail = tail_of(total)
        if tail is not None:
            progress.show(console, report.tail_table(tail))
        if files:
            console.print("  ".join(map(str, files)), soft_wrap=True)
    return LIMIT if total.limits else OK


def fit_fleet(table: Path, /) -> None:
    """Fit a law to each column of a table of connections and print them, for a fleet file to name by `laws`.

    Parameters
    ----------
    table
        A CSV file whose header names scenario keys, as a fleet's `table`.
    """
    from experiments.fleet.fit import fitted
    from experiments.fleet.table import read_table

    say(fitted(read_table(table)))


def _simulated(the_fleet: Fleet, options: Options) -> Total:
    from experiments.fleet.run import run_fleet

    with _workers(options) as (executor, width), progress.runs(
        the_fleet.name, the_fleet.connections, "connections"
    ) as advance:  # fmt: skip

        def on_batch(part: Part) -> None:
            advance(part.messages, part.connections + len(part.limits))

        total = run_fleet(the_fleet, options.driver, executor, width, on_batch)
    for message in dict.fromkeys(total.limits):
        progress.notices().print(f"{total.limits.count(message):,} connections are left out: {message}", soft_wrap=True)
    return total


@contextmanager
def _workers(options: Options) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """Processes here, since a short connection is set up in Python for longer than it runs compiled; or a cluster."""
    from experiments.sweep.runner import processes

    if options.cluster is None:
        executor, count = processes(options.workers)
        with executor:
            yield executor, lambda: count
    else:
        with on_cluster(options.cluster, options.workers) as remote:
            yield remote


def _save(the_fleet: Fleet, total: Total, out: Path) -> list[Path]:
    """Write figure and histograms."""
    from experiments.fleet.figure import save_figure
    from experiments.fleet.report import write_hdr

    files = write_hdr(the_fleet, total, out)
    figures = [out / f"{the_fleet.name}.{suffix}" for suffix in ("png", "svg")]
    save_figure(the_fleet, total, *figures)
    return [*figures, *files]
