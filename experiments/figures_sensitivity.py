"""The sensitivity figure: a bar a parameter, the greatest on top.

Of Sobol's indices the dark part is what a parameter explains by itself, the pale one what it does with others; of
Morris's the bar is mu*, the diamond sigma. Lines are 95 % intervals.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import labels
from experiments.figures_style import BLUE, FAINT, INK, save, styled
from experiments.sensitivity import Sensitivity
from experiments.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PALE_BLUE = "#a8d0e8"
WIDTH, HEIGHT_A_BAR, HEIGHT = 6.4, 0.42, 1.9


def save_sensitivity(found: Sequence[Sensitivity], title: str, *paths: Path) -> None:
    """Draw a panel each into files."""
    with styled():
        from matplotlib import pyplot

        size = (WIDTH * len(found), HEIGHT + HEIGHT_A_BAR * max(len(one.effects) for one in found))
        figure, grid = pyplot.subplots(1, len(found), figsize=size, squeeze=False)
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
        for axes, one in zip(grid[0], found, strict=True):
            _panel(axes, one, titled=one.panel != title)
        figure.suptitle(title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        handles, names = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=len(handles))
        save(figure, *paths)
        pyplot.close(figure)


def _panel(axes: Axes, found: Sensitivity, titled: bool) -> None:
    axis_names = [effect.axis for effect in found.effects]
    if titled:
        axes.set_title(found.panel)
    axes.set_yticks(range(len(axis_names)), [labels.name(axis, axis_names) for axis in axis_names])
    axes.set_ylim(len(axis_names) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    what = f"{'log ' if found.metric.logarithmic else ''}{found.metric.label}"
    if found.method == "sobol":
        axes.set_xlabel(f"share of the variance of {what}")
        axes.set_xlim(0, max(1.0, *(effect.total.hi * 1.05 for effect in found.effects)))
        _bars(axes, [effect.total for effect in found.effects], PALE_BLUE, 0.62, "with interplay", 0.14)
        _bars(axes, [effect.own for effect in found.effects], BLUE, 0.62, "by itself", -0.14)
    else:
        axes.set_xlabel(f"change of {what} from end to end of a range")
        _bars(axes, [effect.own for effect in found.effects], BLUE, 0.5, "mean size, mu*", 0.0)
        spread = [effect.total.mean for effect in found.effects]
        axes.plot(
            spread, range(len(spread)), "D", linestyle="none", color=INK, markerfacecolor="white", markersize=5,
            label="spread, sigma", clip_on=False, zorder=5,
        )  # fmt: skip
        axes.set_xlim(left=0)


def _bars(axes: Axes, sizes: Sequence[Estimate], colour: str, height: float, label: str, shift: float) -> None:
    """Bars from 0, with their intervals a little off the middle, so that two do not cover one another."""
    places = range(len(sizes))
    axes.barh(places, [max(0.0, size.mean) for size in sizes], height, color=colour, label=label, linewidth=0)
    for place, size in zip(places, sizes, strict=True):
        ends = [max(0.0, size.lo), max(0.0, size.hi)]
        axes.plot(ends, [place + shift] * 2, color="white", linewidth=3.2, alpha=0.7, solid_capstyle="butt")
        axes.plot(ends, [place + shift] * 2, color=INK if shift <= 0 else FAINT, linewidth=1.3, solid_capstyle="butt")
