"""Sweep files: a base scenario, fixed settings, and what varies.

    name = "buffers"
    base = "grpc-log-tail"            # a preset, or a scenario file beside this one
    replications = 10                 # seeds seed, seed + 1, ...: the same ones for every point
    seed = 0
    slo = "p99 < 50ms"

    [set]                             # any parameter of a scenario, by its dotted name
    workload.messages = 20_000

    [axes]                            # their product is the grid
    workload.framing.buffer = ["0B", "4KiB", "32KiB"]
    server.nodelay = [true, false]
    network.rtt = { from = "1ms", to = "100ms", steps = 5, log = true }

    [panels.wan]                      # optional: sub-sweeps with settings and axes of their own, on top of the above
    title = "WAN"
    set.network.down.rate = "20Mbit/s"

Instead of the whole grid a sample of it, points by name, axes that only sometimes apply, and as many replications as a
precision takes, instead of a number:

    precision = "5%"                  # until the 95 % interval of the P99 is within 5 % of it ...
    min_seeds = 10
    max_seeds = 100                   # ... or so many seeds are used up

    [design]
    kind = "sobol"                    # or "latin-hypercube"; of a range no `steps` are needed
    points = 64
    cross = ["server.nodelay"]        # every sampled point with each of its values

    [[points]]                        # listed points: each is combined with all the axes
    server.sndbuf = "16KiB"
    client.rcvbuf = "32KiB"

    [[conditions]]
    axis = "workload.framing.buffer"  # it varies only ...
    where.workload.framing.flush = "on-idle"

Every mistake is reported at once, each with its path in the file and its cure (`experiments.sweep.reader`).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from experiments.slo import Slo
from experiments.sweep.design import Axis, Design
from experiments.sweep.design import Settings as Settings
from experiments.sweep.precision import Precision
from sim.errors import Problem, ScenarioError


@dataclass(frozen=True)
class Panel:
    """A part of a sweep: settings that hold for all its points, and what varies."""

    name: str
    title: str
    fixed: Settings
    varied: Mapping[str, Axis] | Design

    @property
    def design(self) -> Design:
        """How its points are made."""
        return self.varied if isinstance(self.varied, Design) else Design(self.varied)

    @cached_property
    def points(self) -> tuple[Settings, ...]:
        """The settings of each point, in order."""
        return tuple(self.design.points(self.fixed))

    @cached_property
    def axes(self) -> dict[str, tuple[object, ...]]:
        """The parameters that vary, each with the values its points have, in order of appearance."""
        values: dict[str, dict[str, object]] = {key: {} for key in self.design.keys}
        for point in self.points:
            for key, value in point.items():
                if value is not None:
                    values[key].setdefault(repr(value), value)
        return {key: tuple(found.values()) for key, found in values.items()}

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.points)


@dataclass(frozen=True)
class Sweep:
    """A sweep file, read. `panels` has at least one. With a `precision`, `replications` is the cap."""

    name: str
    title: str
    base: str
    replications: int
    seed: int
    slo: Slo | None
    panels: tuple[Panel, ...]
    precision: Precision | None = None

    @property
    def seeds(self) -> range:
        """The seed of each replication; all points share them, so they share their draws."""
        return range(self.seed, self.seed + self.replications)

    def with_changes(self, fixed: Mapping[str, object], replications: int | None, seed: int | None) -> Sweep:
        """As the command line changes it: a parameter fixed there is no axis any more, a number ends all precision."""
        panels = tuple(
            replace(panel, fixed={**panel.fixed, **fixed}, varied=panel.design.without(fixed)) for panel in self.panels
        )
        return replace(
            self,
            panels=panels,
            replications=self.replications if replications is None else replications,
            precision=self.precision if replications is None else None,
            seed=self.seed if seed is None else seed,
        )


class SweepMistakes(ScenarioError):
    """What is wrong with a sweep file; `readable` is the sweep without it, for more to be found wrong."""

    def __init__(self, problems: list[Problem], readable: Sweep) -> None:
        super().__init__(problems)
        self.readable = readable


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
    from experiments.sweep.reader import Reader

    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError:
        raise ScenarioError([Problem(name, "this is not text", "write the sweep as UTF-8 TOML")]) from None
    except tomllib.TOMLDecodeError as error:
        raise ScenarioError([Problem(name, f"this is not TOML: {error}")]) from None
    reader = Reader(table, folder)
    sweep = reader.sweep(name)
    if reader.problems:
        raise SweepMistakes(reader.problems, sweep)
    return sweep


def _shelf() -> Traversable:
    return resources.files("experiments") / "sweeps"
