"""What all commands share: options, exit codes, where output goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

if TYPE_CHECKING:
    from sim import Scenario

OK, NEGATIVE, USAGE, LIMIT, UNDECIDED, BUG, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 4, 70, 130, 141

Source = Annotated[str, Parameter(help="A preset's name or a scenario file (TOML).")]
Settings = Annotated[
    list[str] | None,
    Parameter(name="--set", negative="", help="Change a key: workload.size=1KiB. Repeat for more."),
]
PolicyName = Annotated[
    str | None, Parameter(name="--policy", help="Who changes settings meanwhile: a policy's name, or FILE.py:FUNCTION.")
]
Json = Annotated[bool, Parameter(name="--json", negative="", help="Print JSON.")]
Replications = Annotated[
    int, Parameter(name="--replications", help="Runs per configuration, each with a seed of its own.")
]


def a_seed(_: object, value: int | None) -> None:
    """Validator of `--seed`. ScenarioError for what is none."""
    from sim.draws import LARGEST_SEED
    from sim.errors import Problem, ScenarioError

    if value is not None and not 0 <= value <= LARGEST_SEED:
        raise ScenarioError([Problem("--seed", f"{value} is no seed", "a whole number from 0 to 2**62 is one")])


Seed = Annotated[
    int, Parameter(name="--seed", validator=a_seed, help="Which draws: arrivals, spikes, losses, timer phases.")
]
DriverName = Literal["auto", "simpy", "loop", "compiled"]
Driver = Annotated[DriverName, Parameter(name="--driver", help="What makes time pass; all give the same numbers.")]


def version() -> str:
    """The installed version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"tinygram {version('tinygram')}"
    except PackageNotFoundError:
        return "tinygram (not installed)"


def with_policy(source: str, settings: Sequence[str], policy: str | None) -> Scenario:
    """The scenario, its policy being that of `--policy` when there is one."""
    return changed(source, settings, [f"policy.name={json.dumps(policy)}"] if policy is not None else [], "--policy")


def at_least(option: str, value: int, least: int) -> int:
    """The option's value; ScenarioError when it is too small."""
    from sim.errors import Problem, ScenarioError

    if value < least:
        raise ScenarioError([Problem(option, f"{value} is too few", f"give a number from {least} up")])
    return value


def number(text: str) -> float | str:
    """A share as written on the command line, for `experiments.schema.probability`: 0.05 or 5%."""
    try:
        return float(text)
    except ValueError:
        return text


def changed(source: str, settings: Sequence[str], own: Sequence[str], option: str) -> Scenario:
    """The scenario with the settings of `option` on top of `--set`; a mistake in those is placed at `option`."""
    from experiments.files import load
    from sim.errors import ScenarioError

    keys = tuple(setting.partition("=")[0].strip() for setting in own)
    try:
        return load(source, [*settings, *own])
    except ScenarioError as error:
        mine = tuple(f"--set {key}" for key in keys)
        placed = [replace(p, path=p.path.replace("--set", option, 1)) if p.path.startswith(mine) else p
                  for p in error.problems]  # fmt: skip
        raise ScenarioError(placed) from None


def say(text: str) -> None:
    """A result: to stdout."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")


def say_json(value: Any) -> None:
    """A result as JSON: to stdout."""
    say(json.dumps(value, indent=2, ensure_ascii=False))


def note(text: str) -> None:
    """Anything that is not the result: to stderr."""
    sys.stderr.write(f"{text}\n")


@contextmanager
def busy(what: str, wanted: bool) -> Iterator[None]:
    """Show on stderr, when `wanted`, that work is under way and for how long."""
    if not wanted:
        yield
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        note(what)
        yield
        return
    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(what, total=None)
        yield
