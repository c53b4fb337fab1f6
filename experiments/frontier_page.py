"""The frontier as one HTML file: hover for a configuration's settings, intervals and waits; works offline.

Plotly draws it and lies inside the file, which can so be attached to a change request or a ticket and opened anywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from html import escape
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from experiments import labels
from experiments.advice import advise, interval
from experiments.figures_style import FAINT, GRID, INK, LOOKS, PALE
from experiments.frontier import Configuration, Curve, Frontier
from experiments.metrics import Metric
from experiments.tables import measured, meeting, standing, sureness
from sim.errors import Problem, ScenarioError
from sim.identity import package_version

if TYPE_CHECKING:
    from experiments.slo import Slo

SYMBOLS = {"o": "circle", "s": "square", "^": "triangle-up"}
CONTROLS = {
    "displaylogo": False,
    "responsive": True,
    "modeBarButtons": [["toImage", "zoom2d", "pan2d", "resetScale2d"]],
    "toImageButtonOptions": {"format": "svg"},
}
NAMED_CAUSES = 4
"""Causes a hover names."""

STYLE = f"""
:root {{ color-scheme: light; }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: {INK}; background: white; margin: 2rem auto; max-width: 70rem;
  padding: 0 1rem; }}
h1 {{ font-size: 1.5rem; }} h2 {{ font-size: 1.15rem; margin-top: 2.5rem; }}
.made {{ color: {FAINT}; font-size: .85rem; }}
.advice {{ border-left: 4px solid {LOOKS["NODELAY"].colour}; padding-left: .8rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .2rem .7rem; text-align: right; border-bottom: 1px solid {GRID}; white-space: nowrap; }}
tr.knee {{ font-weight: bold; }} tr.dominated, tr.overloaded {{ color: {FAINT}; }}
@media print {{ details {{ display: block; }} .modebar {{ display: none; }} }}
"""


def check_plotly() -> None:
    """Raise ScenarioError where plotly is not installed."""
    if find_spec("plotly") is None:
        cure = "pip install 'tinygram[html]'"
        raise ScenarioError([Problem("--html", "needs plotly", cure)])


def page(frontiers: Sequence[Frontier], title: str, slo: Slo | None = None) -> str:
    """The whole file."""
    import plotly.io

    panels = []
    for number, frontier in enumerate(frontiers):
        drawn = plotly.io.to_html(
            figure(frontier, slo), full_html=False, include_plotlyjs=number == 0, div_id=f"panel-{number}",
            config=CONTROLS,
        )  # fmt: skip
        panels.append(_section(frontier, drawn, slo))
    made = f"tinygram {escape(package_version())}"
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>{escape(title)}</h1>\n"
        f"<p>Hover over a point for what it is and what its messages wait for; drag to look closer, double-click to"
        f" return.</p>\n{''.join(panels)}"
        f'<p class="made">{made}</p>\n</body>\n</html>\n'
    )


def _section(frontier: Frontier, drawn: str, slo: Slo | None) -> str:
    """A panel: figure, advice, tables."""
    advice = advise(frontier)
    good = {id(c) for c in meeting(frontier, slo)} if slo else set()
    rows = {id(c): _row(c, frontier, id(c) in good) for c in frontier.configurations}
    failures = "".join(f"<p>{escape(message)}</p>" for message in frontier.failures)
    return (
        f"<section>\n<h2>{escape(frontier.panel.title or frontier.panel.name)}</h2>\n{drawn}\n"
        f'<p class="advice"><strong>{escape(advice.sentence)}</strong> {escape(" ".join(advice.reasons))}</p>\n'
        f"{failures}{_table(frontier, [rows[id(c)] for c in frontier.front])}\n"
        f"<details><summary>All {len(frontier.configurations)} configurations</summary>"
        f"{_table(frontier, rows.values())}</details>\n</section>\n"
    )


def _table(frontier: Frontier, rows: Iterable[str]) -> str:
    heading = "".join(f"<th>{escape(name)}</th>" for name in _columns(frontier))
    body = "".join(rows)
    return f'<div class="wide"><table><thead><tr>{heading}</tr></thead><tbody>{body}</tbody></table></div>'


def _columns(frontier: Frontier) -> list[str]:
    axes = frontier.panel.axes
    return [*(labels.name(axis, axes) for axis in axes), *(m.axis for m in frontier.metrics), "unbeaten", "standing"]


def _row(c: Configuration, frontier: Frontier, meets: bool) -> str:
    where = standing(c, frontier)
    cells = [labels.value(axis, c.settings[axis]) for axis in frontier.panel.axes]
    cells += [_estimated(c, metric) for metric in frontier.metrics]
    cells += [sureness(frontier.probability_of(c)), f"{where}, meets SLO" if meets else where]
    return f'<tr class="{where}">{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'


def _estimated(c: Configuration, metric: Metric) -> str:
    """Mean and interval as figures write them; a dash for a latency that grows with the run."""
    if not c.sustained and metric.logarithmic:
        return "-"
    return interval(c.estimated(metric)) if metric.unit == "ms" else measured(c, metric)


# ---- the figure ------------------------------------------------------------------------------------------------------


def figure(frontier: Frontier, slo: Slo | None = None) -> Any:
    """A plotly figure of a panel: the first metric to the right, the second up."""
    from plotly.graph_objects import Figure

    x, y = frontier.metrics[:2]
    drawn = Figure()
    for curve in frontier.curves:
        drawn.add_traces(list(_traces(curve, frontier, x, y)))
    if frontier.knee is not None:
        ring = {"symbol": "circle-open", "size": 20, "color": INK, "line": {"width": 2}}
        drawn.add_scatter(**_points([frontier.knee], x, y), mode="markers", marker=ring, name="knee", hoverinfo="skip")
    limit = slo.limit(f"{y.name}_ns") if slo else None
    if limit is not None:
        drawn.add_hline(y=limit * y.scale, line={"dash": "dot", "color": INK}, annotation_text=f"SLO: {slo}")
    drawn.update_layout(
        template="plotly_white", height=520, margin={"l": 70, "r": 20, "t": 30, "b": 60},
        font={"color": INK}, legend={"orientation": "h", "y": -0.18}, hoverlabel={"align": "left"},
        updatemenus=[_scales(y)],
    )  # fmt: skip
    drawn.update_xaxes(title=x.axis, rangemode="tozero")
    drawn.update_yaxes(title=y.axis, type="log" if y.logarithmic else "linear", dtick="D2" if y.logarithmic else None)
    return drawn


def _scales(metric: Metric) -> dict[str, Any]:
    """Buttons that make the upward axis logarithmic or linear."""
    kinds = {"log": {"yaxis.type": "log", "yaxis.dtick": "D2"}, "linear": {"yaxis.type": "linear", "yaxis.dtick": None}}
    return {
        "type": "buttons", "direction": "right", "x": 0, "y": 1.1, "xanchor": "left", "showactive": True,
        "active": 0 if metric.logarithmic else 1,
        "buttons": [{"label": kind, "method": "relayout", "args": [change]} for kind, change in kinds.items()],
    }  # fmt: skip


def _traces(curve: Curve, frontier: Frontier, x: Metric, y: Metric) -> Iterator[dict[str, Any]]:
    """What beats and what is beaten of one NODELAY setting."""
    look = LOOKS[curve.name]
    shown = {id(c) for c in curve.front}
    beaten = [c for c in curve.members if id(c) not in shown]
    symbol, dash = SYMBOLS[look.marker], "solid" if look.dashes == "solid" else "dash"
    common = {"type": "scatter", "legendgroup": curve.name, "hovertemplate": "%{text}<extra></extra>"}
    yield common | _points(beaten, x, y) | {
        "mode": "markers", "name": f"{curve.name}, dominated", "text": [hover(c, frontier) for c in beaten],
        "marker": {"symbol": symbol, "size": 6, "color": PALE},
    }  # fmt: skip
    unbeaten = {id(c) for c in frontier.front}
    line = len(frontier.metrics) == 2
    yield common | _points(curve.front, x, y) | {
        "mode": "lines+markers" if line else "markers", "name": curve.name,
        "text": [hover(c, frontier) for c in curve.front],
        "line": {"shape": "vh" if x.maximise else "hv", "dash": dash, "color": look.colour, "width": 2},
        "marker": {
            "symbol": [symbol if id(c) in unbeaten else f"{symbol}-open" for c in curve.front],
            "size": 10, "color": look.colour,
        },
        "error_y": _errors(curve.front, y, look.colour),
    }  # fmt: skip


def _points(configurations: Sequence[Configuration], x: Metric, y: Metric) -> dict[str, list[float]]:
    return {
        "x": [c.estimated(x).mean * x.scale for c in configurations],
        "y": [c.estimated(y).mean * y.scale for c in configurations],
    }


def _errors(configurations: Sequence[Configuration], metric: Metric, colour: str) -> dict[str, Any]:
    """95 % intervals, where there are replications to tell them from."""
    estimates = [c.estimated(metric) for c in configurations]
    if any(e.n < 2 for e in estimates):
        return {"visible": False}
    return {
        "type": "data", "symmetric": False, "color": colour, "thickness": 1,
        "array": [(e.hi - e.mean) * metric.scale for e in estimates],
        "arrayminus": [(e.mean - e.lo) * metric.scale for e in estimates],
    }  # fmt: skip


def hover(c: Configuration, frontier: Frontier) -> str:
    """What a point says: settings, metrics with their intervals, what the average message waits for."""
    axes = frontier.panel.axes
    settings = ", ".join(f"{labels.name(axis, axes)} {labels.value(axis, c.settings[axis])}" for axis in axes)
    lines = [f"<b>{escape(settings)}</b>"]
    lines += [f"{escape(metric.axis)}: {escape(_estimated(c, metric))}" for metric in frontier.metrics]
    probability = frontier.probability_of(c)
    if not math.isnan(probability):
        lines.append(f"unbeaten with a probability of {sureness(probability)}")
    total = sum(c.causes.values()) or 1
    most = sorted(c.causes.items(), key=lambda cause: -cause[1])[:NAMED_CAUSES]
    lines.append("the average message waits for")
    lines += [
        f"  {cause.replace('_', ' ')} {labels.milliseconds(ns)} ms ({ns / total:.0%})" for cause, ns in most if ns
    ]
    return "<br>".join(lines)
