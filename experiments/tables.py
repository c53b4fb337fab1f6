"""A frontier as a table: for a terminal, and as CSV for everything else."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

from experiments import labels
from experiments.advice import advise, interval, is_load
from experiments.frontier import Configuration, Frontier
from experiments.metrics import Metric
from experiments.statistics import Estimate

if TYPE_CHECKING:
    from rich.table import Table

    from experiments.slo import Slo

SHOWN = {"throughput", "p50", "p99", "p999", "cpu"}
"""Metrics that the table shows whether or not they are weighed."""

LATENCIES = ("mean_ns", "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns")


def frontier_table(frontier: Frontier, slo: Slo | None = None) -> Table:
    """The unbeaten configurations by rising throughput, the knee marked, with what its messages wait for most."""
    axes = frontier.panel.axes
    table = _table(f"{frontier.panel.title or frontier.panel.name}: frontier", axes)
    for heading in ("Mbit/s", "P50 ms", "P99 ms", "P99.9 ms"):
        table.add_column(heading, justify="right")
    table.add_column("CPU", justify="right")
    further = [metric for metric in frontier.metrics if metric.name not in SHOWN]
    for metric in further:
        table.add_column(metric.axis, justify="right")
    table.add_column("waits most for")
    table.add_column("unbeaten", justify="right")
    table.add_column("")
    good = meeting(frontier, slo) if slo else []
    for c in frontier.front:
        cpu = max(c.estimate("cpu_server").mean, c.estimate("cpu_client").mean)
        table.add_row(
            *_settings(c, axes),
            labels.megabits(c.throughput.mean),
            labels.milliseconds(c.estimate("p50_ns").mean),
            interval(c.p99),
            labels.milliseconds(c.estimate("p999_ns").mean),
            f"{cpu:.0%}",
            *(measured(c, metric) for metric in further),
            dominant_cause(c).replace("_", " "),
            sureness(frontier.probability_of(c)),
            " ".join(["<- knee"] * (c is frontier.knee) + ["meets SLO"] * (c in good)),
            style="bold" if c is frontier.knee else "",
        )
    return table


def hypervolume_line(frontier: Frontier) -> str | None:
    """How good each curve is as a whole, with the reference point it is measured from; None without one."""
    curves = [(c.name, c.hypervolume) for c in frontier.curves if c.hypervolume is not None]
    if not curves:
        return None
    shares = ", ".join(f"{name} {_share(volume)}" for name, volume in curves)
    worst = ", ".join(
        f"{metric.name} {frontier.box[metric.name][0] * metric.scale:.3g} {metric.unit.split(' of ')[0]}".rstrip()
        for metric in frontier.metrics
    )
    return f"hypervolume, as a share of the box from ({worst}) to the best: {shares}"


def _share(volume: Estimate) -> str:
    interval = "" if volume.n < 2 else f" [{volume.lo:.3f}, {volume.hi:.3f}]"
    return f"{volume.mean:.3f}{interval}"


def measured(c: Configuration, metric: Metric) -> str:
    """A metric's mean as figures write it."""
    return f"{c.estimated(metric).mean * metric.scale:.3g}"


def sureness(probability: float) -> str:
    """`97 %`; `-` for what one seed cannot tell."""
    return "-" if math.isnan(probability) else f"{100 * probability:.0f} %"


def overloaded_table(frontier: Frontier) -> Table | None:
    """For each choice of settings the load from which it is overloaded, and what holds it; None when none is."""
    if not frontier.overloaded:
        return None
    axes = [axis for axis in frontier.panel.axes if not is_load(axis)]
    title = f"{frontier.panel.title or frontier.panel.name}: overloaded (no P99: it would grow with the run)"
    table = _table(title, axes)
    for heading in ("sustains", "overloaded from", "offered Mbit/s", "delivered Mbit/s", "replications", "CPU"):
        table.add_column(heading, justify="right")
    table.add_column("waits most for")
    for first, sustained in _thresholds(frontier):
        cpu = max(first.estimate("cpu_server").mean, first.estimate("cpu_client").mean)
        table.add_row(
            *_settings(first, axes),
            _load(sustained) if sustained else "nothing tried",
            _load(first),
            labels.megabits(first.estimate("offered_bps").mean),
            labels.megabits(first.throughput.mean),
            f"{first.overloads} of {len(first.runs)}",
            f"{cpu:.0%}",
            dominant_cause(first).replace("_", " "),
        )
    return table


def _thresholds(frontier: Frontier) -> Iterator[tuple[Configuration, Configuration | None]]:
    """Of each choice of settings its first overloaded configuration, and the last sustained one before it."""
    groups: dict[str, list[Configuration]] = {}
    for c in frontier.configurations:
        choice = {axis: value for axis, value in c.settings.items() if not is_load(axis)}
        groups.setdefault(json.dumps(choice), []).append(c)
    for group in groups.values():
        by_load = sorted(group, key=lambda c: c.estimate("offered_bps").mean)
        first = next((i for i, c in enumerate(by_load) if not c.sustained), None)
        if first is not None:
            yield by_load[first], by_load[first - 1] if first else None


