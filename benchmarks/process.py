"""Whole processes, measured from outside: what a user waits for and pays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TINYGRAM = str(Path(sys.executable).with_name("tinygram"))


class Failed(Exception):
    """A command that did not work; carries the end of what it said."""


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float

    def as_json(self) -> dict[str, float]:
        """As plain numbers."""
        return asdict(self)


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> tuple[Cost, str]:
    """Run a command to its end; its cost, and its standard output. Raises Failed.

    The kernel counts a child's peak memory from the moment it is split off, so whoever calls this must be small itself.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        child = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err, env=os.environ | (environment or {}))
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        if child.returncode:
            last = err.read().decode(errors="replace").strip().splitlines()[-1:]
            raise Failed(f"{Path(command[0]).name} ended with {child.returncode}: {' '.join(last)}")
        return Cost(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024), out.read().decode()


def tinygram(*arguments: str, environment: Mapping[str, str] | None = None) -> Cost:
    """The cost of a `tinygram` command."""
    return run([TINYGRAM, *arguments], environment)[0]


def python(module: str, *arguments: str) -> str:
    """What `python -m module` prints."""
    return run([sys.executable, "-m", module, *arguments])[1]
