"""Recorded stacks against the model, in words and numbers: for a terminal, as JSON, as the page's table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.groundtruth.report import table as columns
from experiments.groundtruth.stacks.judge import NOT_JUDGED, OFF, REASONS, SAMPLING, Figure, Row, totals
from experiments.groundtruth.stacks.recorded import Setting

BEGIN, END = "<!-- generated: python -m experiments.groundtruth.stacks.report -->", "<!-- end -->"
HEAD = ("experiment", "stack", "path", "setting", "runs", "P50 ms", "P99 ms", "calls a message", "rate", "verdict")
SUMMARY = ("experiment", "figures", "agree", "sampling", "off, reason known", "off")
UNKNOWN = "not understood"
MARK = {SAMPLING: "~", OFF: "!", NOT_JUDGED: ""}


def describe(s: Setting) -> tuple[str, str, str]:
    """The stack, the path and what was set, briefly."""
    path = "LAN" if s.net == "veth" else f"RTT {s.rtt_ms:g} ms" + (f", {s.rate_mbit:g} Mbit/s" if s.rate_mbit else "")
    load = f"{s.size} B every {s.interval_ms:g} ms" if s.paced else f"{s.size} B, always"
    parts = [load if s.burst == 1 else f"{s.burst} x {load}", "up" if s.up else ""]
    parts += [f"{s.streams} streams" if s.streams > 1 else "", "" if s.nodelay else "Nagle"]
    if s.buffer is not None and (s.burst > 1 or not s.paced or s.buffer == 0):
        parts.append(f"buffer {s.buffer}")
    if s.experiment in {"FC", "S5"} and not s.bdp:
        parts.append(f"windows {s.stream_window}/{s.connection_window}")
    parts += [f"SO_SNDBUF {s.sndbuf}" if s.sndbuf else "", "" if s.bdp else "no BDP probes"]
    version = s.version.split("-")[0] if s.version else ""
    return f"{s.stack} {version}".strip(), path, ", ".join(part for part in parts if part)


def cells(row: Row) -> list[str]:
    """One group as text, recorded / simulated."""
    by_name = {figure.name: figure for figure in row.figures}
    stack, path, setting = describe(row.group.setting)
    rate = next((by_name[name] for name in ("steady", "throughput") if name in by_name), None)
    speed = _pair(rate, 1e6, 2) + " MB/s" if rate else ""
    if "t90" in by_name:
        speed += f"; 90 % after {_pair(by_name['t90'], 1, 0)} ms"
    reasons = dict.fromkeys(f"{f.name}: {f.reason or UNKNOWN}" for f in row.off)
    return [
        row.group.setting.experiment, stack, path, setting, str(len(row.group.runs)), _pair(by_name["p50"], 1e3, 2),
        _pair(by_name["p99"], 1e3, 2), _pair(by_name["writes"], 1, 3), speed, "; ".join(reasons) or "agrees",
    ]  # fmt: skip


def _pair(figure: Figure, unit: float, digits: int) -> str:
    mark = MARK.get(figure.verdict, "")
    return f"{figure.recorded / unit:.{digits}f} / {figure.simulated / unit:.{digits}f}{mark}"


def text(rows: Sequence[Row]) -> str:
    """For a terminal."""
    words = {f.reason for row in rows for f in row.off if f.reason}
    legend = [f"{word}: {meaning}" for word, meaning in REASONS.items() if word in words]
    return "\n".join([*columns([HEAD, *(cells(row) for row in rows)]), "", *legend, "", sentence(rows)])


def summary(rows: Sequence[Row]) -> list[list[str]]:
    """The totals of every experiment."""
    names = dict.fromkeys(row.group.setting.experiment for row in rows)
    counted = {name: totals([row for row in rows if row.group.setting.experiment == name]) for name in names}
    return [[name, *(str(count) for count in t.values())] for name, t in sorted(counted.items())]


def sentence(rows: Sequence[Row]) -> str:
    """The totals in words."""
    t = totals(rows)
    known = t["off, reason known"]
    return (
        f"{t['agree']} of {t['figures']} figures agree, {t['sampling']} differ by no more than so few messages can, "
        f"{known} are off for a reason that is known, {t['off']} for none"
    )


def as_dict(rows: Sequence[Row]) -> dict[str, Any]:
    """For --json."""
    return {
        "totals": totals(rows),
        "groups": [
            dict(zip(("experiment", "stack", "path", "setting"), cells(row)[:4], strict=True))
            | {"runs": len(row.group.runs)}
            | {
                "figures": [
                    {"name": f.name, "recorded": f.recorded, "simulated": f.simulated, "verdict": f.verdict or None,
                     "reason": f.reason}
                    for f in row.figures
                ]
            }
            for row in rows
        ],
    }  # fmt: skip


def generated(rows: Sequence[Row]) -> str:
    """What stands between the marks of the page: the totals, and a row a group."""
    legend = [f"- *{word}*: {meaning}" for word, meaning in REASONS.items()]
    return "\n".join([
        BEGIN, "", f"**{sentence(rows)}.**", "", *_markdown(SUMMARY, summary(rows)), "", *legend, "",
        *_markdown(HEAD, [cells(row) for row in rows]), "", END,
    ])  # fmt: skip


def _markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines]


def refreshed(page: str, rows: Sequence[Row]) -> str:
    """The page with its table as it is now."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + generated(rows) + after


def main(arguments: Sequence[str]) -> None:
    """Write the table into the page."""
    from experiments.groundtruth.stacks.compare import compare

    folder, page = map(Path, arguments)
    page.write_text(refreshed(page.read_text(), compare(folder, driver="compiled")))


if __name__ == "__main__":
    main(sys.argv[1:])
