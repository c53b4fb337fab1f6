"""Histograms of whole numbers in HdrHistogram's own buckets, counted by NumPy, added up, handed to HdrHistogram.

A bucket is at most one part in 2^bits of its values wide; 10 bits are HdrHistogram's three significant digits. Counts
are integers: in whatever order parts are added, and whoever counted them, the sum is the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from hdrh.histogram import HdrHistogram

Ints = NDArray[np.int64]

DIGITS = 3
BITS = 10
"""log2 of the buckets in a power of two, for DIGITS significant digits."""

TOP = 48
"""Values have at most so many bits: 78 hours in ns."""

HIGHEST = (1 << TOP) - 1


def bucket_of(values: Ints, bits: int = BITS) -> Ints:
    """The bucket of each value, which is brought into 0..HIGHEST."""
    values = np.clip(values, 0, HIGHEST)
    shift = np.maximum(np.frexp(values.astype(np.float64))[1] - bits - 1, 0).astype(np.int64)
    bucket: Ints = (shift << bits) + (values >> shift)
    return bucket


def buckets(bits: int = BITS) -> int:
    """How many there are."""
    return (TOP - bits + 1) << bits


def upper_end(bucket: Ints, bits: int = BITS) -> Ints:
    """The largest value of each bucket."""
    shift = np.maximum((bucket >> bits) - 1, 0)
    end: Ints = ((bucket - (shift << bits) + 1) << shift) - 1
    return end


@dataclass
class Counts:
    """How many values each bucket holds."""

    count: Ints = field(default_factory=lambda: np.zeros(buckets(), np.int64))

    def add(self, found: tuple[Ints, Ints]) -> None:
        """Add counts, given as (buckets, how many more), each bucket once."""
        bucket, more = found
        self.count[bucket] += more

    @property
    def n(self) -> int:
        """How many values."""
        return int(self.count.sum())

    def quantile(self, share: float) -> int | None:
        """The least value that this share of the values does not exceed, as HdrHistogram says it; None of no values."""
        upto = np.cumsum(self.count)
        if not upto[-1]:
            return None
        rank = max(1, -int(-int(upto[-1]) * share // 1))
        return int(upper_end(np.searchsorted(upto, [rank]).astype(np.int64))[0])

    def survival(self) -> tuple[Ints, NDArray[np.float64]]:
        """Values, and the share of all that exceeds each."""
        held = np.flatnonzero(self.count).astype(np.int64)
        return upper_end(held), 1 - np.cumsum(self.count[held]) / max(1, self.n)

    def hdr(self) -> HdrHistogram:
        """As an HdrHistogram."""
        from hdrh.histogram import HdrHistogram

        histogram: Any = HdrHistogram(1, HIGHEST, DIGITS)
        held = np.flatnonzero(self.count).astype(np.int64)
        for value, count in zip(upper_end(held).tolist(), self.count[held].tolist(), strict=True):
            histogram.record_value(value, count)
        return histogram


def counted(values: Ints, times: Ints, bits: int = BITS) -> tuple[Ints, Ints]:
    """Values, each so many times, as (buckets, how many each)."""
    return added(bucket_of(values, bits), times)


def added(bucket: Ints, count: Ints) -> tuple[Ints, Ints]:
    """The counts of equal buckets as one."""
    unique, where = np.unique(bucket, return_inverse=True)
    total = np.zeros(len(unique), np.int64)
    np.add.at(total, where, count)
    return unique, total
