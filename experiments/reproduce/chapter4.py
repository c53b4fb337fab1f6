"""Chapter 4, engineering: the elastic buffer, back-pressure by isReady, hot updates, the patch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.reproduce.measuring import MS, latency, megabytes, over, runs
from experiments.reproduce.rows import Finding, Value, row
from experiments.statistics import Estimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim import Run

RUNAWAY = "elastic-runaway"
FULL = "full-link"
KIB = 1024


def last_buffer(run: Run) -> float:
    """What SO_SNDBUF has come to at the last tick, KiB (the kernel holds twice that)."""
    assert run.ticks is not None
    return float(run.ticks["sk_sndbuf"][-1]) / 2 / KIB


def p99(source: str, *settings: str, seeds: int = 2) -> Estimate:
    """P99 over replications, ms."""
    return over(runs(source, *settings, seeds=seeds), latency("p99"))


# ---- 4.1 the elastic buffer ------------------------------------------------------------------------------------------


@row(
    "4.01",
    "policy",
    "P99 > 200 ms and load > 0.8: double; P99 < 50 ms and load < 0.3: halve",
    "capacity 1,160 messages a second",
)
def elastic() -> Finding:
    variants = {"fixed 128 KiB": "none", "elastic": "elastic", "delay-target": "delay-target"}
    plain = "policy.parameters={}"
    values = []
    for name, policy in variants.items():
        setting = f"policy.name={policy}"
        settings = (setting,) if name == "elastic" else (setting, plain)
        found = runs(RUNAWAY, *settings, seeds=2)
        values.append(Value(f"{name}: P99", over(found, latency("p99")), "ms"))
        values.append(Value(f"{name}: throughput", over(found, megabytes), "MB/s"))
    reason = (
        "where P99 is high because the link is full, a larger buffer makes it higher. It helps where a small "
        "buffer limits the rate. delay-target follows the delivery rate instead and needs no thresholds."
    )
    return Finding("HOLDS IF", reason, tuple(values), condition="the buffer, not the link, is what is full")


@row("4.02", "policy", "Sampling every 200 ms avoids jitter", "the same rule every 50 ms, 200 ms and 1 s")
def sampling() -> Finding:
    values = tuple(
        Value(f"every {every}: messages in a window", over(runs(RUNAWAY, f"policy.every={every}", seeds=2), in_window))
        for every in ("50ms", "200ms", "1s")
    )
    reason = (
        "a P99 needs more than a hundred messages: 500 a second at 200 ms. With fewer it is the maximum, and jitters."
    )
    return Finding("HOLDS IF", reason, values, condition="500 messages a second or more come")


def in_window(run: Run) -> float:
    """Mean number of messages delivered between two ticks."""
    assert run.ticks is not None
    return float(run.ticks["delivered"][1:].mean())


@row(
    "4.03", "experiment", "(not in the text) The rule has positive feedback", "a full link of 10 Mbit/s, largest 1 MiB"
)
def feedback() -> Finding:
    found = runs(RUNAWAY, seeds=2)
    values = (
        Value("SO_SNDBUF at the start", 128.0, "KiB"),
        Value("SO_SNDBUF at the end", over(found, last_buffer), "KiB"),
        Value("P99 of the last tick", over(found, last_p99), "ms"),
    )
    reason = (
        "each doubling lengthens the queue, which raises P99, and P99 above 200 ms doubles again, up to the largest."
    )

    def draw(axes: Axes) -> None:
        for name, settings in (("elastic", ()), ("delay-target", ("policy.name=delay-target", "policy.parameters={}"))):
            ticks = runs(RUNAWAY, *settings, seeds=2)[0].ticks
            assert ticks is not None
            axes.step(ticks["now_ns"] / 1e9, ticks["sk_sndbuf"] / 2 / KIB, where="post", label=name)
        axes.set(xlabel="time, s", ylabel="SO_SNDBUF, KiB", yscale="log", title="A full link of 10 Mbit/s")
        axes.legend(frameon=False)

    return Finding("HOLDS", reason, values, draw=draw)


def last_p99(run: Run) -> float:
    """P99 of the last full window, ms."""
    assert run.ticks is not None
    return float(run.ticks["p99_ns"][-2]) / MS


@row("4.04", "report", "Between the thresholds nothing changes: a dead zone", "a stream of half the link's rate")
def dead_zone() -> Finding:
    half = ("workload.arrivals=poisson", "workload.interval=1724us", "workload.messages=6000")
    found = runs(RUNAWAY, *half, seeds=2)
    values = (
        Value("SO_SNDBUF at the end, as at the start", over(found, last_buffer), "KiB"),
        Value("P99", over(found, latency("p99")), "ms"),
    )
    return Finding("HOLDS", "at half of the capacity neither condition is met, whatever P99 is.", values)


STAIRS = (
    "workload.arrivals=staircase", "workload.interval=1ms", "workload.stair_from=1", "workload.stair_to=10",
    "workload.size=256B", "workload.messages=20000", "network.rate=20Mbit/s", "warmup_time=0s",
)  # fmt: skip


@row("4.05", "experiment", "A benchmark of 1,000 to 10,000 requests a second in steps", "256 B, ten steps, 20 Mbit/s")
def staircase() -> Finding:
    run = runs(FULL, *STAIRS, seeds=3)[0]
    halves = np.array_split(run.messages["latency_ns"] / MS, 10)
    values = tuple(
        Value(f"tenth {i + 1} of the messages: mean", float(part.mean()), "ms")
        for i, part in enumerate(halves)
        if i % 3 == 0
    )
    reason = "20 Mbit/s carry 8,900 such messages a second: beyond that the backlog is measured, and nothing else."
    return Finding("HOLDS", reason, values)


@row(
    "4.06",
    "experiment",
    "Fixed buffers of 1 MB: mean 187 ms, four out-of-memory kills, 1,024 MB at most",
    "1,024 connections",
)
def fixed_megabyte() -> Finding:
    found = runs(FULL, *STAIRS, "server.sndbuf=1MiB", "network.queue=4MiB", seeds=2)
    values = (
        Value("mean latency", over(found, latency("mean")), "ms"),
        Value("1,024 buffers of 1 MiB", 1_024.0, "MiB"),
        Value("memory one connection used at most", over(found, lambda run: run.server.wmem_peak / KIB), "KiB"),
    )
    reason = (
        "1,024 MB are 1,024 connections times 1 MB: an allocation, not a use. The number of connections, "
        "the memory and the capacity behind 187 ms are not given."
    )
    return Finding("CANNOT SAY", reason, values)


@row(
    "4.07",
    "experiment",
    "Elastic buffers: mean 63 ms, no kill, 312 MB at most",
    "the same staircase, the rule as written, 4 KiB at least",
)
def elastic_staircase() -> Finding:
    policy = ("policy.name=elastic", "policy.parameters={capacity=8900, largest=1MiB}")
    found = runs(FULL, *STAIRS, *policy, "server.sndbuf=64KiB", "network.queue=4MiB", seeds=2)
    values = (
        Value("mean latency", over(found, latency("mean")), "ms"),
        Value("buffer at the end", over(found, last_buffer), "KiB"),
    )
    reason = (
        "while the load is low the rule halves the buffer to its least. Then the small buffer itself keeps the rate "
        "below 0.8 of the capacity, so nothing ever doubles it again."
    )
    return Finding("CANNOT SAY", reason, values)


@row(
    "4.08",
    "mechanism",
    "A buffer grows without a copy, its metadata changed atomically",
    "100 ps a byte, 2 us for the lock",
)
def growth() -> Finding:
    def busy(copy: float) -> Estimate:
        policy = ("policy.name=resize", f"policy.parameters={{to=1MiB, copy={copy}}}")
        return over(
            runs(FULL, *policy, "workload.framing.buffer=4KiB", seeds=3), lambda run: run.server.app_busy_ns / MS
        )

    values = (Value("CPU with a copy of 1 MiB", busy(0.1), "ms"), Value("without", busy(0.0), "ms"))
    return Finding(
        "HOLDS IF", "a copy of 1 MiB costs a tenth of a millisecond, once.", values, condition="growth is rare"
    )


# ---- 4.2 back-pressure by isReady ------------------------------------------------------------------------------------


OVERLOAD = ("workload.arrivals=poisson", "workload.interval=700us", "workload.messages=8000", "network.queue=1MiB")
"""1,430 messages a second at a link for 1,160."""


def gated(parameters: str, *more: str) -> tuple[Run, ...]:
    """The overloaded stream behind isReady and a token bucket."""
    policy = ("policy.name=is-ready", f"policy.parameters={{{parameters}}}")
    return runs(FULL, *OVERLOAD, *policy, "workload.framing.quota=256KiB", *more, seeds=3)


@row(
    "4.09",
    "policy",
    "isReady() of the client is fed into the server's limiter",
    "ready below 32 KiB queued at the sender",
)
def is_ready() -> Finding:
    free = runs(FULL, *OVERLOAD, "workload.framing.quota=256KiB", seeds=3)
    held = gated("rate=2000, ready=32KiB, limit=200")
    values = (
        Value("no limiter: P99", over(free, latency("p99")), "ms"),
        Value("isReady, at most 200 waiting: P99", over(held, latency("p99")), "ms"),
        Value("answered with a degraded message", over(held, degraded), "%"),
    )
    reason = "isReady says how much is queued at the local sender; of the peer it knows what HTTP/2 and TCP push back."
    return Finding("HOLDS IF", reason, values, condition="the sender's own queue is meant")


def degraded(run: Run) -> float:
    """Percent of the messages answered with a degraded one."""
    assert run.ticks is not None
    return float(run.ticks["degraded"][-1]) / len(run.messages) * 100


@row("4.10", "policy", "Throttled messages wait in pendingQueue", "overload by a quarter; no bound, and at most 200")
def pending_queue() -> Finding:
    unbounded, bounded = gated("rate=1100"), gated("rate=1100, limit=200")
    values = tuple(
        Value(f"{name}: waiting at the last tick", over(found, waiting))
        for name, found in (("no bound", unbounded), ("at most 200", bounded))
    )
    reason = "the sample never drains its queue and never bounds it: under overload it grows until memory ends."
    return Finding("REFUTED", reason, values)


def waiting(run: Run) -> float:
    """The most messages that waited to be taken up at any tick."""
    assert run.ticks is not None
    return float(run.ticks["pending"].max())


@row(
    "4.11",
    "policy",
    "Not ready, tokens [lost]: pause and give a degraded reply",
    "not ready means 32 KiB queued; at most 200 wait",
)
def pause() -> Finding:
    found = gated("rate=5000, ready=32KiB, limit=200")
    values = (Value("degraded replies", over(found, degraded), "%"), Value("P99", over(found, latency("p99")), "ms"))
    return Finding("HOLDS", "the row runs as a rule; the lost token level stays open and is not used.", values)


@row(
    "4.12", "policy", "Ready and at least half of the tokens: full speed", "half the link's rate, 1,000 tokens a second"
)
def full_speed() -> Finding:
    half = (
        "workload.arrivals=poisson",
        "workload.interval=1724us",
        "workload.messages=4000",
        "workload.framing.quota=256KiB",
    )
    with_gate = ("policy.name=is-ready", "policy.parameters={rate=1160, burst=100}")
    values = (
        Value("no limiter: P99", p99(FULL, *half, seeds=3), "ms"),
        Value("with it: P99", p99(FULL, *half, *with_gate, seeds=3), "ms"),
    )
    return Finding("HOLDS", "below the rate of the tokens the limiter costs nothing.", values)


@row("4.13", "policy", "Ready and tokens [lost]: exponential back-off", "below half of the tokens; 1 ms to 64 ms")
def back_off() -> Finding:
    values = tuple(
        Value(
            f"back-off up to {most}: throughput",
            over(gated(f"rate=1160, backoff=1ms, backoff_max={most}"), megabytes),
            "MB/s",
        )
        for most in ("1ms", "64ms")
    )
    reason = "below half presumably, as the row above says; base and limit of the back-off are assumed."
    return Finding("HOLDS IF", reason, values, condition="the lost level is half of the tokens")


@row("4.14", "policy", "First ready?, then tokens?, then send or reply")
def order() -> Finding:
    return Finding(
        "HOLDS",
        "the limiter asks in this order: paused, ready, tokens (models/admission.py); rows 4.11 to 4.13 run it.",
    )


# ---- 4.3 hot updates -------------------------------------------------------------------------------------------------


@row(
    "4.15",
    "policy",
    "setsockopt of TCP_CONGESTION and TCP_NODELAY reaches new connections only",
    "NODELAY set after 2 s",
)
def hot_update() -> Finding:
    nagle = ("server.nodelay=false", "client.nodelay=false", "workload.messages=1000", "warmup_time=3s")
    update = ("policy.name=hot-update", "policy.parameters={at=2s, nodelay=on}")
    values = (
        Value("Nagle: P99 after 3 s", p99("seed-nodelay-128B", *nagle), "ms"),
        Value("NODELAY set at 2 s on the sender: P99 after 3 s", p99("seed-nodelay-128B", *nagle, *update), "ms"),
    )
    reason = "an option set on the listening socket reaches later connections; an established one can be changed too."
    return Finding("HOLDS IF", reason, values, condition="the option is set on the listener")


@row("4.16", "policy", "sysctl -w changes tcp_fin_timeout for live connections")
def fin_timeout() -> Finding:
    return Finding("HOLDS", "it is read when a connection enters FIN_WAIT2; no message is in the path then.")


@row(
    "4.17",
    "mechanism",
    "TCP_CONGESTION bbr on the listening socket; BBR paces",
    "100 Mbit/s, RTT 40 ms, a queue of 64 kB",
)
def bbr() -> Finding:
    path = (
        "network.rate=100Mbit/s",
        "network.rtt=40ms",
        "network.queue=64kB",
        "server.sndbuf=auto",
        "workload.messages=20000",
    )
    values = []
    for algorithm in ("cubic", "bbr"):
        found = runs(FULL, *path, f"server.congestion={algorithm}", seeds=3)
        values.append(Value(f"{algorithm}: throughput", over(found, megabytes), "MB/s"))
        values.append(Value(f"{algorithm}: retransmissions", over(found, lambda run: float(run.server.retransmits))))
    reason = "it paces instead of bursting; the listener's choice is inherited, and the module must be allowed."
    return Finding("HOLDS", reason, tuple(values))


@row(
    "4.18",
    "experiment",
    "Change, canary group, then full push or automatic roll-back",
    "telemetry; row 5.07 has the numbers",
)
def canary() -> Finding:
    return Finding("HOLDS", "tinygram canary simulates it, with a stop rule that looks often and cries wolf rarely.")


@row("4.19", "report", "tcp_rmem is a sysctl and a socket option, per connection", "SO_RCVBUF 32 KiB, RTT 100 ms")
def receive_buffer() -> Finding:
    path = ("network.rtt=100ms", "network.rate=100Mbit/s", "server.sndbuf=auto", "workload.messages=6000")
    values = tuple(
        Value(
            f"SO_RCVBUF {size}: throughput",
            over(runs(FULL, *path, f"client.rcvbuf={size}", seeds=3), megabytes),
            "MB/s",
        )
        for size in ("32KiB", "auto")
    )
    reason = (
        "the sysctl's maximum bounds autotuning, the option is a fixed size that ends autotuning: two knobs, not one."
    )
    return Finding("HOLDS IF", reason, values, condition="the two are told apart")


@row(
    "4.20",
    "report",
    "tcp_slow_start_after_idle is a sysctl only, and global",
    "bursts of 60 kB every second, RTT 80 ms",
)
def slow_start_after_idle() -> Finding:
    bursts = (
        "workload.arrivals=periodic", "workload.interval=1s", "workload.size=60kB", "workload.messages=20", "warmup=10",
        "network.rtt=80ms", "network.rate=100Mbit/s", "server.sndbuf=auto",
    )  # fmt: skip
    values = tuple(
        Value(
            f"{name}: P50",
            over(runs(FULL, *bursts, f"server.sysctls={{tcp_slow_start_after_idle={value}}}", seeds=2), latency("p50")),
            "ms",
        )
        for name, value in (("on", 1), ("off", 0))
    )
    reason = (
        "after an idle RTO the window is the initial ten segments again: a burst of 42 then takes two more round trips."
    )
    return Finding("HOLDS", reason, values)


# ---- 4.4 the patch ---------------------------------------------------------------------------------------------------


@row("4.21", "claim", "A patch of Header.WriteTo is validated by unit, integration and fuzz tests")
def patch() -> Finding:
    reason = "http.Header has Write and WriteSubset, no WriteTo; header serialisation is not in the path of a message."
    return Finding("REFUTED", reason)


@row("4.22", "claim", 'GO_LEGACY_HEADER=1, or runtime.Version() < "go1.21.0", keeps the old form')
def legacy() -> Finding:
    newer = "go1.9" > "go1.21.0"
    values = (Value('as strings, is "go1.9" newer than "go1.21.0"?', "yes" if newer else "no"),)
    return Finding(
        "REFUTED", "there is no such variable, and versions compared as strings are compared wrongly.", values
    )


@row("4.23", "claim", "A matrix of versions, unpatched, patched with the switch, and patched, is compatible")
def compatibility() -> Finding:
    reason = (
        "with no such patch there is nothing to pair; tinygram matrix pairs versions that differ in what is simulated."
    )
    return Finding("REFUTED", reason)
