"""Two figures: where policies lie beside the frontier of fixed settings, and what they did over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments import labels
from experiments.control.standing import name_of
from experiments.control.trajectory import Trajectory
from experiments.figures_style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    PALE,
    PURPLE,
    VERMILION,
    haloed,
    plain_numbers,
    save,
    styled,
)
from experiments.frontier import Configuration, Frontier

if TYPE_CHECKING:
    from matplotlib.axes import Axes

INCHES = (4.6, 3.9)
COLOURS = (VERMILION, BLUE, GREEN, PURPLE, "#e69f00", "#56b4e9", "#8c6d31", "#1b7837", "#6a3d9a")
MARKERS = ("o", "s", "D", "^", "v", "P", "X", "<", ">")
Looks = Mapping[str, tuple[str, str]]


def looks(names: Sequence[str]) -> Looks:
    """Colour and marker of each policy, the same in both figures."""
    return {n: (COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]) for i, n in enumerate(names)}


def save_standing(pairs: Sequence[tuple[Frontier, Frontier]], how: Looks, title: str, *paths: Path) -> None:
    """Throughput against P99, a panel a path: the fixed settings and their frontier, the policies beside it."""
    with styled():
        from matplotlib import pyplot

        width, height = INCHES
        figure, grid = pyplot.subplots(1, len(pairs), figsize=(width * len(pairs), height + 0.9), squeeze=False)
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.06)
        for axes, (fixed, policies) in zip(grid[0], pairs, strict=True):
            axes.set_title(fixed.panel.title)
            _points(axes, fixed, policies, how)
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        handles = {h: l for a in grid[0] for l, h in zip(*a.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=3 * len(pairs))
        save(figure, *paths)
        pyplot.close(figure)


def _xy(c: Configuration) -> tuple[float, float]:
    return c.throughput.mean / 1e6, c.p99.mean / 1e6


def _points(axes: Axes, fixed: Frontier, policies: Frontier, how: Looks) -> None:
    shown = [*fixed.sustained, *policies.sustained]
    axes.set_xlabel("throughput, Mbit/s")
    axes.set_ylabel("P99, ms")
    if not shown:
        axes.text(0.5, 0.5, "everything is overloaded", transform=axes.transAxes, ha="center")
        return
    axes.set_yscale("log")
    xs, ys = zip(*map(_xy, shown), strict=True)
    axes.set_xlim(min(xs) * 0.93, max(xs) * 1.06)
    axes.set_ylim(min(ys) / 1.35, max(ys) * 1.35)
    plain_numbers(axes.yaxis)
    front = [_xy(c) for c in fixed.front]
    axes.plot(*zip(*map(_xy, fixed.sustained), strict=True), ".", color=PALE, markersize=7, label="fixed")
    axes.plot(*zip(*front, strict=True), color=FAINT, linewidth=1.2, drawstyle="steps-pre", label="frontier of fixed")
    axes.plot(*zip(*front, strict=True), ".", color=INK, markersize=8)
    for c in fixed.sustained:
        text = labels.value(*next(iter(c.settings.items())))
        haloed(axes, text, _xy(c), (5, -9), fontsize=7, color=FAINT, zorder=3)
    for c in policies.sustained:
        colour, marker = how[name_of(c)]
        axes.plot(*_xy(c), marker, color=colour, markersize=7, linestyle="none", label=name_of(c), zorder=5)


def save_trajectories(found: Sequence[Trajectory], how: Looks, title: str, *paths: Path) -> None:
    """P99 and send buffer tick by tick, a column a path; both axes are logarithmic, so a doubling is a step."""
    with styled():
        from matplotlib import pyplot

        width, height = INCHES
        size = (width * len(found), 1.45 * height)
        figure, grid = pyplot.subplots(2, len(found), figsize=size, squeeze=False, sharex="col", sharey="row")
        figure.set_layout_engine("constrained", w_pad=0.1, h_pad=0.06)
        for column, one in zip(grid.T, found, strict=True):
            column[0].set_title(one.title)
            _track(column[0], one, how, "p99_ns", 1e6)
            _track(column[1], one, how, "sk_sndbuf", 2 * 1024)
            column[1].set_xlabel("time, s")
        grid[0][0].set_ylabel("P99 of the last window, ms")
        grid[1][0].set_ylabel("SO_SNDBUF, KiB")
        figure.suptitle(title, x=0.012, ha="left", fontsize=12, fontweight="bold")
        handles = {h: l for a in grid.flat for l, h in zip(*a.get_legend_handles_labels(), strict=True)}
        figure.legend(handles.values(), handles.keys(), loc="outside lower left", ncols=3 * len(found))
        save(figure, *paths)
        pyplot.close(figure)


def _track(axes: Axes, one: Trajectory, how: Looks, column: str, unit: float) -> None:
    axes.set_yscale("log")
    for name, ticks in one.ticks.items():
        known = ticks[ticks[column] > 0]
        style = "steps-post" if column == "sk_sndbuf" else "default"
        axes.plot(
            known["now_ns"] / 1e9, known[column] / unit, color=how[name][0], linewidth=1.6, label=name, drawstyle=style
        )
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.15, high * 1.15)
    plain_numbers(axes.yaxis)
