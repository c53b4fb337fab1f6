"""`tinygram fit-host`: where the host profiles' constants come from, and how well they fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from experiments.cli.common import NEGATIVE, OK, Json, busy, say, say_json

if TYPE_CHECKING:
    from experiments.hostfit import Cell, Costs, Simulated

Version = Annotated[str, Parameter(help="The grpc-go that was measured: 1.33.3, 1.63.0 or 1.85.0-dev.")]
Formula = Annotated[bool, Parameter(name="--formula-only", negative="", help="Do not simulate the cells.")]
Progress = Annotated[bool, Parameter(name="--progress", negative="", help="Show on stderr that it is working.")]


def register(app: App) -> None:
    """Add the command of this module."""
    app.command(fit_host)


def fit_host(
    grpc_go: Version = "1.63.0", /, *, formula_only: Formula = False, json: Json = False, progress: Progress = False
) -> int:
    """Fit a host profile to the measured saturation table; exit code 1 when the packaged profile is not the fit.

    The table: grpc-go on two cores, a veth pair, 515 and 8,195 byte messages, write buffers from none to 128 KiB.
    """
    from experiments import hostfit
    from models.profiles import HOSTS
    from sim.errors import Problem, ScenarioError

    if grpc_go not in hostfit.STACKS:
        known = ", ".join(hostfit.STACKS)
        raise ScenarioError([Problem("fit-host", f"no measurements of grpc-go {grpc_go!r}", f"one of {known}")])
    cells = hostfit.measured(grpc_go)
    costs = hostfit.fit(cells)
    constants = hostfit.fitted_profile(grpc_go)
    with busy(f"simulating {len(cells)} cells", progress and not formula_only):
        runs = [None if formula_only else hostfit.simulated(cell) for cell in cells]
    name = hostfit.STACKS[grpc_go].profile
    packaged = HOSTS.get(name) == constants
    rows = [_row(cell, costs, run) for cell, run in zip(cells, runs, strict=True)]
    if json:
        say_json({"version": grpc_go, "profile": name, "constants": constants, "packaged": packaged, "cells": rows})
    else:
        say(_text(grpc_go, name, constants, rows, packaged))
    return OK if packaged else NEGATIVE


def _row(cell: Cell, costs: Costs, run: Simulated | None) -> dict[str, Any]:
    from experiments.hostfit import writes_per_message

    fitted = cell.size / costs.nanoseconds(cell) * 1e3
    measured = cell.throughput / 1e6
    row: dict[str, Any] = {
        "size": cell.size,
        "buffer": cell.buffer,
        "measured_MBps": round(measured, 1),
        "fitted_MBps": round(fitted, 1),
        "fitted_error": round(fitted / measured - 1, 3),
        "measured_writes": round(cell.writes, 4),
        "writes": round(writes_per_message(cell), 4),
    }
    if run:
        row["simulated_MBps"] = round(run.throughput / 1e6, 1)
        row["simulated_error"] = round(run.throughput / 1e6 / measured - 1, 3)
        row["simulated_writes"] = round(run.writes, 4)
        row["server_cpu"] = round(run.server_cpu, 2)
        row["client_cpu"] = round(run.client_cpu, 2)
    return row


def _text(version: str, name: str, constants: dict[str, int], rows: list[dict[str, Any]], packaged: bool) -> str:
    """Constants, a line a cell, and the verdict."""
    lines = [f"grpc-go {version}: profile {name}", ""]
    lines += [f"  {key:<14} {value:>7,}" for key, value in constants.items()]
    lines += ["", "   size  buffer  measured  fitted         simulated      writes a message      CPU"]
    lines += ["                     MB/s    MB/s              MB/s      measured    model  server client"]
    lines += [_line(row) for row in rows]
    errors = [row.get("simulated_error", row["fitted_error"]) for row in rows]
    rms = (sum(e * e for e in errors) / len(errors)) ** 0.5
    lines += ["", f"Off by {rms:.0%} (root mean square), {max(errors, key=abs):+.0%} at worst."]
    lines.append(f"models/profiles.py {'has these constants' if packaged else 'has OTHER constants'}.")
    return "\n".join(lines)


def _line(row: dict[str, Any]) -> str:
    line = f"{row['size']:>7,}{row['buffer']:>8,}{row['measured_MBps']:>10.1f}"
    line += f"{row['fitted_MBps']:>8.1f} {row['fitted_error']:>+5.0%}"
    if "simulated_MBps" in row:
        line += f"{row['simulated_MBps']:>10.1f} {row['simulated_error']:>+5.0%}"
        line += f"{row['measured_writes']:>14.4f}{row['simulated_writes']:>9.4f}"
        line += f"{row['server_cpu']:>8.0%}{row['client_cpu']:>7.0%}"
    else:
        line += f"{'':16}{row['measured_writes']:>14.4f}{row['writes']:>9.4f}"
    return line
