"""Chapter 2, the protocol stack: buffers, frames, TCP_NODELAY measured, back-pressure, the jitter generator."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from experiments.observe import diagnosis, sampler
from experiments.reproduce.measuring import (
    FRAMER_ALONE,
    LAN,
    MS,
    NAGLE,
    Measure,
    cause,
    hold,
    latency,
    over,
    p,
    runs,
    scenario,
)
from experiments.reproduce.rows import Finding, Value, row
from experiments.statistics import Estimate
from models.stacks import STACKS
from sim import simulate

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim import Run

STREAM = "seed-nodelay-128B"
FULL = "full-link"
GENERATOR = "seed-jitter-spikes"
PREFIX, FRAME_HEADER, MAX_FRAME = 5, 9, 16_384


# ---- 2.1 the Framer --------------------------------------------------------------------------------------------------


@row(
    "2.01",
    "mechanism",
    "The Framer's write buffer is reused and pre-allocated, with zero copy",
    "930 ps a byte, as fitted",
)
def zero_copy() -> Finding:
    base = ("server.profile=grpc-go-host", "client.profile=grpc-go-host", "workload.sender=server", LAN)
    small, large = (
        over(runs(STREAM, *base, f"workload.size={size}"), lambda run: run.server.app_busy_ns / len(run.messages) / 1e3)
        for size in ("131B", "8195B")
    )
    values = (Value("CPU of a 131 B message", small, "us"), Value("CPU of an 8,195 B message", large, "us"))
    reason = "the payload is copied into the Framer's slice and again into the socket: bytes cost time, measurably."
    return Finding("REFUTED", reason, values)


@row("2.02", "mechanism", "WriteData is startWrite, header fields, bytes, endWrite: nine bytes in front of each frame")
def frame_header() -> Finding:
    run = runs(STREAM, *FRAMER_ALONE, LAN)[0]
    wire = run.client.write_bytes / len(run.messages)
    values = (Value("bytes on the wire of a 131 B message", wire, "B"),)
    reason = "one frame, one header, one write() a message; the code shown is not that of the library."
    return Finding("HOLDS IF", reason, values, condition="only the nine bytes are meant")


@row(
    "2.03",
    "mechanism",
    "4 KB of capacity fit most DATA frames, which are at most 16 KB",
    "messages of 515 B and 100 kB",
)
def frames_are_bounded() -> Finding:
    frames = {size: -(-(size + PREFIX) // MAX_FRAME) for size in (515, 100_000)}
    sent = runs(STREAM, "workload.size=100000B", "workload.messages=50", LAN)[0]
    header = sent.client.write_bytes / len(sent.messages) - 100_000 - PREFIX
    values = (
        Value("frames of a 515 B message", frames[515]),
        Value("frames of a 100 kB message", frames[100_000]),
        Value("bytes of frame headers of a 100 kB message", header, "B"),
    )
    condition = "only the limit of 16 KiB is meant: the slice has no initial capacity of 4 KB"
    return Finding("HOLDS IF", "frames are at most 16,384 bytes unless SETTINGS allow more.", values, condition)


@row("2.04", "report", "A table of the Framer's fields: buf, w, r, maxHeaderLen")
def fields() -> Finding:
    return Finding("REFUTED", "the Framer has one field of the kind, wbuf; there is nothing of it to simulate.")


@row("2.05", "mechanism", "Every WriteData ends in a flush to the connection", "saturating 515 B messages on a LAN")
def a_flush_a_frame() -> Finding:
    def writes(buffer: str, *more: str) -> Estimate:
        busy = ("workload.arrivals=greedy", "workload.messages=3000", "workload.size=515B", LAN)
        found = runs(STREAM, *busy, f"workload.framing.buffer={buffer}", *more, seeds=2)
        return over(found, lambda run: run.client.writes / len(run.messages))

    values = (
        Value("unbuffered, up to grpc-go 1.77: write() calls a message", writes("0B"), ""),
        Value("unbuffered, from grpc-go 1.78", writes("0B", "workload.framing.pieces=3"), ""),
        Value("buffer of 32 KiB", writes("32KiB"), ""),
    )
    reason = "with a buffer, frames queued together leave in one write(); without one there are one or three a frame."
    return Finding("HOLDS IF", reason, values, condition="the stack is unbuffered")


# ---- 2.2 TCP_NODELAY "really verified" -------------------------------------------------------------------------------


@row("2.06", "experiment", "A client stream of 128 bytes every 5 ms measures what TCP_NODELAY does", "RTT 20 ms")
def the_experiment() -> Finding:
    values = (*p("TCP_NODELAY:", runs(STREAM), "p50", "p99"), *p("Nagle:", runs(STREAM, *NAGLE), "p50", "p99"))
    reason = "it runs as described (preset seed-nodelay-128B); its numbers are the next rows' business."
    return Finding("HOLDS", reason, values)


@row("2.07", "claim", "gRPC inherits the system's default, usually off, unless SetNoDelay is called")
def default_nodelay() -> Finding:
    values = tuple(
        Value(f"{name}: TCP_NODELAY by default", "on" if STACKS[name].at("")["nodelay"].value else "off")
        for name in ("grpc-go", "grpc-java", "c-core", "node", "nginx", "envoy", "plain")
    )
    reason = "Go sets it on every connection, and so does every other gRPC stack; plain sockets alone have Nagle on."
    return Finding("REFUTED", reason, values)


@row(
    "2.08",
    "experiment",
    "Mean first-byte latency is 187 ms without TCP_NODELAY and 5.2 ms with it",
    "RTT 50 us and 20 ms",
)
def the_table() -> Finding:
    values = tuple(
        Value(f"{path}, {name}: mean", over(runs(STREAM, rtt, *settings), latency("mean")), "ms")
        for path, rtt in (("LAN", LAN), ("RTT 20 ms", "network.rtt=20ms"))
        for name, settings in (("TCP_NODELAY", ()), ("Nagle", NAGLE))
    )
    reason = (
        "a hold of H delays messages that arrive all through it by H/2 on average: 187 ms need holds of 374 ms, and "
        "neither the 44 ms of Linux's ACK timer nor a segment that fills in 50 ms can give them."
    )

    def draw(axes: Axes) -> None:
        for name, settings in (("TCP_NODELAY", ()), ("Nagle forced on", NAGLE)):
            values = np.sort(np.concatenate([run.messages["latency_ns"] / MS for run in runs(STREAM, *settings)]))
            axes.step(values, np.arange(1, len(values) + 1) / len(values), label=name)
        axes.axvline(187, color="tab:red", linestyle="--", label="claimed mean")
        axes.set(xlabel="latency, ms", ylabel="share of messages", title="128 B every 5 ms, RTT 20 ms")
        axes.legend(frameon=False)

    return Finding("REFUTED", reason, values, draw=draw)


@row("2.09", "report", "Without TCP_NODELAY there is a sticky-packet delay of 200 ms", "RTT 20 ms")
def two_hundred() -> Finding:
    held = runs(STREAM, *NAGLE)
    timer = over(held, lambda run: float((run.messages["delayed_ack_ns"] > 0).mean()) * 100)
    values = (
        Value("messages that waited for a delayed ACK", timer, "%"),
        Value("longest hold", over(held, lambda run: float(hold(run).max())), "ms"),
    )
    return Finding("REFUTED", "Linux delays an ACK by 40 to 44 ms; 200 ms is the timer of other systems.", values)


@row(
    "2.10",
    "report",
    "Without it the throughput of small packets varies by more than 40 %, with it by [lost]",
    "windows of 100 ms",
)
def fluctuation() -> Finding:
    values = tuple(
        Value(f"{name}: coefficient of variation", over(runs(STREAM, *settings), variation), "%")
        for name, settings in (("TCP_NODELAY", ()), ("Nagle", NAGLE))
    )
    reason = "the text defines no window and lost the other number; what is offered, and so the mean, is equal in both."
    return Finding("CANNOT SAY", reason, values)


def variation(run: Run) -> float:
    """Coefficient of variation of the bytes delivered in windows of 100 ms, percent."""
    read = run.messages["read_ns"]
    bins = np.arange(read.min(), read.max() - 100 * MS, 100 * MS)
    delivered, _ = np.histogram(read, bins, weights=run.messages["size"])
    return float(delivered.std() / delivered.mean() * 100)


@row("2.11", "mechanism", "TCP_NODELAY changes nothing in gRPC's framing, only when the kernel sends")
def framing_is_the_same() -> Finding:
    on, off = runs(STREAM)[0], runs(STREAM, *NAGLE)[0]
    values = (
        Value("TCP_NODELAY: bytes written, segments", f"{on.client.write_bytes:,}, {on.client.segments:,}"),
        Value("Nagle: bytes written, segments", f"{off.client.write_bytes:,}, {off.client.segments:,}"),
    )
    same = on.client.write_bytes == off.client.write_bytes and on.client.writes == off.client.writes
    return Finding(
        "HOLDS" if same else "REFUTED", "the same frames, the same writes; only the segments differ.", values
    )


# ---- 2.3 back-pressure -----------------------------------------------------------------------------------------------


WATER_MARKS = ("policy.name=water-marks", "policy.every=20ms", "workload.framing.quota=256KiB")


@row(
    "2.12",
    "mechanism",
    "Above a high water mark of 64 KB a Netty channel is not writable",
    "low mark 32 KiB; the sender obeys",
)
def water_marks() -> Finding:
    free, marked = runs(FULL, WATER_MARKS[2], seeds=3), runs(FULL, *WATER_MARKS, seeds=3)
    values = (
        Value("without marks: P50", over(free, latency("p50")), "ms"),
        Value("with marks: P50", over(marked, latency("p50")), "ms"),
        Value("with marks: most that was queued at a tick", over(marked, most_queued), "KiB"),
    )
    return Finding(
        "HOLDS", "and below the low mark, 32 KiB, it is writable again. The marks advise; nothing is cut.", values
    )


def most_queued(run: Run) -> float:
    """The most the stack had queued at any control tick, KiB."""
    assert run.ticks is not None
    return float(run.ticks["queued"].max()) / 1024


@row(
    "2.13",
    "mechanism",
    "On overflow frames are cut into pieces of at most SO_SNDBUF, usually 212,992 bytes",
    "64 and 512 KiB",
)
def pieces_of_sndbuf() -> Finding:
    def header_bytes(sndbuf: str) -> Estimate:
        found = runs(FULL, "workload.size=64KiB", "workload.messages=150", f"server.sndbuf={sndbuf}", seeds=3)
        return over(found, lambda run: run.server.write_bytes / len(run.messages) - 65_536 - PREFIX)

    values = tuple(
        Value(f"SO_SNDBUF {size}: bytes of frame headers of a 64 KiB message", header_bytes(size), "B")
        for size in ("64KiB", "512KiB")
    )
    reason = (
        "frames are cut at 16 KiB, whatever the send buffer; 212,992 is UDP's default. A full one takes part of a "
        "write, and the rest follows when there is room."
    )
    return Finding("REFUTED", reason, values)


@row(
    "2.14",
    "claim",
    "An overflowing send buffer suppresses or delays the peer's ACKs",
    "full link, SO_SNDBUF 16 and 256 KiB",
)
def acks_and_overflow() -> Finding:
    def ack_per_segment(sndbuf: str) -> Estimate:
        found = runs("full-link", f"server.sndbuf={sndbuf}", seeds=3)
        return over(found, lambda run: run.client.acks / run.server.segments)

    values = (
        Value("SO_SNDBUF 16 KiB: ACKs a data segment", ack_per_segment("16KiB")),
        Value("SO_SNDBUF 256 KiB: ACKs a data segment", ack_per_segment("256KiB")),
    )
    reason = "the receiver's policy knows nothing of the sender's queue."
    return Finding("REFUTED", reason, values)


@row("2.15", "experiment", "When the queue overflows, mean ACK delay rises from 23 to 87 ms", "full link, by SO_SNDBUF")
def ack_delay() -> Finding:
    values = tuple(
        Value(f"SO_SNDBUF {size}: data waits in the network", over(found, cause("queueing")), "ms")
        for size in ("16KiB", "256KiB")
        for found in (runs("full-link", f"server.sndbuf={size}", seeds=3),)
    )
    reason = (
        "no path, rate or buffer is given. The mechanism named is wrong (row 2.14); an ACK late on a full link has "
        "waited behind data, and then any number can be had."
    )
    return Finding("CANNOT SAY", reason, values)


@row("2.16", "report", "and one fragment becomes five to nine", "fragments are HTTP/2 frames")
def fragments() -> Finding:
    sizes = (66_000, 147_000)
    values = tuple(Value(f"frames of {size:,} B", -(-(size + PREFIX) // MAX_FRAME)) for size in sizes)
    reason = "a message is cut into frames of 16 KiB whether or not anything overflows; the text gives no size."
    return Finding("HOLDS IF", reason, values, condition="messages are 66 to 147 kB")


@row(
    "2.17",
    "report",
    "and RTT jitter grows from 1.2 to 18.6 ms",
    "full link against a quarter of it; standard deviation",
)
def rtt_jitter() -> Finding:
    quiet = runs("full-link", "workload.arrivals=poisson", "workload.interval=4ms", "workload.messages=3000", seeds=3)
    values = tuple(
        Value(f"{name}: spread of the way through the network", over(found, spread), "ms")
        for name, found in (("link a quarter full", quiet), ("full link", runs("full-link", seeds=3)))
    )
    reason = "a full queue makes the round trip long and uneven, so the direction is right; the estimator is not said."
    return Finding("CANNOT SAY", reason, values)


def spread(run: Run) -> float:
    """Standard deviation of the time from transmission to arrival, ms."""
    return float((run.messages["arrived_ns"] - run.messages["sent_ns"]).std()) / MS


@row("2.18", "report", "States: low, overflow, ACKs pile up, RTT rises", "Netty's marks, 64 and 32 KiB, on a full link")
def states() -> Finding:
    marked = runs(FULL, *WATER_MARKS, seeds=3)
    levels = {"above the high mark": (65_536, 1 << 40), "between": (32_768, 65_536), "below the low mark": (0, 32_768)}
    values = tuple(
        Value(f"{name}: share of the time", over(marked, share_of_ticks(*bounds)), "%")
        for name, bounds in levels.items()
    )
    condition = "overflow means the high mark; ACKs do not pile up, the network's queue makes the RTT long"
    return Finding(
        "HOLDS IF", "the marks make a relay with hysteresis between two levels.", values, condition=condition
    )


def share_of_ticks(low: int, high: int) -> Measure:
    """Percent of control ticks that found from `low` to below `high` bytes queued."""

    def share(run: Run) -> float:
        assert run.ticks is not None
        queued = run.ticks["queued"]
        return float(((queued >= low) & (queued < high)).mean()) * 100

    return share


@row("2.19", "mechanism", "HTTP/2 flow control and TCP's windows are coupled queues", "100 Mbit/s, RTT 50 ms, grpc-go")
def coupled() -> Finding:
    base = ("network.rate=100Mbit/s", "network.rtt=50ms", "workload.messages=6000")
    small = ("client.http2.stream_window=65535B", "client.http2.connection_window=65535B")
    cases = {"windows of 65,535 B": small, "SO_SNDBUF 64 KiB": (), "neither": ("server.sndbuf=auto",)}
    values = []
    for name, settings in cases.items():
        found = runs(FULL, *base, *settings, seeds=3)
        spent = {cause: ns for cause, ns in found[0].summary()["ledger_ns"].items() if ns}
        most = max(spent, key=lambda cause: spent[cause])
        values.append(Value(f"{name}: most time goes to", f"{most}, {100 * spent[most] / sum(spent.values()):.0f} %"))
    reason = "each bounds what the next can see, and the ledger says which of them a message waited for."
    return Finding("HOLDS", reason, tuple(values))


@row(
    "2.20",
    "report",
    "WINDOW_UPDATE intervals can be set beside drops of TCP's window",
    "65,535-byte windows, a slow reader",
)
def window_updates() -> Finding:
    small = ("client.http2.stream_window=65535B", "client.http2.connection_window=65535B", "client.http2.bdp=off")
    values = []
    for name, reader in (("prompt reader", ()), ("slow reader", ("client.reader=slow", "client.read_pause=20ms"))):
        run = simulate(scenario(FULL, *small, "server.http2.bdp=off", *reader), 0, trace=True)
        assert run.trace is not None
        back = run.trace.segments[run.trace.segments["direction"] == 0]
        updates = back[back["len"] > 0]
        values.append(Value(f"{name}: between WINDOW_UPDATEs", float(np.diff(updates["tx"]).mean()) / MS, "ms"))
        values.append(Value(f"{name}: least TCP window", float(back["wnd"][10:].min()) / 1024, "KiB"))
    reason = "both are in the trace and in a capture; with HTTP/2 windows of 64 KiB it is they that close, not TCP's."
    return Finding("HOLDS", reason, tuple(values))


@row(
    "2.21",
    "report",
    "wmem_queued near sk_sndbuf shows that TCP is the bottleneck",
    "90 % counts as near; at every 100 ms",
)
def send_buffer_level() -> Finding:
    values = []
    for name, source, settings in (("full link", FULL, ()), ("paced stream", STREAM, ())):
        evidence = diagnosis.evidence(simulate(sampler.sampled(scenario(source, *settings)), 0))
        values.append(Value(f"{name}: windows that end with a full send buffer", 100 * evidence.full, "%"))
        values.append(Value(f"{name}: time it holds data back", 100 * evidence.held.get("sndbuf", 0.0), "%"))
    reason = (
        "fields and idea are right, the probe as printed does not compile. The kernel lets a write begin when a third "
        "is free, so a full buffer is between two thirds and full most of the time: blocked time says it better."
    )
    return Finding("HOLDS IF", reason, tuple(values), condition="blocked writes are looked at, not one level")


LONG_FAT = ("server.sndbuf=auto", "network.rate=100Mbit/s", "network.rtt=80ms")


@row(
    "2.22",
    "policy",
    "A high queue: raise wmem_max. A low one: look at MaxConcurrentStreams",
    "three scenarios, diagnosed",
)
def diagnosis_flow() -> Finding:
    cases = {
        "full link": (FULL, ()),
        "small buffer, long path": (FULL, LONG_FAT[1:]),
        "small HTTP/2 windows": (FULL, ("client.http2.stream_window=65535B", *LONG_FAT)),
    }
    values = []
    for name, (source, settings) in cases.items():
        found = diagnosis.diagnose(diagnosis.evidence(simulate(sampler.sampled(scenario(source, *settings)), 0)))
        values.append(Value(name, found[0].sentence if found else "nothing binds"))
    reason = (
        "on a full link a larger buffer is a longer queue, and when the buffer is empty HTTP/2's windows come first."
    )
    return Finding("HOLDS IF", reason, tuple(values), condition="the link is not full; the windows are looked at first")


# ---- 2.5 the jitter generator ----------------------------------------------------------------------------------------


@row(
    "2.23", "experiment", "controlled_stream sends 1448 bytes at 10 Mbit/s: one every 1.1584 ms", "its sleeps are exact"
)
def controlled_stream() -> Finding:
    calm = runs(GENERATOR, "workload.spikes.probability=0", "workload.messages=2000", seeds=3)[0]
    gap = float(np.diff(calm.messages["call_ns"]).mean()) / MS
    values = (Value("mean gap", gap, "ms"), Value("rate", 1_448 * 8 / gap / 1e3, "Mbit/s"))
    reason = "size x 8 / rate, and nothing else in the way. (As written the code only sleeps; it sends nothing.)"
    return Finding("HOLDS", reason, values)


@row(
    "2.24",
    "mechanism",
    "A spike hits 2 % of the packets with 200 ms + U(0, 50 ms)",
    "on the sender (code) and on the link (text)",
)
def spikes() -> Finding:
    sender, link = (
        runs(source, "network.rtt=20ms", "workload.messages=5000", seeds=3)
        for source in (GENERATOR, f"{GENERATOR}-link")
    )
    values = (
        Value("on the sender: mean wait for spikes", over(sender, cause("sender_spike")), "ms"),
        Value(
            "on the link: messages held by a spike",
            over(link, lambda run: float((run.messages["spike_ns"] > 0).mean()) * 100),
            "%",
        ),
    )
    reason = (
        "both readings are presets. On the link TCP keeps the order, so one spike holds a hundred messages behind it."
    )
    return Finding("HOLDS", reason, values)


@row("2.25", "mechanism", "max(0.001, interval) only guards the sleep", "a rate of 20 Mbit/s asked for")
def floor() -> Finding:
    fast = runs(
        GENERATOR, "workload.spikes.probability=0", "workload.interval=579200ns", "workload.messages=2000", seeds=1
    )[0]
    rate = 1_448 * 8 / (float(np.diff(fast.messages["call_ns"]).mean()) / MS) / 1e3
    reason = "no sleep under 1 ms: whatever rate is asked for, no more than 11.58 Mbit/s comes out."
    return Finding("REFUTED", reason, (Value("rate when 20 Mbit/s are asked for", rate, "Mbit/s"),))


@row("2.26", "experiment", "The generator as it is written: 10 Mbit/s with spikes")
def generator() -> Finding:
    found = runs(GENERATOR, seeds=3)
    gaps = over(found, lambda run: float(np.diff(run.messages["call_ns"]).mean()) / MS)
    rate = over(found, lambda run: 1_448 * 8 * 1e3 / float(np.diff(run.messages["call_ns"]).mean()))
    values = (
        Value("mean gap", gaps, "ms"),
        Value("rate", rate, "Mbit/s"),
        *(Value(f"P{q:g} of the gaps", over(found, gaps_at(q)), "ms") for q in (98.5, 99, 99.9)),
    )
    reason = (
        "a spike blocks the sender, so the mean gap is 1.16 + 2 % of 225 = 5.65 ms: 2.05 Mbit/s, a fifth of the name."
    )
    return Finding("REFUTED", reason, values)


def gaps_at(percent: float) -> Measure:
    """That percentile of the gaps, as a measure."""
    return lambda run: gap_quantile(run, percent)


def gap_quantile(run: Run, percent: float) -> float:
    """A percentile of the gaps between sends, ms."""
    return float(np.percentile(np.diff(run.messages["call_ns"]), percent)) / MS


@row(
    "2.27",
    "experiment",
    "Spike probability sets how often P99 is hit; jitter of +-50 ms breaks timing lock",
    "by sender",
)
def sensitivity() -> Finding:
    def p99(probability: float, jitter: str = "50ms") -> Estimate:
        settings = (f"workload.spikes.probability={probability}", f"workload.spikes.jitter={jitter}")
        return over(runs(GENERATOR, *settings, seeds=3), gaps_at(99))

    values = (
        *(Value(f"probability {100 * q:g} %: P99 of the gaps", p99(q), "ms") for q in (0.001, 0.005, 0.02, 0.05)),
        Value("probability 2 %, no jitter: P99 of the gaps", p99(0.02, "0ms"), "ms"),
    )
    reason = (
        "at a probability of 1 % P99 flips from the interval to the spike's length and stays there; jitter moves it by "
        "its own size. The code's jitter is 0 to +50 ms, not +-50."
    )
    return Finding("HOLDS IF", reason, values, condition='"density" means that P99 is either hit or not')


@row("2.28", "report", "Starting and stopping by an event keeps the statistics unbiased", "20 messages of warm-up")
def trimming() -> Finding:
    run = runs("full-link", "workload.messages=2000", "warmup=200", seeds=3)[0]
    summary = run.summary()
    values = (
        Value("steady state: P50", summary["latency_ns"]["p50"] / MS, "ms"),
        Value("start-up: P50", summary["startup_latency_ns"]["p50"] / MS, "ms"),
    )
    return Finding(
        "HOLDS", "what a connection does first differs from what it does later; the two are reported apart.", values
    )
