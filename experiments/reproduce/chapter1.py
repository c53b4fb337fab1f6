"""Chapter 1, the stall: its cause, its reproduction, the work-arounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.reproduce.measuring import (
    FRAMER_ALONE,
    LAN,
    MS,
    NAGLE,
    cause,
    hold,
    latency,
    longest_hold,
    over,
    p,
    runs,
    scenario,
)
from experiments.reproduce.rows import Finding, Value, row
from experiments.statistics import Estimate
from sim import simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim import Run

REPRO = "seed-repro"
STREAM = "seed-nodelay-128B"
LONG = ("workload.messages=1000", "warmup=20")
"""The ten messages of the reproduction, as a stream that goes on."""


@row("1.01", "experiment", "Live log push and IoT telemetry are high-rate, low-latency gRPC streams", "rates and sizes")
def workload_classes() -> Finding:
    logs, sensors = runs("grpc-log-tail", seeds=3), runs("telemetry", seeds=3)
    values = (
        Value("log tail, recorded: messages a second", rate(logs[0]), "/s"),
        Value("telemetry, assumed: messages a second", rate(sensors[0]), "/s"),
        *p("log tail", logs, "p50", "p99"),
        *p("telemetry", sensors, "p50", "p99"),
    )
    return Finding("HOLDS", "both are presets; the log tail is a recording, the telemetry's rate is assumed.", values)


def rate(run: Run) -> float:
    """Messages a second."""
    return len(run.messages) * 1e9 / run.duration_ns


@row(
    "1.02",
    "claim",
    "Responses come in steps: stalls of 100 to 200 ms between them",
    "Nagle forced on; RTT 50 us and 20 ms",
)
def steps() -> Finding:
    paths = {"LAN": LAN, "RTT 20 ms": "network.rtt=20ms"}
    values = tuple(
        Value(f"{name}: longest hold of {size}", over(runs(source, *LONG, *NAGLE, rtt), longest_hold), "ms")
        for name, rtt in paths.items()
        for source, size in ((REPRO, "512 B every 10 ms"), (STREAM, "128 B every 5 ms"))
    )
    reason = (
        "a hold ends when a segment is full or the ACK is back; Linux delays an ACK by 44 ms at most, so steps are "
        "tens of milliseconds even with Nagle forced on, and there are none by default."
    )

    def draw(axes: Axes) -> None:
        for size, source in (("512 B / 10 ms", REPRO), ("128 B / 5 ms", STREAM)):
            held = np.sort(np.concatenate([hold(run) for run in runs(source, *LONG, *NAGLE, LAN)]))
            axes.step(held, np.arange(1, len(held) + 1) / len(held), label=size)
        axes.axvspan(100, 200, alpha=0.15, color="tab:red", label="claimed")
        axes.set(xlabel="hold of a message, ms", ylabel="share of messages", title="Nagle forced on, LAN")
        axes.legend(frameon=False)

    return Finding("REFUTED", reason, values, draw=draw)


@row("1.03", "mechanism", "The stall shows on Linux and hardly on macOS", "two small writes and a read, Nagle on")
def platforms() -> Finding:
    values = tuple(
        Value(f"{os}: median latency", over(runs("write-write-read", f"server.os={os}"), latency("p50")), "ms")
        for os in ("linux", "macos", "windows")
    )
    reason = (
        "the ACK timers differ, and so would a stall; but Go sets TCP_NODELAY on both systems, so neither shows one, "
        "and the text measured nothing on macOS."
    )
    return Finding("CANNOT SAY", reason, values)


@row("1.04", "claim", "GODEBUG=http2debug=2 hides the stall", "a log line costs 20 us of CPU a frame")
def debug_hides() -> Finding:
    usual, logging = debugged(())
    values = (
        Value("longest hold, Nagle forced on", usual, "ms"),
        Value("the same with a log line a frame", logging, "ms"),
    )
    reason = "logging costs CPU and flushes nothing; the hold is in the kernel and stays."
    return Finding("REFUTED", reason, values)


def debugged(more: tuple[str, ...]) -> tuple[Estimate, Estimate]:
    """Longest hold without and with the price of a log line before each message."""
    base = (*LONG, *NAGLE, "network.rtt=20ms", *more)
    slow = "workload.spikes={probability=1, delay=20us, where=sender}"
    return over(runs(REPRO, *base), longest_hold), over(runs(REPRO, *base, slow), longest_hold)


@row("1.05", "report", "perf record on sys_enter_write shows the writes")
def syscalls() -> Finding:
    run = simulate(scenario(REPRO, *LONG, LAN), 0, trace=True)
    assert run.trace is not None
    calls = run.trace.writes[run.trace.writes["server"] == 1]
    values = (
        Value("the server's calls a message, PING ACKs included", float(calls["calls"].sum()) / len(run.messages)),
        Value("bytes of the largest call", float(calls["bytes"].max()), "B"),
        Value("longest time blocked", float(calls["blocked_ns"].max()) / MS, "ms"),
    )
    return Finding(
        "HOLDS", "a probe shows each call: when, how many bytes, how long blocked (observe --syscalls).", values
    )


@row("1.06", "claim", "write() often blocks in tcp_sendmsg, waiting for memory", "SO_SNDBUF 16 KiB for the full link")
def writes_block() -> Finding:
    paced = over(runs(REPRO, *LONG, *NAGLE, LAN), lambda run: run.summary()["blocked_writes"])
    full = over(runs("full-link", "server.sndbuf=16KiB", seeds=3), cause("sndbuf"))
    values = (
        Value("paced stream, Nagle forced on: blocked writes", paced),
        Value("stream that fills its link: waiting for the send buffer", full, "ms a message"),
    )
    reason = (
        "a paced stream never fills its send buffer and Nagle never blocks a write; a full send buffer is a matter of "
        "throughput. (Go does not sleep in the kernel there either: it gets EAGAIN.)"
    )
    return Finding("REFUTED", reason, values)


@row("1.07", "claim", "The stall always lies between Framer.WriteFrame() and the return of net.Conn.Write()")
def where_it_lies() -> Finding:
    held = runs(REPRO, *LONG, *NAGLE, LAN)
    until_return = over(held, lambda run: float((run.messages["returned_ns"] - run.messages["call_ns"]).max()) / MS)
    after = over(held, longest_hold)
    values = (
        Value("longest, from the call to the write's return", until_return, "ms"),
        Value("longest, in the send queue behind it", after, "ms"),
    )
    return Finding("REFUTED", "write() returns at once; what Nagle holds waits in the kernel's send queue.", values)


@row("1.08", "mechanism", "http2.Framer has a fixed write buffer of 4 KB", "128 B every 5 ms; no buffer, 4 KiB, 32 KiB")
def four_kilobytes() -> Finding:
    values = tuple(
        Value(f"buffer {size}: P99", over(runs(STREAM, LAN, f"workload.framing.buffer={size}"), latency("p99")), "ms")
        for size in ("0B", "4KiB", "32KiB")
    )
    reason = (
        "the Framer has a growing slice; 4 KB is bufio's buffer in net/http, grpc-go has its own of 32 KiB. For a "
        "paced stream the size makes no difference, because the buffer is flushed when nothing more is queued."
    )
    return Finding("REFUTED", reason, values)


@row("1.09", "mechanism", "A frame smaller than [lost] is delayed by the kernel when TCP_NODELAY is off", "RTT 20 ms")
def small_frames_wait() -> Finding:
    small = runs(STREAM, *NAGLE)
    full = runs(STREAM, *NAGLE, "workload.size=1434B", "workload.interval=10ms")  # 1,448 bytes with both headers
    values = (
        Value("145 B on the wire: mean hold", over(small, lambda run: float(hold(run).mean())), "ms"),
        Value("1,448 B on the wire: mean hold", over(full, lambda run: float(hold(run).mean())), "ms"),
    )
    reason = "the rule of Nagle's algorithm: less than a full segment waits while a small one is unacknowledged."
    return Finding("HOLDS IF", reason, values, condition="the lost threshold is the MSS")


@row("1.10", "mechanism", "gRPC streaming responses often make [lost] small frames", "a 512-byte string in protobuf")
def frames_are_small() -> Finding:
    run = runs(REPRO, *FRAMER_ALONE, LAN)[0]
    wire = run.server.write_bytes / len(run.messages)
    reason = "9 bytes of frame header and 5 of gRPC prefix around each message; the text's number is lost."
    return Finding("HOLDS", reason, (Value("bytes on the wire for 512 bytes of text", wire, "B"),))


@row(
    "1.11",
    "experiment",
    "512 bytes, ten times, 10 ms apart, show the stall",
    "RTT 50 us and 20 ms; grpc-go's write path",
)
def reproduction() -> Finding:
    values = tuple(
        Value(f"{path}, {options}: longest latency", over(runs(REPRO, rtt, *settings), latency("max")), "ms")
        for path, rtt in (("LAN", LAN), ("RTT 20 ms", "network.rtt=20ms"))
        for options, settings in (("defaults", ()), ("Nagle forced on", NAGLE))
    )
    reason = (
        "nothing stalls by default. Measured with grpc-go: 0.27 ms at most on a LAN, 20 to 22 with Nagle forced on; 11 "
        "and 31 to 74 at RTT 20 ms."
    )
    return Finding("REFUTED", reason, values)


@row("1.12", "claim", "WithWriteBufferSize(1024) and SetNoDelay(true) on the client cure it", "Nagle on at the server")
def client_side_cure() -> Finding:
    base = (*LONG, "server.nodelay=false", LAN)
    values = (
        Value("client as it is: longest hold", over(runs(REPRO, *base, "client.nodelay=false"), longest_hold), "ms"),
        Value(
            "client with TCP_NODELAY: longest hold", over(runs(REPRO, *base, "client.nodelay=true"), longest_hold), "ms"
        ),
    )
    reason = "both options act on what the client sends; the held DATA comes from the server."
    return Finding("REFUTED", reason, values)


@row("1.13", "experiment", "SetNoDelay(true) at both ends removes the stall completely")
def nodelay_cures() -> Finding:
    values = tuple(
        value
        for size, source, more in (("512 B", REPRO, LONG), ("128 B", STREAM, ()))
        for name, settings in (("Nagle forced on", NAGLE), ("TCP_NODELAY", ()))
        for value in p(f"{size}, {name}:", runs(source, *more, LAN, *settings), "p99")
    )
    reason = "with TCP_NODELAY nothing waits for an ACK. Go, and every gRPC stack, sets it without being asked."
    return Finding("HOLDS IF", reason, values, condition="the option was off before")


@row("1.14", "experiment", "WithWriteBufferSize(4096) makes it worse: a fuller buffer, flushed later")
def larger_buffer_is_worse() -> Finding:
    def at(flush: str, buffer: str) -> Estimate:
        rule = (f"workload.framing.flush={flush}", f"workload.framing.buffer={buffer}")
        settings = (*FRAMER_ALONE, *rule, LAN, *LONG)
        return over(runs(REPRO, *settings), latency("p99"))

    values = tuple(
        Value(f"flush {flush}, buffer {buffer}: P99", at(flush, buffer), "ms")
        for flush in ("on-idle", "on-full")
        for buffer in ("1KiB", "4KiB")
    )
    reason = (
        "gRPC stacks flush when nothing more is queued, so the size of the buffer delays no paced message; 4096 is "
        "also less than the default of 32 KiB. Only a buffer that is flushed when full would behave as claimed."
    )
    return Finding("REFUTED", reason, values)


@row("1.15", "claim", "GODEBUG=http2debug=1 masks it, at a severe cost", "a log line costs 20 us of CPU a frame")
def debug_masks() -> Finding:
    usual, logging = debugged(("workload.interval=5ms",))
    values = (Value("longest hold, Nagle forced on", usual, "ms"), Value("with log lines", logging, "ms"))
    return Finding("REFUTED", "level 1 logs no frames and flushes nothing; at any price the hold stays.", values)


@row("1.16", "claim", "Confirmed in Go 1.21 and later, filed as Go issue 62891")
def issue() -> Finding:
    reason = (
        "the issue's content is not known here, and the text gives two that contradict each other; nothing to model."
    )
    return Finding("CANNOT SAY", reason)
