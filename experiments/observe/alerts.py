"""Alert rules over the windows of a run, with Prometheus' states: inactive, pending while the condition holds, firing
once it has held for so long.

    p99 > 200ms for 1s
    throughput < 5Mbit/s
    occupancy > 0.9 for 500ms
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from experiments.observe.sampler import Window
from sim.errors import Problem, ScenarioError
from sim.units import DURATION, RATE, Quantity

METRICS: dict[str, tuple[str, Quantity | None]] = {
    "p50": ("p50_ns", DURATION),
    "p99": ("p99_ns", DURATION),
    "throughput": ("throughput_bps", RATE),
    "rate": ("rate", None),
    "occupancy": ("occupancy", None),
}
OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_RULE = re.compile(r"\s*(\w+)\s*(>=|<=|>|<)\s*(\S+)(?:\s+for\s+(\S+))?\s*")


@dataclass(frozen=True)
class Rule:
    """A condition on a window's metric, and how long it must hold."""

    text: str
    metric: str
    operator: str
    threshold: float
    hold_ns: int

    def holds(self, window: Window) -> bool:
        """Is the condition met? A latency of nothing is no latency: never."""
        value = getattr(window, METRICS[self.metric][0])
        return value is not None and OPERATORS[self.operator](float(value), self.threshold)


@dataclass(frozen=True)
class Alert:
    """One episode: since when the condition held, when it fired and when it ended; None: not (yet)."""

    rule: Rule
    pending_ns: int
    firing_ns: int | None
    resolved_ns: int | None


def parse_rule(text: str) -> Rule:
    """Read a rule. ScenarioError says what is wrong with it."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise ScenarioError([Problem(f"--alert {text}", "is no rule", "write it like 'p99 > 200ms for 1s'")])
    metric, sign, threshold, hold = match.groups()
    if metric not in METRICS:
        raise ScenarioError([Problem(f"--alert {text}", f"no metric {metric!r}", f"one of {', '.join(METRICS)}")])
    quantity = METRICS[metric][1]
    try:
        value = float(quantity.parse(threshold)) if quantity else float(threshold)
        return Rule(text, metric, sign, value, DURATION.parse(hold) if hold else 0)
    except ValueError as error:
        raise ScenarioError([Problem(f"--alert {text}", str(error))]) from None


def episodes(rule: Rule, windows: Sequence[Window]) -> list[Alert]:
    """When the rule was pending and fired. It is evaluated at the end of every window, as a scrape would."""
    found: list[Alert] = []
    since: int | None = None
    fired: int | None = None
    for window in windows:
        if rule.holds(window):
            since = window.end_ns if since is None else since
            if fired is None and window.end_ns - since >= rule.hold_ns:
                fired = window.end_ns
        elif since is not None:
            found.append(Alert(rule, since, fired, window.end_ns))
            since = fired = None
    if since is not None:
        found.append(Alert(rule, since, fired, None))
    return found
