"""The commands that run many simulations: `plan`, `sweep`, `frontier`, and `load` from its own file.

Results go to stdout, progress to stderr. Exit codes beside the common ones: `plan` ends with 2 when there is work and
with 1 after a mistake, `frontier` and `load` with 1 when the SLO is not met, and a sweep with 3 when some runs hit a
limit of the model.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from experiments.cli import paths, progress
from experiments.cli.common import INTERRUPTED, LIMIT, NEGATIVE, OK, Driver, Json, Settings, a_seed, say_json

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from experiments.frontier import Frontier
    from experiments.sweep.estimate import Estimated
    from experiments.sweep.file import Panel, Sweep
    from experiments.sweep.plan import Failure, Job, Plan, Standing
    from experiments.sweep.precision import Precision
    from experiments.sweep.result import Key, Result
    from experiments.sweep.runner import Outcome
    from experiments.sweep.store import Store

TO_DO = 2
"""Exit code of `plan` when there is something to do."""


Positive = cyclopts.validators.Number(gte=1)


@cyclopts.Parameter(name="*")
@dataclass(frozen=True)
class Running:
    """How many runs of what, and how: what all commands of many runs understand."""

    settings: Settings = None
    replications: Annotated[int | None, cyclopts.Parameter(validator=Positive)] = None
    """Runs per configuration, each with a seed of its own."""
    seed: Annotated[int | None, cyclopts.Parameter(validator=a_seed)] = None
    """The first seed; 0, or what a file says."""
    workers: Annotated[int | None, cyclopts.Parameter(validator=Positive)] = None
    """Runs at a time; by default one a core."""
    cluster: str | None = None
    """Run on a Dask cluster instead of this machine: its scheduler, like tcp://scheduler:8786."""
    driver: Driver = "auto"
    json: Json = False


@cyclopts.Parameter(name="*")
@dataclass(frozen=True)
class Options(Running):
    """What the sweeping commands understand besides."""

    store: Path | None = None
    """Where results are kept (an SQLite file); by default in the user's cache directory."""


DEFAULTS = Options()


def register(app: cyclopts.App) -> None:
    """Add the commands to the application."""
    from experiments.cli.export import export
    from experiments.cli.load import load

    for command in (plan, sweep, export, frontier, load):
        app.command(command)


def plan(file: str = "frontier", /, *, options: Options = DEFAULTS) -> int:
    """Say what a sweep would run: done, to do, stale, and how long it would take.

    Exit code 0: nothing to do. 2: there is work. 1: a mistake in the command or in the file.

    Parameters
    ----------
    file
        A sweep file, or the name of a packaged sweep.
    """
    from experiments.sweep.estimate import estimated
    from experiments.sweep.plan import make_plan, standing
    from experiments.sweep.runner import fastest_driver, simulated
    from experiments.sweep.store import Store

    the_sweep = read(file, options)
    the_plan = make_plan(the_sweep)
    with Store.to_read(_store_path(options, the_sweep)) as store:
        if store.foreign:
            told = f"{store.path} is of another version of Tinygram: a sweep keeps it aside and begins a new one"
            progress.notices().print(told, soft_wrap=True)
        state = standing(the_plan, store)
        driver, workers = fastest_driver(options.driver), _cores(options)
        measure = simulated(driver)
        time = estimated(the_plan, state.to_do, store, measure, driver, workers) if state.to_do and workers else None
    if options.json:
        say_json(_plan_json(the_plan, state, time))
    else:
        out = progress.results()
        out.print(f"{the_sweep.name}: {_size(the_plan)}", soft_wrap=True)
        out.print(f"  {state.total:,} runs: {state.done:,} done, {len(state.to_do):,} to do{_stale(state)}")
        if the_sweep.precision:
            out.print(f"  {_precision(the_sweep.precision, state)}", soft_wrap=True)
        if state.failures:
            out.print(f"  {len(state.failures):,} runs met a limit of the model and are not tried again")
        if time is not None:
            at_once = f"{workers} runs at a time" if workers > 1 else "one run at a time"
            out.print(f"  about {progress.duration(time.seconds)}, {at_once}: estimated from {time.source}")
    return TO_DO if state.to_do else OK


