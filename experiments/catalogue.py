"""The profiles there are, of every kind, with the source of every value."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from models import facts
from models.profiles import MACHINES
from models.stacks import STACKS
from models.systems import SYSTEMS
from sim.errors import Problem, ScenarioError


@dataclass(frozen=True)
class Kind:
    """One kind of profile, and the key of a scenario file that takes it."""

    name: str
    key: str
    profiles: dict[str, facts.Profile]


KINDS = (
    Kind("stack", "stack", STACKS),
    Kind("operating system", "os", SYSTEMS),
    Kind("machine", "profile", MACHINES),
)


def kind_of(name: str) -> Kind:
    """The kind that has a profile `name` (its version left out). ScenarioError if none has."""
    for kind in KINDS:
        if name in kind.profiles:
            return kind
    everything = {name: profile for kind in KINDS for name, profile in kind.profiles.items()}
    try:
        facts.find(everything, name, "profile")
    except facts.Unknown as error:
        problem, _, cure = str(error).partition(": ")
        raise ScenarioError([Problem("profiles", problem, cure)]) from None
    raise AssertionError(name)


def overview() -> list[dict[str, Any]]:
    """Every profile: its kind, name, title and versions."""
    return [
        {
            "kind": kind.name,
            "key": kind.key,
            "name": profile.name,
            "title": profile.title,
            "versions": versions(profile),
            "changes": profile.epochs,
        }
        for kind in KINDS
        for profile in kind.profiles.values()
    ]


def versions(profile: facts.Profile) -> str:
    """The versions it knows, as text."""
    return f"{profile.oldest} to {profile.newest}" if profile.newest else ""


def detail(wanted: str) -> dict[str, Any]:
    """The values of `name` or `name@version` with their sources. ScenarioError if there is none."""
    kind = kind_of(wanted.partition("@")[0])
    try:
        profile, version = facts.find(kind.profiles, wanted, kind.name)
    except facts.Unknown as error:
        problem, _, cure = str(error).partition(": ")
        raise ScenarioError([Problem("profiles", problem, cure)]) from None
    return {
        "kind": kind.name,
        "name": profile.name,
        "version": version or profile.newest,
        "title": profile.title,
        "versions": versions(profile),
        "leaves_out": profile.leaves_out,
        "values": [
            {"key": fact.key, "value": fact.value, "since": fact.since, "source": fact.source}
            for fact in profile.at(version).values()
        ],
    }
