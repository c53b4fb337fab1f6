"""What policies did over time: one run each, tick by tick."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.scenario import Scenario


@dataclass(frozen=True)
class Trajectory:
    """The ticks (`sim.control.TICK` rows) of one run under each policy, by name."""

    title: str
    ticks: Mapping[str, NDArray[Any]]


def trajectory(title: str, scenarios: Mapping[str, Scenario], seed: int) -> Trajectory:
    """Run each scenario once in the plain loop and keep its ticks; those without a policy have none."""
    from sim import simulate

    runs = {name: simulate(scenario, seed, messages=False) for name, scenario in scenarios.items()}
    return Trajectory(title, {name: run.ticks for name, run in runs.items() if run.ticks is not None})
