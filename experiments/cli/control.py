"""The commands `policies`, which lists them, and `control`, which weighs them against fixed settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from experiments.cli import paths, progress
from experiments.cli.common import INTERRUPTED, LIMIT, OK, Json, Source, say, say_json
from experiments.cli.sweep import DEFAULTS, Options, completed

if TYPE_CHECKING:
    from experiments.control.arms import Axis
    from experiments.frontier import Frontier

SCENARIO = "elastic-runaway"
KNOB = "server.sndbuf=16KiB,32KiB,64KiB,128KiB,256KiB,512KiB"
POLICIES = ("elastic", "rtt-threshold", "rtt-threshold(minimum=true)", "bdp-sndbuf", "delay-target(delay=20ms)")
REPLICATIONS = 3


def register(app: cyclopts.App) -> None:
    """Add the commands of this module."""
    app.command(policies)
    app.command(control)


def policies(name: str | None = None, /, *, json: Json = False) -> None:
    """List the policies that change settings while a run goes on, with their rows of the source, or print one.

    Parameters
    ----------
    name
        A policy.
    """
    from experiments.policies import names, rows, title

    if name is not None:
        source = _text(name)
        if json:
            packaged = {"title": title(name), "rows": rows(name)} if name in names() else {}
            say_json({"name": name, **packaged, "source": source})
        else:
            say(source)
        return
    if json:
        say_json([{"name": each, "title": title(each), "rows": rows(each)} for each in names()])
        return
    width = max(map(len, names()))
    for each in names():
        source = f" [{rows(each)}]" if rows(each) else ""
        say(f"{each:<{width}}  {title(each)}{source}")


def _text(name: str) -> str:
    from experiments.policies import complete
    from sim.scenario import Policy

    found = complete(Policy(name), Path())
    return found.source if found else ""


def control(
    scenario: Source = SCENARIO,
    /,
    *,
    policy: Annotated[list[str] | None, cyclopts.Parameter(negative="")] = None,
    knob: str = KNOB,
    over: str | None = None,
    out: Annotated[Path, cyclopts.Parameter(name=paths.OUT, validator=paths.folder)] = Path("out"),
    options: Options = DEFAULTS,
) -> int:
    """Weigh policies against the frontier of fixed settings: where each lies, and what it did over time.

    Parameters
    ----------
    scenario
        A preset or a scenario file; where its settings are moved, they begin as it says.
    policy
        A policy, NAME, NAME(KEY=VALUE) or FILE.py:FUNCTION. Repeat for more.
    knob
        The setting that is fixed, and its values: KEY=VALUE,VALUE,...
    over
        Paths to try all this on: network.rtt=5ms,20ms,80ms.
    out
        Directory for the figures NAME.png and NAME-trajectory.png.
    """
    from experiments.control.arms import pairs, sweep_of
    from experiments.frontier import frontiers
    from experiments.settings import flattened, table_of

    chosen = tuple(policy or POLICIES)
    fixed = flattened(table_of(options.settings or ()))
    seed = 0 if options.seed is None else options.seed
    replications = REPLICATIONS if options.replications is None else options.replications
    tried = _axis(over, "--over") if over else None
    the_sweep = sweep_of(scenario, fixed, _axis(knob, "--knob"), chosen, tried, replications, seed)
    with _placed(knob, over):
        the_plan, results, outcome = completed(the_sweep, replace(options, settings=None))
    if outcome.interrupted:
        return INTERRUPTED
    found = pairs(frontiers(the_plan, results, outcome.failures))
    files = _draw(found, the_plan, chosen, the_sweep.name, seed, out)
    _report(found, files, options.json)
    return LIMIT if outcome.failures else OK


@contextmanager
def _placed(knob: str, over: str | None) -> Iterator[None]:
    """Mistakes of the sweep that the command makes up are placed at the options it is made of, each once."""
    from sim.errors import ScenarioError

    options = {"policy.name": "--policy", knob.partition("=")[0].strip(): "--knob"}
    if over:
        options[over.partition("=")[0].strip()] = "--over"
    try:
        yield
    except ScenarioError as error:
        at = {f".{table}.{key}": option for key, option in options.items() for table in ("axes", "set")}
        found = (
            replace(p, path=next((option for end, option in at.items() if p.path.endswith(end)), p.path))
            for p in error.problems
        )
        raise ScenarioError(list(dict.fromkeys(found))) from None


def _axis(text: str, option: str) -> Axis:
    from experiments.control.arms import Axis
    from experiments.settings import value_of
    from sim.errors import Problem, ScenarioError

    path, equals, values = text.partition("=")
    if not equals or not values:
        raise ScenarioError([Problem(f"{option} {text}", "is no setting with values", "write KEY=VALUE,VALUE")])
    return Axis(path.strip(), tuple(value_of(value) for value in values.split(",")))


def _draw(
    found: Sequence[tuple[Frontier, Frontier]], the_plan: Any, chosen: Sequence[str], name: str, seed: int, out: Path
) -> list[Path]:
    from experiments.control.figures import looks, save_standing, save_trajectories
    from experiments.control.trajectory import trajectory

    out.mkdir(parents=True, exist_ok=True)
    standing, tracks = out / f"{name}.png", out / f"{name}-trajectory.png"
    how = looks(chosen)
    save_standing(found, how, "Policies beside the frontier of fixed settings", standing)
    runs = []
    for _, moved in found:
        points = [p for p in the_plan.points if p.panel == moved.panel.name]
        runs.append(trajectory(moved.panel.title, {str(p.settings["policy.name"]): p.scenario for p in points}, seed))
    save_trajectories(runs, how, "What the policies did", tracks)
    return [standing, tracks]


def _report(found: Sequence[tuple[Frontier, Frontier]], files: Sequence[Path], as_json: bool) -> None:
    from experiments.control.standing import overall, sentences, standings

    if as_json:
        panels = [
            {
                "path": fixed.panel.title,
                "standings": [
                    {
                        "name": s.name,
                        "throughput_bps": s.configuration.throughput.as_dict(),
                        "p99_ns": s.configuration.p99.as_dict(),
                        "rival": s.rival_name or None,
                        "excess": s.excess,
                    }
                    for s in standings(fixed, moved)
                ],
            }
            for fixed, moved in found
        ]
        say_json({"paths": panels, "largest_excess": overall(found), "files": [str(file) for file in files]})
        return
    out = progress.results()
    for fixed, moved in found:
        progress.show(out, _table(fixed, moved))
    for sentence in sentences(found):
        out.print(sentence, soft_wrap=True)
    out.print("  ".join(map(str, files)), soft_wrap=True)


def _table(fixed: Frontier, moved: Frontier) -> Any:
    from rich import box
    from rich.table import Table

    from experiments import labels
    from experiments.control.standing import standings

    table = Table(title=fixed.panel.title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("setting or policy")
    table.add_column("throughput, Mbit/s", justify="right")
    table.add_column("P99, ms", justify="right")
    table.add_column("against the frontier of fixed settings")
    for s in standings(fixed, moved):
        c = s.configuration
        if s.rival is c or (s.excess is not None and s.excess <= 1 and c in fixed.sustained):
            verdict = "on it"
        elif s.excess is None:
            verdict = "carries more than any"
        else:
            verdict = f"{s.excess:.2f}x the P99 of {s.rival_name}"
        table.add_row(s.name, labels.megabits(c.throughput.mean), labels.milliseconds(c.p99.mean), verdict)
    for c in (*fixed.overloaded, *moved.overloaded):
        from experiments.control.standing import name_of

        table.add_row(name_of(c), labels.megabits(c.throughput.mean), "", "overloaded")
    return table
