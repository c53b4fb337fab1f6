"""`tinygram theory`: closed forms beside the simulation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from experiments.cli.common import NEGATIVE, OK, Json, say, say_json

if TYPE_CHECKING:
    from experiments.theory import Outcome


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(theory)


def theory(*names: Annotated[str, Parameter(help="Only these cases; all unless given.")], json: Json = False) -> int:
    """Hold the simulation against what can be worked out on paper; exit code 1 when one is further off than allowed."""
    from experiments.theory import chosen, outcomes

    done = []
    for outcome in outcomes(chosen(names)):
        done.append(outcome)
        if not json:
            say(line(outcome))
    if json:
        say_json([outcome.as_dict() for outcome in done])
    return OK if all(outcome.holds for outcome in done) else NEGATIVE


def line(outcome: Outcome) -> str:
    """A case in two lines: what it is, and its numbers."""
    case = outcome.case
    theory, simulated = case.theory / 1e6, outcome.simulated / 1e6  # ns to ms, bit/s to Mbit/s, B to MB
    verdict = "within" if outcome.holds else "BEYOND"
    formula = f"{case.formula} = {theory:,.3f} {case.unit}"
    found = f"simulated {simulated:,.3f}, {outcome.difference:+.1%}, {verdict} {case.tolerance:.1%}"
    return f"{case.name:<17} {case.title}\n{'':<17} {formula}; {found}"
