"""The command `sensitivity`: which of the parameters varied decide a metric."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import cyclopts

from experiments.cli import paths, progress
from experiments.cli.common import INTERRUPTED, LIMIT, OK, say_json
from experiments.cli.sweep import DEFAULTS, Options, completed, read

if TYPE_CHECKING:
    from rich.table import Table

    from experiments.metrics import Metric
    from experiments.sensitivity import Sensitivity
    from experiments.sweep.file import Sweep
    from experiments.sweep.result import Result


def register(app: cyclopts.App) -> None:
    """Add the command of this module."""
    app.command(sensitivity)


def sensitivity(
    file: str,
    /,
    *,
    metric: str = "p99",
    method: Literal["sobol", "morris"] = "sobol",
    samples: int | None = None,
    out: Annotated[Path, cyclopts.Parameter(name=paths.OUT, validator=paths.folder)] = Path("out"),
    options: Options = DEFAULTS,
) -> int:
    """Say which of the parameters a sweep file varies decide a metric: table, figure (PNG, SVG), and a sentence.

    Parameters
    ----------
    file
        A sweep file; its [axes] are lists or ranges. Results are kept as a sweep's are: interrupt it, go on later.
    metric
        What is to be explained: p99, throughput, cpu, ... (as for frontier --metrics).
    method
        sobol: shares of the variance. morris: a cheap ranking (needs SALib).
    samples
        Points are this many times the number of axes and two (morris: and one). By default 64, of morris 16.
    out
        Directory for NAME-sensitivity.png and .svg.
    """
    from experiments.sensitivity import SAMPLES, sampled

    explained = _metric(metric)
    the_sweep = read(file, options)
    name = f"{the_sweep.name}-sensitivity"
    count = SAMPLES[method] if samples is None else samples
    drawn = [sampled(panel, method, count, the_sweep.seed) for panel in the_sweep.panels]
    derived = replace(the_sweep, name=name, panels=tuple(panel for panel, _ in drawn), precision=None)
    the_plan, results, outcome = completed(derived, options)
    if outcome.interrupted:
        return INTERRUPTED
    runs: dict[str, dict[str, list[Result]]] = {panel.name: {} for panel in derived.panels}
    for point in the_plan.points:
        keys = [the_plan.key(point, seed) for seed in derived.seeds]
        runs[point.panel][point.label] = [results[key] for key in keys if key in results]
    from experiments.sensitivity import analysed

    found = [
        analysed(panel, method, explained, shares, list(original.design.axes), runs[panel.name])
        for (panel, shares), original in zip(drawn, the_sweep.panels, strict=True)
    ]
    files = _save(found, the_sweep, out / name)
    _report(found, files, options.json)
    return LIMIT if outcome.failures else OK


def effects_table(found: Sensitivity) -> Table:
    """The effects, the greatest first."""
    from rich import box
    from rich.table import Table

    from experiments import labels

    axes = [effect.axis for effect in found.effects]
    title = f"{found.panel}: {found.metric.label}, {found.points:,} points"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("parameter")
    sobol = found.method == "sobol"
    for heading in ("by itself", "with interplay") if sobol else ("mu*", "sigma"):
        table.add_column(heading, justify="right")
    for effect in found.effects:
        own = f"{effect.own.mean:z.2f} [{effect.own.lo:z.2f}, {effect.own.hi:z.2f}]"
        total = f"{effect.total.mean:z.2f}" + (f" [{effect.total.lo:z.2f}, {effect.total.hi:z.2f}]" if sobol else "")
        table.add_row(labels.name(effect.axis, axes), own, total)
    return table


def _report(found: Sequence[Sensitivity], files: Sequence[Path], as_json: bool) -> None:
    from experiments.sensitivity import sentence

    if as_json:
        panels = [one.as_dict() | {"sentence": sentence(one)} for one in found]
        say_json({"panels": panels, "files": [str(file) for file in files]})
        return
    out = progress.results()
    for one in found:
        progress.show(out, effects_table(one))
        out.print(f"[bold]{sentence(one)}[/bold]", soft_wrap=True)
        if one.overloaded:
            out.print(
                f"Of {one.points:,} points {one.overloaded:,} are overloaded: their latency grows with the run, and"
                " what decides it is what decides the overload. Narrow the ranges to see the rest.",
                soft_wrap=True,
            )
        out.print("")
    out.print("  ".join(map(str, files)), soft_wrap=True)


def _save(found: Sequence[Sensitivity], the_sweep: Sweep, stem: Path) -> list[Path]:
    from experiments.figures_sensitivity import save_sensitivity

    files = [stem.with_name(f"{stem.name}.{suffix}") for suffix in ("png", "svg")]
    stem.parent.mkdir(parents=True, exist_ok=True)
    save_sensitivity(found, the_sweep.title, *files)
    return files


def _metric(name: str) -> Metric:
    from experiments.metrics import METRICS
    from sim.errors import Problem, ScenarioError

    if name not in METRICS:
        raise ScenarioError([Problem("--metric", f"no metric {name!r}", f"there are {', '.join(METRICS)}")])
    return METRICS[name]
