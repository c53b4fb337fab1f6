"""What a run is summarised by, read from its tally (`models.tally`), whoever made time pass."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from models.ledger import NEVER
from models.state import CAUSES, Writer
from models.tally import FRAME, LOW_BITS, SEGMENT, SMALL, tally_wait
from sim.distribution import Distribution, Ints

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sim.engine import Engine

CLASSES = ((1, SMALL), (SMALL + 1, SEGMENT), (SEGMENT + 1, FRAME), (FRAME + 1, None))
"""Smallest and largest size (bytes) of each class of messages."""

EIGHTHS = 8  # of the last half, each with its valley
LEAST_MESSAGES = 2 * EIGHTHS  # in the last half; with fewer there is no trend to speak of
RISE_SHARE = 0.01  # of the last half: so much longer the way must have become
STRAIGHT = 0.85  # least correlation of valleys with time: by chance 1 in 250 trendless series of eight reaches it


@dataclass(frozen=True)
class Measures:
    """Sums over the messages that were read (over transactions, for request-response). Times ns, sizes bytes."""

    startup: Distribution
    steady: tuple[Distribution, ...]  # one a class of CLASSES
    closed: Distribution  # steady state, from the write call
    causes: dict[str, int]  # total ns of each cause
    n: int
    bytes: int
    first_due: int
    first_size: int
    last_due: int
    last_read: int
    overloaded: bool

    @property
    def latency(self) -> Distribution:
        """Steady state, messages of all sizes."""
        return Distribution.merged(self.steady)

    def by_size(self) -> list[dict[str, object]]:
        """Percentiles per size class: `[{"from": bytes, "to": bytes | None, "messages": n, "latency_ns": {...}}]`."""
        return [
            {"from": low, "to": high, "messages": part.n, "latency_ns": part.summary()}
            for (low, high), part in zip(CLASSES, self.steady, strict=True)
            if part.n
        ]


def measure(engine: Engine, w: Writer) -> Measures:
    """Read the tally of a sender of the engine's state."""
    t = w.tally
    left = unread(w) if t.watch else []
    for due in left:  # so far each has had the oldest before it
        tally_wait(t, due, due - left[0])
    startup, closed = engine.distribution(t.startup), engine.distribution(t.closed)
    steady = tuple(engine.distribution(t.steady[k]) for k in range(len(CLASSES)))
    read = [part.least for part in (startup, *steady) if part.n]
    return Measures(
        startup=startup,
        steady=steady,
        closed=closed,
        causes={cause: (t.high[k] << LOW_BITS) + t.cause[k] for k, cause in enumerate(CAUSES)},
        n=t.n,
        bytes=t.bytes,
        first_due=t.first_due,
        first_size=t.first_size,
        last_due=t.last_due,
        last_read=t.last_read,
        overloaded=overloaded(*engine.slices(t), t.latest_due - t.origin, t.slice_bits, min(read, default=None)),
    )


def unread(w: Writer) -> list[int]:
    """Intended times of the messages under way at the end."""
    if w.done == w.total:
        return []
    slots = (w.m[i] for i in range(1, w.top + 1))
    return sorted(m.t_due for m in slots if m.t_read == NEVER)


def overloaded(n: Ints, wait: Ints, span: int, bits: int, fastest: int | None) -> bool:
    """Did more arrive than the path carries, so that the latency only says how long the run was?

    n, wait: messages due in each slice of 2^bits ns, and the least time from when one is due to when the one before it
    is read. span: ns from the first intended time to the last. fastest: the least latency; None when none was read.

    Judged in the last half of the time in which messages are due (after the last one any backlog drains). A wait
    longer than `fastest` is a backlog: the length of the way is none. The backlog grows when its valleys, the least
    ones of eight equal parts, lie on a line that climbs by 1 % of the time: a burst, a spike or the steady queue of a
    loaded path lifts the peaks, only overload the valleys. With fewer than 16 messages in that half the answer is no.
    """
    middle, end = (span // 2) >> bits, span >> bits
    n, wait = n[middle + 1 : end + 1], wait[middle + 1 : end + 1]
    if len(n) < EIGHTHS or int(n.sum()) < LEAST_MESSAGES:
        return False
    if fastest is None:
        return True
    valleys = _valleys(n, np.maximum(wait - fastest, 0))
    return _rises(valleys, RISE_SHARE * (len(n) << bits))


def _valleys(n: Ints, backlog: Ints) -> NDArray[np.float64]:
    """The least backlog of each eighth; one without arrivals keeps the last one's."""
    valleys = np.zeros(EIGHTHS)
    level = float(backlog[n > 0][0])
    for index, eighth in enumerate(np.array_split(np.arange(len(n)), EIGHTHS)):
        inside = backlog[eighth][n[eighth] > 0]
        level = float(inside.min()) if len(inside) else level
        valleys[index] = level
    return valleys


def _rises(valleys: NDArray[np.float64], least: float) -> bool:
    """Do the valleys lie on a line that climbs by `least` or more from the first to the last?"""
    time = np.arange(EIGHTHS) - (EIGHTHS - 1) / 2
    deviation = valleys - valleys.mean()
    spread = float(np.sqrt((time @ time) * (deviation @ deviation)))
    if spread == 0:
        return False
    slope, correlation = float(time @ deviation / (time @ time)), float(time @ deviation) / spread
    return correlation >= STRAIGHT and slope * (EIGHTHS - 1) >= least