def sweep(file: str, /, *, options: Options = DEFAULTS) -> int:
    """Run what a sweep still lacks. Ctrl-C, or worse, loses only the runs in flight; the same command goes on.

    Parameters
    ----------
    file
        A sweep file, or the name of a packaged sweep.
    """
    the_sweep = read(file, options)
    the_plan, _, outcome = completed(the_sweep, options)
    store = str(_store_path(options, the_sweep))
    if options.json:
        say_json(
            {
                "sweep": the_sweep.name,
                "points": len(the_plan.points),
                "replications": the_sweep.replications,
                "new_runs": outcome.kept,
                "failures": [failure.message for failure in outcome.failures],
                "interrupted": outcome.interrupted,
                "store": store,
                "version": the_plan.version,
            }
        )
    else:
        out = progress.results()
        out.print(f"{the_sweep.name}: {_size(the_plan)}; {outcome.kept:,} runs new", soft_wrap=True)
        out.print(f"kept in {store}", soft_wrap=True)
    return _exit_code(outcome)


def frontier(
    file: str = "frontier",
    /,
    *,
    out: Annotated[Path, cyclopts.Parameter(name=paths.OUT, validator=paths.folder)] = Path("out"),
    slo: str | None = None,
    metrics: str = "throughput,p99",
    reference: str | None = None,
    html: Annotated[bool, cyclopts.Parameter(negative="")] = False,
    options: Options = DEFAULTS,
) -> int:
    """Sweep, then weigh throughput against P99: table, figure (PNG, SVG), CSV, the knee, and advice with its reason.

    Parameters
    ----------
    file
        A sweep file, or the name of a packaged sweep.
    out
        Directory for NAME.png, NAME.svg and NAME.csv.
    slo
        An objective, like 'p99 < 50ms', instead of the file's: exit code 1 when no configuration of a panel meets it.
    metrics
        What to weigh, two or more: throughput, mean, p50, p90, p99, p999, max, cpu, cpu_server, cpu_client, writes,
        segments, acks, retransmits (these four a message), memory.
    reference
        The worst values that count for the hypervolume, like p99=100ms; by default the worst seen, and no throughput.
    html
        Write NAME.html too: one page to hover over, which works offline and can be passed on.
    """
    from experiments.frontier import frontiers
    from experiments.metrics import parse_metrics, parse_reference
    from experiments.slo import parse_slo
    from experiments.tables import meeting

    weighed = parse_metrics(metrics)
    worst = parse_reference(reference, weighed) if reference else None
    if html:
        from experiments.frontier_page import check_plotly

        check_plotly()
    the_sweep = read(file, options)
    if slo is not None:
        the_sweep = replace(the_sweep, slo=parse_slo(slo, "--slo"))
    the_plan, results, outcome = completed(the_sweep, options)
    if outcome.interrupted:
        return INTERRUPTED
    found = frontiers(the_plan, results, outcome.failures, weighed, worst)
    files = _save(found, the_sweep, out, html)
    _report(found, the_sweep, files, options.json)
    if the_sweep.slo and not all(meeting(panel, the_sweep.slo) for panel in found):
        return NEGATIVE
    return _exit_code(outcome)


# ---- parts -----------------------------------------------------------------------------------------------------------


def read(file: str, options: Options) -> Sweep:
    """The sweep file, as the options change it."""
    from experiments.settings import flattened, table_of
    from experiments.sweep.file import SweepMistakes, load_sweep
    from experiments.sweep.plan import mistakes
    from sim.errors import ScenarioError

    changes = flattened(table_of(options.settings or ())), options.replications, options.seed
    try:
        return load_sweep(file).with_changes(*changes)
    except SweepMistakes as error:
        raise ScenarioError([*error.problems, *mistakes(error.readable.with_changes(*changes))]) from None


def _store_path(options: Options, the_sweep: Sweep) -> Path:
    from experiments.sweep.store import default_store

    return options.store or default_store(the_sweep.name)


