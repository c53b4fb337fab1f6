"""Running a plan's jobs through any `concurrent.futures.Executor`, and keeping each result as it comes.

Workers compute and hold nothing; the process that asked is the store's one writer. Threads serve the compiled driver,
which runs without the interpreter's lock; processes serve the plain loop.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from multiprocessing import get_context
from typing import TYPE_CHECKING, Literal, ParamSpec, TypeVar

from experiments.sweep.errors import SweepError
from experiments.sweep.plan import Failure, Job
from experiments.sweep.result import Result
from sim.errors import ScenarioError, SimulationLimit

if TYPE_CHECKING:
    from experiments.sweep.store import Store
    from sim.compiled import States
    from sim.scenario import Scenario

    Measure = Callable[[Scenario, int], Result]

P = ParamSpec("P")
T = TypeVar("T")

Driver = Literal["auto", "compiled", "loop", "simpy"]
JOBS_A_WORKER = 2
"""Jobs handed out per worker: one it works on, one that waits for it."""


@dataclass
class Outcome:
    """What came of it: how many results were kept, which runs failed, and whether Ctrl-C ended it early."""

    kept: int = 0
    failures: list[Failure] = field(default_factory=list)
    interrupted: bool = False


def simulated(driver: Driver) -> Measure:
    """The measure of a sweep: simulate and summarise."""
    return partial(_simulate, driver=driver)


def _simulate(scenario: Scenario, seed: int, driver: Driver) -> Result:
    from sim import simulate

    started = time.perf_counter_ns()
    summary = simulate(scenario, seed, driver=driver, messages=False, memory=own_memory(driver)).summary()
    return Result.from_summary(summary, time.perf_counter_ns() - started)


_thread = threading.local()


def own_memory(driver: Driver) -> States | None:
    """What this thread's compiled runs work in, one after another: memory touched before is cheap to touch again."""
    if driver != "compiled":
        return None
    if not hasattr(_thread, "memory"):
        from sim.compiled import allocate

        _thread.memory = allocate(1)
    states: States = _thread.memory
    return states


def fastest_driver(driver: Driver) -> Driver:
    """What `auto` means in a sweep: compiled where Numba is installed, since its compilation pays, else the loop."""
    from importlib.util import find_spec

    if driver != "auto":
        return driver
    return "compiled" if find_spec("numba") else "loop"


def local_executor(driver: Driver, workers: int | None = None) -> tuple[Executor, int]:
    """Threads for the compiled driver, processes for the others, as many as this process may use cores."""
    if driver != "compiled":
        return processes(workers)
    count = workers or usable_cores()
    return ThreadPoolExecutor(count), count


def processes(workers: int | None = None) -> tuple[Executor, int]:
    """As many worker processes as this process may use cores, and their number."""
    count = workers or usable_cores()
    return Processes(count, mp_context=get_context("spawn"), initializer=_begin_worker), count


def usable_cores() -> int:
    """Cores this process may run on, which in a container is fewer than the machine has."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def run_jobs(
    jobs: Iterable[Job],
    store: Store,
    measure: Measure,
    executor: Executor,
    workers: int | Callable[[], int],
    on_end: Callable[[Job, Result | Failure], None] = lambda job, end: None,
) -> Outcome:
    """Run the jobs and keep their results; after Ctrl-C let the runs in flight end, keep those too, and return.

    `workers` says how many runs the executor makes at a time, once or whenever asked; few more are handed out.
    A run that meets a limit of the model is a `Failure` and does not stop the others. SweepError when a worker process
    dies, StoreError when a result cannot be kept; any other exception of a run is raised as it is. The executor serves
    another call, unless this one raised.
    """
    outcome = Outcome()
    queue = iter(jobs)
    flying: dict[Future[Result], Job] = {}

    def land(futures: Iterable[Future[Result]]) -> None:
        for future in futures:
            job = flying[future]
            end = _end(future, job)
            if isinstance(end, Failure):
                store.keep_failure(job.key, end.message)
                outcome.failures.append(end)
            else:
                store.keep(job.key, end)
                outcome.kept += 1
            del flying[future]
            on_end(job, end)

    try:
        while True:
            width = workers() if callable(workers) else workers
            for job in islice(queue, max(0, JOBS_A_WORKER * width - len(flying))):
                flying[executor.submit(measure, job.point.scenario, job.seed)] = job
            if not flying:
                return outcome
            land(wait(flying, return_when=FIRST_COMPLETED).done)
    except KeyboardInterrupt:
        outcome.interrupted = True
        with suppress(BrokenExecutor):
            land(wait([future for future in flying if not future.cancel()]).done)
        return outcome
    except BrokenExecutor as error:
        raise SweepError(
            "a worker process died, perhaps for want of memory; what was done is kept: repeat the command, "
            "with fewer --workers if it dies again"
        ) from error
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        raise


def _end(future: Future[Result], job: Job) -> Result | Failure:
    try:
        return future.result()
    except (SimulationLimit, ScenarioError) as error:
        return Failure(job, str(error))


class Processes(ProcessPoolExecutor):
    """Worker processes that are deaf to Ctrl-C from birth: it is the parent's business."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Hand out a call. A worker started for it inherits which signals are blocked now."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            return super().submit(fn, *args, **kwargs)
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    """In a worker process: do not outlive the parent, not even a killed one."""
    from multiprocessing import parent_process
    from multiprocessing.connection import wait as wait_for
    from threading import Thread

    parent = parent_process()
    if parent is not None:

        def follow(sentinel: int) -> None:
            wait_for([sentinel])
            os._exit(1)

        Thread(target=follow, args=(parent.sentinel,), daemon=True).start()
