"""The inverse question: how much load does a configuration sustain under an SLO?

Each replication answers for itself, by bisection on `workload.load`, with its own draws at every load; the answer is
the mean of theirs with its interval, so it says what the seeds' luck is worth. An overloaded run meets no SLO.

Bisection needs to know which way to go, and latency is not monotone in load: Nagle holds the messages of a sparse
stream longer than those of a dense one. So a ladder of loads, each twice the last, is climbed first, until one is
overloaded. The answer lies between the highest rung that meets the SLO and the rung above it; rungs below it that
fail are reported, since a client that slows down will meet them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from experiments.slo import Slo
from experiments.statistics import Estimate, estimate
from experiments.sweep.result import Result
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from experiments.sweep.runner import Measure
    from sim.scenario import Scenario

    Loaded = Callable[[float], Scenario]

LOWEST = 1 / 16
"""The first rung, as a factor of the scenario's own load."""

HIGHEST = 1024.0
"""The last rung."""

PRECISION = 0.02
"""The bisection ends when its bracket is this narrow, as a share of the load."""


@dataclass(frozen=True)
class Trial:
    """One run at one load."""

    load: float
    result: Result
    met: bool


@dataclass(frozen=True)
class Answer:
    """One replication's: its highest load that met the SLO (None: none did), and all it tried, by rising load."""

    seed: int
    load: float | None
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The trial at the answer."""
        return next((t for t in self.trials if t.load == self.load), None)

    @property
    def beyond(self) -> Trial | None:
        """The lowest failing trial above it; None when the highest rung still met the SLO."""
        return next((t for t in self.trials if not t.met and self.load is not None and t.load > self.load), None)

    @property
    def gaps(self) -> tuple[float, ...]:
        """Loads below the answer that do not meet the SLO."""
        return tuple(t.load for t in self.trials if self.load is not None and t.load < self.load and not t.met)


@dataclass(frozen=True)
class Capacity:
    """What the replications say together."""

    slo: Slo
    answers: tuple[Answer, ...]

    @property
    def load(self) -> Estimate | None:
        """The highest sustainable load with its interval; None when some replication met the SLO at no load."""
        loads = [answer.load for answer in self.answers if answer.load is not None]
        return estimate(loads) if len(loads) == len(self.answers) else None

    @property
    def bounded(self) -> bool:
        """Did every replication find a load that is too much?"""
        return all(answer.beyond for answer in self.answers)

    @property
    def gaps(self) -> tuple[float, ...]:
        """Loads below the answer at which some replication does not meet the SLO, rising."""
        return tuple(sorted({load for answer in self.answers for load in answer.gaps}))

    def at_best(self, column: str) -> Estimate | None:
        """A column of `Result` over the replications, each at its own answer."""
        values = [getattr(answer.best.result, column) for answer in self.answers if answer.best]
        return estimate(values) if values and None not in values else None


def capacity(
    loaded: Loaded,
    slo: Slo,
    seeds: Sequence[int],
    measure: Measure,
    executor: Executor,
    *,
    lowest: float = LOWEST,
    highest: float = HIGHEST,
    precision: float = PRECISION,
    on_trial: Callable[[Trial], None] = lambda trial: None,
) -> Capacity:
    """The highest load at which `loaded(load)` meets the SLO, for each seed; see the module.

    The seeds advance together, one trial of each at a time, through the executor. ScenarioError when the load changes
    nothing.
    """
    climbs = {seed: _Climb(lowest, highest, precision) for seed in seeds}
    while tried := {seed: climb.next_load() for seed, climb in climbs.items() if climb.next_load() is not None}:
        futures = {
            seed: executor.submit(measure, loaded(load), seed) for seed, load in tried.items() if load is not None
        }
        for seed, future in futures.items():
            result, load = future.result(), tried[seed]
            assert load is not None
            trial = Trial(load, result, not result.overloaded and slo.met_by(result.metrics()))
            climbs[seed].note(trial)
            on_trial(trial)
        _check_effect(list(climbs.values()))
    return Capacity(slo, tuple(Answer(seed, climb.answer(), climb.sorted_trials()) for seed, climb in climbs.items()))


def _check_effect(climbs: Sequence[_Climb]) -> None:
    """Twice the load, and every run is the same to the nanosecond? Then it is not heard, and no search would end."""
    pairs = [climb.trials for climb in climbs if len(climb.trials) == 2]
    if pairs and all(_numbers(first) == _numbers(second) for first, second in pairs):
        cure = (
            "a closed loop goes at its own pace: take a stream whose arrivals do not wait (periodic, poisson, bursts), "
            "or sweep workload.period"
        )
        raise ScenarioError([Problem("workload.load", "it has no effect on this workload, so it has no limit", cure)])


def _numbers(trial: Trial) -> Mapping[str, object]:
    return {name: value for name, value in trial.result.metrics().items() if name != "wall_ns"}


class _Climb:
    """One replication's search: up the ladder until overload, then bisection."""

    def __init__(self, lowest: float, highest: float, precision: float) -> None:
        self.highest = highest
        self.precision = precision
        self.rung: float | None = lowest
        self.trials: list[Trial] = []

    def next_load(self) -> float | None:
        """The load to try now; None when the answer is known."""
        if self.rung is not None:
            return self.rung
        good, bad = self.answer(), self._lowest_bad_above(self.answer())
        if good is None or bad is None or bad <= good * (1 + self.precision):
            return None
        return math.sqrt(good * bad)

    def note(self, trial: Trial) -> None:
        self.trials.append(trial)
        if self.rung is not None:
            above = self.rung * 2
            self.rung = None if trial.result.overloaded or above > self.highest else above

    def answer(self) -> float | None:
        """The highest load that met the SLO so far."""
        return max((t.load for t in self.trials if t.met), default=None)

    def sorted_trials(self) -> tuple[Trial, ...]:
        return tuple(sorted(self.trials, key=lambda t: t.load))

    def _lowest_bad_above(self, good: float | None) -> float | None:
        worse: Iterable[float] = (t.load for t in self.trials if not t.met and good is not None and t.load > good)
        return min(worse, default=None)
