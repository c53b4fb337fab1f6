"""Reads sweep files (`experiments.sweep.file` shows one): every mistake at once, each with its path and its cure."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from experiments.settings import flattened
from experiments.slo import Slo, parse_slo
from experiments.sweep.complaints import Complaints, Table
from experiments.sweep.design import Condition, Design, Sampling
from experiments.sweep.design_reader import DesignReader
from experiments.sweep.file import Panel, Settings, Sweep
from experiments.sweep.precision import COLUMNS, Precision
from sim.draws import LARGEST_SEED
from sim.errors import ScenarioError

MOST_POINTS = 100_000
"""Largest number of points of a panel; beyond it a typing mistake is likelier than the wish."""

MOST_REPLICATIONS = 10_000

POLICY = "policy.name"
"""The parameter that may name a file of one's own."""

KEYS = {
    "name", "title", "base", "replications", "seed", "slo", "set", "axes", "panels", "precision", "metric", "min_seeds",
    "max_seeds", "design", "points", "conditions",
}  # fmt: skip


class Reader(Complaints):
    """Reads one file. `problems` has what is wrong with it; what is returned leaves that out."""

    def __init__(self, table: Table, folder: Path | None) -> None:
        super().__init__()
        self.table = table
        self.folder = folder

    def sweep(self, default_name: str) -> Sweep:
        """All of it."""
        top = self.table
        self.known(top, "", KEYS)
        name = self.text(top, "name", default_name)
        if not name or set(name) & set("/\\") or name.startswith("."):
            self.complain("name", f"{name!r} cannot name a file", "results are stored under it: use letters and '-'")
        base = self.text(top, "base", "")
        if not base:
            self.complain("base", "missing", "name a preset (see 'tinygram presets') or a scenario file")
        precision = self.precision()
        replications = self.whole(top, "replications", 5, least=1, most=MOST_REPLICATIONS)
        return Sweep(
            name=name,
            title=self.text(top, "title", name),
            base=self.beside(base),
            replications=precision.most if precision else replications,
            seed=self.whole(top, "seed", 0, least=0, most=LARGEST_SEED),
            slo=self.slo(self.text(top, "slo", "")),
            panels=tuple(self.panels(name)),
            precision=precision,
        )

    def panels(self, name: str) -> Iterator[Panel]:
        """The file's panels, or the one that a file without any is."""
        designs = DesignReader(self, self.found)
        fixed, common = self.settings(self.table, "set"), designs.design(self.table, "")
        panels = self.subtable(self.table, "panels", "panels")
        if not panels:
            yield self.panel(Panel(name, "", fixed, common), "")
        for key in panels:
            path = f"panels.{key}."
            table = self.subtable(panels, key, path[:-1])
            self.known(table, path, {"title", "set", "axes", "design", "points", "conditions"})
            own_settings, own = self.settings(table, f"{path}set"), designs.design(table, path)
            design = _on_top(common.without(own_settings), own)
            title = self.text(table, "title", key, path)
            yield self.panel(Panel(key, title, {**fixed, **own_settings}, design), path)

    def panel(self, panel: Panel, path: str) -> Panel:
        """The panel, if it can be one; without what varies where that contradicts itself."""
        design, before = panel.design, len(self.problems)
        place = path[:-1] or "axes"
        if not design.keys:
            self.complain(place, "nothing varies", "give an axis, like [axes] server.nodelay = [true, false]")
        for axis in sorted(set(design.keys) & panel.fixed.keys()):
            self.complain(place, f"{axis} is both set and an axis", "keep one of the two")
        for axis in sorted({key for point in design.listed for key in point} & design.axes.keys()):
            self.complain(place, f"{axis} is both in the points and an axis", "keep one of the two")
        self.sampling(design.sampling, design, path)
        for condition in design.conditions:
            self.condition(condition, design, panel.fixed, path)
        if design.most > MOST_POINTS:
            self.complain(place, f"{design.most:,} points", f"take values away: at most {MOST_POINTS:,} points a panel")
        return panel if len(self.problems) == before else Panel(panel.name, panel.title, panel.fixed, {})

    def sampling(self, sampling: Sampling | None, design: Design, path: str) -> None:
        """Does the design name axes there are, and leave any to sample?"""
        if sampling is None:
            if any(p.path.startswith(f"{path}design.") for p in self.problems):
                return  # a design there is, with mistakes of its own
            for key, axis in design.axes.items():
                if not isinstance(axis, tuple) and axis.steps is None:
                    cure = "say how many: steps = 5; or sample it, with a [design]"
                    self.complain(f"{path}axes.{key}", "a range has no values by itself", cure)
            return
        for key in sorted(set(sampling.cross) - design.axes.keys()):
            self.complain(f"{path}design.cross", f"{key} is no axis", f"there are: {', '.join(design.axes)}")
        if not design.axes.keys() - set(sampling.cross):
            self.complain(
                f"{path}design", "no axis is left to sample", "take one out of `cross`, or leave out [design]"
            )
        for key in sampling.cross:
            axis = design.axes.get(key, ())
            if not isinstance(axis, tuple) and axis.steps is None:
                self.complain(f"{path}axes.{key}", "a range has no values to cross", "say how many: steps = 5")

    def condition(self, condition: Condition, design: Design, fixed: Settings, path: str) -> None:
        """Does it speak of parameters there are?"""
        if condition.axis not in design.keys:
            self.complain(f"{path}conditions", f"{condition.axis} is no axis", f"there are: {', '.join(design.keys)}")
        for key in condition.where:
            if key not in design.keys and key not in fixed:
                self.complain(
                    f"{path}conditions", f"{key} neither varies nor is set", "name an axis, or put it in [set]"
                )

    def precision(self) -> Precision | None:
        """`precision` and what belongs to it."""
        top = self.table
        companions = ("metric", "min_seeds", "max_seeds")
        if "precision" not in top:
            for key in companions:
                if key in top:
                    self.complain(key, "without a precision it means nothing", 'give precision = "5%" too')
            return None
        if "replications" in top:
            self.complain(
                "replications", "contradicts `precision`", "leave it out: max_seeds is the most there will be"
            )
        least = self.whole(top, "min_seeds", 10, least=2, most=MOST_REPLICATIONS)
        most = self.whole(top, "max_seeds", max(least, 100), least=2, most=MOST_REPLICATIONS)
        if most < least:
            self.complain("max_seeds", f"{most} is less than min_seeds, {least}", "raise it")
        return Precision(self.share(top["precision"]), self.metric(self.text(top, "metric", "p99")), least, most)

    def share(self, value: object) -> float:
        """`"5%"` or 0.05."""
        number: object = value
        if isinstance(value, str) and value.strip().endswith("%"):
            try:
                number = float(value.strip()[:-1]) / 100
            except ValueError:
                number = None
        if isinstance(number, int | float) and not isinstance(number, bool) and 0 < number < 1:
            return float(number)
        self.complain("precision", f"{value!r} is no share of the mean", 'write precision = "5%"')
        return 0.05

    def metric(self, name: str) -> str:
        """A metric there is."""
        if name in COLUMNS:
            return name
        self.complain("metric", f"no metric {name!r}", f"there are: {', '.join(COLUMNS)}")
        return "p99"

    def settings(self, table: Table, path: str) -> Settings:
        """Parameters by dotted name."""
        given = flattened(self.subtable(table, path.rpartition(".")[2], path))
        return {key: self.found(key, value) for key, value in given.items()}

    def slo(self, text: str) -> Slo | None:
        """The objective, if one is given."""
        try:
            return parse_slo(text) if text else None
        except ScenarioError as error:
            self.problems += error.problems
            return None

    def found(self, key: str, value: object) -> object:
        """A parameter's value; a policy's file, FILE.py:FUNCTION, is looked for beside the sweep file too."""
        file, colon, function = value.rpartition(":") if key == POLICY and isinstance(value, str) else ("", "", "")
        return self.beside(file) + colon + function if file else value

    def beside(self, base: str) -> str:
        """A scenario file is looked for beside the sweep file first, so that the two can be moved together."""
        neighbour = self.folder / base if self.folder is not None and base else None
        return str(neighbour) if neighbour is not None and neighbour.is_file() else base


def _on_top(common: Design, own: Design) -> Design:
    """A panel's own design on top of the file's: axes and conditions are added, points and sampling replaced."""
    return Design(
        {**common.axes, **own.axes},
        own.listed or common.listed,
        own.sampling or common.sampling,
        (*common.conditions, *own.conditions),
    )
