"""The cheapest configuration that meets an objective, with stated confidence.

For each configuration the doubt that it meets the objective is a one-sided p-value over its replications
(`experiments.statistics.doubt`): of several conditions the greatest, since all must hold (an intersection-union test).
One that was overloaded in any replication meets nothing.

To pick from many is to look for the luckiest. With Holm's method (1979) the chance that *any* configuration is taken
for good which is not stays below 1 - confidence, however many are compared and however they depend on each other; so
it holds for the one that is picked, too. A load is no choice but a circumstance: each load has an answer of its own,
over the configurations compared at it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from experiments.advice import is_load
from experiments.frontier import Configuration, Frontier
from experiments.labels import NOTHING
from experiments.metrics import METRICS
from experiments.slo import Condition, Slo
from experiments.statistics import bound, doubt
from experiments.sweep.file import Panel, Settings
from sim.errors import Problem, ScenarioError
from sim.units import DURATION, RATE, SIZE

Price = Callable[[Configuration], float]


@dataclass(frozen=True)
class Candidate:
    """A configuration with what it costs, the doubt that it meets the objective, and whether it may be taken for good.

    `most`: for each condition the bound (ns or bit/s) that its metric keeps with the confidence asked for, all of the
    configurations compared considered; nan where it was overloaded.
    """

    configuration: Configuration
    price: tuple[float, ...]
    doubt: float
    most: tuple[float, ...]
    accepted: bool


@dataclass(frozen=True)
class Choice:
    """The candidates of one load (or of all, where the load does not vary), cheapest first."""

    panel: str
    load: object
    slo: Slo
    confidence: float
    candidates: tuple[Candidate, ...]

    @property
    def chosen(self) -> Candidate | None:
        """The cheapest that is accepted."""
        return next((c for c in self.candidates if c.accepted), None)

    @property
    def closest(self) -> Candidate:
        """The one with the least doubt."""
        return min(self.candidates, key=lambda c: c.doubt)

    @property
    def cheaper_undecided(self) -> tuple[Candidate, ...]:
        """Cheaper than the chosen one and good on average, but not surely."""
        before = self.candidates[: self.candidates.index(self.chosen)] if self.chosen else self.candidates
        return tuple(c for c in before if c.doubt < 1)


def choices(frontier: Frontier, slo: Slo, confidence: float, cost: Sequence[str]) -> list[Choice]:
    """An answer for each load of a panel. ScenarioError for a cost that is none, or a single replication."""
    prices = [price_of(name, frontier) for name in cost]
    if frontier.configurations and all(len(c.runs) < 2 for c in frontier.configurations):
        problem = "one run of each configuration shows nothing of how much runs differ"
        raise ScenarioError([Problem("replications", problem, "at least 2, better 10: --replications 10")])
    found = []
    for load, members in by_load(frontier).items():
        title = frontier.panel.title or frontier.panel.name
        found.append(choose(title, json.loads(load), members, slo, confidence, prices))
    return found


def choose(
    panel: str,
    load: object,
    configurations: Sequence[Configuration],
    slo: Slo,
    confidence: float,
    prices: Sequence[Price],
) -> Choice:
    """Judge the configurations together and sort them by price, equals by doubt."""
    doubts = [doubt_of(c, slo) for c in configurations]
    accepted = holm(doubts, 1 - confidence)
    error = (1 - confidence) / len(configurations)
    candidates = [
        Candidate(c, tuple(p(c) for p in prices), doubt, tuple(_most(c, k, error, yes) for k in slo.conditions), yes)
        for c, doubt, yes in zip(configurations, doubts, accepted, strict=True)
    ]
    return Choice(panel, load, slo, confidence, tuple(sorted(candidates, key=lambda c: (c.price, c.doubt))))


def doubt_of(c: Configuration, slo: Slo) -> float:
    """The doubt that a configuration meets all conditions; 1 for an overloaded one."""
    if not c.sustained:
        return 1.0
    return max(doubt(list(c.values(k.metric).values()), k.limit, _below(k)) for k in slo.conditions)


def holm(doubts: Sequence[float], error: float) -> list[bool]:
    """Which hypotheses to accept so that the chance of any wrong one is at most `error` (Holm's step-down method)."""
    accepted = [False] * len(doubts)
    order = sorted(range(len(doubts)), key=lambda i: doubts[i])
    for rank, index in enumerate(order):
        if doubts[index] > error / (len(doubts) - rank):
            break
        accepted[index] = True
    return accepted


def by_load(frontier: Frontier) -> dict[str, list[Configuration]]:
    """The configurations of each load, as JSON; of one group `null` where the load does not vary."""
    groups: dict[str, list[Configuration]] = {}
    for c in frontier.configurations:
        load = next((value for axis, value in c.settings.items() if is_load(axis)), None)
        groups.setdefault(json.dumps(load), []).append(c)
    return groups


def check_cost(names: Iterable[str], panels: Iterable[Panel]) -> None:
    """ScenarioError when one of them is neither a metric nor an axis of every panel."""
    for panel in panels:
        cure = f"a metric ({', '.join(METRICS)}) or an axis of the sweep ({', '.join(panel.axes)})"
        wrong = [name for name in names if name not in METRICS and name not in panel.axes]
        if wrong:
            raise ScenarioError([Problem("--cost", f"{name!r} is not known", cure) for name in wrong])


def price_of(name: str, frontier: Frontier) -> Price:
    """What `name` costs: a metric's mean, or an axis of the sweep. ScenarioError when it is neither."""
    check_cost([name], [frontier.panel])
    if name in METRICS:
        metric = METRICS[name]
        return lambda c: metric.cost(c.estimated(metric).mean)
    axes = frontier.panel.axes
    return lambda c: _setting_price(name, c.settings[name], axes)


def pasteable(settings: Settings) -> str:
    """The settings as the text of a scenario file, one dotted key a line; the load is not among them."""
    lines = [
        f"{key} = {json.dumps(value)}" for key, value in settings.items() if not is_load(key) and value is not None
    ]
    return "\n".join(lines)


def _setting_price(axis: str, value: object, axes: Mapping[str, Sequence[object]]) -> float:
    """Less is cheaper: a quantity by its size (autotuned: no bound), words by their order in the sweep file."""
    if axis in NOTHING and str(value) in {"0", "0B"}:
        return math.inf if NOTHING[axis] == "auto" else 0.0
    if isinstance(value, int | float):
        return float(value)
    for quantity in (SIZE, DURATION, RATE):
        try:
            return float(quantity.parse(value))
        except ValueError:
            continue
    return float(list(axes[axis]).index(value)) if value in axes[axis] else math.inf


def _most(c: Configuration, condition: Condition, error: float, accepted: bool) -> float:
    """The bound by Bonferroni, which is simple; of what Holm's sharper method accepts at least the limit holds."""
    if not c.sustained:
        return math.nan
    found = bound(list(c.values(condition.metric).values()), error, _below(condition))
    if not accepted:
        return found
    return min(found, condition.limit) if _below(condition) else max(found, condition.limit)


def _below(condition: Condition) -> bool:
    return condition.comparison.startswith("<")
