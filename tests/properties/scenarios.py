"""Scenarios over every rule of the model, small enough to run by the hundred.

`scenario(pick)` asks `pick` for one of a list of choices, plainest first: Hypothesis answers and shrinks towards the
plain, `random.Random(n).choice` answers the same for ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from hypothesis import strategies as st

from models.systems import SYSTEMS
from sim.scenario import Direction, Framing, Host, Http2, Network, Policy, Scenario, Spikes, Workload
from sim.stack import with_stack

US = 1_000
MS = 1_000_000
FEWEST_ADMITTED = 3


MEDDLE = """
def meddle(tick, step=7):
    '''Sets everything there is to set, in an order that only the tick decides.'''
    what = (tick.number * step) % 16
    end = tick.sender if tick.number % 3 else tick.receiver
    if what == 0: end.framer_buffer = 300 if end.framer_buffer != 300 else 40_000
    if what == 1: end.framer_buffer = 0
    if what == 2: end.sndbuf = 2_304
    if what == 3: end.sndbuf = 60_000
    if what == 4: end.nodelay = not end.nodelay
    if what == 5: end.cork = not end.cork
    if what == 6: end.notsent_lowat = 3_000
    if what == 7: end.notsent_lowat = 0
    if what == 8: end.congestion = "bbr" if end.congestion != "bbr" else "cubic"
    if what == 9: end.congestion = "reno"
    if what == 10: end.quickack(tick.number % 2 == 0)
    if what == 11: end.work(2_000_000)
    if what == 12: end.admit(rate=150, burst=4, backoff=2_000_000, backoff_max=30_000_000, limit=12, degraded_size=16)
    if what == 13: end.rate = 0
    if what == 14 and end.queued >= 0 and tick.memory.setdefault("marks", True):
        try: end.admit(high=2_500, low=1_000)
        except ValueError: tick.memory["marks"] = False  # a stack without a queue
    end.paused = what == 15
    if tick.number > 40:
        tick.server.paused = tick.client.paused = False
        tick.server.rate = tick.client.rate = 0
        tick.server.cork = tick.client.cork = False
