"""`tinygram run`: one replication, summarised."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

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

MessagesFile = Annotated[Path | None, Parameter(name="--messages", help="Write one row a message to this CSV file.")]
TicksFile = Annotated[Path | None, Parameter(name="--ticks", help="Write one row a control tick to this CSV file.")]
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
    messages: MessagesFile = None,
    ticks: TicksFile = None,
    json: Json = False,
    progress: Progress = False,
) -> None:
    """Simulate a scenario once: latency percentiles, throughput, and where the time went."""
    from experiments.files import load
    from experiments.report import report
    from sim import simulate
    from sim.run import messages_of

    scenario = load(source, with_policy(settings, policy))
    for file in (messages, ticks):
        if file is not None:
            file.open("w").close()  # a path that cannot be written to is better known before the run
    with busy(f"simulating {messages_of(scenario):,} messages", progress):
        outcome = simulate(scenario, seed, driver=driver, messages=messages is not None)
    if messages is not None:
        from experiments.message_table import write_csv

        write_csv(outcome, messages)
        note(f"{len(outcome.messages):,} messages written to {messages}")
    if ticks is not None:
        from experiments.tick_table import write_ticks

        note(f"{write_ticks(outcome, ticks):,} ticks written to {ticks}")
    if json:
        say_json(outcome.summary())
    else:
        say(report(scenario, outcome.summary()))
