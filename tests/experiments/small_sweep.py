"""A small sweep over the stand-in for the simulator: 8 points, 3 seeds."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from experiments.sweep.file import read_sweep
from experiments.sweep.plan import Plan, make_plan, standing
from experiments.sweep.runner import run_jobs
from experiments.sweep.store import Store
from sim.errors import Problem, ScenarioError
from sim.scenario import Scenario
from tests.experiments.fake import measure, scenario_at

SWEEP = b"""
name = "small"
base = "anything"
replications = 3
seed = 5
slo = "p99 < 50ms"

[set]
workload.messages = 100

[axes]
workload.load = [1, 2, 4, 8]
server.nodelay = [true, false]
"""


def load(source: str, overrides: Mapping[str, object]) -> Scenario:
    """Scenarios of a load and a NODELAY setting; a load below 0 is a mistake."""
    factor = overrides.get("workload.load", 1)
    if not isinstance(factor, int | float) or factor < 0:
        raise ScenarioError([Problem("--set workload.load", f"{factor} is no load", "write a number above 0")])
    return replace(scenario_at(float(factor), nodelay=bool(overrides.get("server.nodelay"))), name=source)


def plan_of(content: bytes = SWEEP) -> Plan:
    return make_plan(read_sweep(content, "small", None), load)


def run(plan: Plan, store: Store, workers: int = 2, simulate: object = measure) -> int:
    outcome = run_jobs(standing(plan, store).to_do, store, simulate, ThreadPoolExecutor(workers), workers)  # type: ignore[arg-type]
    return outcome.kept
