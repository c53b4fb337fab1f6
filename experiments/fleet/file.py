"""Fleet files: a scenario, how many connections, and what differs between them.

    name = "phones"
    base = "telemetry"                # a preset, or a scenario file beside this one
    connections = 100_000
    seed = 0
    table = "clients.csv"             # optional: rows that are drawn again (experiments/fleet/table.py)
    laws = "fitted.toml"              # optional: a file whose [draw] holds laws; those below come on top

    [set]                             # the same for all connections
    workload.messages = 100

    [draw]                            # a law for each key that differs (experiments/fleet/laws.py)
    network.rtt = { law = "lognormal", median = "60ms", p95 = "250ms" }

Every mistake is reported at once, each with its path in the file and its cure.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.fleet.keys import Key, key_of, with_values
from experiments.fleet.laws import Law, read_law
from experiments.fleet.table import Table, read_table
from experiments.settings import flattened
from sim.draws import LARGEST_SEED
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from sim.scenario import Scenario

MOST_CONNECTIONS = 100_000_000
DEFAULT_CONNECTIONS = 10_000
KEYS = ("base", "connections", "draw", "laws", "name", "seed", "set", "table", "title")


@dataclass(frozen=True)
class Fleet:
    """A fleet file, read: `scenario` is what all connections share."""

    name: str
    title: str
    scenario: Scenario
    connections: int
    seed: int
    laws: tuple[Law, ...]
    table: Table | None

    @property
    def keys(self) -> tuple[Key, ...]:
        """What is drawn, in the order in which it is put into the scenario."""
        return (*(self.table.keys if self.table else ()), *(law.key for law in self.laws))


def packaged() -> list[str]:
    """Names of the fleets that come with Tinygram."""
    return sorted(entry.name.removesuffix(".toml") for entry in _shelf().iterdir() if entry.name.endswith(".toml"))


def load_fleet(
    source: str, fixed: Mapping[str, object] | None = None, connections: int | None = None, seed: int | None = None
) -> Fleet:
    """Read a fleet file, or a packaged fleet by its name, as the arguments change it. ScenarioError lists mistakes."""
    path = Path(source)
    if path.is_file():
        content, folder = path.read_bytes(), path.parent
    elif source in packaged():
        content, folder = (_shelf() / f"{source}.toml").read_bytes(), Path()
    else:
        cure = f"give a TOML file, or a packaged fleet: {', '.join(packaged())}"
        raise ScenarioError([Problem(source, "no such fleet file", cure)])
    fleet = _Reader(_toml(content, source), folder, dict(fixed or {})).fleet(path.stem)
    return replace(
        fleet,
        connections=fleet.connections if connections is None else connections,
        seed=fleet.seed if seed is None else seed,
    )


def _shelf() -> Traversable:
    return resources.files("experiments") / "fleets"


def _toml(content: bytes, label: str) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise ScenarioError([Problem(label, "this is not text", "write it as UTF-8 TOML")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([Problem(label, f"this is not TOML: {error}")]) from None


class _Reader:
    """Reads a table key by key and collects what is wrong, so that all of it can be said at once."""

    def __init__(self, says: dict[str, Any], folder: Path, given: dict[str, object]) -> None:
        self.says = says
        self.folder = folder
        self.given = given  # on the command line: a key that is fixed there is not drawn
        self.problems: list[Problem] = []

    def fleet(self, default_name: str) -> Fleet:
        self.known()
        name = self.text("name", default_name)
        base = self.text("base", "")
        if not base:
            self.complain("base", "missing", "name a preset (see 'tinygram presets') or a scenario file")
        table = self.table(self.text("table", ""))
        laws = [law for key, says, place in self.draws() if (law := self.law(key, says, place, table)) is not None]
        connections = self.whole("connections", DEFAULT_CONNECTIONS, 1, MOST_CONNECTIONS)
        seed = self.whole("seed", 0, 0, LARGEST_SEED)
        fixed = {**self.flat("set"), **self.given}
        for law in laws:
            if law.key.name in fixed:
                self.complain(f"set.{law.key.name}", "is drawn too", "keep one of the two")
        if not laws and not table and not self.problems:
            self.complain("draw", "nothing differs", 'give [draw] a law, like network.rtt = { law = "uniform", ... }')
        scenario = self.scenario(base, fixed, laws, table)
        if scenario is None or self.problems:
            raise ScenarioError(self.problems)
        return Fleet(name, self.text("title", name), scenario, connections, seed, tuple(laws), table)

    # ---- parts

    def known(self) -> None:
        from difflib import get_close_matches

        for key in self.says.keys() - set(KEYS):
            close = get_close_matches(key, KEYS, n=1)
            self.complain(
                key, "unknown key", f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(KEYS)}"
            )

    def table(self, name: str) -> Table | None:
        if not name:
            return None
        try:
            table = read_table(self.folder / name)
        except ScenarioError as error:
            self.problems += error.problems
            return None
        kept = [at for at, key in enumerate(table.keys) if key.name not in self.given]
        return replace(
            table, keys=tuple(table.keys[at] for at in kept), columns=tuple(table.columns[at] for at in kept)
        )

    def draws(self) -> list[tuple[str, object, str]]:
        """Key, law as written, and its place; the fleet file's laws over those of the fitted file."""
        found: dict[str, tuple[str, object, str]] = {}
        fitted = self.text("laws", "")
        if fitted:
            try:
                says = _toml((self.folder / fitted).read_bytes(), fitted).get("draw", {})
            except OSError as error:
                self.complain("laws", f"{fitted}: {(error.strerror or str(error)).lower()}", "name a file with [draw]")
            except ScenarioError as error:
                self.problems += error.problems
            else:
                for key, law in _laws_in(says):
                    found[key] = (key, law, f"{fitted}: draw.{key}")
        for key, law in _laws_in(self.subtable("draw")):
            found[key] = (key, law, f"draw.{key}")
        return [draw for key, draw in found.items() if key not in self.given]

    def law(self, name: str, says: object, place: str, table: Table | None) -> Law | None:
        try:
            key = key_of(name, place)
            if table is not None and any(name == other.name for other in table.keys):
                raise ScenarioError([Problem(place, "is a column of the table too", "keep one of the two")])
            return read_law(key, says, place)
        except ScenarioError as error:
            self.problems += error.problems
            return None

    def scenario(self, base: str, fixed: dict[str, object], laws: list[Law], table: Table | None) -> Scenario | None:
        """The scenario all share; that values can be put into it is tried with one of each key."""
        from experiments.files import load

        neighbour = self.folder / base
        source = str(neighbour) if base and neighbour.is_file() else base
        middles = [(law.key, law.values(np.array([0.5]))[0]) for law in laws]
        middles += [(key, column[0]) for key, column in zip(table.keys, table.columns, strict=True)] if table else []
        try:
            scenario = load(source, fixed)
        except ScenarioError as error:
            self.problems += [replace(p, path=p.path.replace("--set ", "set.")) for p in error.problems if base]
            return None
        for key, value in middles:
            try:
                loaded = load(source, {**fixed, key.name: key.written(value)})
            except ScenarioError as error:
                self.problems += [replace(p, path=p.path.replace("--set ", "draw.")) for p in error.problems]
            else:
                if loaded != with_values(scenario, [key.place], [value]):
                    self.complain(
                        f"draw.{key.name}", "decides about other keys", "it can only be set for all: use [set]"
                    )
        return scenario

    # ---- values

    def text(self, key: str, default: str) -> str:
        value = self.says.get(key, default)
        if isinstance(value, str):
            return value
        self.complain(key, f"expected text, not {value!r}", f'write {key} = "..."')
        return default

    def whole(self, key: str, default: int, least: int, most: int) -> int:
        value = self.says.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        cure = f"write {key} = {default}"
        self.complain(key, f"expected a whole number from {least} to {most:,}, not {value!r}", cure)
        return default

    def subtable(self, key: str) -> dict[str, Any]:
        value = self.says.get(key, {})
        if isinstance(value, dict):
            return value
        self.complain(key, f"expected a table, not {value!r}", f"write [{key}]")
        return {}

    def flat(self, key: str) -> dict[str, object]:
        return flattened(self.subtable(key))

    def complain(self, path: str, problem: str, cure: str) -> None:
        self.problems.append(Problem(path, problem, cure))


def _laws_in(says: Any, prefix: str = "") -> list[tuple[str, object]]:
    """Nested tables as dotted names, down to those that are laws."""
    found: list[tuple[str, object]] = []
    for key, value in says.items() if isinstance(says, dict) else ():
        if isinstance(value, dict) and "law" not in value:
            found += _laws_in(value, f"{prefix}{key}.")
        else:
            found.append((prefix + key, value))
    return found
