"""One style for all figures of numbers, the same bytes for the same numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK, FAINT, PALE, GRID = "#22262b", "#6b7280", "#b9bec5", "#e8eaed"
BLUE, VERMILION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
"""Of Okabe and Ito, told apart by all kinds of colour vision."""


class Look(NamedTuple):
    """How one family of points is drawn: told apart by colour, and without it by marker and dashes."""

    colour: str
    marker: str
    dashes: Any
    hatch: str


LOOKS = {
    "NODELAY": Look(BLUE, "o", "solid", ""),
    "Nagle": Look(VERMILION, "s", (0, (5, 1.6)), "////"),
    "frontier": Look(GREEN, "^", "solid", ""),
}
"""By the knob's setting: a colour means the same in every figure."""

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
    "hatch.linewidth": 0.5,
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

SUBDIVISIONS = ((1,), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8))
FEWEST_TICKS = 4


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


def plain_numbers(axis: Axis) -> None:
    """Ticks as people write numbers; on a logarithmic axis the coarsest ladder that has at least four in view."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    if axis.get_scale() == "log":
        low, high = sorted(axis.get_view_interval())
        axis.set_major_locator(FixedLocator(ladder(low, high)))
        axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def ladder(low: float, high: float) -> list[float]:
    """Round numbers from `low` to `high`, evenly enough on a logarithmic axis: 1, 2, 5, 10, or finer where few fit."""
    import math

    from matplotlib.ticker import MaxNLocator

    ticks: list[float] = []
    for steps in SUBDIVISIONS:
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [float(f"{step * 10.0**decade:.12g}") for decade in decades for step in steps]
        ticks = [tick for tick in ticks if low <= tick <= high]
        if len(ticks) >= FEWEST_TICKS:
            return ticks
    return [float(tick) for tick in MaxNLocator(5).tick_values(low, high) if low <= tick <= high]


def haloed(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **how: Any) -> None:
    """A label near a point, legible over lines: to its right, or beyond the middle of the axes to its left."""
    x = axes.transAxes.inverted().transform(axes.transData.transform(at))[0]
    dx = -offset[0] if x > 0.5 else offset[0]
    _write(axes, text, at, (dx, offset[1]), **how)


def _write(axes: Axes, text: str, at: tuple[float, float], offset: tuple[float, float], **how: Any) -> None:
    from matplotlib import patheffects

    halo = [patheffects.withStroke(linewidth=2.2, foreground="white")]
    side = "left" if offset[0] > 0 else "right"
    axes.annotate(text, at, offset, textcoords="offset points", ha=side, path_effects=halo, **how)


class Labels:
    """Small labels near points of one pair of axes: inside them, and over no point and no other label.

    Make it when the layout of the figure is settled (`Figure.draw_without_rendering`). A label that has no room is left
    out; the next one that fits says the same of its own point.
    """

    SIZE = 7.0  # points
    WIDTH, HEIGHT = 0.6, 1.25  # of a character and of a line, in sizes
    PLACES = ((6, 8), (-6, 8), (6, -12), (-6, -12), (9, -2), (-9, -2), (6, 18), (-6, 18), (6, -22), (-6, -22))

    def __init__(self, axes: Axes, points: Iterable[tuple[float, float]]) -> None:
        self.axes = axes
        self.pixel = axes.figure.dpi / 72
        reach = 4 * self.pixel
        places = [axes.transData.transform(point) for point in points]
        self.taken = [(x - reach, y - reach, x + reach, y + reach) for x, y in places]

    def write(self, text: str, at: tuple[float, float], colour: str, above: bool) -> None:
        """Write `text` near a point; `above` or below it, if either will do."""
        preferred = sorted(self.PLACES, key=lambda place: (place[1] > 0) != above)
        for dx, dy in preferred:
            box = self._box(text, at, dx, dy)
            if self._free(box):
                self.taken.append(box)
                _write(self.axes, text, at, (dx, dy), fontsize=self.SIZE, color=colour, zorder=6)
                return

    def _box(self, text: str, at: tuple[float, float], dx: float, dy: float) -> tuple[float, float, float, float]:
        x, y = self.axes.transData.transform(at)
        width = len(text) * self.WIDTH * self.SIZE * self.pixel
        left = x + dx * self.pixel - (0 if dx > 0 else width)
        bottom = y + dy * self.pixel
        return left, bottom, left + width, bottom + self.HEIGHT * self.SIZE * self.pixel

    def _free(self, box: tuple[float, float, float, float]) -> bool:
        left, bottom, right, top = box
        inside = self.axes.bbox
        if left < inside.x0 or right > inside.x1 or bottom < inside.y0 or top > inside.y1:
            return False
        return all(right < x0 or left > x1 or top < y0 or bottom > y1 for x0, y0, x1, y1 in self.taken)