def _load(c: Configuration) -> str:
    """The load of a configuration; its offered Mbit/s where the load is no axis."""
    axis = next((axis for axis in c.settings if is_load(axis)), None)
    return labels.value(axis, c.settings[axis]) if axis else labels.megabits(c.estimate("offered_bps").mean)


def write_csv(frontiers: Iterable[Frontier], file: IO[str]) -> None:
    """One row a configuration, in the order of the sweep file: settings, standing, estimates with their intervals."""
    rows = [row for frontier in frontiers for row in _rows(frontier)]
    columns = dict.fromkeys(column for row in rows for column in row)
    writer = csv.DictWriter(file, list(columns), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)


def as_json(frontier: Frontier, slo: Slo | None = None) -> dict[str, Any]:
    """A panel for `--json`: its configurations as in the CSV, the curves' hypervolumes, the knee and the advice."""
    advice = advise(frontier)
    return {
        "panel": frontier.panel.name,
        "title": frontier.panel.title,
        "axes": {axis: list(values) for axis, values in frontier.panel.axes.items()},
        "frontier": [c.settings for c in frontier.front],
        "knee": frontier.knee.settings if frontier.knee else None,
        "overloaded": [c.settings for c in frontier.overloaded],
        "slo": str(slo) if slo else None,
        "meeting_slo": [c.settings for c in meeting(frontier, slo)] if slo else None,
        "metrics": [
            {"name": m.name, "better": "more" if m.maximise else "less", "reference": worst, "best": best}
            for m, (worst, best) in zip(frontier.metrics, frontier.box.values(), strict=True)
        ],
        "hypervolume": {c.name: c.hypervolume.as_dict() if c.hypervolume else None for c in frontier.curves},
        "advice": advice.sentence,
        "reasons": list(advice.reasons),
        "failures": list(frontier.failures),
        "configurations": [
            {
                "settings": c.settings,
                "standing": standing(c, frontier),
                "probability": _known(probability),
                "metrics": {m.name: c.estimated(m).as_dict() for m in frontier.metrics} if c.sustained else None,
                "throughput_bps": c.throughput.as_dict(),
                "p99_ns": c.p99.as_dict() if c.sustained else None,
                "causes_ns": {cause: round(ns) for cause, ns in c.causes.items() if ns},
            }
            for c, probability in zip(frontier.configurations, frontier.probability, strict=True)
        ],
    }


def meeting(frontier: Frontier, slo: Slo) -> list[Configuration]:
    """The configurations whose mean over the replications meets the SLO, in the order of the sweep file."""
    columns = ("throughput_bps", *LATENCIES)
    return [c for c in frontier.sustained if slo.met_by({column: c.estimate(column).mean for column in columns})]


def standing(configuration: Configuration, frontier: Frontier) -> str:
    """`knee`, `frontier`, `dominated` or `overloaded`."""
    if configuration is frontier.knee:
        return "knee"
    if configuration in frontier.front:
        return "frontier"
    return "dominated" if configuration.sustained else "overloaded"


def dominant_cause(configuration: Configuration) -> str:
    """What the average message waits for most, among what a setting can change; else what there is."""
    causes = configuration.causes
    movable = {cause: ns for cause, ns in causes.items() if cause not in {"propagation", "serialisation"} and ns}
    pool = movable or causes
    return max(pool, key=lambda cause: pool[cause], default="")


def _rows(frontier: Frontier) -> Iterator[dict[str, object]]:
    further = [metric for metric in frontier.metrics if metric.name not in SHOWN | {"mean", "p90", "max"}]
    for c, probability in zip(frontier.configurations, frontier.probability, strict=True):
        row: dict[str, object] = {"panel": frontier.panel.name, **c.settings}
        row |= {"standing": standing(c, frontier), "replications": len(c.runs), "overloaded_in": c.overloads}
        row["probability"] = "" if math.isnan(probability) else probability
        row |= _estimates(c, ("throughput_bps", "offered_bps"))
        row |= _estimates(c, LATENCIES) if c.sustained else {}
        row |= {f"{side}_share": round(c.estimate(side).mean, 4) for side in ("cpu_server", "cpu_client")}
        row |= {metric.name: round(c.estimated(metric).mean, 4) for metric in further}
        row |= {f"mean_{cause}_ns": round(ns) for cause, ns in c.causes.items()}
        yield row


def _estimates(c: Configuration, columns: Sequence[str]) -> dict[str, object]:
    cells: dict[str, object] = {}
    for column in columns:
        estimate = c.estimate(column)
        cells |= {
            column: _whole(estimate.mean),
            f"{column}_lo": _whole(estimate.lo),
            f"{column}_hi": _whole(estimate.hi),
        }
    return cells


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def _whole(value: float) -> int | str:
    return "" if math.isnan(value) else round(value)


def _table(title: str, axes: Iterable[str]) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", caption_justify="left")
    paths = list(axes)
    for axis in paths:
        table.add_column(labels.name(axis, paths), justify="right")
    return table


def _settings(c: Configuration, axes: Iterable[str]) -> list[str]:
    return [labels.value(axis, c.settings[axis]) for axis in axes]
