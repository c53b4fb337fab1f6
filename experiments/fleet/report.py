"""A fleet's outcome: as tables, as JSON, and as HdrHistogram's files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import labels
from experiments.fleet.file import Fleet
from experiments.fleet.percentiles import SHARES, TITLES, Percentile, percentiles
from experiments.fleet.run import MESSAGES, METRICS, THROUGHPUT, Total
from experiments.fleet.tail import Tail, tail_of

if TYPE_CHECKING:
    from rich.table import Table

HEADINGS = {"p50": "P50", "p90": "P90", "p99": "P99", "p999": "P99.9", "p9999": "P99.99"}
MS = 1e6


def as_json(fleet: Fleet, total: Total) -> dict[str, Any]:
    """Everything as JSON-ready numbers: latencies in ns, throughput in bit/s."""
    tail = tail_of(total)
    return {
        "fleet": fleet.name,
        "seed": fleet.seed,
        "connections": total.connections,
        "messages": total.messages,
        "undelivered": total.undelivered,
        "overloaded": total.overloaded,
        "limits": len(total.limits),
        "segments": total.segments,
        "retransmits": total.retransmits,
        "metrics": {
            metric: {name: percentile.as_dict() for name, percentile in percentiles(total, metric).items()}
            for metric in METRICS
        },
        "tail": None if tail is None else _tail_json(tail),
    }


def _tail_json(tail: Tail) -> dict[str, Any]:
    return {
        "share": tail.share,
        "beyond_ns": tail.beyond_ns,
        "parameters": [
            {
                "name": share.parameter.name,
                "distance": share.distance,
                "bins": [
                    {"bin": label, "fleet": fleet, "tail": of_tail}
                    for label, fleet, of_tail in zip(
                        share.labels, share.fleet.tolist(), share.tail.tolist(), strict=True
                    )
                ],
            }
            for share in tail.shares
        ],
    }


def percentile_table(total: Total) -> Table:
    """A row a metric: P50 to P99.99 with their intervals."""
    table = _table("")
    for heading in HEADINGS.values():
        table.add_column(heading, justify="right")
    for metric in METRICS:
        found = percentiles(total, metric)
        table.add_row(TITLES[metric], *(_cell(found[name], metric) for name in SHARES))
    return table


def _cell(percentile: Percentile, metric: str) -> str:
    if percentile.value is None:
        return "-"
    number = labels.megabits if metric == THROUGHPUT else labels.milliseconds
    if percentile.lo is None or percentile.hi is None:
        return number(percentile.value)
    return f"{number(percentile.value)} [{number(percentile.lo)}, {number(percentile.hi)}]"


def tail_table(tail: Tail) -> Table:
    """A row a parameter: how much it tells, its middle in the fleet and in the tail, and which bin sends too many."""
    title = f"the slowest {tail.share:.2%} of the messages, beyond {labels.milliseconds(tail.beyond_ns)} ms"
    table = _table(title)
    table.add_column("tells", justify="right")
    for heading in ("middle of the fleet", "middle of the tail", "sends too many"):
        table.add_column(heading)
    for share in tail.shares:
        most = share.most
        sends = f"{share.labels[most]}: {share.fleet[most]:.1%} of all, {share.tail[most]:.1%} of the tail"
        table.add_row(
            share.parameter.name, f"{share.distance:.2f}", share.middle(share.fleet), share.middle(share.tail), sends
        )
    return table


def sentences(fleet: Fleet, total: Total) -> Iterator[str]:
    """What was simulated, and what to beware of."""
    retransmitted = (
        f", {total.retransmits / total.segments:.2%} of the segments retransmitted" if total.segments else ""
    )
    yield f"{fleet.name}: {total.connections:,} connections, {total.messages:,} messages{retransmitted}"
    if total.overloaded:
        yield (
            f"{total.overloaded:,} connections are overloaded ({total.overloaded / total.connections:.2%}): "
            "their backlog grows, so their latencies only tell how long they were watched"
        )
    if total.undelivered:
        yield f"{total.undelivered:,} messages were not delivered by the time limit and are in no percentile"


def _table(title: str) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=title, box=SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("")
    return table


# ---- files -----------------------------------------------------------------------------------------------------------


def write_hdr(fleet: Fleet, total: Total, out: Path) -> list[Path]:
    """NAME.hgrm: message latencies, ms, as a percentile distribution. NAME.hlog: each latency metric by its tag, ns.

    HdrHistogram's plotter opens the first, its log tools the second.
    """
    from hdrh.log import HistogramLogWriter

    out.mkdir(parents=True, exist_ok=True)
    distribution, log = out / f"{fleet.name}.hgrm", out / f"{fleet.name}.hlog"
    with distribution.open("wb") as file:
        total.counts(MESSAGES).hdr().output_percentile_distribution(file, MS)
    with log.open("w", encoding="utf-8") as text:
        writer = HistogramLogWriter(text)
        writer.output_log_format_version()
        writer.output_legend()
        for metric in METRICS:
            if metric != THROUGHPUT:
                text.write(f"Tag={metric},")
                writer.output_interval_histogram(total.counts(metric).hdr(), 0, 1, MS)
    return [distribution, log]
