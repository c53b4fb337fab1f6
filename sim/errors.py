"""What can go wrong, in words a user can act on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One mistake in a scenario: where it is, what is wrong, what to write instead."""

    path: str
    problem: str
    cure: str = ""

    def __str__(self) -> str:
        cure = f" ({self.cure})" if self.cure else ""
        return f"{self.path}: {self.problem}{cure}"


class ScenarioError(ValueError):
    """A scenario that cannot be run; `problems` lists every mistake found, not only the first."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(p) for p in problems))

    def __reduce__(self) -> tuple[type[ScenarioError], tuple[list[Problem]]]:
        return ScenarioError, (self.problems,)  # from another process it comes whole


class SimulationLimit(RuntimeError):
    """A capacity of the model was reached; the message says which and what to do."""
