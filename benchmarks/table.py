"""The figures as a table: for the terminal, and for the page of the manual that shows the kept ones."""

from __future__ import annotations

import re
from pathlib import Path
from statistics import median
from typing import Any

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "benchmarks.md"
BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"

NAMES = {
    "s1-nagle": "S1, Nagle on",
    "s1-nodelay": "S1, Nagle off",
    "s2-bulk": "S2, bulk",
    "s3-loss": "S3, 1 % loss",
    "s4-streams": "S4, 100 streams",
}

Figures = dict[str, Any]
Rows = list[tuple[str, ...]]


def rounded(value: Any) -> Any:
    """Figures with five significant digits, which is more than a measurement has."""
    if isinstance(value, dict):
        return {key: rounded(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return float(f"{value:.5g}") if isinstance(value, float) else value


def rates(figures: Figures) -> dict[str, float]:
    """What a scenario's samples come to: medians a CPU second, and as multiples of the heapq loop beside them."""
    samples = figures["samples"]
    cpu = median(sample["cpu_s"] for sample in samples)
    loop = median(sample["loop_cpu_s"] for sample in samples)
    heapq = median(sample["heapq"] for sample in samples)
    return {
        "messages": figures["messages"] / cpu,
        "loop_messages": figures["messages"] / loop,
        "events": figures["events"] / cpu,
        "packets": figures["packets"] / cpu,
        "heapq": heapq,
        "messages_to_heapq": median(figures["messages"] / s["cpu_s"] / s["heapq"] for s in samples),
        "events_to_heapq": median(figures["events"] / s["cpu_s"] / s["heapq"] for s in samples),
    }


def scenarios(figures: Figures) -> Rows:
    """Scenario by scenario, what a CPU second brings."""
    rows: Rows = [("a CPU second brings", "messages", "in the loop alone", "to heapq", "events", "to heapq", "packets")]
    measured = {name: title for name, title in NAMES.items() if name in figures}  # results kept earlier have fewer
    for name, title in measured.items():
        r = rates(figures[name])
        messages = (_rate(r["messages"]), _rate(r["loop_messages"]), f"{r['messages_to_heapq']:.2f}x")
        counted = (_rate(r["events"]), f"{r['events_to_heapq']:.2f}x", _rate(r["packets"]))
        rows.append((title, *(("–", "–", "–") if name == "s2-bulk" else messages), *counted))
    for pending in figures["s1-nagle"]["heapq"]:
        rate = median(figures[name]["heapq"][pending] for name in measured)
        rows.append((f"bare heapq loop, {pending} pending", "–", "–", "–", _rate(rate), "–", "–"))
    return rows


def peers(figures: Figures) -> Rows:
    """The same scenarios elsewhere: packets a CPU second, and how often that fits into Tinygram's."""
    rows: Rows = [("beside", "scenario", "messages", "packets", "Tinygram: CPU time for the same")]
    for peer in ("ns-3", "ns.py"):
        there = figures[peer]
        if isinstance(there, str):
            rows.append((there, "", "", "", ""))
            continue
        for name, title in NAMES.items():
            if name in there:
                rows.append((f"{peer} {there['version']}", title, *_beside(there[name], rates(figures[name]))))
    return rows


def _beside(there: Figures, here: dict[str, float]) -> tuple[str, str, str]:
    """Messages are compared where the peer counts them, packets where it does not."""
    packets = there["packets"] / there["cpu_s"]
    if there["p50_ns"] and there["messages"]:
        messages = there["messages"] / there["cpu_s"]
        bulk = there["throughput_bps"] > 10_000_000
        share = packets / here["packets"] if bulk else messages / here["messages"]
        return "–" if bulk else _rate(messages), _rate(packets), f"1/{1 / share:.0f}"
    return "–", _rate(packets), f"1/{here['packets'] / packets:.0f}"


def costs(figures: Figures) -> Rows:
    """Start-up, memory, and how both cost and speed scale."""
    m, start, s1 = figures["marginal"], figures["start_up"], rates(figures["s1-nagle"])
    per_message = m["cpu_s"] / m["messages"]
    grown = (m["long_peak_mib"] - m["short_peak_mib"]) * 2**20 / m["messages"]
    one = figures["threads"]["rows"][0]
    rows: Rows = [("what", "figure")]
    rows += [
        ("S1, 20 times as long minus once, whole processes", f"{_rate(1 / per_message)} messages a CPU second"),
        ("... to S1 in one process (1: linear)", f"{per_message * s1['messages']:.2f}"),
        ("peak memory, S1", f"{m['short_peak_mib']:.0f} MiB"),
        ("peak memory, S1 20 times as long", f"{m['long_peak_mib']:.0f} MiB ({grown:.0f} bytes a further message)"),
    ]
    for row in figures["threads"]["rows"][1:]:
        speed, work = one["wall_s"] / row["wall_s"], row["cpu_s"] / one["cpu_s"]
        apart = one["heapq_wall_s"] / row["heapq_wall_s"]
        rows.append((f"{row['threads']} threads to one", f"{speed:.2f}x as fast, {work:.2f}x the CPU time"))
        rows.append((f"... heapq loops in {row['threads']} processes to one", f"{apart:.2f}x as fast"))
    rows += [
        ("`tinygram --help`", f"{start['help_s']:.2f} s"),
        ("warm start to first result (1,000 messages)", f"{start['warm_s']:.2f} s, {start['warm_peak_mib']:.0f} MiB"),
    ]
    if "cold_s" in start:
        cold = f"{start['cold_s']:.0f} s ({start['cold_cpu_s']:.0f} s of CPU), {start['cold_peak_mib']:.0f} MiB"
        rows.append(("first use, which compiles", cold))
    if "sweep" in figures:
        s = figures["sweep"]
        rows.append(("`sweep-20s.toml`, all cores", f"{s['wall_s']:.0f} s ({s['cpu_s']:.0f} s of CPU)"))
    if "buffers" in figures:
        s = figures["buffers"]
        rows.append(("`buffers`, 58 million messages, all cores", f"{s['wall_s']:.0f} s ({s['cpu_s']:.0f} s of CPU)"))
    return rows


def conditions(figures: Figures) -> str:
    """Date, machine, versions, and whether the machine had other things to do."""
    m = figures["machine"]
    busy = f"; load average {m['load_average']} before it began" if m["load_average"] >= 0.5 else ""
    return (
        f"{m['date']}: {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, {m['system']}, "
        f"Python {m['python']}, Numba {m['numba']}, Tinygram {m['tinygram']}{busy}."
    )


def _rate(value: float) -> str:
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g}"


def tables(figures: Figures) -> list[Rows]:
    """All of them, in order."""
    return [scenarios(figures), peers(figures), costs(figures)]


def text(figures: Figures) -> str:
    """For a terminal."""
    parts = [conditions(figures)]
    for rows in tables(figures):
        widths = [max(len(row[i]) for row in rows if any(row[1:])) for i in range(len(rows[0]))]
        lines = [_line(row, widths) for row in rows]
        parts.append("\n".join([lines[0], "-" * len(lines[0]), *lines[1:]]))
    return "\n\n".join(parts).replace("`", "")


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "  ".join(cells).rstrip()


def markdown(figures: Figures, source: str) -> str:
    """For the manual."""
    parts = [f"{conditions(figures)} Every sample is in `{source}`."]
    for rows in tables(figures):
        head, *body = rows
        lines = [head, ("---", *("--:" for _ in head[1:])), *body]
        parts.append("\n".join(f"| {' | '.join(row)} |" for row in lines))
    return "\n\n".join(parts)


def write_page(figures: Figures, result: Path) -> None:
    """Put the table of a kept result into the manual."""
    PAGE.write_text(page(PAGE.read_text(), figures, result))


def page(text: str, figures: Figures, result: Path) -> str:
    """The page with the table of this result."""
    source = f"benchmarks/results/{result.name}"
    put = f"{BEGIN}\n\n{markdown(figures, source)}\n\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: put, text, flags=re.DOTALL)
