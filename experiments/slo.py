"""A service-level objective: `p99 < 50ms`, `p99 < 50ms and throughput > 10Mbit/s`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from sim.errors import Problem, ScenarioError
from sim.units import DURATION, RATE, Quantity

LATENCIES = {"mean": "mean_ns", "p50": "p50_ns", "p90": "p90_ns", "p99": "p99_ns", "p999": "p999_ns", "max": "max_ns"}
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(r"\s*([a-z]+)\(?([0-9.]*)\)?\s*(<=|>=|<|>)\s*(.+?)\s*")
_EXAMPLE = "write it like 'p99 < 50ms' or 'p99 < 50ms and throughput > 10Mbit/s'"


@dataclass(frozen=True)
class Condition:
    """One comparison: `metric` names a field of `experiments.sweep.result.Result`, `limit` is in ns or bit/s."""

    name: str
    metric: str
    comparison: str
    limit: int

    def met_by(self, value: float | None) -> bool:
        """A metric without a value (no message was delivered) meets nothing."""
        return value is not None and COMPARISONS[self.comparison](value, self.limit)

    def __str__(self) -> str:
        return f"{self.name} {self.comparison} {_quantity(self.metric).format(self.limit)}"


@dataclass(frozen=True)
class Slo:
    """Conditions that must all hold."""

    conditions: tuple[Condition, ...]

    def met_by(self, metrics: Mapping[str, float | None]) -> bool:
        """Do all conditions hold for these metrics, named as in `Result`, in ns and bit/s?"""
        return all(condition.met_by(metrics.get(condition.metric)) for condition in self.conditions)

    def limit(self, metric: str) -> int | None:
        """The limit set on a metric, if one is."""
        return next((c.limit for c in self.conditions if c.metric == metric), None)

    def __str__(self) -> str:
        return " and ".join(map(str, self.conditions))


def parse_slo(text: str, path: str = "slo") -> Slo:
    """Read an SLO; ScenarioError lists everything that is wrong with it under `path`."""
    problems: list[Problem] = []
    conditions: list[Condition] = []
    for part in re.split(r"\band\b|,|&&?", text):
        try:
            conditions.append(_condition(part))
        except ValueError as error:
            problems.append(Problem(path, str(error), _EXAMPLE))
    if problems:
        raise ScenarioError(problems)
    return Slo(tuple(conditions))


def _condition(text: str) -> Condition:
    match = _CONDITION.fullmatch(text)
    if not match:
        raise ValueError(f"{text.strip()!r} is not a condition")
    letters, digits, comparison, limit = match.groups()
    name = letters + digits.replace(".", "")
    metric = "throughput_bps" if name == "throughput" else LATENCIES.get(name)
    if metric is None:
        raise ValueError(f"no metric {letters + digits!r}: there are {', '.join(LATENCIES)} and throughput")
    return Condition(name, metric, comparison, _quantity(metric).parse(limit))


def _quantity(metric: str) -> Quantity:
    return RATE if metric.endswith("_bps") else DURATION
