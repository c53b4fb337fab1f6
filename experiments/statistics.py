"""How sure a number is: replications, intervals, paired differences.

A percentile of one run has no honest interval of its own. Messages of a run wait behind one another, so its latencies
are autocorrelated and every formula that takes them for independent is far too sure. Replications are independent:
each has its own seed, hence its own arrivals, spikes, losses and timer phases. So a percentile is taken per run, and
the interval comes from the replications' values (Law, Simulation Modeling and Analysis, section 9.4.1). What it
contains, as often as it says, is the mean percentile of all runs of this length. That of an endless run differs by the
bias of a short one; `experiments.coverage` measures both.

Latencies, rates and counts cannot be negative, and the percentiles of runs are skewed, mostly to the right. Upwards
their interval is Student's t on a logarithmic scale, by the delta method: mean x exp(t x standard error / mean), which
reaches farther; downwards it is Student's t as it stands, but never below 0. Few replications show little of their own
skewness, and t alone then contains too rarely (92 % instead of 95 in the hardest scenario of
`docs/background/measuring.md`); so t is given four fifths of the error probability, and the last is kept for skewness.
A difference can have any sign, and is less skewed when both sides shared their draws: its interval is Student's t.

Two configurations run on the same seeds meet the same arrivals and spikes (common random numbers). Their difference,
taken seed by seed, is freed of what they share, and its interval is the narrower for it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95
"""How often an interval is to contain what it estimates."""

FOR_T = 0.8
"""Share of the error probability that Student's t may spend; the rest is for what it does not know of: skewness."""


@dataclass(frozen=True)
class Estimate:
    """A mean over replications with its interval, in the unit of the values; one replication has no interval (nan)."""

    mean: float
    lo: float
    hi: float
    n: int
    confidence: float = CONFIDENCE

    @property
    def half_width(self) -> float:
        """Half the interval, in the unit of the values; nan for one replication."""
        return (self.hi - self.lo) / 2

    @property
    def relative_half_width(self) -> float:
        """Half the interval as a share of the mean: 0.05 is "within 5 %"; nan for one replication or a mean of 0."""
        return self.half_width / abs(self.mean) if self.mean else math.nan

    def excludes(self, value: float) -> bool:
        """Is `value` outside the interval? Never, when there is none."""
        return value < self.lo or value > self.hi

    def scaled(self, factor: float) -> Estimate:
        """The same in another unit: `estimate_ns.scaled(1e-6)` is in ms."""
        return Estimate(self.mean * factor, self.lo * factor, self.hi * factor, self.n, self.confidence)

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: `{"mean", "lo", "hi", "n", "confidence"}`, with None for what a lone replication cannot give."""
        lo, hi = (None if math.isnan(bound) else bound for bound in (self.lo, self.hi))
        return {"mean": self.mean, "lo": lo, "hi": hi, "n": self.n, "confidence": self.confidence}


def estimate(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Mean and interval of one value per replication, none negative. ValueError when there are none, or some are."""
    if values and min(values) < 0:
        raise ValueError("a negative value: take `difference`")
    n, mean, error = _moments(values)
    if n == 1:
        return Estimate(mean, math.nan, math.nan, 1, confidence)
    reach = t_quantile(1 - (1 - confidence) * FOR_T / 2, n - 1) * error
    return Estimate(mean, _below(mean, reach), _above(mean, reach), n, confidence)


def difference(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    """Mean and interval of one difference per replication, of any sign. ValueError when there are none."""
    n, mean, error = _moments(values)
    half = t_quantile((1 + confidence) / 2, n - 1) * error if n > 1 else math.nan
    return Estimate(mean, mean - half, mean + half, n, confidence)


def doubt(values: Sequence[float], limit: float, below: bool = True) -> float:
    """The p-value of "the mean is not below `limit`" (or not above): one-sided, on `estimate`'s scale.

    0.03: were the true mean the limit, means this far on the good side came in 3 % of experiments. 1 on the wrong side,
    and for a lone value, which tells nothing.
    """
    from scipy.special import stdtr

    n, mean, error = _moments(values)
    if n == 1 or (mean >= limit if below else mean <= limit):
        return 1.0
    if error == 0 or mean == 0 or limit <= 0:
        return 0.0
    distance = math.log(limit / mean) * mean if below else mean - limit
    return min(1.0, float(stdtr(n - 1, -distance / error)) / FOR_T)


def bound(values: Sequence[float], error: float, below: bool = True) -> float:
    """The limit at which `doubt` is `error`: with so little doubt the mean is below (above) it; nan for one value."""
    n, mean, standard_error = _moments(values)
    if n == 1:
        return math.nan
    reach = t_quantile(1 - error * FOR_T, n - 1) * standard_error
    return _above(mean, reach) if below else _below(mean, reach)


def paired_difference(
    before: Mapping[int, float], after: Mapping[int, float], confidence: float = CONFIDENCE
) -> Estimate:
    """`after - before` on the seeds both were run with, which gave both the same draws. ValueError without any."""
    seeds = sorted(before.keys() & after.keys())
    if not seeds:
        raise ValueError("no seed was run with both configurations")
    return difference([after[seed] - before[seed] for seed in seeds], confidence)


def _moments(values: Sequence[float]) -> tuple[int, float, float]:
    """Their number, their mean and its standard error."""
    n = len(values)
    if n == 0:
        raise ValueError("no replications to estimate from")
    return n, math.fsum(values) / n, standard_deviation(values) / math.sqrt(n)


def _above(mean: float, reach: float) -> float:
    """So far up, on a logarithmic scale."""
    return mean * math.exp(min(reach / mean, 700.0)) if mean else mean


def _below(mean: float, reach: float) -> float:
    """So far down, but not below 0."""
    return max(0.0, mean - reach)


def standard_deviation(values: Sequence[float]) -> float:
    """Of a sample (n - 1), in the unit of the values; nan for a single value."""
    n = len(values)
    if n < 2:
        return math.nan
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1))


def coefficient_of_variation(values: Sequence[float]) -> float:
    """Standard deviation over mean: how much replications differ (or, of gaps, how bursty arrivals are; Poisson: 1)."""
    mean = math.fsum(values) / len(values) if values else 0.0
    return standard_deviation(values) / abs(mean) if mean else math.nan


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t: `t_quantile(0.975, 9)` is 2.262."""
    from scipy.special import stdtrit  # 20 times lighter to import than scipy.stats

    return float(stdtrit(degrees, probability))
