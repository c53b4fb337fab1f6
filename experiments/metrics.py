"""What configurations can be weighed by: each metric with its direction, its unit and how it is read off a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sim.errors import Problem, ScenarioError
from sim.units import DURATION, RATE, SIZE, Quantity

if TYPE_CHECKING:
    from experiments.sweep.result import Result

FEWEST = 2
"""One metric has a best value, no frontier."""


@dataclass(frozen=True)
class Metric:
    """A number of a run, in base units (ns, bit/s, bytes, shares).

    `resolution`: values within this share of each other count as equal. `logarithmic`: what matters are its ratios.
    `scale` and `unit`: how figures write it.
    """

    name: str
    label: str
    value: Callable[[Result], float | None]
    unit: str = ""
    scale: float = 1.0
    maximise: bool = False
    resolution: float = 0.0
    logarithmic: bool = False
    quantity: Quantity | None = None

    def cost(self, value: float) -> float:
        """The value such that less is better."""
        return -value if self.maximise else value

    def parse(self, text: str) -> float:
        """A value as people write it. ValueError says how."""
        if self.quantity is not None:
            return float(self.quantity.parse(text))
        return float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)

    @property
    def axis(self) -> str:
        """The label of an axis."""
        return f"{self.label}, {self.unit}" if self.unit else self.label


def _latency(name: str, label: str) -> Metric:
    return Metric(
        name, label, lambda run: getattr(run, f"{name}_ns"), "ms", 1e-6, logarithmic=True, quantity=DURATION
    )  # fmt: skip


def _per_message(name: str, label: str) -> Metric:
    return Metric(name, label, lambda run: getattr(run, name) / run.messages if run.messages else None)


THROUGHPUT = Metric(
    "throughput", "throughput", lambda run: run.throughput_bps, "Mbit/s of delivered payload", 1e-6, maximise=True,
    resolution=0.01, quantity=RATE,
)  # fmt: skip
P99 = _latency("p99", "P99 latency")

METRICS = {
    metric.name: metric
    for metric in (
        THROUGHPUT,
        _latency("mean", "mean latency"),
        _latency("p50", "P50 latency"),
        _latency("p90", "P90 latency"),
        P99,
        _latency("p999", "P99.9 latency"),
        _latency("max", "longest latency"),
        Metric("cpu", "CPU of the busier host", lambda run: max(run.cpu_server, run.cpu_client), "%", 100.0),
        Metric("cpu_server", "CPU of the server", lambda run: run.cpu_server, "%", 100.0),
        Metric("cpu_client", "CPU of the client", lambda run: run.cpu_client, "%", 100.0),
        _per_message("writes", "write() calls a message"),
        _per_message("segments", "segments a message"),
        _per_message("acks", "ACKs a message"),
        _per_message("retransmits", "retransmissions a message"),
        Metric("memory", "send queue, at most", lambda run: run.wmem_peak_bytes, "KiB", 1 / 1024, quantity=SIZE),
    )
}
"""By name. Of throughput more is better; of all others less."""

DEFAULT = (THROUGHPUT, P99)


def parse_metrics(text: str, path: str = "--metrics") -> tuple[Metric, ...]:
    """`throughput,p99,cpu`. ScenarioError for a name that is none, one twice, or fewer than two."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    problems = [
        Problem(path, f"no metric {name!r}", f"there are {', '.join(METRICS)}") for name in names if name not in METRICS
    ]
    if len(set(names)) < max(len(names), FEWEST):
        problems.append(Problem(path, f"{text!r}: a frontier needs different metrics", f"{FEWEST} or more, each once"))
    if problems:
        raise ScenarioError(problems)
    return tuple(METRICS[name] for name in names)


def parse_reference(text: str, metrics: tuple[Metric, ...], path: str = "--reference") -> dict[str, float]:
    """`p99=100ms,cpu=80%`: the worst value worth counting, of any of the metrics. ScenarioError lists mistakes."""
    by_name = {metric.name: metric for metric in metrics}
    reference, problems = {}, []
    for part in text.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        try:
            reference[name] = by_name[name].parse(value)
        except KeyError:
            problems.append(Problem(path, f"{name!r} is not weighed", f"one of {', '.join(by_name)}, like p99=100ms"))
        except ValueError as error:
            problems.append(Problem(path, f"{name}: {error}", "write it like p99=100ms"))
    if problems:
        raise ScenarioError(problems)
    return reference
