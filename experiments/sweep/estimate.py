"""How long what is left of a sweep would take: from runs the store already has, else from a short probe.

A run costs something to set up and then so much a message (or full segment, whichever are more). What earlier runs of
a point took is taken for its other seeds; for points without any, two short runs of one of them, one of next to nothing
and one of `PROBE` messages, give both costs. Points differ in more than their messages, so it is an estimate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from sim.errors import ScenarioError, SimulationLimit
from sim.run import messages_of, work_of

if TYPE_CHECKING:
    from experiments.sweep.plan import Job, Plan
    from experiments.sweep.runner import Driver, Measure
    from experiments.sweep.store import Store
    from sim.scenario import Scenario

PROBE = {"compiled": 200_000, "loop": 5_000, "simpy": 2_000}
"""Messages of the longer run of a probe: some tenths of a second."""

LEAST = 100
"""Messages of the shorter one: what is left is the set-up."""


@dataclass(frozen=True)
class Estimated:
    """Seconds that the runs to do would take, all workers at work, and what says so."""

    seconds: float
    source: Literal["earlier runs", "a probe"]


def estimated(
    plan: Plan, to_do: Sequence[Job], store: Store, measure: Measure, driver: Driver, workers: int
) -> Estimated | None:
    """How long `to_do` would take; None when a probe would have to compile the model first, or meets a limit."""
    runs = Counter(job.key.scenario_hash for job in to_do)
    jobs = {job.key.scenario_hash: job for job in to_do}
    took = _earlier(plan, store)
    unknown = [jobs[found] for found in runs if found not in took]
    source: Literal["earlier runs", "a probe"] = "earlier runs"
    if unknown:
        probe = sorted(unknown, key=lambda job: work_of(job.point.scenario))[len(unknown) // 2]
        costs = _probed(probe, measure, driver)
        if costs is None:
            return None
        source = "a probe"
        setup, each = costs
        took |= {job.key.scenario_hash: setup + each * work_of(job.point.scenario) for job in unknown}
    return Estimated(sum(took[found] * count for found, count in runs.items()) / min(workers, len(to_do)), source)


def _earlier(plan: Plan, store: Store) -> dict[str, float]:
    """Mean seconds a run of each scenario took."""
    rows = store.rows(
        "SELECT scenario_hash, avg(wall_ns) FROM run WHERE version = ? GROUP BY scenario_hash", plan.version
    )
    return {found: mean / 1e9 for found, mean in rows}


def _probed(job: Job, measure: Measure, driver: Driver) -> tuple[float, float] | None:
    """Seconds to set up a run, and a message, by two shortened runs (and one before them, to load everything)."""
    if driver == "compiled":
        from sim.compiled import is_cached

        if not is_cached():
            return None
    short, long = (_shortened(job.point.scenario, most) for most in (LEAST, PROBE[driver]))
    try:
        measure(short, job.seed)
        first, second = (measure(scenario, job.seed).wall_ns / 1e9 for scenario in (short, long))
    except (ScenarioError, SimulationLimit):
        return None
    more = work_of(long) - work_of(short)
    each = max(0.0, second - first) / more if more else second / work_of(long)
    return max(0.0, second - each * work_of(long)), each


def _shortened(scenario: Scenario, most: int) -> Scenario:
    """The scenario with no more messages than make up this much work."""
    work = work_of(scenario)
    if work <= most:
        return scenario
    fewer = max(1, messages_of(scenario) * most // work)
    return replace(scenario, workload=replace(scenario.workload, messages=fewer))
