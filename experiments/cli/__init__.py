"""The command `tinygram`: one module a group of commands, each with `register(app)`.

Results go to stdout, progress and complaints to stderr. Exit codes: 0 done, 1 a verdict was negative, 2 a mistake in
the command line or a file (for `plan` it is 1, since 2 says that there is work), 3 a limit of the simulation or of the
machine, 4 a comparison that is undecided, 70 a bug, 130 Ctrl-C, 141 the reader of a pipe left. Nothing heavy is
imported before a command needs it: `--help` is under 0.3 s.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence
from contextlib import ExitStack
from errno import EDQUOT, EFBIG, ENOSPC
from importlib.util import find_spec
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from cyclopts import App, CycloptsError

from experiments.cli.common import BUG, INTERRUPTED, LIMIT, NEGATIVE, OK, PIPE_CLOSED, USAGE, version

GROUPS = (
    "presets",
    "profiles",
    "run",
    "explain",
    "trace",
    "demo",
    "compare",
    "canary",
    "sweep",
    "control",
    "observe",
    "fleet",
    "choose",
    "sensitivity",
    "warmup",
    "coverage",
    "hostfit",
    "theory",
    "system",
    "reproduce",
    "groundtruth",
    "packetdrill",
)
"""Modules of this package, in the order of the help page."""

HELP = (
    "What happens to small messages between a server's write() and the reader's read()."
    "\n\nStart with: tinygram presets; tinygram run one-way-512; tinygram explain write-write-read --worst 1"
)


def make_app() -> App:
    """The command with all its groups."""
    app = App(
        name="tinygram", help=HELP, version=version, version_flags=["--version"], suppress_keyboard_interrupt=False,
        result_action="return_value", help_format="plaintext",
    )  # fmt: skip
    for group in GROUPS:
        if find_spec(f"{__name__}.{group}"):
            importlib.import_module(f"{__name__}.{group}").register(app)
    return app


def main(tokens: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No exception leaves it."""
    with ExitStack() as closed:  # a stream that the shell has closed (`>&-`) is None
        for name in ("stdout", "stderr"):
            if getattr(sys, name) is None:
                setattr(sys, name, closed.enter_context(Path(os.devnull).open("w")))
        return _main(tokens)


def _main(tokens: Sequence[str] | None) -> int:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    words = list(sys.argv[1:] if tokens is None else tokens)
    try:
        code = _run(words)
        sys.stdout.flush()
        return code
    except _Mistake:
        return NEGATIVE if words[:1] == ["plan"] else USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing more to say at exit
        return PIPE_CLOSED
    except KeyboardInterrupt:
        _complain("interrupted")
        return INTERRUPTED


class _Mistake(Exception):
    """A mistake in the command line or in a file; it has been told."""


def _run(tokens: list[str]) -> int:
    try:
        result: Any = make_app()(tokens, exit_on_error=False, print_error=False)
    except CycloptsError as error:
        from sim.errors import ScenarioError

        if isinstance(error.__cause__, ScenarioError):  # a validator's
            return _known(error.__cause__)
        _complain(f"{str(error).strip()}\ntry: tinygram --help")
        raise _Mistake from None
    except (BrokenPipeError, KeyboardInterrupt):
        raise
    except OSError as error:
        _complain(f"{error.filename or 'output'}: {(error.strerror or str(error)).lower()}")
        if error.errno in (ENOSPC, EDQUOT, EFBIG):
            return LIMIT
        raise _Mistake from None
    except MemoryError:
        _complain("not enough memory: ask for fewer messages")
        return LIMIT
    except Exception as error:
        return _known(error)
    return result if isinstance(result, int) else OK


def _known(error: Exception) -> int:
    """The exit code of an error the simulator raises on purpose, or that of a bug."""
    from experiments.sweep.errors import StoreMistake, SweepError
    from sim.errors import ScenarioError, SimulationLimit

    if isinstance(error, ScenarioError):
        count = len(error.problems)
        _complain(f"{count} mistake{'s' if count != 1 else ''}\n" + "\n".join(f"  {p}" for p in error.problems))
        raise _Mistake
    if isinstance(error, StoreMistake):
        _complain(str(error))
        raise _Mistake
    if isinstance(error, SimulationLimit | SweepError):
        _complain(str(error))
        return LIMIT
    if os.environ.get("TINYGRAM_DEBUG"):
        traceback.print_exc()
    else:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{last.filename}:{last.lineno}"
        _complain(f"this is a bug: {type(error).__name__}: {error} ({where})\nTINYGRAM_DEBUG=1 shows where it happened")
    return BUG


def _complain(text: str) -> None:
    sys.stderr.write(f"tinygram: {text}\n")
