"""Recording: the helper carries out a plan; what comes back is checked, and a disturbed recording is made again."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass

from experiments.groundtruth.record import support
from experiments.groundtruth.record.helper import helper
from experiments.groundtruth.record.observe import Observed, parse
from experiments.groundtruth.record.plan import SECOND, Plan
from experiments.groundtruth.record.precision import Precision, precision

START_NS = 12 * SECOND
"""Set-up, and reading back what was recorded."""


@dataclass(frozen=True)
class Recording:
    """One scenario on one kernel."""

    plan: Plan
    seen: Observed
    precision: Precision
    tries: int
    swapped: bool


def ready() -> str:
    """The helper, built if need be. Raises CannotRecord, saying what is missing, when this machine cannot record."""
    support.check_machine()
    return os.fspath(helper())


def record(plan: Plan, tries: int = 3, note: Callable[[str], None] = lambda _: None) -> Recording:
    """Record until the machine was quiet enough, `tries` times at most; the most precise recording is returned.

    Raises CannotRecord when this machine cannot.
    """
    program = ready()
    best: Recording | None = None
    for number in range(1, tries + 1):
        swapped = number % 2 == 0
        seen = parse(_carry_out(program, plan, swapped), plan)
        attempt = Recording(plan, seen, precision(seen, plan), number, swapped)
        if best is None or len(attempt.precision.complaints) < len(best.precision.complaints):
            best = attempt
        if attempt.precision.good:
            break
        if number < tries:
            note(f"disturbed ({attempt.precision.complaints[0]}): recording again")
    assert best is not None
    return best


def _carry_out(program: str, plan: Plan, swapped: bool) -> bytes:
    """Run the helper. Whatever ends this process ends it, and with it everything it made."""
    patience = (plan.limit_ns + int(plan.head["lead"][0]) + START_NS) / SECOND
    pipe = subprocess.PIPE
    with subprocess.Popen([program, str(os.getpid())], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        try:
            out, err = process.communicate(plan.bytes(swapped), timeout=patience)
        except subprocess.TimeoutExpired:
            raise support.CannotRecord(f"the recording did not end within {patience:.0f} s") from None
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
    if process.returncode:
        reason = err.decode(errors="replace").strip() or f"the helper ended with {process.returncode}"
        raise support.CannotRecord(f"recording failed: {reason}")
    return out
