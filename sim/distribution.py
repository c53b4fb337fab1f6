"""Latencies as a histogram: exact count, sum, least and most; percentiles to one part in 16384. Histograms add up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.state import BUCKET_BITS

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

Ints = NDArray[np.int64]

PER_MILLE = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}
"""The percentiles of a summary, in thousandths."""

HDR_HIGHEST = 1 << 61
"""Largest value of the HdrHistograms made here: all have the same range, so any two can be added."""


def bucket_index(v: int) -> int:
    """The bucket of `models.histogram` that holds v."""
    shift = max(0, v.bit_length() - BUCKET_BITS - 1)
    return (shift << BUCKET_BITS) + (v >> shift)


@dataclass(frozen=True, eq=False)
class Distribution:
    """Latencies in ns, by the buckets of `models.histogram` that hold any, in rising order.

    index: which buckets. value: the largest latency in each, one that occurred. count: how many it holds.
    total: exact sum of all latencies. least: the smallest; 0 when there are none.
    """

    index: Ints
    value: Ints
    count: Ints
    total: int
    least: int

    @classmethod
    def merged(cls, parts: Iterable[Distribution]) -> Distribution:
        """All the latencies of `parts` in one; the same as if they had been counted together."""
        held = [part for part in parts if part.n]
        if not held:
            none = np.zeros(0, np.int64)
            return cls(none, none, none, 0, 0)
        index, where = np.unique(np.concatenate([part.index for part in held]), return_inverse=True)
        value, count = np.zeros(len(index), np.int64), np.zeros(len(index), np.int64)
        np.maximum.at(value, where, np.concatenate([part.value for part in held]))
        np.add.at(count, where, np.concatenate([part.count for part in held]))
        return cls(index, value, count, sum(part.total for part in held), min(part.least for part in held))

    @cached_property
    def n(self) -> int:
        """How many latencies."""
        return int(self.count.sum())

    @property
    def most(self) -> int:
        """The largest; 0 when there are none."""
        return int(self.value[-1]) if len(self.value) else 0

    @property
    def mean(self) -> float:
        """Their mean, ns; nan when there are none."""
        return self.total / self.n if self.n else float("nan")

    @cached_property
    def _ranks(self) -> Ints:
        return np.cumsum(self.count)

    def percentile(self, per_mille: float) -> int:
        """A latency that occurred and that at least that share did not exceed: the smallest, or 0.006 % above it.

        Raises ValueError when there are none.
        """
        if not self.n:
            raise ValueError("no latencies, no percentiles")
        rank = max(1, -int(-self.n * per_mille // 1000))
        return int(self.value[np.searchsorted(self._ranks, rank)])

    def summary(self) -> dict[str, int | None]:
        """Mean, percentiles and maximum, ns; all None when there are none.

        They describe these messages only. Neighbours in a run are alike, so an interval comes from replications
        (`experiments.statistics`), never from the run's own scatter.
        """
        if not self.n:
            return dict.fromkeys(("mean", *PER_MILLE, "max"))
        percentiles = {name: self.percentile(share) for name, share in PER_MILLE.items()}
        return {"mean": round(self.mean), **percentiles, "max": self.most}

    def hdr(self, digits: int = 3) -> HdrHistogram:
        """As an HdrHistogram of that many significant digits (1 to 5), which other tools open and add up."""
        from hdrh.histogram import HdrHistogram

        histogram: Any = HdrHistogram(1, HDR_HIGHEST, digits)
        for value, count in zip(self.value.tolist(), self.count.tolist(), strict=True):
            histogram.record_value(value, count)
        return histogram
