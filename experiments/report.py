"""A run's summary as text for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from experiments.labels import counted, megabits, milliseconds
from experiments.policies import written
from sim.scenario import Scenario, Workload
from sim.units import DURATION, SIZE

PERCENTILES = {"mean": "mean", "p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}
VIEWS = {
    "latency_ns": "steady state",
    "startup_latency_ns": "start-up",
    "closed_loop_latency_ns": "from write()",
}
WIDTH = 100  # columns
BAR = 30  # characters of the longest bar


def report(scenario: Scenario, summary: Mapping[str, Any]) -> str:
    """What `tinygram run` prints."""
    parts = (_head(scenario, summary), _latency(scenario, summary), _work(scenario, summary), _ledger(summary))
    return "\n\n".join("\n".join(part) for part in parts)


def _head(scenario: Scenario, s: Mapping[str, Any]) -> Iterator[str]:
    if scenario.title:
        yield scenario.title
    left = f", {s['undelivered']:,} undelivered" if s["undelivered"] else ""
    messages = "1 message" if s["messages"] == 1 else f"{s['messages']:,} messages"
    yield f"{messages} ({traffic(scenario.workload)}) in {s['duration_ns'] / 1e9:.3f} s{left}"
    if s.get("timed_out"):
        yield f"the {s['timed_out']}'s connection timed out: its retransmissions were in vain (ETIMEDOUT)"
    yield f"scenario {scenario.name} {s['scenario_hash']}, seed {s['seed']}, driver {s['driver']}"
    if scenario.policy is not None:
        given = ", ".join(f"{name}={value}" for name, value in written(scenario.policy).items())
        every = DURATION.format(scenario.policy.every)
        yield f"policy {scenario.policy.name}{f'({given})' if given else ''}, every {every}"


def traffic(w: Workload) -> str:
    """Who sends what to whom, in a few words."""
    if w.kind == "request-response":
        return f"{_sizes(w.pieces)} there, {_sizes(w.reply)} back"
    to = "client" if w.sender == "server" else "server"
    if w.trace:
        return f"recorded, {w.sender} to {to}"
    return f"{_sizes(w.sizes or (w.size,))}, {w.arrivals}, {w.sender} to {to}"


def _sizes(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 3:
        return " + ".join(SIZE.format(size) for size in sizes)
    return f"{SIZE.format(min(sizes))} to {SIZE.format(max(sizes))}"


def _latency(scenario: Scenario, s: Mapping[str, Any]) -> Iterator[str]:
    if s["overloaded"]:
        yield "OVERLOADED: the backlog kept growing, so latencies would only say how long the run was"
        return
    yield "latency, ms    " + "".join(f"{name:>9}" for name in PERCENTILES.values())
    for view, label in VIEWS.items():
        values = s.get(view) or {}
        if values.get("max") is not None:
            yield f"  {label:<13}" + "".join(f"{milliseconds(values[p]):>9}" for p in PERCENTILES)
    early = min(scenario.warmup, s["messages"]) - s["messages"] // 2
    if early > 0 and s["messages"]:
        yield f"SHORT: start-up is {scenario.warmup:,} messages, and {early:,} of them are counted as steady: send more"
    classes = s.get("by_size") or []
    for row in classes if len(classes) > 1 else []:
        label = f"to {SIZE.format(row['to'])}" if row["to"] else f"from {SIZE.format(row['from'])}"
        yield f"  {label:<13}" + "".join(f"{milliseconds(row['latency_ns'][p]):>9}" for p in PERCENTILES)


def _work(scenario: Scenario, s: Mapping[str, Any]) -> Iterator[str]:
    offered = f" of {megabits(s['offered_bps'])} offered" if s.get("offered_bps") else ""
    yield f"throughput     {megabits(s['throughput_bps'])} Mbit/s delivered{offered}"
    dropped = sum(s.get("dropped", {}).values())
    counts = {
        "write()": s["writes"], "segments": s["segments"], "ACKs": s["acks"], "by the timer": s.get("acks_by_timer", 0),
        "retransmissions": s["retransmits"], "fast retransmissions": s.get("fast_retransmits", 0),
        "timeouts": s.get("rtos", 0), "spurious by F-RTO": s.get("spurious_rtos", 0), "undone": s.get("undos", 0),
        "tail loss probes": s.get("tlps", 0), "window probes": s.get("window_probes", 0), "PINGs": s.get("pings", 0),
        "dropped": dropped, "blocked writes": s.get("blocked_writes", 0),
    }  # fmt: skip
    yield from _wrapped("counted        ", (counted(n, what) for what, n in counts.items() if n))
    cpu = ", ".join(f"{host} {share:.1%}" for host, share in s["cpu_share"].items())
    peak = f"send buffer at most {s['wmem_peak_bytes'] / 1024:,.1f} KiB"
    yield f"used           CPU {cpu}; {peak}"


def _wrapped(head: str, parts: Iterable[str]) -> Iterator[str]:
    """The parts behind the head, on as many lines as they need, none of them broken."""
    line = head
    for part in parts:
        if len(line) + len(part) + 2 > WIDTH and line.strip():
            yield f"{line},"
            line = " " * len(head)
        line += part if line in (head, " " * len(head)) else f", {part}"
    yield line


def _ledger(s: Mapping[str, Any]) -> Iterator[str]:
    ledger = {cause: ns for cause, ns in s["ledger_ns"].items() if ns}
    total = sum(ledger.values())
    if not total:
        return
    yield "where the time went (all messages; mean of a message in ms)"
    longest = max(ledger.values())
    for cause, ns in sorted(ledger.items(), key=lambda item: -item[1]):
        mean = milliseconds(ns / max(1, s["messages"]))
        yield f"  {cause:<18}{mean:>9} {ns / total:>6.1%}  {bar(ns / longest)}".rstrip()
    yield f"  {'sum':<18}{milliseconds(total / max(1, s['messages'])):>9}"


def bar(share: float, width: int = BAR) -> str:
    """A bar of `share` of the width, in eighths of a character where the terminal can show them."""
    eighths = round(share * width * 8)
    if (sys.stdout.encoding or "").lower().replace("-", "") != "utf8":
        return "#" * round(share * width)
    return "█" * (eighths // 8) + ("", "▏", "▎", "▍", "▌", "▋", "▊", "▉")[eighths % 8]
