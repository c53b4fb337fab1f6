"""A histogram of latencies, log-linear as HdrHistogram's: buckets of one width within a power of two, then twice that.

A power of two holds 2^BUCKET_BITS buckets, so a bucket is at most 1/16384 of its values wide. Every bucket keeps the
largest value it has seen: a percentile read from it is a latency that occurred, and 0.006 % too large at the most.
"""

from __future__ import annotations

from models.state import BUCKET_BITS, INF, Histogram

HALF = 1 << BUCKET_BITS
WHOLE = 2 << BUCKET_BITS


def open_histogram(h: Histogram) -> None:
    """There are no values yet."""
    h.least = INF


def bucket_of(h: Histogram, v: int) -> int:
    """The bucket of v >= 0. Neighbours are alike: the search begins where the last value was found."""
    k = h.shift
    while v >> k >= WHOLE:
        k += 1
    while k and v >> k < HALF:
        k -= 1
    h.shift = k
    return (k << BUCKET_BITS) + (v >> k)


def record(h: Histogram, v: int) -> None:
    """Count v. The total is carried into a second word by `models.tally`."""
    b = h.bucket[bucket_of(h, v)]
    b.count += 1
    if v > b.top:
        b.top = v
    if v < h.least:
        h.least = v
    if v > h.most:
        h.most = v
    h.total += v


def carry_total(h: Histogram, bits: int) -> None:
    """Keep the low `bits` of the total in its first word."""
    h.high += h.total >> bits
    h.total &= (1 << bits) - 1
