"""Chapter 3, tuning: two write buffers, scenario tables, HTTP/2 windows, sampling and the Pareto front."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from experiments.observe import sampler
from experiments.observe.pareto import StreamingFront
from experiments.reproduce.measuring import FRAMER_ALONE, LAN, MS, latency, megabytes, over, p, runs, scenario
from experiments.reproduce.rows import Finding, Value, row
from experiments.statistics import Estimate
from sim import simulate
from sim.scenario import Policy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim import Run

FULL = "full-link"
REPRO = "seed-repro"


# ---- 3.1 two write buffers -------------------------------------------------------------------------------------------


@row(
    "3.01",
    "mechanism",
    "There are two write buffers: the socket's, which SetWriteBuffer sets, and the Framer's",
    "full link",
)
def two_buffers() -> Finding:
    variants = {
        "64 KiB and 32 KiB": (),
        "framer 4 KiB": ("workload.framing.buffer=4KiB",),
        "SO_SNDBUF 256 KiB": ("server.sndbuf=256KiB",),
    }
    values = tuple(
        value for name, more in variants.items() for value in p(f"{name}:", runs(FULL, *more, seeds=3), "p50")
    )
    return Finding("HOLDS", "each holds its own bytes in front of the link, and each is a setting of its own.", values)


@row(
    "3.02",
    "policy",
    "RTT below 50 ms: 64 KiB and 8 KiB; else 256 KiB and 32 KiB",
    "full link, 10 Mbit/s, RTT 20 and 80 ms",
)
def rtt_threshold() -> Finding:
    small = ("server.sndbuf=64KiB", "workload.framing.buffer=8KiB")
    large = ("server.sndbuf=256KiB", "workload.framing.buffer=32KiB")
    values = []
    for rtt in ("20ms", "80ms"):
        path = f"network.rtt={rtt}"
        for name, settings in (("small", small), ("large", large), ("policy", (*small, "policy.name=rtt-threshold"))):
            found = runs(FULL, path, *settings, seeds=3)
            values.append(Value(f"RTT {rtt}, {name}: P99", over(found, latency("p99")), "ms"))
            values.append(Value(f"RTT {rtt}, {name}: throughput", over(found, megabytes), "MB/s"))
    reason = (
        "a send buffer should hold what the path holds, rate x RTT, not step at 50 ms; the rule comes without data. "
        "On a full link the buffers themselves lengthen the measured RTT that it decides by."
    )
    return Finding("CANNOT SAY", reason, tuple(values))


@row(
    "3.03",
    "mechanism",
    "The Framer's buffer must not exceed the socket's, or a flush blocks",
    "framer 128 KiB, SO_SNDBUF 16 KiB",
)
def framer_exceeds_socket() -> Finding:
    large = runs(FULL, "workload.framing.buffer=128KiB", "server.sndbuf=16KiB", seeds=3)
    small = runs(FULL, "workload.framing.buffer=8KiB", "server.sndbuf=16KiB", seeds=3)
    values = tuple(
        Value(f"framer {name}: time a write() is blocked", over(found, blocked), "ms")
        for name, found in (("128 KiB", large), ("8 KiB", small))
    )
    reason = "nothing forbids it: the write is taken in parts, as room appears, and the writer waits in between."
    return Finding("HOLDS IF", reason, values, condition='"blocks" means that the writer waits; no rule is broken')


def blocked(run: Run) -> float:
    """Mean ms a write() waits for room."""
    return run.server.blocked_ns / max(1, run.server.writes) / MS


@row(
    "3.04", "claim", "SetWriteBuffer must be called after connect and before the first write", "SO_SNDBUF set after 1 s"
)
def set_any_time() -> Finding:
    late = Policy(
        name="late.py:late", every=1_000 * MS, source="def late(tick):\n    tick.sender.sndbuf = 256 * 1024\n"
    )
    usual = scenario(FULL, "server.sndbuf=16KiB")
    found = [simulate(replace(usual, policy=policy), 0) for policy in (None, late)]
    values = tuple(
        Value(f"{name}: highest send-buffer memory", float(run.server.wmem_peak) / 1024, "KiB")
        for name, run in zip(("16 KiB from the start", "256 KiB set after a second"), found, strict=True)
    )
    return Finding("REFUTED", "Linux takes it at any time; it doubles the value and ends autotuning.", values)


@row("3.05", "policy", "The Framer's buffer can be exchanged at run time, under a lock")
def exchange_at_run_time() -> Finding:
    larger = Policy(
        name="grow.py:grow", every=1_000 * MS, source="def grow(tick):\n    tick.sender.framer_buffer = 131072\n"
    )
    usual = scenario(FULL, "workload.framing.buffer=4KiB", "server.sndbuf=64KiB")
    found = [simulate(replace(usual, policy=policy), 0) for policy in (None, larger)]
    values = tuple(
        Value(f"{name}: write() calls", float(run.server.writes))
        for name, run in zip(("4 KiB", "128 KiB after a second"), found, strict=True)
    )
    reason = "grpc-go and x/net fix its size for the life of a transport. A stack that could would behave as simulated."
    return Finding("REFUTED", reason, values)


@row(
    "3.06",
    "experiment",
    "Live audio and video: 32 KB and 4 KB give less end-to-end delay",
    "50 frames a second, 2.3 Mbit/s",
)
def live_video() -> Finding:
    large = ("server.sndbuf=256KiB", "workload.framing.buffer=32KiB")
    values = (
        *p("32 KB and 4 KB:", runs("av-live", seeds=3), "p50", "p99"),
        *p("256 KB and 32 KB:", runs("av-live", *large, seeds=3), "p50", "p99"),
    )
    reason = (
        "a stream the path carries leaves its buffers empty, whatever their size; a key frame larger than one waits."
    )
    return Finding("HOLDS IF", reason, values, condition="the link is full; below that, small buffers only cost")


@row("3.07", "experiment", "Bulk upload of logs: 512 KB and 128 KB save system calls")
def bulk_upload() -> Finding:
    def calls(*settings: str) -> Estimate:
        return over(
            runs("bulk-log", *settings, seeds=2), lambda run: run.client.writes / (run.messages["size"].sum() / 1e6)
        )

    values = tuple(
        Value(f"framer {buffer}: write() calls a MB", calls(f"workload.framing.buffer={buffer}"))
        for buffer in ("4KiB", "32KiB", "128KiB")
    )
    reason = (
        "a write() takes what the buffer holds; beyond what the write quota of 64 KiB lets queue, more gains nothing."
    )
    return Finding("HOLDS", reason, values)


@row(
    "3.08",
    "mechanism",
    "Data is appended until the buffer is full, then it is flushed to the socket",
    "512 B every 10 ms, 4 KiB",
)
def flush_when_full() -> Finding:
    base = (*FRAMER_ALONE, "workload.messages=1000", "workload.framing.buffer=4KiB", LAN)
    values = tuple(
        Value(f"flush {rule}: P99", over(runs(REPRO, *base, f"workload.framing.flush={rule}"), latency("p99")), "ms")
        for rule in ("on-idle", "on-full")
    )
    reason = (
        "real stacks flush when nothing more is queued. By the chart's rule a message waits for seven others to come."
    )

    def draw(axes: Axes) -> None:
        for rule in ("on-idle", "on-full"):
            run = runs(REPRO, *base, f"workload.framing.flush={rule}")[0]
            axes.plot(run.messages["intended_ns"][:60] / 1e9, run.messages["latency_ns"][:60] / MS, ".-", label=rule)
        axes.set(xlabel="intended time, s", ylabel="latency, ms", title="512 B every 10 ms through a buffer of 4 KiB")
        axes.legend(frameon=False)

    return Finding("REFUTED", reason, values, draw=draw)


# ---- 3.2 HTTP/2 windows ---------------------------------------------------------------------------------------------


STATIC = ("client.http2.bdp=off", "server.http2.bdp=off")
FAST = ("network.rate=100Mbit/s", "server.sndbuf=auto", "workload.messages=30000")


def windows(stream: str, connection: str) -> tuple[str, ...]:
    """Settings of the receiver's windows."""
    return f"client.http2.stream_window={stream}", f"client.http2.connection_window={connection}"


