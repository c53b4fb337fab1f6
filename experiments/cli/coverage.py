"""The command `coverage`: are the stated intervals as good as they say, in this scenario?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import cyclopts

from experiments.cli import progress
from experiments.cli.common import NEGATIVE, OK, Driver, Json, Settings, Source, say, say_json

if TYPE_CHECKING:
    from experiments.coverage import Coverage, Share

FEWEST_GROUPS = 10


def register(app: cyclopts.App) -> None:
    """Add the command of this module."""
    app.command(coverage)


def coverage(
    scenario: Source,
    /,
    *,
    runs: int = 2_000,
    replications: str = "5,10,20",
    metric: str = "p99",
    settings: Settings = None,
    driver: Driver = "auto",
    workers: Annotated[int | None, cyclopts.Parameter(help="Runs at a time; by default one a core.")] = None,
    json: Json = False,
) -> int:
    """Simulate how often the 95 % interval of a percentile contains the truth. Exit code 1: over 2 points off.

    Parameters
    ----------
    scenario
        A preset or a scenario file.
    runs
        Independent runs, each in one interval of every size.
    replications
        Runs in an interval; several sizes, separated by commas.
    metric
        Whose interval: mean, p50, p90, p99, p999, max.
    """
    from dataclasses import replace

    from experiments.coverage import LONGER
    from experiments.coverage import coverage as simulate_coverage
    from experiments.files import load
    from experiments.sweep.runner import fastest_driver, local_executor, simulated
    from sim.scenario import DEFAULT_MESSAGES

    sizes, column = _sizes(replications, runs), _column(metric)
    loaded = load(scenario, settings or ())
    if not loaded.workload.trace and loaded.workload.messages is None:
        loaded = replace(loaded, workload=replace(loaded.workload, messages=DEFAULT_MESSAGES))
    fastest = fastest_driver(driver)
    executor, _ = local_executor(fastest, workers)
    total = runs + (0 if loaded.workload.trace else max(4, runs // LONGER))
    with executor, progress.runs(f"{scenario}: covering", total) as advance:
        found = simulate_coverage(loaded, column, range(1, runs + 1), simulated(fastest), executor, sizes, advance)
    if json:
        say_json(found.as_dict())
    else:
        say("\n".join(lines(found, metric)))
    return OK if found.met else NEGATIVE


def lines(found: Coverage, metric: str) -> Iterator[str]:
    """The answer as text."""
    from experiments import labels
    from experiments.coverage import LONGER, TOLERANCE
    from experiments.statistics import CONFIDENCE

    yield f"{found.scenario}: {metric} of {found.runs:,} runs of {found.messages:,} messages"
    yield (
        f"  mean of runs  {labels.milliseconds(found.mean)} ms; they vary by {found.variation:.1%}, "
        f"skewness {found.skewness:.1f}"
    )
    if found.endless is not None and found.bias is not None:
        endless = labels.milliseconds(found.endless)
        yield f"  endless run   {endless} ms (runs {LONGER} times as long); bias {found.bias:+.2%}"
    yield ""
    yield f"  seeds   {'contains the mean of runs':<29}{'contains the endless run':<29}half width"
    for row in found.rows:
        endless = _text(row.endless) if row.endless else "-"
        yield f"  {row.seeds:>5}   {_text(row.mean_of_runs):<29}{endless:<29}{row.half_width:.1%}"
    yield ""
    verdict = "as stated" if found.met else "not as stated: make the runs longer"
    yield f"{CONFIDENCE:.0%} within {100 * TOLERANCE:.0f} points: {verdict}"


def _text(share: Share) -> str:
    return f"{share.share:.1%} [{share.lo:.1%}, {share.hi:.1%}]"


def _sizes(text: str, runs: int) -> list[int]:
    from sim.errors import Problem, ScenarioError

    try:
        sizes = [int(part) for part in text.split(",")]
    except ValueError:
        sizes = []
    if not sizes or min(sizes) < 2:
        raise ScenarioError([Problem("--replications", f"{text!r} are no numbers of runs", "from 2, like 5,10,20")])
    if runs < FEWEST_GROUPS * max(sizes):
        cure = f"at least {FEWEST_GROUPS * max(sizes):,}, better ten times as many"
        raise ScenarioError([Problem("--runs", f"{runs:,} runs are too few groups of {max(sizes)}", cure)])
    return sizes


def _column(metric: str) -> str:
    from experiments.slo import LATENCIES
    from sim.errors import Problem, ScenarioError

    if metric not in LATENCIES:
        raise ScenarioError([Problem("--metric", f"no latency {metric!r}", f"there are {', '.join(LATENCIES)}")])
    return LATENCIES[metric]
