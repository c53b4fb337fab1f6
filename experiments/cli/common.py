"""What all commands share: options, exit codes, where output goes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from cyclopts import Parameter

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
Seed = Annotated[int, Parameter(name="--seed", help="Which draws: arrivals, spikes, losses, timer phases.")]
DriverName = Literal["auto", "simpy", "loop", "compiled"]
Driver = Annotated[DriverName, Parameter(name="--driver", help="What makes time pass; all give the same numbers.")]


def version() -> str:
    """The installed version."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return f"tinygram {version('tinygram')}"
    except PackageNotFoundError:
        return "tinygram (not installed)"


def with_policy(settings: list[str] | None, policy: str | None) -> list[str]:
    """The settings, `--policy` being one of them."""
    chosen = [f"policy.name={json.dumps(policy)}"] if policy is not None else []
    return [*(settings or ()), *chosen]


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
