"""`tinygram explain`: why a message took as long as it did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from experiments.cli import paths
from experiments.cli.common import Json, Seed, Settings, Source, note, say, say_json

TRACED_UP_TO = 20_000
"""Longer runs are not traced unless a figure needs it; the sentences then name no single ACK."""


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(explain)


def explain(
    source: Source,
    /,
    *,
    message: Annotated[int | None, Parameter(help="The message's index, from 0.")] = None,
    worst: Annotated[int | None, Parameter(help="The K slowest messages; 3 when nothing is asked for.")] = None,
    figure: Annotated[
        Path | None, Parameter(validator=paths.figure, help="Draw the first one's ladder diagram: .svg, .png, .pdf.")
    ] = None,
    settings: Settings = None,
    seed: Seed = 0,
    json: Json = False,
) -> None:
    """Say cause by cause, in words and to the nanosecond, what messages waited for and what freed them."""
    import experiments.explain as why
    from experiments.files import load
    from sim import Problem, ScenarioError, simulate
    from sim.run import size_of

    if message is not None and worst is not None:
        raise ScenarioError([Problem("--message, --worst", "contradict each other", "give one of them")])
    if worst is not None and worst < 1:
        raise ScenarioError([Problem("--worst", f"{worst} messages", "give a number from 1 up")])
    scenario = load(source, settings or ())
    traced = figure is not None or size_of(scenario) <= TRACED_UP_TO
    run: Any = simulate(scenario, seed, trace=traced)
    chosen = [message] if message is not None else why.worst(run, worst or 3)
    try:
        explanations = [why.explain(run, index) for index in chosen]
    except KeyError:
        raise ScenarioError([Problem(f"--message {message}", "no such message was delivered", _range(run))]) from None
    if figure is not None and explanations:
        from experiments.figures_ladder import draw

        draw(run, explanations[0].index, figure)
        note(f"ladder of message {explanations[0].index} drawn to {figure}")
    if json:
        head = {"scenario": scenario.name, "seed": seed, "explanations": [e.as_dict() for e in explanations]}
        say_json(head)
    else:
        say("\n\n".join(why.text(run, e) for e in explanations) or "no message was delivered")


def _range(run: Any) -> str:
    delivered = run.messages["index"]
    return f"there are {delivered.min()} to {delivered.max()}" if len(delivered) else "none was"
