"""Runs written by hand, so that explanations and figures can be tested to the word without the simulator.

The stream: the server sends 100 bytes at 0 and at 10 ms over 5 ms each way, Nagle on. The second message waits for the
ACK of the first, which the client sends 40 ms after the data arrived.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from models.constants import FREED_ACK, FREED_WRITE
from models.state import CAUSES
from sim.scenario import Direction, Network, Scenario, Workload

MS = 1_000_000
STAMPS = (
    "index", "size", "intended_ns", "call_ns", "accepted_ns", "returned_ns", "first_sent_ns", "sent_ns",
    "on_link_ns", "done_ns", "arrived_ns", "ordered_ns", "read_ns", "writes", "retransmitted", "freed", "latency_ns",
)  # fmt: skip
ROW = np.dtype([(name, np.int64) for name in (*STAMPS, *(f"{cause}_ns" for cause in CAUSES))])
PACKET = np.dtype(
    [(name, np.int64) for name in ("direction", "seq", "len", "ack", "tx", "due", "drop", "retrans", "hit")]
)

WAY = Direction(delay=5 * MS)
SCENARIO = Scenario(name="by-hand", workload=Workload(size=100, messages=2), network=Network(WAY, WAY))


@dataclass
class Trace:
    segments: Any


@dataclass
class Recorded:
    scenario: Scenario
    messages: Any
    trace: Trace | None
    seed: int = 7
    driver: str = "by hand"
    reverse: Any = None
    extra: dict[str, Any] = field(default_factory=dict)


def row(index: int, at: int, sent: int, freed: int, **causes: int) -> Any:
    """A message intended at `at`, first sent at `sent`; its causes must sum up to the read 5 ms later."""
    r = np.zeros((), ROW)
    arrived = sent + 5 * MS
    stamps = {
        "index": index, "size": 100, "intended_ns": at, "call_ns": at, "accepted_ns": at, "returned_ns": at,
        "first_sent_ns": sent, "sent_ns": sent, "on_link_ns": sent, "done_ns": sent, "arrived_ns": arrived,
        "ordered_ns": arrived, "read_ns": arrived, "writes": 1, "freed": freed, "latency_ns": arrived - at,
    }  # fmt: skip
    for name, value in (stamps | {f"{cause}_ns": ns for cause, ns in causes.items()}).items():
        r[name] = value
    assert sum(causes.values()) == arrived - at
    return r


def stream(traced: bool = True, **scenario: Any) -> Recorded:
    """The two messages; with their packets when `traced`."""
    rows = np.array(
        [
            row(0, 0, 0, FREED_WRITE, propagation=5 * MS),
            row(1, 10 * MS, 50 * MS, FREED_ACK, nagle=5 * MS, delayed_ack=35 * MS, propagation=5 * MS),
        ]
    )
    packets = [
        (1, 0, 100, 0, 0, 5 * MS, 0, 0, 0),
        (0, 0, 0, 100, 45 * MS, 50 * MS, 0, 0, 0),
        (1, 100, 100, 0, 50 * MS, 55 * MS, 0, 0, 0),
    ]
    trace = Trace(np.array(packets, PACKET)) if traced else None
    return Recorded(Scenario(**{**SCENARIO.__dict__, **scenario}), rows, trace)
