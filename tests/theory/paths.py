"""Scenarios of the worked examples: one client, one server, a path of a given round trip."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sim import Run, Scenario, simulate
from sim.draws import Ints
from sim.engine import PlainEngine
from sim.run import collect
from sim.scenario import Direction, Host, Network, Workload
from sim.trace import Trace, run_traced

US = 1_000
MS = 1_000_000
SECOND = 1_000_000_000
HEADERS = 52  # IPv4 and TCP with timestamps, bytes
REAL = "linux-vm"


def rtt(ms: float, **both: Any) -> Network:
    """A symmetric path of so many ms there and back."""
    way = Direction(delay=round(ms * MS / 2), **both)
    return Network(up=way, down=way)


def one_way(
    ms: float, size: int, every: int, messages: int, server: Host | None = None, client: Host | None = None, **link: Any
) -> Scenario:
    """A stream from the server, periodic."""
    return Scenario(
        workload=Workload(interval=every, size=size, messages=messages),
        server=server or Host(profile=REAL),
        client=client or Host(profile=REAL),
        network=rtt(ms, **link),
        warmup=0,
    )


def write_write_read(ms: float, messages: int = 40, **changes: Any) -> Scenario:
    """write(100), write(200), read: a client that waits for each reply."""
    hosts = {name: changes.pop(name, Host(profile=REAL)) for name in ("client", "server")}
    traffic = {"pieces": (100, 200), "reply": (50,), "think": 5 * MS, "messages": messages} | changes
    return Scenario(
        workload=Workload(kind="request-response", sender="client", **traffic), network=rtt(ms), warmup=1, **hosts
    )


def latencies_ms(run: Run) -> Any:
    """Latency of every message, ms."""
    return run.messages["latency_ns"] / MS


def acks(run: Run, direction: int) -> list[tuple[float, int]]:
    """(ms, ACK number) of the pure ACKs sent in a direction: 0 is client to server."""
    assert run.trace is not None
    s = run.trace.segments
    s = s[(s["direction"] == direction) & (s["len"] == 0)]
    return [(float(t) / MS, int(a)) for t, a in zip(s["tx"], s["ack"], strict=True)]


def data(run: Run, direction: int) -> list[tuple[float, int]]:
    """(ms, payload bytes) of the data segments sent in a direction."""
    assert run.trace is not None
    s = run.trace.segments
    s = s[(s["direction"] == direction) & (s["len"] > 0)]
    return [(float(t) / MS, int(n)) for t, n in zip(s["tx"], s["len"], strict=True)]


@dataclass
class Fate:
    """What happens to one direction's packets, by their index: these are lost, no others."""

    lost: frozenset[int] = field(default_factory=frozenset)
    random: int = 1
    at: int = 0

    def fill(self, n: int) -> tuple[Ints, Ints, Ints]:
        """The next n packets' fate."""
        lost = np.array([int(i in self.lost) for i in range(self.at, self.at + n)], np.int64)
        self.at += n
        return lost, np.zeros(n, np.int64), np.zeros(n, np.int64)


def with_losses(scenario: Scenario, up: set[int] | None = None, down: set[int] | None = None) -> Run:
    """Run, losing exactly these packets; 0 is the SYN or SYN-ACK, upwards 1 is the handshake's ACK."""
    engine = PlainEngine(scenario, 0, luck=(Fate(frozenset(up or ())), Fate(frozenset(down or ()))))
    trace = Trace()
    run_traced(engine, trace)
    return collect(engine, "loop", trace)


def run(scenario: Scenario, seed: int = 0, trace: bool = False) -> Run:
    """One replication in the plain loop."""
    return simulate(scenario, seed, driver="loop", trace=trace)