@row(
    "3.09",
    "experiment",
    "A window of 1,048,576 instead of 65,535 relieves the first frame",
    "100 Mbit/s, RTT 20 ms, one stream",
)
def larger_window() -> Finding:
    cases = {
        "65,535 both": windows("65535B", "65535B"),
        "stream 1 MiB, connection 65,535": windows("1MiB", "65535B"),
        "stream 1 MiB, connection 16 MiB": windows("1MiB", "16MiB"),
    }
    values = tuple(
        Value(f"{name}: throughput", over(runs(FULL, *FAST, *STATIC, *case, seeds=3), megabytes), "MB/s")
        for name, case in cases.items()
    )
    reason = (
        "the smaller of the two counts, and the stream's alone gains nothing: a known trap. Measured: 2.4, 2.4, 11.9."
    )
    return Finding("HOLDS IF", reason, values, condition="the connection's window grows too")


@row(
    "3.10",
    "experiment",
    "MaxConcurrentStreams 200 instead of 100 carries more parallel streams",
    "200 callers, 50 ms of path",
)
def concurrent_streams() -> Finding:
    def waiting(limit: int) -> Estimate:
        calls = (
            "workload.arrivals=poisson", "workload.interval=300us", "workload.size=2KiB", "workload.streams=200",
            "workload.stream_messages=1", "workload.messages=8000", "network.rate=100Mbit/s", "network.rtt=50ms",
            "server.sndbuf=auto", f"client.http2.max_streams={limit}", *windows("16MiB", "16MiB"),
        )  # fmt: skip
        return over(runs(FULL, *calls, seeds=2), latency("p99"))

    values = tuple(Value(f"at most {limit}: P99", waiting(limit), "ms") for limit in (100, 200))
    reason = (
        "calls beyond the limit wait for one to end; by Little's law 3,333 calls a second of 50 ms are 167 at a time."
    )
    return Finding("HOLDS IF", reason, values, condition="more than 100 calls are under way at a time")


