"""The coverage of stated intervals, scenario by scenario: `python -m benchmarks.coverage [--runs N] [--keep]`.

Prints the table; `--keep` also writes the figures to `benchmarks/coverage/figures.json` and the table into the page of
the manual that shows it. Takes some ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import datetime
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent / "coverage"
PAGE = FOLDER.parent.parent / "docs" / "background" / "measuring.md"
BEGIN, END = "<!-- coverage: begin -->", "<!-- coverage: end -->"
LENGTHS = (2_000, 20_000)
CASES = ("telemetry", *(str(path) for path in sorted(FOLDER.glob("*.toml"))))


def simulate(runs: int) -> list[dict[str, Any]]:
    """Every scenario at every length."""
    from experiments.cli.progress import runs as shown
    from experiments.coverage import LONGER, coverage
    from experiments.files import load
    from experiments.sweep.runner import fastest_driver, local_executor, simulated

    driver = fastest_driver("auto")
    found = []
    for case in CASES:
        for messages in LENGTHS:
            scenario = load(case, {"workload.messages": messages})
            executor, _ = local_executor(driver)
            name = f"{scenario.name}, {messages:,} messages"
            with executor, shown(name, runs + max(4, runs // LONGER)) as advance:
                one = coverage(
                    scenario, "p99_ns", range(1, runs + 1), simulated(driver), executor, on_run=advance
                )  # fmt: skip
            found.append(replace(one, scenario=scenario.name).as_dict())
    return found


def table(figures: dict[str, Any]) -> str:
    """The figures in Markdown."""
    from experiments.labels import milliseconds

    heads = ["scenario", "messages", "P99 of runs", "varies by", "skewness", "bias"]
    seeds = [row["seeds"] for row in figures["cases"][0]["rows"]]
    heads += [f"{n} seeds" for n in seeds] + [f"endless, {n}" for n in seeds]
    lines = [_row(heads), _row(["---", *["--:"] * (len(heads) - 1)])]
    for case in figures["cases"]:
        cells = [case["scenario"], f"{case['messages']:,}", f"{milliseconds(case['mean'])} ms"]
        cells += [f"{case['variation']:.1%}", f"{case['skewness']:.1f}", f"{case['bias']:+.1%}"]
        cells += [_percent(row[truth]["share"]) for truth in ("mean_of_runs", "endless") for row in case["rows"]]
        lines.append(_row(cells))
    return f"{figures['date']}, Tinygram {figures['version']}, {figures['runs']:,} runs a row.\n\n" + "\n".join(lines)


def keep(figures: dict[str, Any]) -> None:
    """Write figures and table where they are kept."""
    (FOLDER / "figures.json").write_text(json.dumps(figures, indent=1) + "\n")
    page = PAGE.read_text()
    shown = f"{BEGIN}\n\n{table(figures)}\n\n{END}"
    PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: shown, page, flags=re.DOTALL))


def main() -> None:
    """Simulate, print, perhaps keep."""
    from sim.identity import package_version

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=4_000, help="runs of each scenario and length")
    parser.add_argument("--keep", action="store_true", help="write the figures down and the table into the manual")
    options = parser.parse_args()
    figures = {
        "date": datetime.date.today().isoformat(),
        "version": package_version(),
        "runs": options.runs,
        "cases": simulate(options.runs),
    }
    sys.stdout.write(table(figures) + "\n")
    if options.keep:
        keep(figures)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _percent(share: float) -> str:
    """Bold where it is not within two points of what is stated."""
    text = f"{share:.1%}"
    return text if abs(share - 0.95) <= 0.02 else f"**{text}**"


if __name__ == "__main__":
    main()
