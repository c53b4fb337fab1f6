"""`tinygram observe`: one run as an operator would see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from experiments.cli import paths, progress
from experiments.cli.common import NEGATIVE, OK, Json, PolicyName, Seed, Settings, Source, say_json, with_policy

if TYPE_CHECKING:
    from experiments.observe.alerts import Alert
    from experiments.observe.sampler import Window
    from sim import Run
    from sim.scenario import Scenario

ROWS = 24
"""Windows shown; of more, every so many."""

Alerts = Annotated[
    list[str] | None, Parameter(name="--alert", negative="", help="A rule: 'p99 > 200ms for 1s'. Repeat for more.")
]
Csv = Annotated[
    Path | None,
    Parameter(
        name="--syscalls", validator=paths.file("--syscalls"), help="Write one row a write() call to this CSV file."
    ),
]
Metrics = Annotated[
    Path | None,
    Parameter(
        name="--openmetrics", validator=paths.file("--openmetrics"), help="Write it as OpenMetrics text to this file."
    ),
]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(observe)


def observe(
    source: Source,
    /,
    *,
    settings: Settings = None,
    seed: Seed = 0,
    every: str | None = None,
    window: str | None = None,
    policy: PolicyName = None,
    alert: Alerts = None,
    hull: Annotated[bool, Parameter(negative="")] = False,
    syscalls: Csv = None,
    openmetrics: Metrics = None,
    json: Json = False,
) -> int:
    """Watch a run as a service is watched: windows, what binds, stalls, alerts, advice. Exit code 1: an alert fired.

    Parameters
    ----------
    every
        Length of a window, 100ms by default; at most 200,000 are kept. A policy's ticks are its windows.
    window
        Latencies and rates are those of so long before each row (a sliding window), by default of the row's own.
    hull
        Of the windows, mark the convex hull of throughput and P99 instead of what nothing beats.
    """
    from experiments.observe.alerts import episodes, parse_rule
    from experiments.observe.sampler import windows
    from sim import simulate

    rules = [parse_rule(text) for text in alert or ()]
    scenario = _sampled(with_policy(source, settings or (), policy), every, window)
    run = simulate(scenario, seed, trace=syscalls is not None)
    found = windows(run)
    alerts = [episode for rule in rules for episode in episodes(rule, found)]
    _save(run, syscalls, openmetrics)
    if json:
        say_json(_as_json(run, found, alerts, hull))
    else:
        out = progress.results()
        progress.show(out, _table(found, hull))
        for line in _lines(run, found, alerts):
            out.print(line, soft_wrap=True)
    return NEGATIVE if any(episode.firing_ns is not None for episode in alerts) else OK


def _sampled(scenario: Scenario, every: str | None, window: str | None) -> Scenario:
    """The scenario with ticks; ScenarioError when its policy has some already, and others are asked for."""
    from experiments.observe.sampler import EVERY, sampled
    from sim.errors import Problem, ScenarioError
    from sim.units import DURATION, POSITIVE_DURATION

    given = {key: text for key, text in (("every", every), ("window", window)) if text is not None}
    if scenario.policy is not None:
        why = f"the windows are the ticks of the policy {scenario.policy.name}"
        problems = [Problem(f"--{key}", why, f"--set policy.{key}={text}") for key, text in given.items()]
    else:
        kinds, lengths, problems = {"every": POSITIVE_DURATION, "window": DURATION}, {"every": EVERY, "window": 0}, []
        for key, text in given.items():
            try:
                lengths[key] = kinds[key].parse(text)
            except ValueError as error:
                problem, _, cure = str(error).partition(": ")
                problems.append(Problem(f"--{key}", problem, cure))
    if problems:
        raise ScenarioError(problems)
    return scenario if scenario.policy else sampled(scenario, **lengths)


def _save(run: Run, syscalls: Path | None, openmetrics: Path | None) -> None:
    from experiments.drafts import replacing

    if syscalls is not None and run.trace is not None:
        import csv

        rows = run.trace.writes
        with replacing(syscalls) as draft, draft.open("w", newline="", encoding="ascii") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(rows.dtype.names or ())
            writer.writerows(rows.tolist())
    if openmetrics is not None:
        from experiments.observe.openmetrics import exposition

        with replacing(openmetrics) as draft:
            draft.write_text(exposition(run), encoding="utf-8")


def _marked(found: Sequence[Window], hull: bool) -> set[tuple[float, float]]:
    """The windows that nothing beats in throughput and P99, or the hull's."""
    from experiments.observe.pareto import StreamingFront

    front = StreamingFront((w.throughput_bps, w.p99_ns) for w in found if w.p99_ns is not None)
    return set(front.hull() if hull else front.points)


