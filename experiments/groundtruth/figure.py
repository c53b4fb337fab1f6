"""The worst of a comparison: distributions of latency, the kernel's and the model's, in small panels."""

from __future__ import annotations

import math
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.figures_style import BLUE, FAINT, INK, VERMILION, save, styled
from experiments.groundtruth.compare import Comparison, Row
from experiments.groundtruth.judge import PERCENTILES

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANELS = 6
COLUMNS = 3
PANEL_INCHES = (3.7, 2.7)
LOG_FROM = 20.0
"""A latency axis that spans more than this factor is logarithmic."""

TITLE_WIDTH = 48
LEVELS = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def draw(comparison: Comparison, path: Path) -> None:
    """Draw the directions farthest from their recordings into a file; the same bytes for the same numbers."""
    rows = comparison.worst[:PANELS]
    columns = min(COLUMNS, len(rows))
    lines = math.ceil(len(rows) / columns)
    with styled():
        from matplotlib import pyplot

        size = (PANEL_INCHES[0] * columns, PANEL_INCHES[1] * lines + 0.8)
        figure, grid = pyplot.subplots(lines, columns, figsize=size, squeeze=False, sharey=True)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.1)
        for axes, row in zip(grid.flat, rows, strict=False):
            panel(axes, row)
        for axes in grid.flat[len(rows) :]:
            axes.set_axis_off()
        for axes in grid[:, 0]:
            axes.set_ylabel("share of messages")
        figure.suptitle("Farthest from the kernel", x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=len(handles), handlelength=1.8)
        save(figure, path)
        pyplot.close(figure)


def panel(axes: Axes, row: Row) -> None:
    """One direction: both distribution functions, and the range of all recordings at P50, P90 and P99."""
    kernel, model = (latency / 1000 for latency in row.latencies)
    for latency, colour, label, width in ((kernel, INK, "kernel", 2.4), (model, VERMILION, "model", 1.3)):
        if len(latency):
            axes.ecdf(latency, color=colour, lw=width, label=label)
    for name in PERCENTILES:
        ends = [run[name] / 1000 for run in row.runs]
        axes.plot(
            [min(ends), max(ends)], [LEVELS[name]] * 2, color=BLUE, lw=5, alpha=0.45, solid_capstyle="butt",
            label="recordings, P50 P90 P99" if name == "p50" else None,
        )  # fmt: skip
    both = np.concatenate([kernel, model])
    if len(both) and both.max() > LOG_FROM * both.min() > 0:
        logarithmic(axes)
    axes.set_ylim(0, 1.02)
    axes.set_xlabel("latency, ms")
    axes.set_title(f"{row.id} {row.direction}", pad=16)
    out = ", ".join(row.verdict.exceeded)
    said = f"out of tolerance: {out}" if out else "within tolerance"
    title = textwrap.shorten(row.title, TITLE_WIDTH, placeholder=" …")
    axes.text(0, 1.03, f"{title}: {said}", transform=axes.transAxes, fontsize=7, color=FAINT)


def logarithmic(axes: Axes) -> None:
    """A logarithmic latency axis with plain numbers."""
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