def completed(the_sweep: Sweep, options: Options) -> tuple[Plan, Mapping[Key, Result], Outcome]:
    """Run what the store lacks; the plan, its results, and what came of the new runs."""
    from experiments.sweep.plan import make_plan, standing
    from experiments.sweep.runner import Outcome
    from experiments.sweep.store import Store

    path = _store_path(options, the_sweep)
    the_plan = make_plan(the_sweep)
    with Store.to_read(path) as store:
        state = standing(the_plan, store)
        if not state.to_do and store.has_noted(the_plan, state.replications):
            outcome = Outcome(failures=list(state.failures))
            _tell(outcome, the_sweep)
            return the_plan, _results(the_plan, state, store), outcome
    with Store.to_write(path) as store:
        if store.aside is not None:
            told = f"{path} is of another version of Tinygram: it is kept as {store.aside}, and a new one begun"
            progress.notices().print(told, soft_wrap=True)
        state, outcome = _rounds(the_plan, store, options)
        results = _results(the_plan, state, store)
    _tell(outcome, the_sweep)
    return the_plan, results, outcome


def _rounds(the_plan: Plan, store: Store, options: Options) -> tuple[Standing, Outcome]:
    """Run what is to do; with a precision, until no point needs more."""
    from experiments.sweep.plan import standing
    from experiments.sweep.runner import Outcome, fastest_driver, run_jobs, simulated

    outcome, measure = Outcome(), simulated(fastest_driver(options.driver))
    state = standing(the_plan, store)
    store.note(the_plan, state.replications)
    if state.to_do:
        with workers_of(options) as (executor, workers):
            while state.to_do and not outcome.interrupted:
                with progress.runs(the_plan.sweep.name, len(state.to_do)) as advance:
                    on_end = _counting(advance)
                    try:
                        made = run_jobs(state.to_do, store, measure, executor, workers, on_end)
                    except KeyboardInterrupt:  # the second one: the runs in flight are not waited for
                        os._exit(INTERRUPTED)
                outcome.kept += made.kept
                outcome.interrupted = made.interrupted
                state = standing(the_plan, store)
                store.note(the_plan, state.replications)
    outcome.failures += state.failures
    return state, outcome


def _counting(advance: progress.Advance) -> Callable[[Job, Result | Failure], None]:
    from experiments.sweep.result import Result

    return lambda _, end: advance(end.messages if isinstance(end, Result) else 0)


def _results(the_plan: Plan, state: Standing, store: Store) -> dict[Key, Result]:
    """Those the plan asks for, of all that the store has."""
    asked = {job.key for job in the_plan.jobs(state.replications)}
    return {key: result for key, result in store.results(the_plan.version).items() if key in asked}


@contextmanager
def workers_of(options: Running) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """Who does the runs, and how many they are by now: this machine's cores, or a cluster's."""
    from experiments.sweep.runner import fastest_driver, local_executor

    if options.cluster is None:
        executor, count = local_executor(fastest_driver(options.driver), options.workers)
        with executor:
            yield executor, lambda: count
        return
    with on_cluster(options.cluster, options.workers) as remote:
        yield remote


@contextmanager
def on_cluster(address: str, workers: int | None) -> Iterator[tuple[Executor, Callable[[], int]]]:
    """The cluster whose scheduler is at `address`, and how many runs it takes at a time by now."""
    if workers is not None:
        from sim.errors import Problem, ScenarioError

        cure = "leave --workers out: the cluster's threads are used"
        raise ScenarioError([Problem("--workers", "contradicts --cluster", cure)])
    from experiments.sweep.cluster import cluster

    with cluster(address) as remote:
        if not remote.threads():
            progress.notices().print(f"{address} has no worker yet: waiting", soft_wrap=True)
        yield remote, remote.width


def _cores(options: Running) -> int:
    """How many runs at a time there would be now."""
    from experiments.sweep.runner import usable_cores

    if options.cluster is None:
        return options.workers or usable_cores()
    from experiments.sweep.cluster import cluster

    with cluster(options.cluster) as remote:
        return remote.threads()


def _tell(outcome: Outcome, the_sweep: Sweep) -> None:
    """On stderr: what did not go as planned."""
    err = progress.notices()
    if outcome.interrupted:
        err.print(f"{the_sweep.name}: interrupted; {outcome.kept:,} new runs are kept, the same command goes on")
    for message in dict.fromkeys(failure.message for failure in outcome.failures):
        count = sum(1 for failure in outcome.failures if failure.message == message)
        err.print(f"{count} runs could not be made: {message}", soft_wrap=True)


