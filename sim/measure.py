"""What a run is summarised by: percentiles, size classes, and whether the load was more than the path carries.

Pure functions over NumPy arrays of integers (ns, bytes); nothing here knows how the run was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

PER_MILLE = {"p50": 500, "p90": 900, "p99": 990, "p999": 999}
"""The percentiles of a summary, in thousandths."""

SIZE_BOUNDS = (128, 1_448, 16_384)
"""Largest size (bytes) of all classes but the last: a header's worth, one Ethernet MSS, one HTTP/2 frame, beyond."""

NEVER = -1
"""`read_ns` of a message that was never read."""

SLICES = 8  # of the last half, each with its valley of backlog
LEAST_MESSAGES = 2 * SLICES  # in the last half; with fewer there is no trend to speak of
DELIVERED_SHARE = 0.99  # of what was offered in the last half; less is a sign of overload
RISE_SHARE = 1 - DELIVERED_SHARE  # and so much of it the backlog must have gained
STRAIGHT = 0.85  # least correlation of valleys with time: by chance 1 in 250 trendless series of eight reaches it


def quantiles(latency_ns: Ints) -> dict[str, int | None]:
    """Mean, percentiles and maximum of latencies, in ns; all None when there are none.

    A percentile is a latency that occurred: the smallest that at least that share of the messages did not exceed.
    It describes these messages only. Neighbours in a run are alike, so an interval for it comes from replications
    (`experiments.statistics`), never from the run's own scatter.
    """
    n = len(latency_ns)
    if n == 0:
        return dict.fromkeys(("mean", *PER_MILLE, "max"))
    ranks = {name: -(-n * share // 1000) - 1 for name, share in PER_MILLE.items()}
    placed = np.partition(latency_ns, sorted({*ranks.values(), n - 1}))
    return {
        "mean": round(float(latency_ns.mean())),
        **{name: int(placed[rank]) for name, rank in ranks.items()},
        "max": int(placed[n - 1]),
    }


def size_class(size: Ints) -> Ints:
    """Class of each size: an index into the classes that `SIZE_BOUNDS` separates."""
    return np.searchsorted(np.asarray(SIZE_BOUNDS), size, side="left").astype(np.int64)


def by_size(size: Ints, latency_ns: Ints) -> list[dict[str, object]]:
    """Percentiles per size class: `[{"from": bytes, "to": bytes | None, "messages": n, "latency_ns": {...}}]`."""
    classes = size_class(size)
    lower, upper = (1, *(bound + 1 for bound in SIZE_BOUNDS)), (*SIZE_BOUNDS, None)
    rows: list[dict[str, object]] = []
    for index, (low, high) in enumerate(zip(lower, upper, strict=True)):
        members = latency_ns[classes == index]
        if len(members):
            rows.append({"from": low, "to": high, "messages": len(members), "latency_ns": quantiles(members)})
    return rows


def overloaded(intended_ns: Ints, read_ns: Ints, size: Ints) -> bool:
    """Did more arrive than the path carries, so that the latency only says how long the run was?

    Judged in the last half of the time in which messages arrive (after the last arrival any backlog drains). Two signs
    must agree: less than 99 % of the bytes offered there was delivered there, and the backlog rises. A message counts
    as backlog once it is later than the fastest message of the run was, so the length of the way is no backlog, nor is
    the steady queue of a loaded path. The backlog rises when its valleys, the minima of eight equal slices, lie on a
    climbing line which gains 1 % of the bytes offered: a burst or a spike lifts the peaks, only overload the valleys.

    `read_ns` is `NEVER` for a message that was not read. A run whose last half has fewer than 16 messages is not
    judged: it is never overloaded.
    """
    order = np.argsort(intended_ns, kind="stable")
    arrive = intended_ns[order]
    if len(arrive) < LEAST_MESSAGES or arrive[0] == arrive[-1]:
        return False
    end = int(arrive[-1])
    middle = int(arrive[0]) + (end - int(arrive[0])) // 2
    late_half = arrive > middle
    if int(late_half.sum()) < LEAST_MESSAGES:
        return False
    arrived = np.concatenate(([0], np.cumsum(size[order])))
    offered = int(arrived[-1]) - int(arrived[int(np.searchsorted(arrive, middle, side="right"))])

    read = read_ns != NEVER
    if not read.any():
        return True
    on_time = read_ns[read] - int((read_ns[read] - intended_ns[read]).min())
    leave_order = np.argsort(on_time, kind="stable")
    leave = on_time[leave_order]
    left = np.concatenate(([0], np.cumsum(size[read][leave_order])))

    by_middle, by_end = left[np.searchsorted(leave, [middle, end], side="right")]
    if int(by_end - by_middle) >= DELIVERED_SHARE * offered:
        return False
    instants = arrive[late_half]  # the valleys are just before an arrival
    backlog = arrived[np.searchsorted(arrive, instants)] - left[np.searchsorted(leave, instants)]
    return _rises(_valleys(instants, backlog, middle, end), RISE_SHARE * offered)


def _valleys(instants: Ints, backlog: Ints, start: int, end: int) -> NDArray[np.float64]:
    """Least backlog of each of the equal slices of (start, end]; a slice without arrivals keeps the last one's."""
    which = np.minimum((instants - start) * SLICES // (end - start), SLICES - 1)
    valleys = np.zeros(SLICES)
    level = float(backlog[0])
    for index in range(SLICES):
        inside = backlog[which == index]
        level = float(inside.min()) if len(inside) else level
        valleys[index] = level
    return valleys


def _rises(valleys: NDArray[np.float64], least: float) -> bool:
    """Do the valleys lie on a line that climbs by `least` or more from the first to the last?"""
    time = np.arange(SLICES) - (SLICES - 1) / 2
    deviation = valleys - valleys.mean()
    spread = float(np.sqrt((time @ time) * (deviation @ deviation)))
    if spread == 0:
        return False
    slope, correlation = float(time @ deviation / (time @ time)), float(time @ deviation) / spread
    return correlation >= STRAIGHT and slope * (SLICES - 1) >= least
