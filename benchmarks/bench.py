"""Measure everything, print the table: `python -m benchmarks.bench [--quick] [--keep] [--json]`.

--quick leaves out the cold start and the sweeps, which take long. --keep writes the figures into `results/`
and the table into the manual. This process imports nothing large, since a child's peak memory includes its parent's.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import machine, process, table
from benchmarks.peers import ns3, ns_py

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"
SCENARIOS = ("s1-nagle", "s1-nodelay", "s2-bulk", "s3-loss", "s4-streams")
S1_MESSAGES = 100_000
LONG_MESSAGES = 2_000_000
FIRST_MESSAGES = 1_000
"""Messages of the run that start-up is timed with."""

Figures = dict[str, Any]


def file(name: str) -> str:
    """A scenario's path."""
    return str(HERE / f"{name}.toml")


def inside(what: str, name: str) -> Figures:
    """A measurement of `benchmarks.inside`."""
    result: Figures = json.loads(process.python("benchmarks.inside", what, file(name)))
    return result


def whole(name: str) -> process.Cost:
    """`tinygram run` of a scenario, compiled."""
    return process.tinygram("run", file(name), "--driver", "compiled")


def marginal() -> Figures:
    """S1 and twenty times S1 as whole processes, in turn."""
    pairs = [{name: whole(name).as_json() for name in ("s1-nagle", "s1-nagle-20x")} for _ in range(3)]
    seconds = median(pair["s1-nagle-20x"]["cpu_s"] - pair["s1-nagle"]["cpu_s"] for pair in pairs)
    return {
        "messages": LONG_MESSAGES - S1_MESSAGES,
        "cpu_s": seconds,
        "short_peak_mib": median(pair["s1-nagle"]["peak_mib"] for pair in pairs),
        "long_peak_mib": median(pair["s1-nagle-20x"]["peak_mib"] for pair in pairs),
        "pairs": pairs,
    }


def start_up(cold: bool) -> Figures:
    """From the command to its first result, with compiled code in the cache and, once, without."""
    first = ("run", file("s1-nagle"), "--driver", "compiled", "--set", f"workload.messages={FIRST_MESSAGES}")
    warm = [process.tinygram(*first) for _ in range(5)]
    figures: Figures = {
        "help_s": min(process.tinygram("--help").wall_s for _ in range(5)),
        "warm_s": min(cost.wall_s for cost in warm),
        "warm_cpu_s": min(cost.cpu_s for cost in warm),
        "warm_peak_mib": max(cost.peak_mib for cost in warm),
    }
    if cold:
        with tempfile.TemporaryDirectory() as empty:
            cost = process.tinygram(*first, environment={"TINYGRAM_CACHE": empty})
        figures |= {"cold_s": cost.wall_s, "cold_cpu_s": cost.cpu_s, "cold_peak_mib": cost.peak_mib}
    return figures


def sweep(source: str) -> Figures:
    """A sweep into a fresh store, on all cores."""
    with tempfile.TemporaryDirectory() as folder:
        store = str(Path(folder) / "store.sqlite")
        cost, said = process.run([process.TINYGRAM, "sweep", source, "--store", store, "--json"])
    return {**cost.as_json(), "runs": json.loads(said)["new_runs"]}


def measure(quick: bool, say: Callable[[str], None]) -> Figures:
    """Everything, one thing at a time."""
    figures: Figures = {"machine": machine.describe()}
    whole("s1-nagle")  # compiles, should that be needed
    for name in SCENARIOS:
        say(name)
        figures[name] = inside("speed", name)
    say("s1-nagle-20x")
    figures["marginal"] = marginal()
    say("threads")
    figures["threads"] = inside("threads", "s1-nagle")
    say("start-up")
    figures["start_up"] = start_up(cold=not quick)
    if not quick:
        say("sweep-20s")
        figures["sweep"] = sweep(file("sweep-20s"))
        say("buffers")
        figures["buffers"] = sweep("buffers")
    say("peers")
    with tempfile.TemporaryDirectory() as folder:
        figures["ns-3"] = ns3.measure(Path(folder), S1_MESSAGES)
    figures["ns.py"] = ns_py.measure()
    return figures


def keep(figures: Figures) -> Path:
    """Write the figures down under their date and machine."""
    of = figures["machine"]
    slug = re.sub(r"[^a-z0-9]+", "-", f"{of['processor']} {of['cores']} cores".lower()).strip("-")
    path = RESULTS / f"{of['date']}-{slug}.json"
    RESULTS.mkdir(exist_ok=True)
    path.write_text(json.dumps(table.rounded(figures), indent=1) + "\n")
    return path


def main() -> None:
    """The command."""
    parser = ArgumentParser(prog="python -m benchmarks.bench", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="without cold start and sweeps")
    parser.add_argument("--keep", action="store_true", help="write results/DATE-MACHINE.json and the manual's table")
    parser.add_argument("--json", action="store_true", help="print the figures instead of the table")
    options = parser.parse_args()
    figures = measure(options.quick, lambda what: print(f"benchmarks: {what}", file=sys.stderr, flush=True))  # noqa: T201
    if options.keep:
        path = keep(figures)
        table.write_page(json.loads(path.read_text()), path)
    print(json.dumps(figures, indent=1) if options.json else table.text(figures))  # noqa: T201


if __name__ == "__main__":
    main()
