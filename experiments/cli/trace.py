"""`tinygram trace`: every packet of a run, as text or as a capture that opens in Wireshark."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter

from experiments.cli import paths
from experiments.cli.common import Seed, Settings, Source, note, say

Capture = Annotated[
    Path | None,
    Parameter(
        name=["--capture", "-o"],
        validator=paths.file("--capture"),
        help="Write a capture instead of text: a name that ends in .pcapng.",
    ),
]
At = Annotated[
    Literal["server", "client"] | None,
    Parameter(name="--at", help="Whose network card sees it; by default the sender's of the measured messages."),
]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(trace)


def trace(
    source: Source, /, *, capture: Capture = None, at: At = None, settings: Settings = None, seed: Seed = 0
) -> None:
    """Show every packet of a run and why it left then: as text, or as a capture that opens in Wireshark."""
    from experiments.files import load
    from experiments.wire import check_path, listing, write_capture
    from sim import simulate

    scenario = load(source, settings or ())
    if capture is not None:
        check_path(capture)
    host = at or scenario.workload.sender
    run = simulate(scenario, seed, trace=True)
    if capture is None:
        for line in listing(run, host):
            say(line)
        return
    count = write_capture(run, host, capture)
    note(f"{count:,} packets of {run.measured.n:,} messages, as the {host} saw them, written to {capture}")
