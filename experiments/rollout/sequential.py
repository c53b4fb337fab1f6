"""Looking often without crying wolf: boundaries for repeated looks, and how many messages a P99 difference needs.

A canary that is judged after each window gets a chance of a false alarm with each look. O'Brien and Fleming's
boundary asks much of the early looks and hardly more than a single test of the last one
(Jennison and Turnbull, Group Sequential Methods, chapter 2).
"""

from __future__ import annotations

import math
from functools import cache

PATHS = 200_000
"""Random walks from which a boundary is taken; its error is below 1 %."""


@cache
def obrien_fleming(looks: int, alpha: float) -> float:
    """c such that a standardised statistic exceeds c sqrt(looks / k) at any look k with probability `alpha` at most.

    One-sided. Taken from random walks of a fixed seed, so the same everywhere.
    """
    import numpy as np

    rng = np.random.default_rng(0)
    highest = np.full(PATHS, -np.inf)
    walk = np.zeros(PATHS)
    for _ in range(looks):
        walk += rng.standard_normal(PATHS)
        np.maximum(highest, walk / math.sqrt(looks), out=highest)  # z of look k, divided by sqrt(looks / k)
    return float(np.quantile(highest, 1 - alpha))


def boundary(looks: int, k: int, alpha: float) -> float:
    """What the statistic must exceed at look k (from 1) of `looks`."""
    return obrien_fleming(looks, alpha) * math.sqrt(looks / k)


def messages_needed(usual: float, worse: float, alpha: float, power: float, design_effect: float = 1.0) -> int:
    """Messages of the canary that show, with this power, that a share `worse` of them exceeds what `usual` should.

    `usual` is 0.01 for a P99. `design_effect` is how many times the variance of that share exceeds that of independent
    messages: messages of one connection are late together.
    """
    if worse <= usual:
        raise ValueError("there is nothing to find: the canary's share is not larger")
    reach = normal_quantile(1 - alpha) * math.sqrt(usual * (1 - usual))
    reach += normal_quantile(power) * math.sqrt(worse * (1 - worse))
    return max(math.ceil(1 / worse), math.ceil(design_effect * (reach / (worse - usual)) ** 2))


def normal_quantile(probability: float) -> float:
    """Of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))
