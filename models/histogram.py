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


def shift_of(v: int, near: int) -> int:
    """By how many bits v >= 0 is too long for a bucket's number; the search begins at `near`."""
    k = near
    while v >> k >= WHOLE:
        k += 1
    while k and v >> k < HALF:
        k -= 1
    return k


def bucket_of(v: int, shift: int) -> int:
    """The bucket of v >= 0, whose `shift_of` is known."""
    return (shift << BUCKET_BITS) + (v >> shift)


def record(h: Histogram, v: int, bucket: int) -> None:
    """Count v, which belongs in that bucket. The total is carried into a second word by `models.tally`."""
    b = h.bucket[bucket]
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
