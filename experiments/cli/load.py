"""The command `load`: how much a scenario sustains under an SLO."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import cyclopts

from experiments.cli import progress
from experiments.cli.common import NEGATIVE, OK, Source, say, say_json
from experiments.cli.sweep import Running, workers_of

if TYPE_CHECKING:
    from experiments.capacity import Capacity
    from sim.scenario import Scenario

MOST_MESSAGES = 20_000
"""A denser load of a recording has more messages; beyond this many the P99 of a run gains nothing."""

REPLICATIONS = 5
RUNNING = Running()


def load(
    scenario: Source,
    /,
    *,
    slo: str,
    lowest: float = 1 / 16,
    highest: float = 1024.0,
    precision: Annotated[float, cyclopts.Parameter(help="How finely to search, as a share of the load.")] = 0.02,
    options: Running = RUNNING,
) -> int:
    """Find the highest `workload.load` that a scenario sustains under an SLO. Exit code 1 when it sustains none.

    Parameters
    ----------
    scenario
        A preset or a scenario file.
    slo
        What must hold, like 'p99 < 50ms' or 'p99 < 50ms and throughput > 10Mbit/s'.
    lowest
        The least load to try.
    highest
        The greatest load to try.
    """
    from experiments.capacity import capacity
    from experiments.settings import flattened, table_of
    from experiments.slo import parse_slo
    from experiments.sweep.runner import fastest_driver, simulated

    objective, fixed = parse_slo(slo, "--slo"), flattened(table_of(options.settings or ()))
    _check(lowest, highest, precision, fixed)
    loaded = lru_cache(maxsize=2)(lambda factor: at_load(scenario, fixed, factor))
    loaded(lowest)  # a bad scenario is to be refused before anything is started
    first = 0 if options.seed is None else options.seed
    seeds = range(first, first + (REPLICATIONS if options.replications is None else options.replications))
    driver = fastest_driver(options.driver)
    with workers_of(options) as (executor, _), progress.runs(f"{scenario}: searching", None) as advance:
        found = capacity(
            loaded, objective, seeds, simulated(driver), executor, lowest=lowest, highest=highest, precision=precision,
            on_trial=lambda trial: advance(trial.result.messages),
        )  # fmt: skip
    if options.json:
        say_json(as_json(found, scenario))
    else:
        say("\n".join(lines(found, scenario)))
    return NEGATIVE if found.load is None else OK


def at_load(scenario: str, fixed: Mapping[str, object], factor: float) -> Scenario:
    """The scenario under `workload.load = factor`, a recording's length bounded unless the user gave one."""
    from experiments.files import load as load_file

    loaded = load_file(scenario, {**fixed, "workload.load": factor})
    workload = loaded.workload
    if not workload.trace or workload.messages is not None:
        return loaded
    return replace(loaded, workload=replace(workload, messages=MOST_MESSAGES))


def lines(found: Capacity, scenario: str) -> Iterator[str]:
    """The answer in words."""
    from experiments import labels

    n = len(found.answers)
    if found.load is None:
        missed = sum(1 for answer in found.answers if answer.load is None)
        lowest = found.answers[0].trials[0].load
        yield f"{scenario} does not meet {found.slo} at any load from x{lowest:g} up, in {missed} of {n} replications."
        return
    low, high = (f"x{bound:.3g}" for bound in (found.load.lo, found.load.hi))
    sure = f" [{low}, {high}] (95 %, {n} replications)" if n > 1 else " (one replication: no interval)"
    yield f"{scenario} sustains load x{found.load.mean:.3g}{sure} under {found.slo}."
    throughput, p99 = found.at_best("throughput_bps"), found.at_best("p99_ns")
    if throughput and p99:
        carried, price = labels.megabits(throughput.mean), labels.milliseconds(p99.mean)
        yield f"There it carries {carried} Mbit/s at a P99 of {price} ms."
    beyond = [answer.beyond for answer in found.answers if answer.beyond]
    if not found.bounded:
        yield "It may sustain more: the highest load tried still meets the SLO. Raise --highest."
    elif all(trial.result.overloaded for trial in beyond):
        yield "What ends it is overload: beyond, the backlog grows without end."
    else:
        yield "What ends it is the SLO: beyond, the path still carries the load, but too late."
    if found.gaps:
        at = ", ".join(f"x{gap:.3g}" for gap in found.gaps)
        yield f"Beware: it does not meet the SLO at lower loads ({at}), where sparse messages wait longer."


def as_json(found: Capacity, scenario: str) -> dict[str, Any]:
    """The answer for `--json`."""
    throughput, p99 = found.at_best("throughput_bps"), found.at_best("p99_ns")
    return {
        "scenario": scenario,
        "slo": str(found.slo),
        "load": found.load.as_dict() if found.load else None,
        "bounded": found.bounded,
        "throughput_bps": throughput.as_dict() if throughput else None,
        "p99_ns": p99.as_dict() if p99 else None,
        "failing_below": list(found.gaps),
        "replications": [
            {
                "seed": answer.seed,
                "load": answer.load,
                "trials": [
                    {"load": t.load, "met": t.met, "overloaded": bool(t.result.overloaded), "p99_ns": t.result.p99_ns}
                    for t in answer.trials
                ],
            }
            for answer in found.answers
        ],
    }


def _check(lowest: float, highest: float, precision: float, fixed: Mapping[str, object]) -> None:
    from sim.errors import Problem, ScenarioError

    problems = []
    if not 0 < lowest <= highest < float("inf"):
        problems.append(Problem("--lowest", f"{lowest:g} to {highest:g} is no range of loads", "0 < lowest <= highest"))
    if not 0.001 <= precision <= 1:
        problems.append(Problem("--precision", f"{precision:g} is no share to search by", "0.001 to 1, like 0.02"))
    if "workload.load" in fixed:
        problems.append(
            Problem("--set workload.load", "the load is what is searched for", "use --lowest and --highest")
        )
    if problems:
        raise ScenarioError(problems)
