"""`tinygram run`: one replication, summarised."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App, Parameter

from experiments.cli import paths
from experiments.cli.common import (
    Driver,
    Json,
    PolicyName,
    Seed,
    Settings,
    Source,
    busy,
    note,
    say,
    say_json,
    with_policy,
)

MessagesFile = Annotated[
    Path | None,
    Parameter(name="--messages", validator=paths.file("--messages"), help="Write one row a message to this CSV file."),
]
TicksFile = Annotated[
    Path | None,
    Parameter(name="--ticks", validator=paths.file("--ticks"), help="Write one row a control tick to this CSV file."),
]
if TYPE_CHECKING:
    from sim.scenario import Scenario

Warm = Annotated[
    Literal["auto"] | int | None,
    Parameter(name="--warmup", help="Messages that count as start-up, instead of the scenario's; auto: detect them."),
]
Progress = Annotated[bool, Parameter(name="--progress", negative="", help="Show on stderr that it is working.")]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(run)


def run(
    source: Source,
    /,
    *,
    settings: Settings = None,
    seed: Seed = 0,
    driver: Driver = "auto",
    policy: PolicyName = None,
    warmup: Warm = None,
    messages: MessagesFile = None,
    ticks: TicksFile = None,
    json: Json = False,
    progress: Progress = False,
) -> None:
    """Simulate a scenario once: latency percentiles, throughput, and where the time went."""
    from experiments.message_table import csv_file
    from experiments.report import report
    from sim import simulate
    from sim.run import messages_of

    scenario = with_policy(source, settings or (), policy)
    if warmup is not None:
        scenario = warmed(scenario, warmup, seed, driver)
    with ExitStack() as files:
        sink = files.enter_context(csv_file(messages)) if messages is not None else False
        with busy(f"simulating {messages_of(scenario):,} messages", progress):
            outcome = simulate(scenario, seed, driver=driver, messages=sink)
    if messages is not None:
        note(f"{outcome.measured.n:,} messages written to {messages}")
    if ticks is not None:
        from experiments.tick_table import write_ticks

        note(f"{write_ticks(outcome, ticks):,} ticks written to {ticks}")
    if json:
        say_json(outcome.summary())
    else:
        say(report(scenario, outcome.summary()))


def warmed(scenario: Scenario, warmup: Literal["auto"] | int, seed: int, driver: Driver) -> Scenario:
    """The scenario with so many messages of start-up, or as many as are found; ScenarioError for fewer than none."""
    from dataclasses import replace

    from experiments.cli.warmup import detected, lines
    from experiments.warmup import REPLICATIONS
    from sim.errors import Problem, ScenarioError

    if warmup == "auto":
        found = detected(scenario, range(seed, seed + REPLICATIONS), driver)
        note(next(lines(found, scenario)))
        return replace(scenario, warmup=found.messages) if found.steady else scenario
    if warmup < 0:
        raise ScenarioError([Problem("--warmup", f"{warmup} is no number of messages", "0 or more, or auto")])
    return replace(scenario, warmup=warmup)