"""


class Pick(Protocol):
    """Chooses."""

    def __call__(self, choices: Sequence[Any]) -> Any: ...


def framing(pick: Pick) -> Framing:
    kind = pick(["plain", "http2", "grpc"])
    buffer = pick([0, 0, 200, 1_024, 32_768])
    unbuffered = ["per-message", "on-idle"]
    flush = pick([*unbuffered, "per-frame", "on-return", "on-full", "timer"] if buffer else unbuffered)
    return Framing(
        kind=kind,
        buffer=buffer,
        flush=flush,
        doubled=pick([False, False, True]),
        merge=pick([False, False, True]) if buffer else False,
        flush_every=pick([1, 3]) if flush in {"per-message", "on-idle"} and buffer else 1,
        flush_after=pick([1 * MS, 25 * MS]),
        pieces=pick({"plain": [1], "http2": [1, 2], "grpc": [1, 2, 3]}[kind]),
        more=pick([False, False, True]),
        max_frame=pick([16_384, 16_384, 700]),
        quota=pick([0, 0, 3_000, 65_536]),
    )


def sender_spikes(pick: Pick) -> Spikes:
    probability = pick([0.0, 0.0, 0.1])
    return Spikes(probability, 30 * MS, pick([0, 20 * MS]), "sender") if probability else Spikes(where="sender")


def stream(pick: Pick, sender: str, messages: int) -> Workload:
    return Workload(
        sender=sender,  # type: ignore[arg-type]
        arrivals=pick(["periodic", "poisson", "bursts", "staircase", "sleeper", "greedy", "trace"]),
        interval=pick([10 * MS, 300 * US, 3 * MS, 45 * MS, 260 * MS]),
        offset=pick([0, 7_777_777]),
        messages=messages,
        sizes=pick([(512,), (100,), (1_448,), (20,), (3_000, 40), (9_000,), (100, 1_500, 600), (40_000, 80)]),
        burst=pick([1, 1, 4]),
        on=20 * MS,
        off=60 * MS,
        random=pick([True, False]),
        granularity=pick([0, 15 * MS]),
        trace=(),
        spikes=sender_spikes(pick),
        framing=framing(pick),
    )


def with_trace(w: Workload) -> Workload:
    """A recorded schedule has pairs of its own."""
    if w.arrivals != "trace":
        return w
    count = w.messages or 1
    pairs = tuple((i * w.interval + (i * i * 977) % 5_000, w.sizes[i % len(w.sizes)]) for i in range(count))
    return Workload(
        sender=w.sender, arrivals="trace", trace=tuple(sorted(pairs)), spikes=w.spikes, framing=w.framing
    )  # fmt: skip


def transactions(pick: Pick) -> Workload:
    return Workload(
        kind="request-response",
        sender=pick(["client", "server"]),
        messages=pick([12, 40]),
        pieces=pick([(100, 200), (64,), (50, 50, 4_000)]),
        reply=pick([(50,), (100, 20_000)]),
        think=pick([0, 5 * MS, 250 * MS]),
        period=pick([0, 20 * MS]),
        work=pick([0, 3 * MS, 60 * MS]),
    )


def host(pick: Pick) -> Host:
    return Host(
        nodelay=pick([False, True]),
        cork=pick(["off", "off", "off", "per-message", "always"]),
        sndbuf=pick([0, 0, 2_304, 16_384]),
        rcvbuf=pick([0, 0, 4_096, 30_000]),
        notsent_lowat=pick([0, 0, 4_000]),
        congestion=pick(["cubic", "reno", "bbr"]),
        nagle=pick(["minshall", "minshall", None, "rfc896"]),
        os=pick(["linux", "linux", *SYSTEMS]),
        quickack=pick(["", "", "every-read", "off-once", "off-every-read"]),
        autocorking=pick([True, False]),
        hz=pick([250, 1_000, 100]),
        reader=pick(["prompt", "prompt", "polling", "slow"]),
        read_size=pick([65_536, 300]),
        read_every=pick([20 * MS, 70 * MS]),
        read_pause=pick([0, 0, 8 * MS]),
        read_start=pick([0, 0, 90 * MS]),
        mtu=pick([1_500, 1_500, 600]),
        gso_segments=pick([65_535, 1]),
        sysctls=pick([(), (), (("tcp_pingpong_thresh", "3"),), (("tcp_slow_start_after_idle", "0"),)]),
        tls=pick([0, 0, 22]),
        profile=pick(["ideal", "linux-vm"]),
        shaper_rate=pick([0, 0, 0, 2_000_000]),
        shaper_limit=pick([400_000, 20_000]),
    )


def direction(pick: Pick) -> Direction:
    rate = pick([0, 10_000_000, 1_000_000])
    probability = pick([0.0, 0.0, 0.03])
    return Direction(
        rate=rate,
        delay=pick([5 * MS, 0, 100 * US, 25 * MS, 150 * MS]),
        queue=pick([0, 0, 20_000]) if rate else 0,
        overhead=pick([0, 18]),
        loss=pick([0.0, 0.0, 0.0, 0.02, 0.15]),
        jitter=pick([0, 0, 2 * MS]),
        jitter_law=pick(["uniform", "exponential", "normal"]),
        spikes=Spikes(probability, 200 * MS, 50 * MS) if probability else Spikes(),
        stalls=pick([(), (), ((40 * MS, 30 * MS), (400 * MS, 250 * MS))]),
        background=pick([0.0, 0.0, 0.4]) if rate else 0.0,
    )


def scenario(pick: Pick) -> Scenario:
    """One scenario, by the choices of `pick`."""
    reverse = None
    if pick([False, False, True]):
        main = transactions(pick)
    else:
        sender = pick(["server", "client"])
        main = with_trace(stream(pick, sender, pick([30, 80])))
        if pick([False, False, True]):
            reverse = with_trace(stream(pick, "client" if sender == "server" else "server", 20))
    return Scenario(
        name="generated",
        workload=main,
        reverse=reverse,
        server=host(pick),
        client=host(pick),
        network=Network(up=direction(pick), down=direction(pick)),
        policy=policy(pick),
    )


def policy(pick: Pick) -> Policy | None:
    step = pick([0, 0, 1, 3, 5, 7])
    if not step:
        return None
    return Policy(
        name="meddle.py:meddle",
        every=pick([20 * MS, 7_300 * US, 130 * MS]),
        window=pick([0, 200 * MS]),
        dead_time=pick([0, 0, 11 * MS]),
        parameters=(("step", step),),
        source=MEDDLE,
    )


def fixed(n: int) -> Scenario:
    """The n-th of a list of scenarios that never changes."""
    return scenario(random.Random(n).choice)


def stack(pick: Pick) -> Http2:
    window = pick([65_535, 0, 20_000, 300_000])
    connection = pick([65_535, 0, 200_000])
    return Http2(
        stream_window=window,
        connection_window=connection,
        update_share=pick([0.25, 0.5, 1.0]),
        update_bytes=pick([0, 0, 4_096]),
        connection_credit=pick(["receipt", "read"]),
        max_streams=pick([0, 0, FEWEST_ADMITTED]),
        assumed_streams=pick([0, 2]),
        scheduler=pick(["round-robin", "fifo"]),
        bdp=pick(["off", "grpc-go", "grpc-java", "c-core"]) if window and connection else "off",
        bdp_limit=pick([16_777_216, 100_000]),
    )


def on_streams(pick: Pick, w: Workload) -> Workload:
    """A stream's messages, dealt to HTTP/2 streams."""
    buffer = pick([32_768, 0, 1_024])
    kind = pick(["grpc", "http2"])
    framing = Framing(
        kind=kind,
        buffer=buffer,
        doubled=pick([False, True]),
        flush=pick(["on-idle", "per-message", "per-frame", "on-return"]),
        pieces=pick({"http2": [1, 2], "grpc": [1, 2, 3]}[kind]),
        more=pick([False, True]),
        max_frame=pick([16_384, 700]),
        merge=pick([False, True]),
        quota=pick([65_536, 3_000] if w.arrivals == "greedy" else [65_536, 3_000, 0]),
    )
    streams, lives = pick([1, 2, 7, 40]), pick([0, 0, 1, 3])
    if w.arrivals == "sleeper" and streams > FEWEST_ADMITTED:
        lives = 1  # else one sleeper would wait for ever for a stream that is not admitted
    return replace(w, framing=framing, streams=streams, stream_messages=lives)


