"""What a sweep will run: its points, each a scenario, times its seeds."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from experiments.sweep.file import Panel, Settings, Sweep
from experiments.sweep.precision import Known, Measured
from experiments.sweep.result import Key
from sim.errors import Problem, ScenarioError
from sim.identity import model_version, scenario_hash

if TYPE_CHECKING:
    from experiments.sweep.store import Store
    from sim.scenario import Scenario

    Load = Callable[[str, Mapping[str, object]], Scenario]


@dataclass(frozen=True)
class Point:
    """One configuration: the panel it belongs to, its value on each axis, and the scenario they make."""

    panel: str
    settings: Settings
    scenario: Scenario
    scenario_hash: str

    @property
    def label(self) -> str:
        """The settings as canonical JSON: what the point is called in a store."""
        return json.dumps(self.settings, sort_keys=True)


@dataclass(frozen=True)
class Job:
    """One run to make."""

    point: Point
    seed: int
    key: Key


@dataclass(frozen=True)
class Failure:
    """A run that a limit of the model stopped, with the limit's own words. It would be stopped again."""

    job: Job
    message: str


@dataclass(frozen=True)
class Plan:
    """Points x seeds, under one version of the model."""

    sweep: Sweep
    points: tuple[Point, ...]
    version: str

    def key(self, point: Point, seed: int) -> Key:
        """What the result of this point and seed is kept under."""
        return Key(point.scenario_hash, seed, self.version)

    def replications(self, known: Known) -> tuple[int, ...]:
        """How many of the seeds each point is to have, as far as what is known of its first ones tells."""
        precision = self.sweep.precision
        if precision is None:
            return (self.sweep.replications,) * len(self.points)
        return tuple(precision.needed(self._runs(point, known)) for point in self.points)

    def imprecise(self, known: Known, replications: Sequence[int]) -> int:
        """How many points are not known as precisely as is asked, by these numbers of replications."""
        precision = self.sweep.precision
        if precision is None:
            return 0
        counted = zip(self.points, replications, strict=True)
        return sum(not precision.met_by(self._runs(point, known)[:count]) for point, count in counted)

    def _runs(self, point: Point, known: Known) -> list[Measured | None]:
        return [known.get((point.scenario_hash, seed)) for seed in self.sweep.seeds]

    def jobs(self, replications: Sequence[int] | None = None) -> Iterator[Job]:
        """Every run once, all points of a seed before the next seed: an interrupted sweep has whole replications.

        `replications`: how many seeds each point has; all there are, unless given.
        """
        seen: set[Key] = set()
        for number, seed in enumerate(self.sweep.seeds):
            for index, point in enumerate(self.points):
                key = self.key(point, seed)
                if key not in seen and (replications is None or number < replications[index]):
                    seen.add(key)
                    yield Job(point, seed, key)


@dataclass(frozen=True)
class Standing:
    """How far a store has got with a plan. Stale runs are to do: what there is, older code or settings made."""

    done: int
    to_do: tuple[Job, ...]
    failures: tuple[Failure, ...]
    replications: tuple[int, ...]  # of each point, as far as is known
    imprecise: int  # points not known as precisely as is asked
    stale_code: int
    stale_scenario: int

    @property
    def total(self) -> int:
        """Number of runs of the plan."""
        return self.done + len(self.failures) + len(self.to_do)


def make_plan(sweep: Sweep, load: Load | None = None) -> Plan:
    """Build every point's scenario. ScenarioError lists the mistakes of all points, each once, by place in the file.

    `load(base, overrides)` makes a scenario; by default from presets and scenario files.
    """
    if load is None:
        from experiments.files import load as load_file

        load = load_file
    points: list[Point] = []
    problems: dict[str, Problem] = {}
    for panel in sweep.panels:
        for settings in panel.points:
            varied = {key: value for key, value in settings.items() if value is not None}
            try:
                scenario = load(sweep.base, {**panel.fixed, **varied})
            except ScenarioError as error:
                for problem in error.problems:
                    located = replace(problem, path=_place(problem.path, panel, sweep))
                    problems.setdefault(str(located), located)
            else:
                points.append(Point(panel.name, settings, scenario, scenario_hash(scenario)))
    if problems:
        raise ScenarioError(list(problems.values()))
    return Plan(sweep, tuple(points), model_version())


def standing(plan: Plan, store: Store) -> Standing:
    """What of the plan the store already has."""
    have = store.runs()
    done = have.get(plan.version, set())
    older = set().union(*(runs for version, runs in have.items() if version != plan.version))
    ever_run = {scenario_hash for runs in have.values() for scenario_hash, _ in runs}
    formerly = store.points(plan.sweep.name)
    failed = store.failures(plan.version)
    known = _known(plan, store)
    replications = plan.replications(known)
    to_do: list[Job] = []
    failures: list[Failure] = []
    kept = stale_code = stale_scenario = 0
    for job in plan.jobs(replications):
        if (job.key.scenario_hash, job.seed) in done:
            kept += 1
            continue
        if job.key in failed:
            failures.append(Failure(job, failed[job.key]))
            continue
        to_do.append(job)
        former = formerly.get((job.point.panel, job.point.label))
        if (job.key.scenario_hash, job.seed) in older:
            stale_code += 1
        elif former != job.key.scenario_hash and former in ever_run:
            stale_scenario += 1
    imprecise = plan.imprecise(known, replications)
    return Standing(kept, tuple(to_do), tuple(failures), replications, imprecise, stale_code, stale_scenario)


def _known(plan: Plan, store: Store) -> Known:
    """What the store tells of the metric whose precision is asked for."""
    precision = plan.sweep.precision
    if precision is None:
        return {}
    query = f"SELECT scenario_hash, seed, {precision.column}, overloaded FROM run WHERE version = ?"
    rows = store.rows(query, plan.version)
    return {(found, seed): Measured(value, bool(overloaded)) for found, seed, value, overloaded in rows}


def mistakes(sweep: Sweep) -> list[Problem]:
    """What is wrong with the scenarios of a sweep that has other mistakes already."""
    if not sweep.base:
        return []
    try:
        make_plan(sweep)
    except ScenarioError as error:
        return list(error.problems)
    return []


def _place(path: str, panel: Panel, sweep: Sweep) -> str:
    """Where in the sweep file a scenario's mistake was written."""
    path = path.removeprefix("--set ")
    prefix = f"panels.{panel.name}." if len(sweep.panels) > 1 or panel.title else ""
    listed = {key for point in panel.design.listed for key in point}
    for table, keys in (("points", listed), ("axes", panel.design.axes), ("set", panel.fixed)):
        if any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in keys):
            return f"{prefix}{table}.{path}"
    return path
