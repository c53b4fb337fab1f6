"""Stalls that come in steps: gaps between reads that are all of one length, or of multiples of it.

A timer leaves such a staircase (a delayed ACK of 40 ms, an RTO of 200 ms), and so does waiting for a round trip; queues
and jitter do not, their gaps are spread. A gap is a stall when it is longer than the gaps in which messages were
intended; the step is the most common length among the stalls.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Floats = NDArray[np.float64]

STALL = 1.5
"""A gap between reads this many times the median gap between intended times is a stall ..."""
LEAST_STALL = 10_000_000
"""... if it is at least this long, ns."""
TOLERANCE = 0.06
"""Gaps this close (as a share of the step) to a multiple of it belong to the staircase."""
FEWEST = 5
REGULAR = 0.6
"""Share of the stalls that must lie on the staircase to speak of one."""


@dataclass(frozen=True)
class Staircase:
    """Stalls of one length and its multiples."""

    step_ns: int
    stalls: int
    regular: float  # share of the stalls that lie on it
    time: float  # share of the run that passed in stalls


def staircase(read_ns: Ints, intended_ns: Ints) -> Staircase | None:
    """The steps in the times of reads; None when there are too few stalls, or they are of all lengths."""
    import numpy as np

    gaps = np.diff(np.sort(read_ns)).astype(np.float64)
    if len(gaps) < FEWEST:
        return None
    usual = float(np.median(np.diff(intended_ns)))
    stalls = gaps[gaps >= max(LEAST_STALL, STALL * usual)]
    if len(stalls) < FEWEST:
        return None
    step = _mode(stalls)
    multiple = np.maximum(1, np.round(stalls / step))
    regular = float((np.abs(stalls - multiple * step) <= TOLERANCE * step).mean())
    if regular < REGULAR:
        return None
    return Staircase(round(step), len(stalls), regular, float(stalls.sum() / gaps.sum()))


def _mode(values: Floats) -> float:
    """The mean of the fullest interval of relative width `TOLERANCE`."""
    import numpy as np

    ordered = np.sort(values)
    ends = np.searchsorted(ordered, ordered * (1 + TOLERANCE), side="right")
    first = int(np.argmax(ends - np.arange(len(ordered))))
    return float(ordered[first : ends[first]].mean())