def layered(pick: Pick) -> Scenario:
    """One scenario with streams and windows, by the choices of `pick`."""
    plain = scenario(pick)
    main = plain.workload
    if main.kind != "stream":
        main = with_trace(stream(pick, "server", 30))
    return replace(
        plain,
        workload=on_streams(pick, main),
        reverse=None if plain.reverse is None else on_streams(pick, plain.reverse),
        server=replace(plain.server, http2=stack(pick)),
        client=replace(plain.client, http2=stack(pick)),
    )


def fixed_layered(n: int) -> Scenario:
    """The n-th of another such list."""
    return layered(random.Random(n).choice)


def usual(pick: Pick) -> Scenario:
    """One scenario of the kind most are, by the choices of `pick`: what differs is what users vary."""
    odd = scenario(pick)
    profile = pick(["ideal", "linux-vm"])

    def stream_of(w: Workload) -> Workload:
        framing = Framing(buffer=pick([0, 1_024]), flush=pick(["per-message", "on-idle", "timer", "on-full"]))
        return replace(w, framing=framing)

    def host_of(h: Host) -> Host:
        socket = Host(nodelay=h.nodelay, cork=h.cork, sndbuf=h.sndbuf, rcvbuf=h.rcvbuf, profile=profile)
        return replace(socket, reader=pick(["prompt", "polling"]), read_every=h.read_every)

    def direction_of(d: Direction) -> Direction:
        return replace(d, overhead=0, stalls=(), background=0.0)

    main = odd.workload if odd.workload.kind == "stream" else with_trace(stream(pick, "server", 30))
    usual = replace(
        odd,
        workload=stream_of(main),
        reverse=None if odd.reverse is None else stream_of(odd.reverse),
        server=host_of(odd.server),
        client=host_of(odd.client),
        network=Network(up=direction_of(odd.network.up), down=direction_of(odd.network.down)),
    )
    return with_stack(usual, "grpc-go@1.63") if pick([False, True]) else usual


def fixed_usual(n: int) -> Scenario:
    """The n-th of a third."""
    return usual(random.Random(n).choice)


@st.composite
def layered_scenarios(draw: Callable[..., Any]) -> Scenario:
    return layered(lambda choices: draw(st.sampled_from(choices)))


@st.composite
def scenarios(draw: Callable[..., Any]) -> Scenario:
    return scenario(lambda choices: draw(st.sampled_from(choices)))
