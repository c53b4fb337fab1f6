"""Sweep files: a base scenario, fixed settings, and axes whose product is the grid.

    name = "buffers"
    base = "grpc-log-tail"            # a preset, or a scenario file beside this one
    replications = 10                 # seeds seed, seed + 1, ...: the same ones for every point
    seed = 1
    slo = "p99 < 50ms"

    [set]                             # any parameter of a scenario, by its dotted name
    workload.messages = 20_000

    [axes]
    workload.framing.buffer = ["0B", "4KiB", "32KiB"]
    server.nodelay = [true, false]

    [panels.wan]                      # optional: sub-sweeps with settings and axes of their own, on top of the above
    title = "WAN"
    set.network.down.rate = "20Mbit/s"

Every mistake is reported at once, each with its path in the file and its cure.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from experiments.slo import Slo, parse_slo
from sim.errors import Problem, ScenarioError

MOST_POINTS = 100_000
"""Largest grid of a panel; beyond it a typing mistake is likelier than the wish."""

MOST_REPLICATIONS = 10_000

POLICY = "policy.name"

Settings = dict[str, object]
"""Scenario parameters by dotted name, values as a scenario file would write them."""


@dataclass(frozen=True)
class Panel:
    """One grid: settings that hold for all its points, and the values of each axis."""

    name: str
    title: str
    fixed: Settings
    axes: dict[str, tuple[object, ...]]

    @property
    def size(self) -> int:
        """Number of points of the grid."""
        count = 1
        for values in self.axes.values():
            count *= len(values)
        return count


@dataclass(frozen=True)
class Sweep:
    """A sweep file, read. `panels` has at least one."""

    name: str
    title: str
    base: str
    replications: int
    seed: int
    slo: Slo | None
    panels: tuple[Panel, ...]

    @property
    def seeds(self) -> range:
        """The seed of each replication; all points share them, so they share their draws."""
        return range(self.seed, self.seed + self.replications)

    def with_changes(self, fixed: Mapping[str, object], replications: int | None, seed: int | None) -> Sweep:
        """As the command line changes it: a parameter that is fixed there is no axis any more."""
        panels = tuple(
            replace(
                panel,
                fixed={**panel.fixed, **fixed},
                axes={key: values for key, values in panel.axes.items() if key not in fixed},
            )
            for panel in self.panels
        )
        return replace(
            self,
            panels=panels,
            replications=self.replications if replications is None else replications,
            seed=self.seed if seed is None else seed,
        )


def packaged() -> list[str]:
    """Names of the sweeps that come with Tinygram."""
    return sorted(entry.name.removesuffix(".toml") for entry in _shelf().iterdir() if entry.name.endswith(".toml"))


def load_sweep(source: str) -> Sweep:
    """Read a sweep file, or a packaged sweep by its name. ScenarioError lists all mistakes."""
    path = Path(source)
    if path.is_file():
        return read_sweep(path.read_bytes(), path.stem, path.parent)
    if source in packaged():
        return read_sweep((_shelf() / f"{source}.toml").read_bytes(), source, None)
    names = ", ".join(packaged())
    raise ScenarioError([Problem(source, "no such sweep file", f"give a TOML file, or a packaged sweep: {names}")])


def read_sweep(content: bytes, name: str, folder: Path | None) -> Sweep:
    """Parse a sweep file's content; `name` is its default name, `folder` where its `base` may lie."""
    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise ScenarioError([Problem(name, "this is not text", "write the sweep as UTF-8 TOML")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([Problem(name, f"this is not TOML: {error}")]) from None
    return _Reader(table, folder).sweep(name)


def _shelf() -> Traversable:
    return resources.files("experiments") / "sweeps"


class _Reader:
    """Reads a table key by key and collects what is wrong, so that all of it can be said at once."""

    def __init__(self, table: dict[str, Any], folder: Path | None) -> None:
        self.table = table
        self.folder = folder
        self.problems: list[Problem] = []

    def sweep(self, default_name: str) -> Sweep:
        top = self.table
        self.known(top, "", {"name", "title", "base", "replications", "seed", "slo", "set", "axes", "panels"})
        name = self.text(top, "name", default_name)
        if not name or set(name) & set("/\\") or name.startswith("."):
            self.complain("name", f"{name!r} cannot name a file", "results are stored under it: use letters and '-'")
        base = self.text(top, "base", "")
        if not base:
            self.complain("base", "missing", "name a preset (see 'tinygram presets') or a scenario file")
        sweep = Sweep(
            name=name,
            title=self.text(top, "title", name),
            base=self.beside(base),
            replications=self.whole(top, "replications", 5, least=1, most=MOST_REPLICATIONS),
            seed=self.whole(top, "seed", 1, least=0, most=1 << 62),
            slo=self.slo(self.text(top, "slo", "")),
            panels=tuple(self.panels(name)),
        )
        if self.problems:
            raise ScenarioError(self.problems)
        return sweep

    def panels(self, name: str) -> Iterator[Panel]:
        fixed, axes = self.settings(self.table, "set"), self.axes(self.table, "axes")
        panels = self.subtable(self.table, "panels", "panels")
        if not panels:
            yield self.panel(Panel(name, "", fixed, axes), "axes")
        for key in panels:
            path = f"panels.{key}"
            panel = self.subtable(panels, key, path)
            self.known(panel, path + ".", {"title", "set", "axes"})
            own, own_axes = self.settings(panel, f"{path}.set"), self.axes(panel, f"{path}.axes")
            common = {axis: values for axis, values in axes.items() if axis not in own}
            title = self.text(panel, "title", key, path + ".")
            yield self.panel(Panel(key, title, {**fixed, **own}, {**common, **own_axes}), path)

    def panel(self, panel: Panel, path: str) -> Panel:
        if not panel.axes:
            self.complain(path, "nothing varies", "give an axis, like [axes] server.nodelay = [true, false]")
        if panel.size > MOST_POINTS:
            self.complain(path, f"{panel.size:,} points", f"take values away: at most {MOST_POINTS:,} points a panel")
        for axis in panel.axes.keys() & panel.fixed.keys():
            self.complain(path, f"{axis} is both set and an axis", "keep one of the two")
        return panel

    def axes(self, table: dict[str, Any], path: str) -> dict[str, tuple[object, ...]]:
        axes: dict[str, tuple[object, ...]] = {}
        for key, values in flattened(self.subtable(table, path.rpartition(".")[2], path)).items():
            if key == POLICY and isinstance(values, list):
                values = [self.own_policy(name) for name in values]
            where = f"{path}.{key}"
            if not isinstance(values, list):
                self.complain(where, "an axis is a list of values", f"write [{values!r}], or put it under [set]")
            elif not values:
                self.complain(where, "an axis without values", "give at least one")
            elif duplicates := [v for i, v in enumerate(values) if any(_same(v, w) for w in values[:i])]:
                self.complain(where, f"{duplicates[0]!r} is there twice", "every point is run once: take one away")
            else:
                axes[key] = tuple(values)
        return axes

    def settings(self, table: dict[str, Any], path: str) -> Settings:
        settings = flattened(self.subtable(table, path.rpartition(".")[2], path))
        return settings | {key: self.own_policy(name) for key, name in settings.items() if key == POLICY}

    def slo(self, text: str) -> Slo | None:
        try:
            return parse_slo(text) if text else None
        except ScenarioError as error:
            self.problems += error.problems
            return None

    def beside(self, base: str) -> str:
        """A scenario file is looked for beside the sweep file first, so that the two can be moved together."""
        neighbour = self.folder / base if self.folder is not None and base else None
        return str(neighbour) if neighbour is not None and neighbour.is_file() else base

    def own_policy(self, name: object) -> object:
        """So is the file of a policy, FILE.py:FUNCTION."""
        file, colon, function = name.rpartition(":") if isinstance(name, str) else ("", "", "")
        return self.beside(file) + colon + function if file else name

    def known(self, table: dict[str, Any], path: str, names: set[str]) -> None:
        from difflib import get_close_matches

        for key in table.keys() - names:
            close = get_close_matches(key, sorted(names), n=1)
            cure = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(sorted(names))}"
            self.complain(path + key, "unknown key", cure)

    def subtable(self, table: dict[str, Any], key: str, path: str) -> dict[str, Any]:
        value = table.get(key, {})
        if isinstance(value, dict):
            return value
        self.complain(path, f"expected a table, not {value!r}", f"write [{path}]")
        return {}

    def text(self, table: dict[str, Any], key: str, default: str, path: str = "") -> str:
        value = table.get(key, default)
        if isinstance(value, str):
            return value
        self.complain(path + key, f"expected text, not {value!r}", f'write {key} = "..."')
        return default

    def whole(self, table: dict[str, Any], key: str, default: int, least: int, most: int) -> int:
        value = table.get(key, default)
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        self.complain(
            key, f"expected a whole number from {least} to {most:,}, not {value!r}", f"write {key} = {default}"
        )
        return default

    def complain(self, path: str, problem: str, cure: str = "") -> None:
        self.problems.append(Problem(path, problem, cure))


def flattened(table: Mapping[str, Any], prefix: str = "") -> Settings:
    """Nested tables as dotted names: `server.nodelay = true` and `"server.nodelay" = true` are the same."""
    flat: Settings = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat.update(flattened(value, f"{prefix}{key}."))
        else:
            flat[prefix + key] = value
    return flat


def _same(one: object, other: object) -> bool:
    """Equal and of one type: `true` is not `1` here."""
    return type(one) is type(other) and one == other
