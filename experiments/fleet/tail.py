"""Who is in the tail: which connections, by what was drawn for them, send the fleet's slowest messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from experiments.fleet.counts import upper_end
from experiments.fleet.draw import Parameter
from experiments.fleet.run import TAIL_BITS, Total

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """How a parameter's bins share the fleet's messages, and those of the tail. Bins without messages are left out."""

    parameter: Parameter
    labels: tuple[str, ...]
    fleet: Floats
    tail: Floats

    @property
    def distance(self) -> float:
        """How differently the two are shared: 0 the same, 1 no bin in common (total variation)."""
        return float(np.abs(self.fleet - self.tail).sum() / 2)

    @property
    def most(self) -> int:
        """The bin whose share grows most."""
        return int(np.argmax(self.tail - self.fleet))

    def middle(self, of: Floats) -> str:
        """The bin of the median message; where bins do not rise, the commonest."""
        at = np.searchsorted(np.cumsum(of), 0.5) if self.parameter.ordered else np.argmax(of)
        return self.labels[min(int(at), len(self.labels) - 1)]


@dataclass(frozen=True)
class Tail:
    """The slowest messages: their share of all, the latency they exceed, and the parameters, most telling first."""

    share: float
    beyond_ns: int
    shares: tuple[Share, ...]


def tail_of(total: Total, share: float = 0.01) -> Tail | None:
    """The slowest `share` of the messages, or a little less: the cut is between buckets. None when all are alike."""
    if not len(total.parameters):
        return None
    all_messages = total.spread[0].sum(axis=0)
    n = int(all_messages.sum())
    beyond = n - np.cumsum(all_messages)
    cut = int(np.argmax(beyond <= share * n))
    if n == 0 or beyond[cut] == 0:
        return None
    found = []
    for parameter, spread in zip(total.parameters, total.spread, strict=True):
        fleet, tail = spread.sum(axis=1), spread[:, cut + 1 :].sum(axis=1)
        held = [at for at in range(len(parameter.labels)) if at < len(fleet) and fleet[at]]
        labels = tuple(parameter.labels[at] for at in held)
        found.append(Share(parameter, labels, fleet[held] / fleet[held].sum(), tail[held] / tail[held].sum()))
    found.sort(key=lambda shared: -shared.distance)
    return Tail(int(beyond[cut]) / n, int(upper_end(np.array([cut]), TAIL_BITS)[0]), tuple(found))
