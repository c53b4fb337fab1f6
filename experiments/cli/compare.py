"""`tinygram compare`: is it safe to go from A to B?"""

from __future__ import annotations

from typing import Annotated

from cyclopts import App, Parameter

from experiments.cli.common import (
    NEGATIVE,
    OK,
    UNDECIDED,
    Json,
    Replications,
    Seed,
    Settings,
    Source,
    changed,
    number,
    say,
    say_json,
)  # fmt: skip
from experiments.cli.progress import runs

OnlyA = Annotated[list[str] | None, Parameter(name="--set-a", negative="", help="Change a key of A only.")]
OnlyB = Annotated[list[str] | None, Parameter(name="--set-b", negative="", help="Change a key of B only.")]
MOST_REPLICATIONS = 10_000


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(compare)


def compare(
    a: Source,
    b: Annotated[str | None, Parameter(help="The other one; A again, with --set-b, when left out.")] = None,
    /,
    *,
    settings: Settings = None,
    set_a: OnlyA = None,
    set_b: OnlyB = None,
    replications: Replications = 10,
    seed: Seed = 0,
    tolerance: Annotated[str, Parameter(help="How much worse is no harm, as a share of A.")] = "5%",
    json: Json = False,
) -> int:
    """Compare two scenarios on the same draws: differences of P50, P99 and throughput, with intervals, and a verdict.

    Exit code 0: B is no worse than A. 1: B is worse. 4: undecided, more replications needed.
    """
    from experiments import comparison
    from experiments.schema import probability
    from sim.errors import Problem, ScenarioError

    problems = []
    if not 2 <= replications <= MOST_REPLICATIONS:
        cure = f"from 2 to {MOST_REPLICATIONS}"
        problems.append(Problem("--replications", f"{replications} give no interval", cure))
    if b is None and not (set_a or set_b):
        problems.append(
            Problem("B", "is A", "name another scenario, or say what B changes: --set-b server.nodelay=true")
        )
    try:
        share = probability(number(tolerance))
    except ValueError as error:
        problems.append(Problem("--tolerance", *str(error).split(": ", 1)))
    scenarios = {}
    for letter, source, own in (("A", a, set_a or ()), ("B", b if b is not None else a, set_b or ())):
        try:
            label = " ".join((letter, source, *own))
            scenarios[label] = changed(source, settings or (), own, f"--set-{letter.lower()}")
        except ScenarioError as error:
            problems += [p for p in error.problems if p not in problems]
    if problems:
        raise ScenarioError(problems)
    with runs("comparing", 2 * replications) as advance:
        result = comparison.compare(scenarios, range(seed, seed + replications), share, advance)
    code = {"worse": NEGATIVE, "undecided": UNDECIDED}.get(result.verdict, OK)
    if json:
        say_json(result.as_dict() | {"exit_code": code})
    else:
        say(comparison.text(result))
    return code
