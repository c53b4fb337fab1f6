"""The fleet's figure: how many messages are later than a given time, and which connections they come from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from experiments.figures_style import FAINT, GREEN, PALE, PURPLE, save, styled
from experiments.fleet.file import Fleet
from experiments.fleet.percentiles import SHARES, percentiles
from experiments.fleet.report import HEADINGS, MS
from experiments.fleet.run import CONNECTION, MESSAGES, Total
from experiments.fleet.tail import tail_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from experiments.fleet.tail import Tail

LINES = {MESSAGES: ("a message's latency", GREEN), CONNECTION: ("a connection's P99", PURPLE)}
MOST_PARAMETERS = 3


def save_figure(fleet: Fleet, total: Total, *paths: Path) -> None:
    """Draw it into files."""
    tail = tail_of(total)
    with styled():
        from matplotlib import pyplot

        figure, (left, right) = pyplot.subplots(1, 2, figsize=(11.2, 5.0), width_ratios=(3, 2))
        figure.set_layout_engine("constrained", w_pad=0.12, h_pad=0.08)
        _survival(left, total)
        _origins(right, tail)
        figure.suptitle(fleet.title, x=0.012, ha="left", fontsize=12.5, fontweight="bold")
        save(figure, *paths)
        pyplot.close(figure)


def _survival(axes: Axes, total: Total) -> None:
    """Share later than, both axes logarithmic; the percentiles with their intervals."""
    axes.set_title(f"{total.connections:,} connections, {total.messages:,} messages")
    axes.set_xlabel("ms")
    axes.set_ylabel("share that is later")
    axes.set_xscale("log")
    axes.set_yscale("log")
    for metric, (label, colour) in LINES.items():
        value, share = total.counts(metric).survival()
        shown = share > 0
        axes.step(value[shown] / MS, share[shown], where="post", color=colour, label=label, linewidth=1.6)
    for name, percentile in percentiles(total, MESSAGES).items():
        if percentile.value is None:
            continue
        height = 1 - SHARES[name]
        if percentile.lo is not None and percentile.hi is not None:
            axes.plot([percentile.lo / MS, percentile.hi / MS], [height, height], color=GREEN, linewidth=3, alpha=0.4)
        axes.plot(percentile.value / MS, height, "o", color=GREEN, markersize=4)
        note = f"{HEADINGS[name]}  {percentile.value / MS:,.4g} ms"
        axes.annotate(
            note, (percentile.value / MS, height), xytext=(-8, -12), textcoords="offset points", ha="right", fontsize=8
        )
    axes.legend(loc="lower left")


def _origins(axes: Axes, tail: Tail | None) -> None:
    """For the parameters that tell most, each bin's share of the tail beside its share of the fleet."""
    axes.set_xlabel("share of the messages")
    if tail is None:
        axes.set_title("no tail: all messages are alike")
        return
    axes.set_title(f"who sends the slowest {tail.share:.2%}")
    names: list[str] = []
    for share in tail.shares[:MOST_PARAMETERS]:
        start = len(names)
        names += [f"{share.parameter.name}  {share.labels[0]}", *share.labels[1:], ""]
        at = np.arange(start, start + len(share.labels))
        axes.barh(at, share.fleet, height=0.8, color=PALE, label="of the fleet" if start == 0 else None)
        axes.barh(at, share.tail, height=0.4, color=GREEN, label="of the tail" if start == 0 else None)
    axes.set_yticks(range(len(names)), names, fontsize=7, color=FAINT)
    axes.grid(visible=False, axis="y")
    axes.invert_yaxis()
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
