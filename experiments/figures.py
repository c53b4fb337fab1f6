"""Figures, in one style, the same bytes for the same numbers.

The frontier figure has a panel per network: throughput to the right, P99 upwards, both better towards the lower right.
Each NODELAY setting has a colour and a marker (told apart without colour too), the staircase its configurations reach,
and the band that 10 % to 90 % of the replications reach. What another configuration beats is grey.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import labels
from experiments.advice import is_load
from experiments.frontier import Configuration, Curve, Frontier

if TYPE_CHECKING:
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from experiments.slo import Slo

    Floats = NDArray[np.float64]

INK, FAINT, PALE, GRID = "#22262b", "#6b7280", "#b9bec5", "#e8eaed"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")
"""Blue, vermilion, green, purple of Okabe and Ito, told apart by all kinds of colour vision."""

MARKERS = ("o", "s", "^", "D")

STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.facecolor": "white",
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same everywhere
    "font.size": 9,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlepad": 10,
    "axes.labelcolor": INK,
    "axes.edgecolor": PALE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": GRID,
    "grid.linewidth": 0.8,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "legend.frameon": False,
    "svg.hashsalt": "tinygram",  # element ids that do not change from run to run
    "svg.fonttype": "path",
}

PANEL_INCHES = (5.6, 4.6)
LOG_FROM = 4.0
"""A throughput axis that spans more than this factor is logarithmic."""


@contextmanager
def styled() -> Iterator[None]:
    """Draw in the house style, without a display."""
    import matplotlib

    matplotlib.use("agg")
    with matplotlib.rc_context(STYLE):
        yield


def save(figure: Figure, *paths: Path) -> None:
    """Write a figure to each path, in the format of its suffix, without dates or versions."""
    for path in paths:
        metadata = {"Date": None, "Creator": None} if path.suffix == ".svg" else {"Software": None}
        figure.savefig(path, metadata=metadata)


def save_frontier(frontiers: Sequence[Frontier], title: str, slo: Slo | None, *paths: Path) -> None:
    """Draw the frontier figure into files."""
    with styled():
        from matplotlib import pyplot

        figure = frontier_figure(frontiers, title, slo)
        save(figure, *paths)
        pyplot.close(figure)


def frontier_figure(frontiers: Sequence[Frontier], title: str, slo: Slo | None = None) -> Figure:
    """One panel per frontier; call it inside `styled()`."""
    from matplotlib import pyplot

    width, height = PANEL_INCHES
    figure, grid = pyplot.subplots(1, len(frontiers), figsize=(width * len(frontiers), height + 0.9), squeeze=False)
    figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
    for axes, frontier in zip(grid[0], frontiers, strict=True):
        draw_frontier(axes, frontier, slo)
    figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
    handles = {
        label: handle for axes in grid[0] for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=len(handles), handlelength=1.8)
    return figure


def draw_frontier(axes: Axes, frontier: Frontier, slo: Slo | None = None) -> None:
    """Draw one panel."""
    axes.set_title(frontier.panel.title or frontier.panel.name, pad=20)
    named = " / ".join(labels.name(axis, frontier.panel.axes) for axis in _buffer_axes(frontier))
    axes.text(0, 1.025, f"labelled with {named}" if named else "", transform=axes.transAxes, fontsize=8, color=FAINT)
    axes.set_xlabel("throughput, Mbit/s of delivered payload")
    axes.set_ylabel("P99 latency, ms")
    if not frontier.sustained:
        axes.text(0.5, 0.5, "every configuration is overloaded", transform=axes.transAxes, ha="center")
        return
    _scales(axes, frontier)
    _dominated(axes, frontier)
    heights = {c.name: sum(p.p99.mean for p in c.front) / len(c.front) for c in frontier.curves if c.front}
    for index, curve in enumerate(frontier.curves):
        if curve.front:
            above = len(heights) > 1 and heights[curve.name] == max(heights.values())
            _curve(axes, curve, frontier, COLOURS[index % 4], MARKERS[index % 4], above)
    _overloaded(axes, frontier)
    limit = slo.limit("p99_ns") if slo else None
    if limit is not None:
        axes.axhline(limit / 1e6, color=INK, linewidth=0.9, linestyle=(0, (4, 3)), label=f"SLO: {slo}")
    _knee(axes, frontier)


def _scales(axes: Axes, frontier: Frontier) -> None:
    """Logarithmic where the numbers span much, with ticks at 1, 2, 5 written as plain numbers."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    points = [_xy(c) for c in frontier.sustained]
    xs, ys = [x for x, _ in points], [y for _, y in points]
    axes.set_yscale("log")
    axes.set_ylim(min(ys) / 1.35, max(ys) * 1.6)
    if max(xs) > LOG_FROM * min(xs) > 0:
        axes.set_xscale("log")
        axes.set_xlim(min(xs) / 1.25, max(xs) * 1.35)
    else:
        margin = 0.08 * (max(xs) - min(xs) or max(xs))
        axes.set_xlim(max(0.0, min(xs) - margin), max(xs) + 1.5 * margin)
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        if axis.get_scale() == "log":
            axis.set_major_locator(LogLocator(subs=(1, 2, 5) if high > 8 * low else (1, 1.5, 2, 3, 4, 5, 7)))
            axis.set_minor_formatter(NullFormatter())
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _dominated(axes: Axes, frontier: Frontier) -> None:
    """What its own colour beats, in grey and in the marker of its colour."""
    for curve, marker in zip(frontier.curves, MARKERS, strict=False):
        shown = {id(c) for c in curve.front}
        beaten = [_xy(c) for c in curve.members if c.sustained and id(c) not in shown]
        if beaten:
            xs, ys = zip(*beaten, strict=True)
            axes.plot(
                xs, ys, marker, linestyle="none", color=PALE, markersize=3.4, markeredgewidth=0, alpha=0.75, zorder=2,
                label="dominated",
            )  # fmt: skip


