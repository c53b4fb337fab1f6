"""Simulating a fleet: batches of connections through any executor, added up as they come.

Only counts are kept: a histogram a metric and group, and how the messages of each bin of what was drawn spread. Counts
add up to the same whatever the order, so the outcome does not depend on how many workers there are or which is faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, wait
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.fleet.counts import Counts, Ints, added, buckets, counted
from experiments.fleet.draw import EDGES, Drawing, Parameter
from experiments.fleet.file import Fleet
from experiments.fleet.keys import Place, with_values
from experiments.sweep.errors import SweepError
from experiments.sweep.runner import JOBS_A_WORKER, Driver, own_memory
from sim.errors import Problem, ScenarioError, SimulationLimit

if TYPE_CHECKING:
    from sim.run import Run
    from sim.scenario import Scenario

GROUPS = 20
"""Groups of connections, whose differences say how sure a percentile is."""

BATCH = 250
"""Connections a task has at most."""

TAIL_BITS = 7
"""How fine the latencies of a bin are counted: to one part in 128."""

BINS = max(len(EDGES) - 1, 64)
"""Bins a parameter may have; further choices share the last."""

MESSAGES, STARTUP, WRITTEN, CONNECTION, THROUGHPUT = "latency", "startup", "from_write", "connection_p99", "throughput"
METRICS = (MESSAGES, STARTUP, WRITTEN, CONNECTION, THROUGHPUT)
"""Latency of messages (ns) from their intended time, in start-up, and from write(); of each connection its P99, and its
throughput (bit/s)."""


@dataclass(frozen=True)
class Batch:
    """Consecutive connections of one group, ready to be simulated anywhere."""

    scenario: Scenario
    places: tuple[Place, ...]
    columns: tuple[list[Any], ...]
    bins: Ints
    first: int
    group: int
    seed: int
    driver: Driver

    def __len__(self) -> int:
        return int(self.bins.shape[1])


@dataclass(kw_only=True)
class Counted:
    """What is counted over connections; `limits` are the words of those that met a limit of the model."""

    connections: int = 0
    messages: int = 0
    undelivered: int = 0
    overloaded: int = 0
    segments: int = 0
    retransmits: int = 0
    limits: list[str] = field(default_factory=list)


@dataclass
class Part(Counted):
    """What a batch came to. `found` is counts by metric, `spread` counts of (parameter, bin, coarse bucket)."""

    group: int
    found: dict[str, tuple[Ints, Ints]] = field(default_factory=dict)
    spread: tuple[Ints, Ints] | None = None


@dataclass
class Total(Counted):
    """What the fleet came to. `groups` are histograms by group and metric, `spread` an array by parameter and bin."""

    parameters: tuple[Parameter, ...]
    groups: list[dict[str, Counts]]
    spread: Ints

    def add(self, part: Part) -> None:
        """Count a part in."""
        for each in fields(Counted):
            setattr(self, each.name, getattr(self, each.name) + getattr(part, each.name))
        for metric, found in part.found.items():
            self.groups[part.group][metric].add(found)
        if part.spread is not None:
            index, count = part.spread
            self.spread.reshape(-1)[index] += count

    def counts(self, metric: str) -> Counts:
        """The whole fleet's histogram."""
        return Counts(np.sum([group[metric].count for group in self.groups], axis=0))


def run_fleet(
    fleet: Fleet,
    driver: Driver,
    executor: Executor,
    width: Callable[[], int],
    on_batch: Callable[[Part], None] = lambda part: None,
) -> Total:
    """Simulate every connection. ScenarioError names the connection whose drawn values contradict each other.

    `width` says how many batches the executor runs at a time. Raises SweepError when a worker process dies.
    """
    drawing = Drawing(fleet)
    total = Total(
        drawing.parameters,
        [{metric: Counts() for metric in METRICS} for _ in range(min(GROUPS, fleet.connections))],
        np.zeros((len(drawing.parameters), BINS, buckets(TAIL_BITS)), np.int64),
    )
    waiting = batches(fleet, drawing, chosen(fleet, driver))
    flying: set[Future[Part]] = set()
    try:
        while True:
            room = max(0, JOBS_A_WORKER * width() - len(flying))
            flying |= {executor.submit(simulate_batch, batch) for batch in islice(waiting, room)}
            if not flying:
                total.limits.sort()
                return total
            done, flying = wait(flying, return_when=FIRST_COMPLETED)
            for future in done:
                part = future.result()
                total.add(part)
                on_batch(part)
    except BrokenExecutor as error:
        raise SweepError("a worker process died, perhaps for want of memory: repeat with fewer --workers") from error
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def chosen(fleet: Fleet, driver: Driver) -> Driver:
    """`auto`: what the work of the whole fleet is worth, since one compilation serves all of it."""
    from sim.run import driver_for, work_of

    return driver_for(work_of(fleet.scenario) * fleet.connections) if driver == "auto" else driver


