"""What is kept of a run: one row of numbers, and the finer tables as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

_ELSEWHERE = {
    "messages", "undelivered", "overloaded", "duration_ns", "throughput_bps", "offered_bps", "latency_ns", "writes",
    "segments", "acks", "retransmits", "cpu_share", "wmem_peak_bytes", "ledger_ns", "driver",
    "seed", "scenario", "scenario_hash", "version",
}  # fmt: skip


class Key(NamedTuple):
    """What a result is a result of. The same key always gives the same numbers."""

    scenario_hash: str
    seed: int
    version: str


@dataclass(frozen=True)
class Result:
    """The numbers of one run. Latencies count from the intended time, without the start-up; None when none was read."""

    messages: int
    undelivered: int
    overloaded: int  # 1: the backlog grew, so the latencies only tell how long the run was
    duration_ns: int
    throughput_bps: float  # delivered payload
    offered_bps: float
    mean_ns: int | None
    p50_ns: int | None
    p90_ns: int | None
    p99_ns: int | None
    p999_ns: int | None
    max_ns: int | None
    writes: int
    segments: int
    acks: int
    retransmits: int
    cpu_server: float  # share of one core
    cpu_client: float
    wmem_peak_bytes: int
    ledger: str  # JSON: {cause: total ns over the messages}
    detail: str  # JSON: the rest of the summary (start-up, closed loop, size classes)
    driver: str
    wall_ns: int  # how long the run took here; the only column that differs between two runs of one key

    @classmethod
    def from_summary(cls, summary: Mapping[str, Any], wall_ns: int) -> Result:
        """The row of a `Run.summary()`."""
        latency, cpu = summary["latency_ns"], summary["cpu_share"]
        rest = {name: value for name, value in summary.items() if name not in _ELSEWHERE}
        return cls(
            **{
                name: summary[name]
                for name in (
                    "messages", "undelivered", "duration_ns", "throughput_bps", "offered_bps", "writes", "segments",
                    "acks", "retransmits", "wmem_peak_bytes", "driver",
                )
            },
            **{f"{name}_ns": latency[name] for name in ("mean", "p50", "p90", "p99", "p999", "max")},
            overloaded=int(summary["overloaded"]),
            cpu_server=cpu["server"],
            cpu_client=cpu["client"],
            ledger=json.dumps(summary["ledger_ns"]),
            detail=json.dumps(rest, sort_keys=True),
            wall_ns=wall_ns,
        )  # fmt: skip

    def causes(self) -> dict[str, int]:
        """The ledger: total ns of each cause over all messages."""
        totals: dict[str, int] = json.loads(self.ledger)
        return totals

    def metrics(self) -> dict[str, float | None]:
        """Every number by its column's name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in {"ledger", "detail", "driver"}}
