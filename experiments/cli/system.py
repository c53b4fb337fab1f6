"""`tinygram system`: queues in tandem, around the connection that the rest of Tinygram is about."""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from experiments.cli.common import Json, Replications, Seed, Settings, at_least, say, say_json


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(system)


def system(
    source: Annotated[str | None, Parameter(help="A system's name or a file (TOML); left out: list them.")] = None,
    /,
    *,
    settings: Settings = None,
    replications: Replications = 5,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Pass messages through stations in tandem (broker, processor, proxy, device): waits, outages, percentiles."""
    from experiments.systems import file, report

    if source is None:
        known = [file.load(name) for name in file.names()]
        if json:
            say_json([{"name": s.name, "title": s.title} for s in known])
        else:
            say("\n".join(f"{s.name:<16}  {s.title}" for s in known))
        return
    at_least("--replications", replications, 1)
    summary = report.run(file.load(source, settings or ()), range(seed, seed + replications))
    if json:
        say_json(summary.as_dict())
    else:
        say(report.text(summary))
