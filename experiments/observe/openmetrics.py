"""A run as OpenMetrics text (1.0.0): counters of the whole run, gauges of its last window, a histogram.

Times are seconds and sizes bytes, as the format wants; names begin with `tinygram_`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from experiments.observe.sampler import windows

if TYPE_CHECKING:
    from sim import Run

BUCKETS = tuple(mantissa * 10.0**power for power in range(-5, 2) for mantissa in (1, 2.5, 5))
"""Upper bounds of the latency histogram, s."""


def exposition(run: Run) -> str:
    """The whole text, `# EOF` included."""
    return "\n".join([*_counters(run), *_histogram(run), *_causes(run), *_gauges(run), "# EOF", ""])


def _family(name: str, kind: str, about: str, unit: str = "") -> Iterator[str]:
    yield f"# TYPE tinygram_{name} {kind}"
    if unit:
        yield f"# UNIT tinygram_{name} {unit}"
    yield f"# HELP tinygram_{name} {about}"


def _label(run: Run) -> str:
    scenario = run.scenario.name.replace("\\", "\\\\").replace('"', '\\"')
    return f'scenario="{scenario}",seed="{run.seed}"'


def _counters(run: Run) -> Iterator[str]:
    sender = run.sender()
    values = {
        "messages": (len(run.messages), "Messages delivered."),
        "write_calls": (sender.writes, "write() calls of the sender."),
        "segments": (sender.segments, "Data segments sent."),
        "retransmits": (sender.retransmits, "Segments sent again."),
        "rtos": (sender.rtos, "Retransmission timeouts."),
        "spurious_rtos": (sender.spurious_rtos, "Retransmission timeouts found to have been in vain."),
        "window_probes": (sender.window_probes, "Questions whether a closed window has opened."),
        "blocked_writes": (sender.blocked_writes, "write() calls that slept for room."),
    }
    for name, (value, about) in values.items():
        yield from _family(name, "counter", about)
        yield f"tinygram_{name}_total{{{_label(run)}}} {value}"


def _histogram(run: Run) -> Iterator[str]:
    import numpy as np

    seconds = np.sort(run.messages["latency_ns"]) / 1e9
    label = _label(run)
    yield from _family("latency_seconds", "histogram", "From intended time to read.", "seconds")
    for bound in BUCKETS:
        below = int(np.searchsorted(seconds, bound, side="right"))
        yield f'tinygram_latency_seconds_bucket{{{label},le="{float(f"{bound:g}")!r}"}} {below}'
    yield f'tinygram_latency_seconds_bucket{{{label},le="+Inf"}} {len(seconds)}'
    yield f"tinygram_latency_seconds_count{{{label}}} {len(seconds)}"
    yield f"tinygram_latency_seconds_sum{{{label}}} {float(seconds.sum()):.9g}"


def _causes(run: Run) -> Iterator[str]:
    yield from _family("waited_seconds", "counter", "Message time by cause; the causes sum to all latency.", "seconds")
    for cause, ns in run.ledger_ns().items():
        yield f'tinygram_waited_seconds_total{{{_label(run)},cause="{cause}"}} {ns / 1e9:.9g}'


def _gauges(run: Run) -> Iterator[str]:
    found = windows(run)
    if not found:
        return
    last: Any = found[-1]
    values = {
        "throughput_bits_per_second": (last.throughput_bps, "Payload delivered in the last window."),
        "send_buffer_occupancy_ratio": (last.occupancy, "wmem_queued / sk_sndbuf at its end."),
    }
    for name, (value, about) in values.items():
        yield from _family(name, "gauge", about)
        yield f"tinygram_{name}{{{_label(run)}}} {value:.9g}"