def _save(found: Sequence[Frontier], the_sweep: Sweep, out: Path, html: bool) -> list[Path]:
    """Write figure and CSV, and the page if it is asked for. OSError when the directory does not take them."""
    from experiments.figures import save_frontier
    from experiments.tables import write_csv

    png, svg, table = (out / f"{the_sweep.name}.{suffix}" for suffix in ("png", "svg", "csv"))
    out.mkdir(parents=True, exist_ok=True)
    with table.open("w", newline="", encoding="utf-8") as file:
        write_csv(found, file)
    save_frontier(found, the_sweep.title, the_sweep.slo, png, svg)
    if not html:
        return [png, svg, table]
    from experiments.frontier_page import page

    written = out / f"{the_sweep.name}.html"
    written.write_text(page(found, the_sweep.title, the_sweep.slo), encoding="utf-8")
    return [png, svg, table, written]


def _report(found: Sequence[Frontier], the_sweep: Sweep, files: Sequence[Path], as_json: bool) -> None:
    """Print tables, knee and advice."""
    from experiments import tables
    from experiments.advice import advise

    if as_json:
        panels = [tables.as_json(panel, the_sweep.slo) for panel in found]
        say_json({"sweep": the_sweep.name, "panels": panels, "files": [str(file) for file in files]})
        return
    out = progress.results()
    for panel in found:
        progress.show(out, tables.frontier_table(panel, the_sweep.slo))
        volume = tables.hypervolume_line(panel)
        if volume is not None:
            out.print(volume + "\n", soft_wrap=True)
        overloads = tables.overloaded_table(panel)
        if overloads is not None:
            progress.show(out, overloads)
    for panel in found:
        advice = advise(panel)
        out.print(f"[bold]{advice.sentence}[/bold] {' '.join(advice.reasons)}\n", soft_wrap=True)
    out.print("  ".join(map(str, files)), soft_wrap=True)


def _size(the_plan: Plan) -> str:
    """`wan: write buffer x NODELAY x load = 3 x 2 x 6 = 36 points; ...; 10 seeds each`."""
    the_sweep = the_plan.sweep
    many = len(the_sweep.panels) > 1
    parts = [f"{panel.name}: {_variation(panel)}" if many else _variation(panel) for panel in the_sweep.panels]
    seeds = f"{the_sweep.replications:,}"
    if the_sweep.precision:
        seeds = f"{the_sweep.precision.least:,} to {seeds}"
    return f"{'; '.join(parts)}; {seeds} seeds each"


def _variation(panel: Panel) -> str:
    """What varies, and how many points that makes."""
    from experiments import labels

    design = panel.design
    names = [labels.name(axis, design.keys) for axis in design.keys]
    if not names:
        return "nothing varies = 1 point"
    if design.sampling:
        return f"{design.sampling.kind} over {', '.join(names)} = {panel.size:,} points"
    counts = " x ".join(str(len(values)) for values in panel.axes.values())
    plain = not design.listed and not design.conditions
    return f"{' x '.join(names)} = {counts + ' = ' if plain else ''}{panel.size:,} points"


def _stale(state: Standing) -> str:
    reasons = ((state.stale_code, "the model"), (state.stale_scenario, "the scenario"))
    parts = [f"{count:,} stale since {what} changed" for count, what in reasons if count]
    return f" ({', '.join(parts)})" if parts else ""


def _precision(precision: Precision, state: Standing) -> str:
    """How far sequential replication has got."""
    asked = f"{precision.metric} known within {100 * precision.share:.3g} % of its mean"
    if state.to_do:
        return f"{asked}: {state.imprecise:,} points are not there yet; more runs may follow these"
    return f"{asked}: {state.imprecise:,} points are not, with all {precision.most:,} seeds"


def _plan_json(the_plan: Plan, state: Standing, time: Estimated | None) -> dict[str, Any]:
    return {
        "sweep": the_plan.sweep.name,
        "points": len(the_plan.points),
        "replications": the_plan.sweep.replications,
        "runs": state.total,
        "done": state.done,
        "to_do": len(state.to_do),
        "failed": len(state.failures),
        "replications_by_point": list(state.replications),
        "stale": {"code": state.stale_code, "scenario": state.stale_scenario},
        "seconds": time and time.seconds,
        "estimated_from": time and time.source,
        "version": the_plan.version,
    }


def _exit_code(outcome: Outcome) -> int:
    if outcome.interrupted:
        return INTERRUPTED
    return LIMIT if outcome.failures else OK
