"""`tinygram run`: one replication, summarised."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from experiments.cli.common import Driver, Json, Seed, Settings, Source, busy, note, say, say_json

MessagesFile = Annotated[Path | None, Parameter(name="--messages", help="Write one row a message to this CSV file.")]
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
    messages: MessagesFile = None,
    json: Json = False,
    progress: Progress = False,
) -> None:
    """Simulate a scenario once: latency percentiles, throughput, and where the time went."""
    from experiments.files import load
    from experiments.report import report
    from sim import simulate
    from sim.run import messages_of

    scenario = load(source, settings or ())
    if messages is not None:
        messages.open("w").close()  # a path that cannot be written to is better known before the run
    with busy(f"simulating {messages_of(scenario):,} messages", progress):
        outcome = simulate(scenario, seed, driver=driver, messages=messages is not None)
    if messages is not None:
        from experiments.message_table import write_csv

        write_csv(outcome, messages)
        note(f"{len(outcome.messages):,} messages written to {messages}")
    if json:
        say_json(outcome.summary())
    else:
        say(report(scenario, outcome.summary()))
