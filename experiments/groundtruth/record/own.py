"""A recording of one's own carries its scenario and seed: `spec.tinygram`. Here it becomes that scenario again.

The kernel-truth/1 keys of `spec` describe it too, as far as they can; jitter, other arrivals than periodic ones or
gRPC framing they cannot. The random decisions are `sim.draws`', of the seed, for messages and packets alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from experiments.files import loads
from sim.scenario import Host, Scenario

KEY = "tinygram"
REAL = "linux-vm"
"""The host profile of a real machine, for scenarios that say "ideal"."""


def is_own(spec: Mapping[str, Any]) -> bool:
    """Was this recorded by `tinygram groundtruth record`?"""
    own = spec.get(KEY)
    return isinstance(own, dict) and isinstance(own.get("scenario"), str) and isinstance(own.get("seed"), int)


def scenario(spec: Mapping[str, Any], hz: int, phase: int, sysctls: tuple[tuple[str, str], ...]) -> Scenario:
    """The recorded scenario on the clock and with the sysctls of the kernel it was recorded on."""
    return on_kernel(loads(spec[KEY]["scenario"], label=f"{spec['id']}.json: spec.{KEY}"), hz, phase, sysctls)


def seed(spec: Mapping[str, Any]) -> int:
    """The seed its draws came from."""
    return int(spec[KEY]["seed"])


def on_kernel(given: Scenario, hz: int, phase: int, sysctls: tuple[tuple[str, str], ...]) -> Scenario:
    """`given` with a kernel's tick (HZ, phase in ns) and sysctls; the scenario's own sysctls were set there."""

    def end(host: Host) -> Host:
        own = {name.removeprefix("net.ipv4."): value for name, value in host.sysctls}
        return replace(host, hz=hz, tick_phase=phase, sysctls=tuple(sorted((dict(sysctls) | own).items())))

    return replace(given, server=end(given.server), client=end(given.client))


def realistic(given: Scenario) -> Scenario:
    """`given` with hosts that cost something: a real machine is not ideal."""

    def end(host: Host) -> Host:
        return replace(host, profile=REAL) if host.profile == "ideal" else host

    return replace(given, server=end(given.server), client=end(given.client))
