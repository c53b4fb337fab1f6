"""What a host's operating system says where the host itself says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from models.facts import Unknown, Value, resolve
from models.systems import DEFAULTS, LINUX, SYSTEMS
from sim.errors import Problem, ScenarioError
from sim.scenario import Host


@cache
def system(name: str) -> Mapping[str, Value]:
    """Every constant of the operating system `name`, which may have a version (`linux@5.4`); ScenarioError if unknown.

    What another system does not say is the newest Linux's.
    """
    try:
        facts = resolve(SYSTEMS, name, "operating system")
    except Unknown as error:
        problem, _, cure = str(error).partition(": ")
        raise ScenarioError([Problem("os", problem, cure)]) from None
    base = {key: fact.value for key, fact in LINUX.at("").items()}
    return {**DEFAULTS, **base, **{key: fact.value for key, fact in facts.items()}}


def hz(host: Host) -> int:
    """Ticks a second: the host's own, or its system's."""
    return host.hz if host.hz is not None else int(system(host.os)["hz"])


def nagle(host: Host) -> str:
    """Which form of Nagle's rule: the host's own, or its system's."""
    return host.nagle if host.nagle is not None else str(system(host.os)["nagle"])
