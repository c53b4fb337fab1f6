"""The frontier figure: a panel per network, the first metric to the right, a row for each further metric.

Each NODELAY setting has a colour, a marker and a line (told apart without colour too). With two metrics the staircase
is what its configurations reach, and the band what 10 % to 90 % of the replications reach; with more, the frontier is
no line in any of the planes drawn, and its points alone are shown. What another configuration beats is grey.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from experiments import labels
from experiments.advice import is_load
from experiments.figures_style import FAINT, INK, LOOKS, PALE, Labels, Look, plain_numbers, save, styled
from experiments.frontier import Configuration, Curve, Frontier
from experiments.metrics import Metric

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from experiments.slo import Slo

    Floats = NDArray[np.float64]

PANEL_INCHES = (5.6, 4.6)
LEGEND_COLUMNS = 3  # a panel's width
LOG_FROM = 4.0
"""An axis that spans more than this factor is logarithmic."""


def save_frontier(frontiers: Sequence[Frontier], title: str, slo: Slo | None, *paths: Path) -> None:
    """Draw the frontier figure into files."""
    with styled():
        from matplotlib import pyplot

        figure = frontier_figure(frontiers, title, slo)
        save(figure, *paths)
        pyplot.close(figure)


def frontier_figure(frontiers: Sequence[Frontier], title: str, slo: Slo | None = None) -> Figure:
    """A column per frontier, a row per metric after the first; call it inside `styled()`."""
    from matplotlib import pyplot

    rows, (width, height) = len(frontiers[0].metrics) - 1, PANEL_INCHES
    size = (width * len(frontiers), height * rows + 0.9)
    figure, grid = pyplot.subplots(rows, len(frontiers), figsize=size, squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    panels = [
        _Panel(axes, frontier, frontier.metrics[0], frontier.metrics[row])
        for row, line in enumerate(grid, 1)
        for axes, frontier in zip(line, frontiers, strict=True)
    ]
    for panel in panels:
        panel.draw(slo)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
    handles = {
        label: handle for axes in grid.flat for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower left",
        ncols=LEGEND_COLUMNS * len(frontiers),
        handlelength=2.6,
    )
    figure.draw_without_rendering()  # settles the layout, which labels need to find their places
    for panel in panels:
        panel.write_settings()
    return figure


class _Panel:
    """One pair of axes, and the two metrics it shows."""

    def __init__(self, axes: Axes, frontier: Frontier, x: Metric, y: Metric) -> None:
        self.axes, self.frontier, self.x, self.y = axes, frontier, x, y
        self.plane = len(frontier.metrics) == 2  # the frontier is a line in this plane
        self.unbeaten = {id(c) for c in frontier.front}

    def draw(self, slo: Slo | None) -> None:
        axes, frontier = self.axes, self.frontier
        axes.set_title(frontier.panel.title or frontier.panel.name, pad=20)
        named = " / ".join(labels.name(axis, frontier.panel.axes) for axis in _choices(frontier))
        axes.text(
            0, 1.025, f"labelled with {named}" if named else "", transform=axes.transAxes, fontsize=8, color=FAINT
        )
        axes.set_xlabel(self.x.axis)
        axes.set_ylabel(self.y.axis)
        if not frontier.sustained:
            axes.set_xticks([])
            axes.set_yticks([])
            axes.text(0.5, 0.5, "every configuration is overloaded", transform=axes.transAxes, ha="center")
            return
        self.scales()
        self.dominated()
        for curve in frontier.curves:
            if curve.front:
                self.curve(curve)
        self.overloaded()
        self.limit(slo)
        self.knee()

    def at(self, c: Configuration) -> tuple[float, float]:
        """Where a configuration lies, in the figure's units."""
        return c.estimated(self.x).mean * self.x.scale, c.estimated(self.y).mean * self.y.scale

    def scales(self) -> None:
        """Logarithmic where ratios matter or the numbers span much, with room for labels at every side."""
        xs, ys = zip(*(self.at(c) for c in self.frontier.sustained), strict=True)
        along, up = _logarithmic(xs, ratios=False), _logarithmic(ys, self.y.logarithmic)
        self.axes.set_xscale("log" if along else "linear")
        self.axes.set_yscale("log" if up else "linear")
        self.axes.set_xlim(_limits(xs, along, below=1.25, above=1.35))
        self.axes.set_ylim(_limits(ys, up, below=1.45, above=1.6))
        for axis in (self.axes.xaxis, self.axes.yaxis):
            plain_numbers(axis)

    def dominated(self) -> None:
        """What its own colour beats, in grey and in the marker of its colour."""
        for curve in self.frontier.curves:
            shown = {id(c) for c in curve.front}
            beaten = [self.at(c) for c in curve.members if id(c) not in shown]
            if beaten:
                xs, ys = zip(*beaten, strict=True)
                self.axes.plot(
                    xs, ys, LOOKS[curve.name].marker, linestyle="none", color=PALE, markersize=3.4, markeredgewidth=0,
                    alpha=0.75, zorder=2, label="dominated",
                )  # fmt: skip

    def curve(self, curve: Curve) -> None:
        """Band, staircase and points of one NODELAY setting; points that the other setting beats are hollow."""
        look = LOOKS[curve.name]
        xs, ys = zip(*(self.at(c) for c in curve.front), strict=True)
        line = look.dashes if self.plane else "none"
        if self.plane:
            self.band(curve.band, look)
            steps = "steps-pre" if self.x.maximise else "steps-post"
            self.axes.plot(xs, ys, drawstyle=steps, color=look.colour, linewidth=1.6, linestyle=line, zorder=4)
        for c, x, y in zip(curve.front, xs, ys, strict=True):
            face = look.colour if id(c) in self.unbeaten else "white"
            self.axes.plot(
                x, y, look.marker, color=look.colour, markerfacecolor=face, markersize=6, markeredgewidth=1.3, zorder=5
            )
        self.axes.plot(
            [], [], look.marker, linestyle=line, color=look.colour, markersize=6, linewidth=1.6, label=curve.name
        )  # fmt: skip
        if len(self.unbeaten & {id(c) for c in curve.front}) < len(curve.front):
            self.axes.plot(
                [], [], "D", color=FAINT, markerfacecolor="none", markersize=4.5, label="hollow: beaten by the other"
            )

    def band(self, band: Mapping[int, Floats], look: Look) -> None:
        """Between the surfaces that most and few replications attain, outlined: two bands may overlap."""
        if len(band) < 2:
            return
        worse, better = band[max(band)], band[min(band)]
        if not len(worse) or not len(better):
            return
        xs, low, high = overlap(better, worse, rising=self.x.maximise)
        if not len(xs):
            return
        sx, sy = self.x.scale, self.y.scale
        step: Literal["pre", "post"] = "pre" if self.x.maximise else "post"
        self.axes.fill_between(
            xs * sx, low * sy, high * sy, step=step, facecolor=look.colour, alpha=0.11, linewidth=0, zorder=3
        )
        for edge in (low, high):
            self.axes.plot(
                xs * sx, edge * sy, drawstyle=f"steps-{step}", color=look.colour, linewidth=0.7, alpha=0.65,
                linestyle=look.dashes, zorder=3,
            )  # fmt: skip

    def write_settings(self) -> None:
        """Name the choices at the first point of each stretch of a frontier that shares them."""
        curves = [curve for curve in self.frontier.curves if curve.front]
        written = Labels(self.axes, (self.at(c) for curve in curves for c in curve.front))
        heights = [sum(self.at(c)[1] for c in curve.front) / len(curve.front) for curve in curves]
        for curve, height in zip(curves, heights, strict=True):
            before = ""
            for c in curve.front:
                text = _chosen(c, self.frontier)
                if text != before:
                    above = len(curves) > 1 and height == max(heights)
                    written.write(text, self.at(c), LOOKS[curve.name].colour, above)
                before = text

    def overloaded(self) -> None:
        """A tick at the top edge, at what it delivers, for every configuration that has no P99."""
        if self.x.name != "throughput" or not self.frontier.overloaded:
            return
        xs = [self.at(c)[0] for c in self.frontier.overloaded]
        self.axes.plot(
            xs, [0.985] * len(xs), "x", transform=self.axes.get_xaxis_transform(), color=PALE, markersize=4,
            clip_on=True, label="overloaded (no P99)", zorder=2,
        )  # fmt: skip

    def limit(self, slo: Slo | None) -> None:
        limit = slo.limit(f"{self.y.name}_ns") if slo else None
        if limit is not None:
            dashes = (0, (1, 1.5))
            self.axes.axhline(limit * self.y.scale, color=INK, linewidth=1.1, linestyle=dashes, label=f"SLO: {slo}")

    def knee(self) -> None:
        if self.frontier.knee is not None:
            self.axes.plot(
                *self.at(self.frontier.knee), "o", markersize=14, markerfacecolor="none", color=INK,
                markeredgewidth=1.4, linestyle="none", label="knee", zorder=7,
            )  # fmt: skip


