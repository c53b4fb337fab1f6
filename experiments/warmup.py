"""Where start-up ends: MSER-5 on the latency of the n-th message, averaged over replications.

A connection begins with a window of ten packets, an empty queue and quick ACKs; its first messages are not like the
later ones and bias what is meant to be its steady state. Averaged over replications (Welch's method) the course of the
latency stands out of its scatter. Where to cut is then the question of the marginal standard error rule (White 1997;
in batches of five, Spratt 1998): cut off so much that the standard error of the mean of the rest is least. To cut more
loses data and widens it; to cut less leaves the transient in, which widens it too.

The rule looks for the cut in the first half. When it finds it near the middle, the course has not come to rest: the run
is too short for a steady state, or there is none (a growing backlog, a load that drifts).
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sim.run import Driver
    from sim.scenario import Scenario

    Floats = NDArray[np.float64]

BATCH = 5
REPLICATIONS = 10
FEWEST = 40
"""Messages that a course must have: eight batches."""

LAST = 0.45
"""A cut beyond this share of the course is none: see the module."""


@dataclass(frozen=True)
class Warmup:
    """Start-up of a scenario: its messages, the time (ns) until the first one behind it, and mean latencies (ns).

    `steady` is False when the course does not come to rest; `messages` is then where the rule stopped looking.
    """

    scenario: str
    replications: int
    course: int
    messages: int
    time_ns: int
    startup_ns: float
    after_ns: float
    steady: bool
    overloaded: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        from dataclasses import asdict

        return asdict(self)


def detect(scenario: Scenario, seeds: Sequence[int], driver: Driver, executor: Executor) -> Warmup:
    """Run the scenario on every seed and find where its start-up ends.

    ScenarioError when the runs deliver fewer messages than a course needs.
    """
    import numpy as np

    runs = list(executor.map(lambda seed: course_of(scenario, seed, driver), seeds))
    length = min(len(latency) for latency, _, _ in runs)
    if length < FEWEST:
        cure = f"at least {FEWEST}, better thousands: --set workload.messages=2000"
        raise ScenarioError([Problem("workload.messages", f"{length} are too few to see a start-up in", cure)])
    course = np.mean([latency[:length] for latency, _, _ in runs], axis=0)
    cut = mser5(course)
    return Warmup(
        scenario=scenario.name,
        replications=len(runs),
        course=length,
        messages=cut,
        time_ns=int(np.mean([due[cut] for _, due, _ in runs])) if cut else 0,
        startup_ns=float(course[:cut].mean()) if cut else 0.0,
        after_ns=float(course[cut:].mean()),
        steady=cut <= LAST * length and not any(overloaded for _, _, overloaded in runs),
        overloaded=sum(overloaded for _, _, overloaded in runs),
    )


def course_of(scenario: Scenario, seed: int, driver: Driver) -> tuple[Floats, NDArray[np.int64], bool]:
    """Latencies and intended times of a run's messages, in the order they were intended, and whether it overloads."""
    import numpy as np

    from sim import simulate

    run = simulate(scenario, seed, driver=driver)
    order = np.argsort(run.messages["intended_ns"], kind="stable")
    return run.messages["latency_ns"][order].astype(float), run.messages["intended_ns"][order], run.measured.overloaded


def mser5(course: Floats) -> int:
    """How many values to cut off the start: a multiple of 5, at most half of them."""
    import numpy as np

    whole = len(course) // BATCH * BATCH
    batches = course[:whole].reshape(-1, BATCH).mean(axis=1)
    scaled = batches - batches.mean()  # a large mean would swallow the digits of the squares
    left = np.arange(len(scaled), 0, -1)
    sums, squares = (np.cumsum(values[::-1])[::-1] for values in (scaled, scaled**2))
    errors = (squares - sums**2 / left) / left**2
    candidates = np.round(errors[: len(scaled) // 2 + 1], 9)
    return int(np.argmin(candidates)) * BATCH
