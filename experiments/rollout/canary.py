"""A canary release, simulated many times: how often it is rolled back, promoted or left undecided, and after how long.

Of the service's connections a share gets the new setting. The load drifts from window to window and is the same for
both arms of a window, so the canary is compared with the *concurrent* control: a message of the canary is late when it
exceeds the control's P99 (or another percentile) of the same window by more than the tolerance, and no more than
1 % may be. The late share of
each canary connection in each window is one observation; messages of one connection are not independent, connections
are. After each window the mean is held against an O'Brien-Fleming boundary: beyond it, the canary is rolled back.

The naive rule, P99 after against P99 before, is simulated beside it. It takes the drift for the change.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Literal

from experiments.rollout.pools import ABOVE, Pool, Pools, design_effect
from experiments.rollout.sequential import boundary, messages_needed

Verdict = Literal["rolled back", "promoted", "undecided"]
CONTROLS = 40
"""Control connections sampled in a window for its percentile."""


@dataclass(frozen=True)
class Design:
    """How the canary is run. `drift` is the load factor of each window; its length is the number of looks."""

    connections: int
    share: float
    drift: tuple[float, ...]
    tolerance: float = 0.05
    alpha: float = 0.05
    power: float = 0.9
    metric: str = "p99"  # a percentile of `pools.ABOVE`

    @property
    def above(self) -> float:
        """The share of messages that may exceed the percentile."""
        return ABOVE[self.metric]

    @property
    def canaries(self) -> int:
        """Connections with the new setting, at least one."""
        return max(1, round(self.connections * self.share))


@dataclass(frozen=True)
class Look:
    """One window: both arms' percentile (ns), late share so far, the statistic and what it must not exceed."""

    window: int
    load: float
    control: float
    canary: float
    late: float
    statistic: float
    limit: float


@dataclass(frozen=True)
class Trial:
    """One simulated rollout."""

    verdict: Verdict
    looks: tuple[Look, ...]


@dataclass(frozen=True)
class Outcome:
    """Many rollouts of one arm against A: the share of each verdict and, of those rolled back, the median window."""

    arm: str
    trials: int
    shares: dict[Verdict, float]
    windows_to_roll_back: float | None
    naive_alarms: float  # share of trials in which "P99 after exceeds P99 before" cries wolf, rightly or not

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "arm": self.arm, "trials": self.trials, "shares": dict(self.shares),
            "windows_to_roll_back": self.windows_to_roll_back, "naive_alarms": self.naive_alarms,
        }  # fmt: skip


@dataclass(frozen=True)
class Size:
    """How large the canary would have to be: messages, and what the estimate rests on."""

    late: float  # share of the changed arm's messages beyond the limit, at the drift's mean load
    design_effect: float
    messages: int | None  # None: the change makes nothing worse, so there is nothing to find


def size(pools: Pools, design: Design) -> Size:
    """Messages of the canary needed to find what B does, at the load nearest the drift's mean."""
    mean = sum(design.drift) / len(design.drift)
    load = min(pools["A"], key=lambda level: abs(level - mean))
    a, b = pools["A"][load], pools["B"][load]
    limit = a.percentile(range(len(a.connections)), design.above) * (1 + design.tolerance)
    late = sum(b.late(i, limit) for i in range(len(b.connections))) / len(b.connections)
    effect, usual = design_effect(b, limit), design.above
    needed = messages_needed(usual, late, design.alpha, design.power, effect) if late > usual else None
    return Size(late, effect, needed)


def rollout(pools: Pools, design: Design, arm: str, rng: Any) -> Trial:
    """One rollout: `arm` is "B", or "A" for a change that changes nothing."""
    late: list[float] = []
    looks = []
    for window, load in enumerate(design.drift, 1):
        control, changed = pools["A"][load], pools[arm][load]
        controls = rng.integers(len(control.connections), size=CONTROLS).tolist()
        canaries = rng.integers(len(changed.connections), size=design.canaries).tolist()
        usual = control.percentile(controls, design.above)
        late += [changed.late(i, usual * (1 + design.tolerance)) for i in canaries]
        statistic = standardised(late, design.above)
        limit = boundary(len(design.drift), window, design.alpha)
        mean = sum(late) / len(late)
        looks.append(Look(window, load, usual, changed.percentile(canaries, design.above), mean, statistic, limit))
        if statistic > limit:
            return Trial("rolled back", tuple(looks))
    return Trial("promoted" if mean <= design.above else "undecided", tuple(looks))


def standardised(late: Sequence[float], usual: float) -> float:
    """How many standard errors the mean late share lies above `usual`; binomial when all observations are equal."""
    n = len(late)
    mean = sum(late) / n
    variance = sum((x - mean) ** 2 for x in late) / (n - 1) if n > 1 else 0.0
    least = usual * (1 - usual) / 1_000  # a connection of a thousand independent messages: no canary is surer than that
    return (mean - usual) / math.sqrt(max(variance, least) / n)


def outcome(pools: Pools, design: Design, arm: str, trials: int, seed: int) -> tuple[Outcome, Trial]:
    """Many rollouts of `arm`, and the first of them."""
    import numpy as np

    done = [rollout(pools, design, arm, np.random.default_rng([seed, i])) for i in range(trials)]
    verdicts = Counter(trial.verdict for trial in done)
    known: tuple[Verdict, ...] = ("rolled back", "promoted", "undecided")
    shares = {verdict: verdicts[verdict] / trials for verdict in known}
    stopped = [len(trial.looks) for trial in done if trial.verdict == "rolled back"]
    naive = list(naive_alarms(pools, design, arm, trials, seed))
    return Outcome(arm, trials, shares, median(stopped) if stopped else None, sum(naive) / trials), done[0]


def drawn(pool: Pool, above: float, rng: Any) -> float:
    """The percentile of as many connections as a window's control has."""
    return pool.percentile(rng.integers(len(pool.connections), size=CONTROLS).tolist(), above)


def naive_alarms(pools: Pools, design: Design, arm: str, trials: int, seed: int) -> Iterator[bool]:
    """Whole fleet switched in the middle: does the second half's highest P99 exceed the first's by the tolerance?"""
    import numpy as np

    middle = len(design.drift) // 2
    for i in range(trials):
        rng = np.random.default_rng([seed, i, 1])
        before, after = (
            max(drawn(pools[name][load], design.above, rng) for load in loads)
            for name, loads in (("A", design.drift[:middle]), (arm, design.drift[middle:]))
        )
        yield after > before * (1 + design.tolerance)
