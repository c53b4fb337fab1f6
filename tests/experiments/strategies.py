"""Scenarios at random: any that a file can say and the checks accept."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from sim.scenario import Direction, Framing, Host, Http2, Network, Scenario, Spikes, Workload

DURATIONS = st.one_of(st.just(0), st.integers(1, 10**10), st.sampled_from([40_000_000, 1_500, 10**9]))
POSITIVE_DURATIONS = DURATIONS.map(lambda ns: max(ns, 1))
SIZES = st.integers(1, 1 << 20)
SHARES = st.floats(0, 0.99)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@st.composite
def framings(draw: st.DrawFn) -> Framing:
    buffer = draw(st.sampled_from([0, 1024, 32_768]))
    flush = draw(st.sampled_from(["per-frame", "per-message", "on-idle"] + (["on-full", "timer"] if buffer else [])))
    kind = draw(st.sampled_from(["plain", "http2", "grpc"]))
    return Framing(
        kind=kind,
        buffer=buffer,
        flush=flush,
        flush_every=draw(st.integers(1, 9)) if flush == "per-message" and buffer else 1,
        flush_after=draw(POSITIVE_DURATIONS),
        pieces=draw(st.sampled_from({"plain": [1], "http2": [1, 2], "grpc": [1, 2, 3]}[kind])),
        more=draw(st.booleans()),
        header=draw(st.none() | st.integers(0, 64)),
        max_frame=draw(SIZES),
        quota=draw(st.sampled_from([0, 65_536])),
        framer_thread=draw(st.none() | st.booleans()),
    )


@st.composite
def spikes(draw: st.DrawFn, where: str) -> Spikes:
    return Spikes(draw(SHARES), draw(POSITIVE_DURATIONS), draw(DURATIONS), where)


@st.composite
def workloads(draw: st.DrawFn, sender: str) -> Workload:
    pairs = st.lists(st.tuples(DURATIONS, SIZES), min_size=1, max_size=5).map(lambda rows: tuple(sorted(rows)))
    common = {
        "sender": sender,
        "interval": draw(POSITIVE_DURATIONS),
        "messages": draw(st.none() | st.integers(1, 10_000)),
        "load": draw(st.floats(0.01, 100)),
        "framing": draw(framings()),
        "spikes": draw(spikes("sender")),
    }
    kind = draw(st.sampled_from(["paced", "trace", "sizes"]))
    if kind == "trace":
        return Workload(arrivals="trace", trace=draw(pairs), scale="superpose", **common)
    if kind == "sizes":
        return Workload(sizes=tuple(draw(st.lists(SIZES, min_size=1, max_size=4))), **common)
    arrivals = draw(st.sampled_from(["periodic", "poisson", "bursts", "sleeper", "greedy"]))
    return Workload(arrivals=arrivals, size=draw(SIZES), burst=draw(st.integers(1, 9)), **common)


@st.composite
def requests(draw: st.DrawFn) -> Workload:
    pieces = st.lists(SIZES, min_size=1, max_size=4).map(tuple)
    return Workload(
        kind="request-response", sender=draw(st.sampled_from(["client", "server"])), pieces=draw(pieces),
        reply=draw(pieces), think=draw(DURATIONS), period=draw(DURATIONS), work=draw(DURATIONS),
    )  # fmt: skip


@st.composite
def hosts(draw: st.DrawFn) -> Host:
    return Host(
        nodelay=draw(st.booleans()),
        cork=draw(st.sampled_from(["off", "always", "per-message"])),
        sndbuf=draw(st.sampled_from([0, 65_536, 100_000])),
        congestion=draw(st.sampled_from(["reno", "cubic", "bbr"])),
        tick_phase=draw(st.none() | st.integers(0, 999_999)),
        reader=draw(st.sampled_from(["prompt", "polling", "slow"])),
        read_pause=draw(DURATIONS),
        sysctls=draw(st.sampled_from([(), (("tcp_slow_start_after_idle", "0"), ("tcp_wmem", "4096 16384 65536"))])),
        tls=draw(st.sampled_from([0, 22])),
        profile=draw(st.sampled_from(["ideal", "linux-vm"])),
        shaper_rate=draw(st.sampled_from([0, 10**7])),
    )


@st.composite
def stacks(draw: st.DrawFn) -> Http2:
    window = draw(st.sampled_from([0, 65_535, 1 << 20]))
    return Http2(
        stream_window=window,
        connection_window=window,
        update_share=draw(st.sampled_from([0.25, 0.5])),
        update_bytes=draw(st.sampled_from([0, 4_096])),
        connection_credit=draw(st.sampled_from(["receipt", "read"])),
        max_streams=draw(st.sampled_from([0, 100])),
        assumed_streams=draw(st.sampled_from([0, 100])),
        scheduler=draw(st.sampled_from(["round-robin", "fifo"])),
        keepalive=draw(DURATIONS),
        bdp=draw(st.sampled_from(["off", "grpc-go", "grpc-java", "c-core"])) if window else "off",
        bdp_limit=draw(SIZES),
    )


@st.composite
def directions(draw: st.DrawFn) -> Direction:
    rate = draw(st.sampled_from([0, 1, 10**7, 10**9 + 7]))
    return Direction(
        rate=rate,
        delay=draw(DURATIONS),
        queue=draw(st.sampled_from([0, 65_536])),
        loss=draw(SHARES),
        jitter=draw(DURATIONS),
        jitter_law=draw(st.sampled_from(["uniform", "exponential", "normal"])),
        spikes=draw(spikes("link")),
        stalls=draw(st.sampled_from([(), ((10, 20), (30, 1_000_000))])),
        background=draw(SHARES) if rate else 0.0,
    )


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    up = draw(directions())
    network = Network(up, draw(st.just(up) | directions()))
    main = draw(requests() | st.sampled_from(["server", "client"]).flatmap(workloads))
    reverse = None
    if main.kind == "stream":
        reverse = draw(st.none() | workloads("client" if main.sender == "server" else "server"))
    server, client = draw(hosts()), draw(hosts())
    if all(w is None or layered(w) for w in (main, reverse)) and draw(st.booleans()):
        server, client = replace(server, http2=draw(stacks())), replace(client, http2=draw(stacks()))
        lives = 1 if main.arrivals == "sleeper" else draw(st.integers(0, 9))
        main = replace(main, streams=draw(st.integers(1, 1_024)), stream_messages=lives)
    return Scenario(
        name=draw(NAMES), title=draw(NAMES), workload=main, reverse=reverse, server=server, client=client,
        network=network, lead=draw(st.none() | POSITIVE_DURATIONS),
        warmup=draw(st.integers(0, 50)), time_limit=draw(DURATIONS),
    )  # fmt: skip


def layered(w: Workload) -> bool:
    """May it run on HTTP/2 streams?"""
    f = w.framing
    stalls = f.flush in {"on-full", "timer"} or f.flush_every > 1 or (w.arrivals == "greedy" and f.quota == 0)
    return w.kind == "stream" and f.kind != "plain" and f.framer_thread is not False and not stalls