def _curve(axes: Axes, curve: Curve, frontier: Frontier, colour: str, marker: str, above: bool) -> None:
    """Band, staircase and points of one NODELAY setting; points that the other setting beats are hollow."""
    _band(axes, curve.band, colour)
    xs, ys = zip(*(_xy(c) for c in curve.front), strict=True)
    axes.plot(xs, ys, drawstyle="steps-pre", color=colour, linewidth=1.6, zorder=4)
    unbeaten = {id(c) for c in frontier.front}
    for c, x, y in zip(curve.front, xs, ys, strict=True):
        face = colour if id(c) in unbeaten else "white"
        axes.plot(x, y, marker, color=colour, markerfacecolor=face, markersize=6, markeredgewidth=1.3, zorder=5)
    axes.plot([], [], marker + "-", color=colour, markersize=6, linewidth=1.6, label=curve.name)
    if len(unbeaten & {id(c) for c in curve.front}) < len(curve.front):
        axes.plot([], [], "D", color=FAINT, markerfacecolor="none", markersize=4.5, label="hollow: beaten by the other")
    _write_settings(axes, curve.front, frontier, colour, above)


def _band(axes: Axes, band: Mapping[int, Floats], colour: str) -> None:
    """Between the surfaces that most and few replications attain."""
    import numpy as np

    if len(band) < 2:
        return
    worse, better = band[max(band)], band[min(band)]
    if not len(worse) or not len(better):
        return
    right = min(worse[-1, 0], better[-1, 0])
    xs = np.unique(np.concatenate([worse[:, 0], better[:, 0]]))
    xs = xs[xs <= right]
    low, high = (surface[np.searchsorted(surface[:, 0], xs), 1] for surface in (better, worse))
    axes.fill_between(xs / 1e6, low / 1e6, high / 1e6, step="pre", color=colour, alpha=0.18, linewidth=0, zorder=3)


def _write_settings(axes: Axes, front: Sequence[Configuration], frontier: Frontier, colour: str, above: bool) -> None:
    """Name the buffers at the first point of each stretch of the staircase that shares them."""
    before = ""
    for c in front:
        text = _buffers(c, frontier)
        if text != before:
            offset, align = ((-4, 7), "right") if above else ((4, -12), "left")
            axes.annotate(
                text, _xy(c), offset, textcoords="offset points", ha=align, fontsize=7, color=colour, zorder=6,
                annotation_clip=True,
            )  # fmt: skip
        before = text


def _buffers(c: Configuration, frontier: Frontier) -> str:
    return " / ".join(labels.value(axis, c.settings[axis]) for axis in _buffer_axes(frontier))


def _buffer_axes(frontier: Frontier) -> list[str]:
    """What the labels tell apart: all axes but the load (it is the throughput) and NODELAY (it is the colour)."""
    return [axis for axis in frontier.panel.axes if not is_load(axis) and not axis.endswith(".nodelay")]


def _overloaded(axes: Axes, frontier: Frontier) -> None:
    """A tick at the top edge, at what it delivers, for every configuration that has no P99."""
    if not frontier.overloaded:
        return
    xs = [c.throughput.mean / 1e6 for c in frontier.overloaded]
    axes.plot(
        xs, [0.985] * len(xs), "x", transform=axes.get_xaxis_transform(), color=PALE, markersize=4, clip_on=True,
        label="overloaded (no P99)", zorder=2,
    )  # fmt: skip


def _knee(axes: Axes, frontier: Frontier) -> None:
    if frontier.knee is None:
        return
    x, y = _xy(frontier.knee)
    axes.plot(x, y, "o", markersize=14, markerfacecolor="none", color=INK, markeredgewidth=1.4, label="knee", zorder=7)


def _xy(c: Configuration) -> tuple[float, float]:
    """Mbit/s and ms."""
    return c.throughput.mean / 1e6, c.p99.mean / 1e6
