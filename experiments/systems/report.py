"""Replications of a system of queues, summarised: where the time goes at each station, and the whole's percentiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from experiments.labels import milliseconds
from experiments.statistics import Estimate, estimate
from sim.errors import Problem, ScenarioError
from sim.tandem import CAUSES, Outcome, System, simulate

MEASURES = {"mean": None, "p50": 0.5, "p99": 0.99, "p999": 0.999}


@dataclass(frozen=True)
class StationSummary:
    """Means over all messages that came to a station, ns, and the share of its servers' time that was work."""

    name: str
    utilisation: float
    mean_ns: dict[str, float]


@dataclass(frozen=True)
class Summary:
    """What `tinygram system` prints: latencies in ns, from arrival to leaving the last station."""

    system: System
    seeds: tuple[int, ...]
    messages: int
    latency_ns: dict[str, Estimate]
    stations: tuple[StationSummary, ...]
    bulk_ns: tuple[int, ...]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "name": self.system.name, "seeds": list(self.seeds), "messages": self.messages,
            "assumptions": list(self.system.assumptions),
            "latency_ns": {name: value.as_dict() for name, value in self.latency_ns.items()},
            "stations": [
                {"name": s.name, "utilisation": s.utilisation, "mean_ns": s.mean_ns} for s in self.stations
            ],
            "bulk_ns": list(self.bulk_ns),
        }  # fmt: skip


def run(system: System, seeds: Sequence[int]) -> Summary:
    """One replication a seed. ScenarioError when one counts no message."""
    outcomes = [simulate(system, seed) for seed in seeds]
    empty = next((o.seed for o in outcomes if not len(o.latency_ns)), None)
    if empty is not None:
        cure = "give a longer duration, a higher rate of arrivals or a shorter warmup"
        raise ScenarioError([Problem(system.name, f"no message to count with seed {empty}", cure)])
    return summarise(outcomes)


def summarise(outcomes: Sequence[Outcome]) -> Summary:
    """Percentiles per replication, estimated over them; station means over all."""
    values = {
        name: [float(o.latency_ns.mean() if q is None else np.quantile(o.latency_ns, q)) for o in outcomes]
        for name, q in MEASURES.items()
    }
    stations = []
    for passages in zip(*(o.passages for o in outcomes), strict=True):
        means = {cause: float(np.mean([p.causes[cause].mean() for p in passages])) for cause in CAUSES}
        utilisation = float(np.mean([p.utilisation for p in passages]))
        stations.append(StationSummary(passages[0].station.name, utilisation, means))
    return Summary(
        system=outcomes[0].system,
        seeds=tuple(o.seed for o in outcomes),
        messages=sum(len(o.latency_ns) for o in outcomes),
        latency_ns={name: estimate(per_seed) for name, per_seed in values.items()},
        stations=tuple(stations),
        bulk_ns=tuple(int(ns) for o in outcomes for p in o.passages for ns in p.bulk_ns),
    )


def text(summary: Summary) -> str:
    """For people."""
    system = summary.system
    seeds = f"{len(summary.seeds)} replication{'s' if len(summary.seeds) != 1 else ''}"
    lines = [system.title or system.name, f"{summary.messages:,} messages through to the end, {seeds}", ""]
    lines.append(f"{'station':<14}{'used':>6}" + "".join(f"{cause:>11}" for cause in CAUSES) + "   mean, ms")
    for station in summary.stations:
        causes = "".join(f"{milliseconds(station.mean_ns[cause]):>11}" for cause in CAUSES)
        lines.append(f"{station.name:<14}{station.utilisation:>6.0%}{causes}")
    lines += ["", "latency, ms"]
    for name, value in summary.latency_ns.items():
        spread = "" if value.n == 1 else f"   {milliseconds(value.lo)} to {milliseconds(value.hi)}"
        lines.append(f"  {name.replace('p999', 'p99.9'):<6}{milliseconds(value.mean):>10}{spread}")
    if summary.bulk_ns:
        jobs = sorted(summary.bulk_ns)
        lines.append(f"  a bulk job takes {jobs[len(jobs) // 2] / 1e9:.2f} s, at most {jobs[-1] / 1e9:.2f} s")
    if system.assumptions:
        lines += ["", "assumed", *(f"  {line}" for line in system.assumptions)]
    return "\n".join(lines)
