"""Is B worse than A? Two scenarios on the same draws, seed by seed, with an interval and a verdict.

The question is one of non-inferiority: B is *no worse* in a metric when the whole interval of its harm lies within the
tolerance, *worse* when the whole interval lies beyond it, *better* when it lies as far on the other side, and
*undecided* where it straddles the tolerance, which more seeds can settle.
Harm is a latency's rise or throughput's fall, as a share of A's mean.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from experiments.labels import megabits, milliseconds
from experiments.statistics import Estimate, estimate, paired_difference

if TYPE_CHECKING:
    from sim import Scenario

Verdict = Literal["better", "no worse", "undecided", "worse"]
Summary = dict[str, Any]

ORDER: tuple[Verdict, ...] = ("better", "no worse", "undecided", "worse")
METRICS = {"p50": "P50", "p99": "P99", "throughput": "throughput"}


@dataclass(frozen=True)
class Metric:
    """One metric of both: means (ns, or bit/s), the paired difference B - A and its harm as a share of A."""

    name: str
    a: float | None
    b: float | None
    difference: Estimate | None
    harm: Estimate | None
    verdict: Verdict
    reason: str = ""


@dataclass(frozen=True)
class Comparison:
    """B against A, metric by metric; the verdict is the worst of them."""

    a: str
    b: str
    seeds: tuple[int, ...]
    tolerance: float
    overloaded_a: int  # in how many seeds
    overloaded_b: int
    metrics: tuple[Metric, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst metric's verdict; "better" when one is better and none worse or undecided."""
        verdicts = {metric.verdict for metric in self.metrics}
        bad = max(verdicts, key=ORDER.index)
        return "better" if bad == "no worse" and "better" in verdicts else bad

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        metrics = [
            asdict(m) | {"difference": m.difference and m.difference.as_dict(), "harm": m.harm and m.harm.as_dict()}
            for m in self.metrics
        ]
        return asdict(self) | {"metrics": metrics, "verdict": self.verdict}


def compare(
    scenarios: Mapping[str, Scenario],
    seeds: Sequence[int],
    tolerance: float,
    advance: Callable[[int], None] = lambda _: None,
) -> Comparison:
    """Run A and B, the two of `scenarios` by label, on every seed and judge B.

    `advance` is called after each run with its number of messages.

    Raises what `simulate` raises.
    """
    from sim import simulate

    results: dict[str, dict[int, Summary]] = {label: {} for label in scenarios}
    for seed in seeds:
        for label, scenario in scenarios.items():
            results[label][seed] = simulate(scenario, seed).summary()
            advance(results[label][seed]["messages"])
    (a, before), (b, after) = results.items()
    return judge(a, b, before, after, tolerance)


def judge(a: str, b: str, before: dict[int, Summary], after: dict[int, Summary], tolerance: float) -> Comparison:
    """Compare the summaries of two scenarios, by seed."""
    overloaded_a = sum(s["overloaded"] for s in before.values())
    overloaded_b = sum(s["overloaded"] for s in after.values())
    metrics = []
    for name in METRICS:
        if name != "throughput" and (overloaded_a or overloaded_b):
            metrics.append(_overloaded(name, overloaded_a, overloaded_b))
        else:
            metrics.append(_metric(name, before, after, tolerance))
    return Comparison(a, b, tuple(before), tolerance, overloaded_a, overloaded_b, tuple(metrics))


def _overloaded(name: str, a: int, b: int) -> Metric:
    """An overloaded configuration has no latency, only a backlog that grows."""
    if a and b:
        return Metric(name, None, None, None, None, "no worse", "both overloaded: latency grows with the run")
    verdict: Verdict = "worse" if b else "better"
    return Metric(name, None, None, None, None, verdict, f"only {'B' if b else 'A'} is overloaded")


def _metric(name: str, before: dict[int, Summary], after: dict[int, Summary], tolerance: float) -> Metric:
    a, b = ({seed: _value(name, s) for seed, s in side.items()} for side in (before, after))
    known_a = {seed: value for seed, value in a.items() if value is not None}
    known_b = {seed: value for seed, value in b.items() if value is not None}
    if len(known_a) < len(a) or len(known_b) < len(b):
        fewer = len(known_b) < len(known_a)
        return Metric(name, None, None, None, None, "worse" if fewer else "undecided", "some runs delivered nothing")
    mean_a, mean_b = (estimate(list(side.values())).mean for side in (known_a, known_b))
    difference = paired_difference(known_a, known_b)
    harm = _harm(difference, mean_a, -1 if name == "throughput" else 1)
    return Metric(name, mean_a, mean_b, difference, harm, _verdict(harm, tolerance))


def _value(name: str, summary: Summary) -> float | None:
    value = summary["throughput_bps"] if name == "throughput" else summary["latency_ns"][name]
    return None if value is None else float(value)


def _harm(difference: Estimate, mean: float, sign: int) -> Estimate:
    """The difference as a share of A's mean, positive where it hurts."""
    scale = sign / mean if mean else (math.inf if difference.mean else 0.0)
    ends = sorted((difference.lo * scale, difference.hi * scale))
    return Estimate(difference.mean * scale, ends[0], ends[1], difference.n, difference.confidence)


def _verdict(harm: Estimate, tolerance: float) -> Verdict:
    if harm.hi < -tolerance:
        return "better"
    if harm.hi <= tolerance:
        return "no worse"
    return "worse" if harm.lo > tolerance else "undecided"


# ---- text ------------------------------------------------------------------------------------------------------------


def text(c: Comparison) -> str:
    """The comparison for people."""
    return "\n".join(_lines(c))


def _lines(c: Comparison) -> Iterator[str]:
    yield c.a
    yield c.b
    yield f"{len(c.seeds)} seeds, the same draws for both; tolerance {c.tolerance:.3g} of A"
    yield ""
    yield f"{'':<13}{'A':>10}{'B':>10}{'B - A':>10}   {'95 % interval':<22}{'change':>8}   verdict"
    for m in c.metrics:
        unit = "Mbit/s" if m.name == "throughput" else "ms"
        label = f"{METRICS[m.name]}, {unit}" if m.name != "throughput" else "Mbit/s"
        if m.difference is None or m.a is None or m.b is None:
            yield f"{label:<13}{'-':>10}{'-':>10}{'-':>10}   {m.reason:<33}{m.verdict}"
            continue
        show = megabits if m.name == "throughput" else milliseconds
        d = m.difference
        difference, low, high = (_signed(show(value)) for value in (d.mean, d.lo, d.hi))
        interval = f"[{low}, {high}]"
        change = f"{m.difference.mean / m.a:+.1%}" if m.a else "-"
        numbers = f"{show(m.a):>10}{show(m.b):>10}{difference:>10}"
        yield f"{label:<13}{numbers}   {interval:<22}{change:>8}   {m.verdict}"
    yield ""
    yield f"verdict: {_sentence(c)}"


def _signed(number: str) -> str:
    """A difference always shows its sign, and 0 none."""
    value = float(number)
    return "0" if value == 0 else number if value < 0 else f"+{number}"


def _sentence(c: Comparison) -> str:
    blamed = " and ".join(METRICS[m.name] for m in c.metrics if m.verdict == c.verdict)
    return {
        "worse": f"B is worse than A in {blamed}",
        "undecided": f"undecided in {blamed}: the interval straddles the tolerance, more seeds can settle it",
        "no worse": "B is no worse than A",
        "better": f"B is no worse than A, and better in {blamed}",
    }[c.verdict]
