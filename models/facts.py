"""Facts about real software, with provenance: a value, from which version on it holds, and where that is written.

A profile is a list of facts in the order of versions; resolving a version keeps, for every key, the latest fact that is
not newer than it. Profiles are asked for as `name` (the newest version known) or `name@version`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import NamedTuple

Value = int | float | str | bool
Version = tuple[int, ...]


class Fact(NamedTuple):
    """`key` is `value`, since version `since` ("" = as far back as the profile goes), as `source` says."""

    key: str
    value: Value
    source: str
    since: str = ""


@dataclass(frozen=True)
class Profile:
    """One piece of software over its versions."""

    name: str
    title: str
    facts: tuple[Fact, ...]
    oldest: str = ""  # versions known, both included; "" = it has none
    newest: str = ""
    leaves_out: str = ""  # what of it this profile does not represent

    @property
    def epochs(self) -> list[str]:
        """The versions at which something changes, oldest first."""
        return sorted({f.since for f in self.facts if f.since}, key=version)

    def at(self, wanted: str) -> dict[str, Fact]:
        """What holds in a version ("" = the newest)."""
        limit = version(wanted or self.newest)
        found: dict[str, Fact] = {}
        for fact in sorted(self.facts, key=lambda f: version(f.since)):
            if version(fact.since) <= limit:
                found[fact.key] = fact
        return found


class Unknown(ValueError):
    """No such profile or version; the text names what exists as `problem: cure`."""


def version(text: str) -> Version:
    """Numbers to compare: `1.85.0-dev` is (1, 85, 0)."""
    numbers: list[int] = []
    for part in text.removeprefix("v").split("-")[0].split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def find(profiles: Mapping[str, Profile], wanted: str, kind: str) -> tuple[Profile, str]:
    """The profile and version (perhaps "") of `name` or `name@version`. Raises Unknown."""
    name, at, number = wanted.partition("@")
    if name not in profiles:
        near = get_close_matches(name, profiles, n=1)
        meant = f"did you mean {near[0]!r}? " if near else ""
        raise Unknown(f"no {kind} {name!r}: {meant}there are {', '.join(profiles)}")
    profile = profiles[name]
    if not at:
        return profile, ""
    if not profile.newest:
        raise Unknown(f"{kind} {name!r} has no versions: write {name!r}")
    if not version(number):
        raise Unknown(f"{number!r} is no version of {name}: write it like {name}@{profile.newest}")
    if not version(profile.oldest) <= version(number) or not _not_newer(number, profile.newest):
        raise Unknown(f"{name} {number} is not known: versions {profile.oldest} to {profile.newest} are")
    return profile, number


def _not_newer(number: str, newest: str) -> bool:
    """Is it the newest version or older? A patch release of the newest is that version."""
    limit = version(newest)
    return version(number)[: len(limit)] <= limit


def resolve(profiles: Mapping[str, Profile], wanted: str, kind: str) -> dict[str, Fact]:
    """The facts of `name` or `name@version` by key. Raises Unknown."""
    profile, number = find(profiles, wanted, kind)
    return profile.at(number)


def by_name(profiles: Iterable[Profile]) -> dict[str, Profile]:
    """Profiles under their names."""
    return {profile.name: profile for profile in profiles}
