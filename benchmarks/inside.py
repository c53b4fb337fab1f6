"""Measurements inside one process, which prints them as JSON: `python -m benchmarks.inside (speed|threads) FILE`.

Only CPU time is read, except for threads, whose point is the clock on the wall.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks import heapq_loop

if TYPE_CHECKING:
    from sim.scenario import Scenario

REPEATS = 7
QUEUES = (1, 8, 100)
"""Lengths of heapq queue whose rates are noted beside."""
REPLICATIONS = 16
"""Runs that the threads share ..."""
HEAPQ_EVENTS = 400_000
"""... and the events of each of as many heapq loops, which take about as long."""


class Timed:
    """A callable that adds up the CPU time spent in it."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self.call = call
        self.seconds = 0.0

    def __call__(self, *arguments: Any) -> Any:
        """Call through."""
        started = time.process_time()
        result = self.call(*arguments)
        self.seconds += time.process_time() - started
        return result


def replication(scenario: Scenario, seed: int) -> dict[str, Any]:
    """One compiled run from scenario to summary, as `simulate(messages=False)` does it, and its CPU seconds.

    What the loop does not take is Python and NumPy: drawing messages, reading the tally.
    """
    from sim.engine import CompiledEngine
    from sim.run import collect

    started = time.process_time()
    engine = CompiledEngine(scenario, seed, keep=False)
    engine.entry = Timed(engine.entry)
    engine.run()
    summary = collect(engine, "compiled", None).summary()
    return {**summary, "cpu_s": time.process_time() - started, "loop_cpu_s": engine.entry.seconds}


def speed(scenario: Scenario) -> dict[str, Any]:
    """CPU time of a run, taken in turn with the heapq loop's rate."""
    summary = replication(scenario, 0)  # loads the compiled code
    samples = []
    for _ in range(REPEATS):
        heapq = heapq_loop.events_per_cpu_second()
        run = replication(scenario, 0)
        samples.append({"heapq": heapq, "cpu_s": run["cpu_s"], "loop_cpu_s": run["loop_cpu_s"]})
    return {
        "messages": summary["messages"],
        "events": summary["events"],
        "packets": summary["segments"] + summary["acks"],
        "retransmits": summary["retransmits"],
        "throughput_bps": summary["throughput_bps"],
        "p50_ns": summary["latency_ns"]["p50"],
        "p99_ns": summary["latency_ns"]["p99"],
        "heapq": {str(pending): heapq_loop.events_per_cpu_second(pending) for pending in QUEUES},
        "samples": samples,
    }


def threads(scenario: Scenario, most: int) -> dict[str, Any]:
    """Wall and CPU seconds of the same replications on 1, 2, 4 ... `most` threads, the quickest of four tries each.

    In turn with them as many heapq loops run on as many processes, which share nothing: what the machine has to give.
    """
    replication(scenario, 0)
    counts = sorted({min(1 << k, most) for k in range(most.bit_length() + 1)})
    tries = [[_one_try(scenario, count) for count in counts] for _ in range(4)]
    rows = []
    for count, tried in zip(counts, zip(*tries, strict=True), strict=True):
        wall, cpu = min((one["wall_s"], one["cpu_s"]) for one in tried)
        apart = min(one["heapq_wall_s"] for one in tried)
        rows.append({"threads": count, "wall_s": wall, "cpu_s": cpu, "heapq_wall_s": apart})
    return {"replications": REPLICATIONS, "rows": rows}


def _one_try(scenario: Scenario, count: int) -> dict[str, float]:
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        list(pool.map(heapq_loop.run, [1] * count))  # starts them
        apart = time.perf_counter()
        list(pool.map(heapq_loop.run, [HEAPQ_EVENTS] * REPLICATIONS))
        apart = time.perf_counter() - apart
    with ThreadPoolExecutor(count) as pool:
        wall, cpu = time.perf_counter(), time.process_time()
        list(pool.map(lambda seed: replication(scenario, seed), range(REPLICATIONS)))
        return {
            "wall_s": time.perf_counter() - wall,
            "cpu_s": time.process_time() - cpu,
            "heapq_wall_s": apart,
        }


def main() -> None:
    """Measure what the command line says."""
    from experiments.files import load
    from experiments.sweep.runner import usable_cores

    what, file = sys.argv[1:]
    scenario = load(file)
    result = speed(scenario) if what == "speed" else threads(scenario, usable_cores())
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