def batches(fleet: Fleet, drawing: Drawing, driver: Driver) -> Iterator[Batch]:
    """The connections in batches, each inside one of the groups, which are of one size (to one connection)."""
    groups = min(GROUPS, fleet.connections)
    places = tuple(key.place for key in fleet.keys)
    for group in range(groups):
        end = fleet.connections * (group + 1) // groups
        for first in range(fleet.connections * group // groups, end, BATCH):
            drawn = drawing.draw(first, min(first + BATCH, end))
            yield Batch(fleet.scenario, places, drawn.columns, drawn.bins, first, group, fleet.seed, driver)


def seed_of(fleet_seed: int, connection: int) -> int:
    """The seed of a connection's own draws."""
    return (fleet_seed << 32) + connection


def simulate_batch(batch: Batch) -> Part:
    """Run the connections of a batch; one that meets a limit of the model is left out, and its words are kept."""
    from sim import simulate

    memory = own_memory(batch.driver)
    part = Part(batch.group)
    found: dict[str, list[tuple[Ints, Ints]]] = {metric: [] for metric in METRICS}
    spread: list[tuple[Ints, Ints]] = []
    for at in range(len(batch)):
        scenario = _scenario(batch, at)
        try:
            seed = seed_of(batch.seed, batch.first + at)
            run = simulate(scenario, seed, driver=batch.driver, messages=False, memory=memory)
        except SimulationLimit as limit:
            part.limits.append(str(limit))
            continue
        _count(part, run)
        for metric, values in samples(run).items():
            found[metric].append(values)
        coarse, times = counted(*found[MESSAGES][-1], TAIL_BITS)
        for key, bin_ in enumerate(_bins(batch, at)):
            spread.append(((key * BINS + bin_) * buckets(TAIL_BITS) + coarse, times))
    for metric, parts in found.items():
        if parts:
            part.found[metric] = counted(*_joined(parts))
    if spread:
        part.spread = added(*_joined(spread))
    return part


def samples(run: Run) -> dict[str, tuple[Ints, Ints]]:
    """What a run adds to each metric: values, and how many times each."""
    m, once = run.measured, np.ones(1, np.int64)
    latency = m.latency
    p99 = np.array([latency.percentile(990)] if latency.n else [], np.int64)
    return {
        MESSAGES: (latency.value, latency.count),
        STARTUP: (m.startup.value, m.startup.count),
        WRITTEN: (m.closed.value, m.closed.count),
        CONNECTION: (p99, once[: len(p99)]),
        THROUGHPUT: (np.array([run.throughput_bps], np.int64), once),
    }


def _joined(parts: list[tuple[Ints, Ints]]) -> tuple[Ints, Ints]:
    values, counts = zip(*parts, strict=True)
    return np.concatenate(values), np.concatenate(counts)


def _bins(batch: Batch, at: int) -> list[int]:
    found: list[int] = np.minimum(batch.bins[:, at], BINS - 1).tolist()
    return found


def _count(part: Part, run: Run) -> None:
    sender = run.sender()
    part.connections += 1
    part.messages += run.measured.n
    part.undelivered += run.undelivered
    part.overloaded += int(run.measured.overloaded)
    part.segments += sender.segments
    part.retransmits += sender.retransmits


def _scenario(batch: Batch, at: int) -> Scenario:
    """The scenario of one connection, checked: what was drawn may contradict what is set."""
    from experiments.checks import check

    scenario = with_values(batch.scenario, batch.places, (column[at] for column in batch.columns))
    problems = check(scenario, (), (), lambda path: f"connection {batch.first + at}: {'.'.join(map(str, path))}")
    if problems:
        drawn = ", ".join(
            f"{place.key} = {column[at]}" for place, column in zip(batch.places, batch.columns, strict=True)
        )
        raise ScenarioError([Problem(p.path, f"{p.problem} (drawn: {drawn})", p.cure) for p in problems])
    return scenario