def overlap(better: Floats, worse: Floats, rising: bool) -> tuple[Floats, Floats, Floats]:
    """Where both surfaces exist: the x of all corners, and both surfaces' y there.

    `rising`: more of x is harder, so at x a surface has the y of its next corner; else that of its last one.
    """
    import numpy as np

    xs = np.unique(np.concatenate([worse[:, 0], better[:, 0]]))
    if rising:
        xs = xs[xs <= min(worse[-1, 0], better[-1, 0])]
        low, high = (surface[np.searchsorted(surface[:, 0], xs), 1] for surface in (better, worse))
    else:
        xs = xs[xs >= max(worse[0, 0], better[0, 0])]
        places = (np.searchsorted(surface[:, 0], xs, side="right") - 1 for surface in (better, worse))
        low, high = (surface[place, 1] for surface, place in zip((better, worse), places, strict=True))
    return xs, low, high


def _logarithmic(values: Sequence[float], ratios: bool) -> bool:
    """Do ratios matter, or do the numbers span much?"""
    return min(values) > 0 and (ratios or max(values) > LOG_FROM * min(values))


def _limits(values: Sequence[float], logarithmic: bool, below: float, above: float) -> tuple[float, float]:
    """The ends of an axis: so many times the least and the greatest value on a logarithmic one, else a margin."""
    low, high = min(values), max(values)
    if logarithmic:
        return low / below, high * above
    margin = 0.1 * (high - low or high or 1.0)
    return max(0.0, low - margin), high + 1.5 * margin


def _chosen(c: Configuration, frontier: Frontier) -> str:
    return " / ".join(labels.value(axis, c.settings[axis]) for axis in _choices(frontier))


def _choices(frontier: Frontier) -> list[str]:
    """What the labels tell apart: all axes but the load (it is the throughput) and NODELAY (it is the colour)."""
    return [axis for axis in frontier.panel.axes if not is_load(axis) and not axis.endswith(".nodelay")]
