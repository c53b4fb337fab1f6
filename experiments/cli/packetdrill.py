"""`tinygram packetdrill`: the kernel's own test scripts, run against the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from experiments.cli.common import NEGATIVE, OK, USAGE, Json, say, say_json

if TYPE_CHECKING:
    from experiments.packetdrill.verdict import Verdict

Scripts = Annotated[list[Path], Parameter(help="packetdrill scripts (.pkt).", negative="")]
Tolerance = Annotated[
    int | None,
    Parameter(name="--tolerance-usecs", help="How far off a time may be; the script's own, or 4000, when left out."),
]
Markdown = Annotated[bool, Parameter(name="--markdown", negative="", help="Print tables, as in the manual.")]
Brief = Annotated[bool, Parameter(name="--brief", negative="", help="One line a script.")]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(packetdrill)


def packetdrill(
    scripts: Scripts,
    /,
    *,
    tolerance_usecs: Tolerance = None,
    brief: Brief = False,
    markdown: Markdown = False,
    json: Json = False,
) -> int:
    """Run packetdrill scripts against the model and say line by line what held.

    Nothing of a script is executed on this machine: its shell commands and its Python are only interpreted.

    Exit code 0: everything held. 1: something did not. 2: a script is not readable, or asks for what the model does not
    have; the reason is given.
    """
    from experiments.packetdrill import report

    verdicts = [_run(path, tolerance_usecs) for path in scripts]
    code = max((_code(v) for v in verdicts), default=OK)
    if json:
        say_json({"scripts": [report.as_dict(v) for v in verdicts], "exit_code": code})
    elif markdown:
        say(report.markdown(verdicts))
    else:
        for v in verdicts:
            say(report.row(v) if brief else report.text(v))
    return code


def _code(verdict: Verdict) -> int:
    """The exit code one script asks for."""
    if verdict.out_of_scope:
        return USAGE
    return OK if verdict.held else NEGATIVE


def _run(path: Path, tolerance: int | None) -> Verdict:
    """One script; what cannot be read is a verdict, too."""
    from experiments.packetdrill.reader import read_script
    from experiments.packetdrill.runner import run_script
    from experiments.packetdrill.script import OutOfScope, Unreadable
    from experiments.packetdrill.verdict import Verdict

    try:
        return run_script(read_script(path.stem, path.read_text(encoding="utf-8")), tolerance)
    except UnicodeDecodeError:
        return Verdict(path.stem, out_of_scope="this is not text")
    except Unreadable as error:
        return Verdict(path.stem, out_of_scope=f"line {error.line}: not understood: {error}")
    except OutOfScope as error:
        return Verdict(path.stem, out_of_scope=f"line {error.line}: {error}")