def _table(found: Sequence[Window], hull: bool) -> Any:
    from rich import box
    from rich.table import Table

    from experiments import labels

    step = -(-len(found) // ROWS) or 1
    title = f"{len(found)} windows" + (f", one in {step} shown" if step > 1 else "")
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for heading in ("until, s", "messages/s", "Mbit/s", "P50, ms", "P99, ms", "send buffer"):
        table.add_column(heading, justify="right")
    table.add_column("held back by")
    table.add_column("")
    marked = _marked(found, hull)
    for w in found[step - 1 :: step]:
        table.add_row(
            f"{w.end_ns / 1e9:.3f}",
            f"{w.rate:,.0f}",
            labels.megabits(w.throughput_bps),
            labels.milliseconds(w.p50_ns) if w.p50_ns is not None else "",
            labels.milliseconds(w.p99_ns) if w.p99_ns is not None else "",
            f"{w.occupancy:.0%}",
            f"{w.binding.replace('_', ' ')} {w.share:.0%}" if w.binding else "",
            ("hull" if hull else "frontier") if (w.throughput_bps, w.p99_ns) in marked else "",
        )
    return table


def _lines(run: Run, found: Sequence[Window], alerts: Sequence[Alert]) -> Iterator[str]:
    from experiments import labels
    from experiments.observe.diagnosis import diagnose, evidence
    from experiments.observe.sampler import held_shares
    from experiments.observe.steps import staircase

    if run.ticks is not None and (shares := held_shares(run.ticks)):
        listed = ", ".join(f"{cause.replace('_', ' ')} {share:.0%}" for cause, share in list(shares.items())[:4])
        yield f"Held back at the sender, share of the time: {listed}."
    stairs = staircase(run.messages["read_ns"], run.messages["intended_ns"])
    if stairs:
        yield (
            f"Stalls come in steps of {labels.milliseconds(stairs.step_ns)} ms: {stairs.stalls:,} of them, "
            f"{stairs.time:.0%} of the time. Steps are the mark of a timer, or of a round trip."
        )
    for episode in alerts:
        yield _episode(episode)
    for finding in diagnose(evidence(run)):
        yield f"{finding.cause.replace('_', ' ')} ({finding.weight:.0%} of the latency): {finding.sentence}"


def _episode(a: Alert) -> str:
    end = f"until {a.resolved_ns / 1e9:.3f} s" if a.resolved_ns is not None else "to the end"
    if a.firing_ns is None:
        return f"pending: {a.rule.text}: from {a.pending_ns / 1e9:.3f} s {end}; it never fired."
    return f"[bold]fired[/bold]: {a.rule.text}: at {a.firing_ns / 1e9:.3f} s, {end}."


def _as_json(run: Run, found: Sequence[Window], alerts: Sequence[Alert], hull: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from experiments.observe.diagnosis import diagnose, evidence
    from experiments.observe.sampler import held_shares
    from experiments.observe.steps import staircase

    stairs = staircase(run.messages["read_ns"], run.messages["intended_ns"])
    return {
        "windows": [asdict(w) for w in found],
        "held_share": held_shares(run.ticks) if run.ticks is not None else {},
        "front": sorted(_marked(found, hull)),
        "staircase": asdict(stairs) if stairs else None,
        "alerts": [
            {
                "rule": a.rule.text,
                "pending_ns": a.pending_ns,
                "firing_ns": a.firing_ns,
                "resolved_ns": a.resolved_ns,
            }
            for a in alerts
        ],
        "findings": [asdict(finding) for finding in diagnose(evidence(run))],
    }
