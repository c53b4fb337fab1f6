"""A scenario and its seed as the instructions of the C helper: every message, and what befalls every packet."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth.record import layout, support
from experiments.groundtruth.record.own import on_kernel, realistic
from models.framer import GO_BUFWRITER
from models.state import Endpoint
from sim import build, framing
from sim.draws import link_draws, messages, tick_phase
from sim.engine import PlainEngine
from sim.plain import new
from sim.scenario import DEFAULT_MESSAGES, Direction, Host, Scenario, Workload

SECOND = 1_000_000_000
LINGER_NS = 60_000_000  # a delayed ACK that is still to come
SLACK = 1.5  # of the simulated duration, until a recording is given up
SLACK_NS = 5 * SECOND
LONGEST_NS = 600 * SECOND
ROOM = 4  # times the packets simulated
MOST_PACKETS = 4_000_000
COARSE_CLOCK = 6  # CLOCK_MONOTONIC_COARSE, which advances once a tick

WRITER = (
    "mode", "header", "prefix", "max_frame", "pieces", "more", "buffer", "flush", "flush_every", "flush_after", "quota",
    "npieces", "granularity", "think", "period", "until",
)  # fmt: skip
"""What the helper's writer and `models.state.Writer` call alike."""

CORK = {"off": 0, "always": 1, "per-message": 2}
QUICKACK = {"": 0, "once": 1, "every-read": 2, "off-once": 3, "off-every-read": 4}
CALM = {"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}
"""No neighbour discovery and the like on the wire."""


@dataclass(frozen=True)
class Plan:
    """What is handed to the helper."""

    scenario: Scenario
    """With everything a recording fixes: lead, host profile, time limit."""
    seed: int
    hz: int
    expected_ns: int
    limit_ns: int
    head: NDArray[Any]  # layout.PLAN
    messages: tuple[NDArray[Any], NDArray[Any]]
    fates: tuple[NDArray[Any], NDArray[Any]]

    def bytes(self, swapped: bool) -> bytes:
        """The helper's stdin. swapped: the wire and the endpoints change processors."""
        head = self.head.copy()
        head["parent"] = os.getpid()
        cpus = sorted(os.sched_getaffinity(0))
        if len(cpus) > 1:
            head["app_cpu"], head["wire_cpu"] = (cpus[1], cpus[0]) if swapped else (cpus[0], cpus[1])
            head["realtime"] = 1
        else:
            head["app_cpu"] = head["wire_cpu"] = -1
        return b"".join(part.tobytes() for part in (head, *self.messages, *self.fates))


def kernel_hz() -> int:
    """The ticks a second of this kernel."""
    import time

    return round(1 / time.clock_getres(COARSE_CLOCK))


def make(scenario: Scenario, seed: int, time_limit: int | None = None) -> Plan:
    """The plan of a recording; time_limit: ns after which it ends, whatever has happened by then."""
    scenario = realistic(replace(scenario, lead=support.lead(scenario)))
    hz = kernel_hz()
    limit = time_limit or scenario.time_limit
    if limit:
        scenario = replace(scenario, time_limit=limit)
    expected, packets = _expect(on_kernel(scenario, hz, 0, ()), seed)
    if not limit:
        limit = round(expected * SLACK) + SLACK_NS
        if limit > LONGEST_NS:
            raise support.CannotRecord(
                f"this would take about {expected / SECOND:.0f} s of real time: shorten it "
                "(--set workload.messages=...), or allow it with --time-limit"
            )
    room = min(MOST_PACKETS, ROOM * packets + 10_000)
    ways = (("up", scenario.network.up), ("down", scenario.network.down))
    fates = tuple(_fates(d, seed, name, room) for name, d in ways)
    sent = _messages(scenario, seed)
    head = np.zeros(1, layout.PLAN)
    head["lead"], head["limit"] = scenario.lead, limit
    head["tick"] = SECOND // hz
    head["phase"] = tick_phase(scenario, seed, scenario.workload.sender) % (SECOND // hz)
    head["linger"] = LINGER_NS + scenario.network.up.delay + scenario.network.down.delay
    head["packets"] = room
    head["asked"] = "\n".join(f"net.ipv4.{name}" for name in (*build.SYSCTLS, *build.TRIPLES)).encode()
    for i, (_, d) in enumerate(ways):
        _direction(head["way"][0, i], d, fates[i])
    for i, host in enumerate((scenario.client, scenario.server)):
        _socket(head["end"][0, i], host)
        head["end"][0, i]["total"] = len(sent[i])
    _writers(head["end"][0], scenario)
    return Plan(scenario, seed, hz, expected, limit, head, sent, (fates[0], fates[1]))


def _expect(scenario: Scenario, seed: int) -> tuple[int, int]:
    """How long it will take (ns) and how many packets, by simulating it."""
    engine = PlainEngine(scenario, seed, keep=False)
    engine.run()
    return engine.s.now, engine.s.ab.idx + engine.s.ba.idx


def _fates(d: Direction, seed: int, name: str, n: int) -> NDArray[Any]:
    draws = link_draws(d, seed, name)
    fates = np.zeros(n if draws.random else 0, layout.FATE)
    if draws.random:
        fates["lost"], fates["jitter"], fates["spike"] = draws.fill(n)
    return fates


def _direction(to: Any, d: Direction, fates: NDArray[Any]) -> None:
    for name in ("rate", "delay", "queue", "overhead"):
        to[name] = getattr(d, name)
    if d.background > 0 and d.rate:
        to["bg_size"] = d.background_size
        to["bg_gap"] = int(d.background_size * 8_000_000_000 / (d.rate * d.background))
    to["fates"] = len(fates)
    to["nstalls"] = len(d.stalls)
    for i, (start, length) in enumerate(d.stalls):
        to["stall"][i] = start, start + length


def _socket(to: Any, host: Host) -> None:
    for name in ("nodelay", "sndbuf", "rcvbuf", "notsent_lowat", "mtu", "read_size", "read_start", "read_pause"):
        to[name] = getattr(host, name)
    to["cork"], to["quickack"] = CORK[host.cork], QUICKACK[host.quickack]
    to["congestion"] = host.congestion.encode()
    to["read_every"] = host.read_every if host.reader == "polling" else 0
    own = {f"net.ipv4.{build.known_sysctl(name)}": value for name, value in host.sysctls}
    if not host.autocorking:
        own["net.ipv4.tcp_autocorking"] = "0"
    calm = CALM if Path("/proc/sys/net/ipv6").exists() else {}
    to["sysctls"] = "\n".join(f"{name}={value}" for name, value in {**calm, **own}.items()).encode()


# ---- messages and writers --------------------------------------------------------------------------------------------


def _messages(scenario: Scenario, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """What the client and what the server send."""
    main = scenario.workload
    if main.kind == "request-response":
        requests, replies = (_transactions(main, sizes) for sizes in (main.pieces, main.reply))
        return (requests, replies) if main.sender == "client" else (replies, requests)
    up, down = framing.workloads(scenario)
    return _stream(up, seed, "workload/up"), _stream(down, seed, "workload/down")


def _transactions(w: Workload, sizes: tuple[int, ...]) -> NDArray[Any]:
    rows = np.zeros(w.messages or DEFAULT_MESSAGES, layout.MESSAGE)
    rows["size"] = rows["wire"] = sum(sizes)
    return rows


def _stream(w: Workload | None, seed: int, name: str) -> NDArray[Any]:
    if w is None:
        return np.zeros(0, layout.MESSAGE)
    source = messages(w, seed, name)
    rows = np.zeros(source.total, layout.MESSAGE)
    rows["due"], rows["size"], rows["stall"] = source.fill(source.total)
    body = rows["size"] + (5 if w.framing.kind == "grpc" else 0)
    header = w.framing.header if w.framing.header is not None else 0 if w.framing.kind == "plain" else 9
    rows["wire"] = body + header * -(-body // w.framing.max_frame)
    return rows


def _writers(to: Any, scenario: Scenario) -> None:
    """How both ends write: what the simulation's endpoints are told."""
    ends = {"client": new(Endpoint), "server": new(Endpoint)}
    main = scenario.workload
    if main.kind == "request-response":
        order = ("client", "server") if main.sender == "client" else ("server", "client")
        hosts = [getattr(scenario, name) for name in order]
        build.set_transactions(ends[order[0]], ends[order[1]], main, (hosts[0], hosts[1]))
    else:
        for (name, e), w in zip(ends.items(), framing.workloads(scenario), strict=True):
            if w is not None:
                build.set_stream(e, w, 0, getattr(scenario, name).cork)
    for i, e in enumerate(ends.values()):
        for name in WRITER:
            to[i][name] = getattr(e.w, name)
        to[i]["go_buffer"] = int(e.w.kind == GO_BUFWRITER)
        to[i]["two_threads"] = int(e.w.threads == 2)
        to[i]["cut"] = [e.w.cut[k] for k in range(len(to[i]["cut"]))]
