"""The command `warmup`: how many messages at the start are not yet steady."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import cyclopts

from experiments.cli.common import NEGATIVE, OK, Driver, Json, Seed, Settings, Source, say, say_json

if TYPE_CHECKING:
    from experiments.warmup import Warmup
    from sim.scenario import Scenario

MOST = 1_000


def register(app: cyclopts.App) -> None:
    """Add the command of this module."""
    app.command(warmup)


def warmup(
    source: Source,
    /,
    *,
    settings: Settings = None,
    replications: Annotated[int, cyclopts.Parameter(help="Runs whose courses are averaged.")] = 10,
    seed: Seed = 0,
    driver: Driver = "auto",
    json: Json = False,
) -> int:
    """Find where start-up ends (MSER-5 on the average course of the latency). Exit code 1: it does not end."""
    from experiments.files import load
    from sim.errors import Problem, ScenarioError

    if not 2 <= replications <= MOST:
        raise ScenarioError([Problem("--replications", f"{replications} show no average course", f"2 to {MOST:,}")])
    scenario = load(source, settings or ())
    found = detected(scenario, range(seed, seed + replications), driver)
    if json:
        say_json(found.as_dict() | {"stated": scenario.warmup})
    else:
        say("\n".join(lines(found, scenario)))
    return OK if found.steady else NEGATIVE


def detected(scenario: Scenario, seeds: range, driver: Driver) -> Warmup:
    """The start-up of a scenario, its runs made one after the other."""
    from concurrent.futures import ThreadPoolExecutor

    from experiments.warmup import detect

    with ThreadPoolExecutor(1) as executor:
        return detect(scenario, seeds, driver, executor)


def lines(found: Warmup, scenario: Scenario) -> Iterator[str]:
    """The answer as text."""
    from experiments import labels

    by = f"MSER-5 over {found.replications} replications of {found.course:,} messages"
    if not found.steady:
        why = (
            f"{found.overloaded} of {found.replications} runs are overloaded"
            if found.overloaded
            else "too short a run?"
        )
        yield f"{found.scenario}: the latency does not come to rest in its first half ({by}): {why}"
        return
    if not found.messages:
        yield f"{found.scenario}: no start-up to cut off ({by})."
    else:
        yield f"{found.scenario}: a start-up of {found.messages:,} messages, {found.time_ns / 1e9:.3g} s ({by})."
        during, after = (labels.milliseconds(ns) for ns in (found.startup_ns, found.after_ns))
        yield f"The average message takes {during} ms during it, {after} ms after it."
    stated = f"The scenario says warmup = {scenario.warmup}"
    enough = scenario.warmup >= found.messages
    yield f"{stated}, which is enough." if enough else f"{stated}, too few. To paste:\n\nwarmup = {found.messages}"