@row("3.12", "mechanism", "SETTINGS at the start avoid the window's ramp", "RTT 20 and 50 ms, one stream, no estimator")
def settings_at_start() -> Finding:
    static = (*FAST, *STATIC, *windows("1MiB", "16MiB"))
    values = tuple(
        Value(
            f"RTT {rtt}: until 90 % of its rate", over(runs(FULL, *static, f"network.rtt={rtt}", seeds=3), ramp), "ms"
        )
        for rtt in ("20ms", "50ms")
    )
    reason = (
        "they act half a round trip after the connection, and the connection's window needs its own WINDOW_UPDATE. "
        "TCP's slow start remains."
    )
    return Finding("HOLDS IF", reason, values, condition="both windows are set; what is left is slow start")


def ramp(run: Run) -> float:
    """ms until the first window of 20 ms whose rate is 90 % of the second half's, as it was measured."""
    read, size = run.messages["read_ns"], run.messages["size"]
    rates, edges = np.histogram(read, np.arange(0, read.max(), 20 * MS), weights=size)
    steady = rates[len(rates) // 2 : -1].mean()
    return float(edges[int(np.argmax(rates >= 0.9 * steady))]) / MS


@row(
    "3.13",
    "experiment",
    "Convergence takes more than 800 ms, and less than 120 ms with larger windows",
    "time to 90 % of the rate",
)
def convergence() -> Finding:
    streams = ("workload.streams=100", *FAST)
    estimator = ("client.http2.bdp=grpc-go", "server.http2.bdp=grpc-go", *windows("65535B", "65535B"))
    static = (*STATIC, *windows("1MiB", "16MiB"))
    cases = {"64 KiB and the estimator": estimator, "static 1 MiB, connection 16 MiB": static}
    values = tuple(
        Value(f"RTT {rtt}, {name}", over(runs(FULL, *streams, *case, f"network.rtt={rtt}", seeds=3), ramp), "ms")
        for rtt in ("20ms", "50ms")
        for name, case in cases.items()
    )
    reason = (
        "measured with grpc-go, 100 streams: 140 against 100 ms at RTT 20, 420 to 480 against 360 at RTT 50. "
        "The estimator doubles the windows with every round trip, as slow start does, so it costs little."
    )
    return Finding("HOLDS IF", reason, values, condition="a saving of some round trips is meant; not of 680 ms")


# ---- 3.3 metrics and the front ---------------------------------------------------------------------------------------


@row("3.11", "claim", "http2.Transport has a field ConfigureTransport for both limits")
def configure_transport() -> Finding:
    return Finding(
        "REFUTED", "ConfigureTransport is a function, and http2.Transport has neither field; nothing to simulate."
    )


@row("3.14", "report", "A sampler reads throughput and latency every 100 ms", "full link, 64 KiB")
def every_100_ms() -> Finding:
    run = simulate(sampler.sampled(scenario(FULL), 100 * MS), 0)
    windows = sampler.windows(run)[5:-1]
    rates = [window.throughput_bps / 8e6 for window in windows]
    tails = [(window.p99_ns or 0) / MS for window in windows]
    values = (
        Value("windows", float(len(windows))),
        Value("throughput, lowest to highest window", f"{min(rates):.2f} to {max(rates):.2f}", "MB/s"),
        Value("P99, lowest to highest window", f"{min(tails):.0f} to {max(tails):.0f}", "ms"),
        Value("P99 of the whole run", latency("p99")(run), "ms"),
    )
    reason = "tinygram observe is that sampler; a P99 of 116 messages is their second largest, so windows scatter."
    return Finding("HOLDS", reason, values)


@row("3.15", "claim", "runtime/metrics gives requests and GC pauses that explain latency")
def runtime_metrics() -> Finding:
    reason = "/net/http/server/requests and /sched/gc/pauses do not exist, and a GC pause is not a request's latency."
    return Finding("REFUTED", reason)


@row(
    "3.16",
    "report",
    "The Pareto front of throughput and P95 is the convex hull, found in O(n log n)",
    "SO_SNDBUF and load on 100 Mbit/s",
)
def hull_or_dominance() -> Finding:
    points = []
    for kib, us in product((64, 128, 256), (400, 200, 150, 120, 105, 95)):
        load = ("workload.arrivals=poisson", f"workload.interval={us}us", "workload.messages=10000")
        found = runs(FULL, *load, f"server.sndbuf={kib}KiB", "network.rate=100Mbit/s", seeds=3)
        points.append((megabytes(found[0]), latency("p90")(found[0])))
    front = StreamingFront(points)
    best, hull = front.points, front.hull()
    values = (
        Value("settings tried", float(len(points))),
        Value("not dominated by another", float(len(best))),
        Value("of these on the convex hull", float(len(hull))),
    )
    reason = (
        "a setting is on the front when no other is better in both; the hull drops those in its bays. Sorting and one "
        "pass find the front in O(n log n) too."
    )

    def draw(axes: Axes) -> None:
        axes.plot(*zip(*points, strict=True), "o", color="0.7", label="tried")
        axes.plot(*zip(*best, strict=True), "o-", label="front")
        axes.plot(*zip(*hull, strict=True), "--", color="tab:red", label="convex hull")
        axes.set_ylim(0, 2 * max(y for _, y in best))  # overloaded ones lie far above
        axes.set(xlabel="throughput, MB/s", ylabel="P90, ms", title="Send buffers and loads, 100 Mbit/s, RTT 20 ms")
        axes.legend(frameon=False)

    return Finding("REFUTED", reason, values, draw=draw)


@row("3.17", "report", "(1240, 18.3) and (1360, 22.7) are on the front; (1280, 21.1) is dominated by them")
def three_points() -> Finding:
    front = StreamingFront([(1240.0, 18.3), (1360.0, 22.7), (1280.0, 21.1)])
    chord = 18.3 + (22.7 - 18.3) * (1280 - 1240) / (1360 - 1240)
    values = (
        Value("not dominated", f"{len(front.points)} of 3"),
        Value("on the convex hull", f"{len(front.hull())} of 3"),
        Value("the hull at 1280", chord, "ms"),
    )
    reason = "one has less throughput, the other more latency: neither dominates it. It is only above the hull's chord."
    return Finding("REFUTED", reason, values)


@row(
    "3.18",
    "policy",
    "The chosen point of the front drives the next setting in a closed loop",
    "full link; the packaged policies",
)
def closed_loop() -> Finding:
    best = {kib: runs(FULL, f"server.sndbuf={kib}KiB", seeds=2) for kib in (16, 32, 64, 128, 256)}
    moved = {name: runs(FULL, f"policy.name={name}", seeds=2) for name in ("elastic", "bdp-sndbuf", "delay-target")}
    values = [
        Value(f"fixed {kib} KiB: P99 at {megabytes(found[0]):.2f} MB/s", over(found, latency("p99")), "ms")
        for kib, found in best.items()
    ]
    values += [
        Value(f"{name}: P99 at {megabytes(found[0]):.2f} MB/s", over(found, latency("p99")), "ms")
        for name, found in moved.items()
    ]
    reason = (
        "a rule that follows the path comes near the best fixed setting; one that follows P99 runs away from it (4.03)."
    )
    return Finding("HOLDS IF", reason, tuple(values), condition="the loop has no positive feedback")
