"""What a recording needs of the machine, and what it cannot do for a scenario."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from models.systems import LINUX
from sim.build import lead_time
from sim.errors import Problem
from sim.scenario import Framing, Host, Scenario
from sim.system import nagle

TUN = Path("/dev/net/tun")
NAMESPACE = Path("/proc/self/ns/net")
UNSEGMENTED = Host().gso_segments
SETTLE_NS = 20_000_000


class CannotRecord(RuntimeError):
    """This machine cannot record, or the recording failed; the message says why and what to do."""


def check_machine() -> None:
    """Raises CannotRecord naming everything that is missing."""
    missing = list(_missing())
    if missing:
        lines = "\n".join(f"  {what}: {cure}" for what, cure in missing)
        raise CannotRecord(f"recording needs what this machine does not offer\n{lines}")


def _missing() -> Iterator[tuple[str, str]]:
    if sys.platform != "linux":
        yield "not Linux", "record on the machine whose kernel you ask about"
        return
    if os.geteuid() != 0:
        yield "not root", "namespaces and TUN devices need it: sudo tinygram groundtruth record ..."
    if not NAMESPACE.exists():
        yield "no network namespaces", "the kernel needs CONFIG_NET_NS, and /proc must be mounted"
    if not TUN.exists():
        cure = "modprobe tun; a container needs --device /dev/net/tun --cap-add NET_ADMIN --cap-add SYS_ADMIN"
        yield f"no {TUN}", cure


def check_scenario(scenario: Scenario) -> list[Problem]:
    """What `scenario` asks for and a recording cannot do."""
    return [*_policy(scenario), *_hosts(scenario), *_workload(scenario), *_lead(scenario)]


def _policy(scenario: Scenario) -> Iterator[Problem]:
    if scenario.policy is not None:
        cure = 'record what it has come to, with name = "none"'
        yield Problem("policy.name", "nobody changes settings while a recording goes on", cure)


def _hosts(scenario: Scenario) -> Iterator[Problem]:
    for name in ("server", "client"):
        host: Host = getattr(scenario, name)
        if host.os != LINUX.name:
            yield Problem(f"{name}.os", f"the kernel here is not {host.os}", f'leave it at "{LINUX.name}"')
        if nagle(host) != "minshall":
            yield Problem(f"{name}.nagle", f"no Linux kernel follows {host.nagle}", 'leave it at "minshall"')
        if host.shaper_rate:
            cure = "shape the link instead: network.rate and network.queue"
            yield Problem(f"{name}.shaper_rate", "recordings have no qdisc of their own", cure)
        if host.gso_segments != UNSEGMENTED:
            yield Problem(f"{name}.gso_segments", "recordings leave segmentation to the kernel", "leave it out")
    if scenario.client.mtu != scenario.server.mtu:
        yield Problem("client.mtu", "differs from server.mtu", "give both ends the same")


def _workload(scenario: Scenario) -> Iterator[Problem]:
    w = scenario.workload
    if w.kind == "request-response" and w.sender != "client":
        yield Problem("workload.sender", "in recordings the client asks", 'exchange the hosts, and say "client"')
    if w.kind == "request-response" and w.framing != Framing():
        cure = "write requests as they are: workload.pieces are their write() calls"
        yield Problem("workload.framing", "recordings do not frame requests and replies", cure)
    f = w.framing
    beyond = f.doubled or f.merge or f.flush == "on-return" or (f.flush == "on-idle" and f.flush_every > 1)
    if beyond:
        cure = "flush per-frame, per-message, on-idle, on-full or by timer, through a plain buffer"
        yield Problem("workload.framing", "recordings do not write like this stack", cure)


def shortest_lead(scenario: Scenario) -> int:
    """ns from connect() until both ends know each other and have set their options."""
    net = scenario.network
    handshake = net.up.delay * 2 + net.down.delay
    return handshake + SETTLE_NS


def lead(scenario: Scenario) -> int:
    """How old the connection is when the workload starts, ns."""
    return scenario.lead if scenario.lead is not None else max(lead_time(scenario), shortest_lead(scenario))


def _lead(scenario: Scenario) -> Iterator[Problem]:
    least = shortest_lead(scenario)
    if scenario.lead is not None and scenario.lead < least:
        yield Problem("lead", "is over before a handshake can be", f'at least "{-(-least // 1_000_000)}ms"')
