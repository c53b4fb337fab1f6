"""The frontier of points that arrive one by one: by dominance, or, if asked for, by the convex hull.

Throughput is better the more, latency the less. The two fronts differ: of (1240, 18.3), (1280, 21.1) and (1360, 22.7)
nothing beats the second, so it is on the frontier; but a mixture of the other two would, so it is not on the hull. A
setting cannot be mixed. That is why dominance is the rule here and the hull an option.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

Point = tuple[float, float]
"""(throughput, latency)"""


class StreamingFront:
    """The points so far that nothing beats, by rising throughput: O(log n) a point, and each is removed once."""

    def __init__(self, points: Iterable[Point] = ()) -> None:
        self.throughputs: list[float] = []
        self.latencies: list[float] = []
        for point in points:
            self.add(*point)

    def add(self, throughput: float, latency: float) -> bool:
        """Take a point in; False when one that carries as much at no higher latency is there already."""
        at = bisect_left(self.throughputs, throughput)
        if at < len(self.latencies) and self.latencies[at] <= latency:
            return False
        end = at + 1 if at < len(self.throughputs) and self.throughputs[at] == throughput else at
        first = at
        while first and self.latencies[first - 1] >= latency:
            first -= 1
        self.throughputs[first:end] = [throughput]
        self.latencies[first:end] = [latency]
        return True

    @property
    def points(self) -> list[Point]:
        """The frontier."""
        return list(zip(self.throughputs, self.latencies, strict=True))

    def hull(self) -> list[Point]:
        """Its lower right convex hull (Andrew's monotone chain): what no mixture of two points beats either."""
        chain: list[Point] = []
        for point in self.points:
            while len(chain) > 1 and _above(chain[-2], chain[-1], point):
                chain.pop()
            chain.append(point)
        return chain


def _above(a: Point, b: Point, c: Point) -> bool:
    """Does b lie on or above the chord from a to c?"""
    return (b[1] - a[1]) * (c[0] - a[0]) >= (c[1] - a[1]) * (b[0] - a[0])
