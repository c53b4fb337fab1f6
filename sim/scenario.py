"""A scenario: everything a run depends on but its seed. Plain frozen data; files are `experiments/`' business.

The measured traffic is `workload`. Durations are ns, sizes bytes, rates bit/s (see `sim.units`). A field that is None
takes the value of the profile it belongs to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from sim.units import Duration, PositiveDuration, PositiveSize, Rate, Size

Probability = Annotated[float, "probability"]
Positive = Annotated[int, "positive"]
Factor = Annotated[float, "factor"]

DEFAULT_MESSAGES = 2_000


@dataclass(frozen=True)
class Spikes:
    """Rare long delays: with `probability` a message (sender) or packet (link) suffers `delay` + U(0, `jitter`)."""

    probability: Probability = 0.0
    delay: Duration = 0
    jitter: Duration = 0
    where: Literal["sender", "link"] = "link"


@dataclass(frozen=True)
class Framing:
    """What the stack puts around messages and when it hands its write buffer to the kernel (`docs/model/framer.md`)."""

    kind: Literal["plain", "http2", "grpc"] = "plain"  # none | 9-byte frames | frames and the 5-byte gRPC prefix
    buffer: Size = 0  # write-buffer bytes; 0 = unbuffered
    doubled: bool = False  # the buffer takes twice as much before it splits a frame (grpc-go up to 1.57)
    flush: Literal["per-frame", "per-message", "on-idle", "on-return", "on-full", "timer"] = "per-message"
    flush_every: Positive = 1  # per-message: after every n-th; on-idle: at the latest after so many, 1 = no such bound
    flush_after: PositiveDuration = 1_000_000  # timer
    pieces: Literal[1, 2, 3] = 1  # write() calls an unbuffered frame takes: whole | header, rest | header, prefix, rest
    more: bool = False  # MSG_MORE on all pieces but the last
    header: Size | None = None  # overrides the frame header's size (9)
    max_frame: PositiveSize = 16_384
    merge: bool = False  # messages that are flushed together share frames (Node)
    quota: Size = 0  # bytes each stream takes ahead of the framer before SendMsg blocks; 0 = the sender writes itself
    framer_thread: bool | None = None  # a thread of its own does the writes; None: when there is a quota


@dataclass(frozen=True)
class Http2:
    """What one end's HTTP/2 stack does: the credit it grants as receiver, its probes, its turns as sender.

    All of it is off unless set: then one stream, no windows, no frames but DATA (`docs/model/http2.md`; RFC 9113).
    """

    stream_window: Size = 0  # SETTINGS_INITIAL_WINDOW_SIZE it announces; 0 = no stream window
    connection_window: Size = 0  # its whole connection window, announced as a WINDOW_UPDATE; 0 = no connection window
    update_share: Factor = 0.25  # WINDOW_UPDATE when this share of a window was read (1/4 grpc-go; 1/2 C-core, Netty)
    update_bytes: Size = 0  # instead: so many bytes, or what doubles the peer's window (4 KiB x/net); 0 = by share
    connection_credit: Literal["receipt", "read"] = "receipt"  # the connection's credit comes back when received | read
    max_streams: int = 0  # SETTINGS_MAX_CONCURRENT_STREAMS it announces; 0 = not sent, unlimited
    assumed_streams: int = 0  # streams it opens until the peer's SETTINGS come (100 grpc-go, x/net); 0 = unlimited
    scheduler: Literal["round-robin", "fifo"] = "round-robin"  # a stream sends a frame in turn | until it has to wait
    keepalive: Duration = 0  # PING when nothing was read for so long; 0 = never
    bdp: Literal["off", "grpc-go", "grpc-java", "c-core"] = "off"  # whose estimator enlarges its windows, with PINGs
    bdp_limit: PositiveSize = 16_777_216  # the largest window it makes (16 MiB grpc-go, 8 MiB grpc-java)


@dataclass(frozen=True)
class Workload:
    """Who sends what, when. `sender` names the host whose messages are measured."""

    kind: Literal["stream", "request-response"] = "stream"
    sender: Literal["server", "client"] = "server"
    arrivals: Literal["periodic", "poisson", "bursts", "staircase", "trace", "sleeper", "greedy"] = "periodic"
    interval: Duration = 10_000_000  # mean time between messages (between bursts: `bursts`)
    offset: Duration = 0  # the first message
    messages: Positive | None = None  # None: the whole recording, or DEFAULT_MESSAGES
    size: PositiveSize = 512
    sizes: tuple[PositiveSize, ...] = ()  # cycled, instead of `size`
    streams: Positive = 1  # HTTP/2 streams the messages are dealt to in turn, each with a sender and a quota of its own
    stream_messages: int = 0  # a stream ends after so many and the next opens in its place; 0 = it stays open
    burst: Positive = 1  # messages at one instant
    on: PositiveDuration = 100_000_000  # bursts: active this long (messages every `interval`) ...
    off: Duration = 0  # ... then silent this long (exponential means when `random` holds)
    random: bool = True  # bursts: exponential on and off times instead of fixed ones
    stair_from: Factor = 1.0  # staircase: load factor of the first step ...
    stair_to: Factor = 10.0  # ... and the last
    stair_steps: Positive = 10
    granularity: Duration = 0  # sleeper: no sleep shorter than this (timer resolution)
    spikes: Spikes = Spikes(where="sender")
    capture: str = ""  # trace: a pcap or pcapng whose messages are replayed
    capture_port: int = 0  # trace: the sender's TCP port; 0 = the side that sends more
    trace: tuple[tuple[int, int], ...] = ()  # trace: (intended ns, size) given directly
    load: Factor = 1.0  # offered load relative to the description above
    scale: Literal["speed-up", "superpose"] = "speed-up"  # how `load` is reached: faster, or many shifted clients
    # request-response
    pieces: tuple[PositiveSize, ...] = (64,)  # a request's back-to-back writes
    reply: tuple[PositiveSize, ...] = (64,)
    think: Duration = 0  # between a reply and the next request
    period: Duration = 0  # request i not before i * period
    work: Duration = 0  # the server's own time
    time_limit: Duration = 0  # no request at or after this; 0 = no limit
    framing: Framing = Framing()


@dataclass(frozen=True)
class Host:
    """One end: socket options, kernel, the reader, and the machine's own cost (a named profile)."""

    nodelay: bool = False
    cork: Literal["off", "always", "per-message"] = "off"
    sndbuf: Size = 0  # as given to SO_SNDBUF (the kernel doubles it); 0 = autotuned
    rcvbuf: Size = 0
    notsent_lowat: Size = 0  # 0 = unlimited
    user_timeout: Duration = 0  # TCP_USER_TIMEOUT: the connection gives up after so long without an ACK; 0 = retries2
    congestion: Literal["reno", "cubic", "bbr"] = "cubic"
    os: str = "linux"  # whose TCP: see models/systems.py; linux@5.4 is a version
    nagle: Literal["minshall", "rfc896", "last-segment"] | None = None  # None: the system's
    quickack: Literal["", "once", "every-read", "off-once", "off-every-read"] = ""
    autocorking: bool = True
    hz: Positive | None = None  # ticks a second; None: the system's (Linux: 250)
    tick_phase: Duration | None = None  # None: drawn per replication
    reader: Literal["prompt", "polling", "slow"] = "prompt"
    read_size: PositiveSize = 65_536
    read_every: PositiveDuration = 20_000_000  # polling: reads at multiples of this
    read_pause: Duration = 0  # slow: pause after every read
    read_start: Duration = 0
    mtu: Annotated[int, "mtu"] = 1500
    gso_segments: Positive = 65_535
    sysctls: tuple[tuple[str, str], ...] = ()  # net.ipv4.tcp_* by name, in force for this host
    profile: str = "ideal"  # what the machine itself costs: see models/profiles.py
    shaper_rate: Rate = 0  # a tbf qdisc at the sender; 0 = none
    shaper_burst: Size = 3_200
    shaper_limit: Size = 400_000
    tls: Size = 0  # bytes TLS adds to each record of at most 16 KiB it sends (22 in TLS 1.3); 0 = no TLS
    http2: Http2 = Http2()


@dataclass(frozen=True)
class Direction:
    """One direction of the path."""

    rate: Rate = 0  # 0 = infinitely fast
    delay: Duration = 0
    queue: Size = 0  # FIFO bytes including the packet in service; 0 = unlimited
    overhead: Size = 0  # layer-2 bytes a packet
    loss: Probability = 0.0
    jitter: Duration = 0  # extra delay drawn per packet (order is kept)
    jitter_law: Literal["uniform", "exponential", "normal"] = "uniform"
    spikes: Spikes = Spikes()
    stalls: tuple[tuple[Duration, Duration], ...] = ()  # (start, length): packets due inside come out at its end
    background: Factor = 0.0  # share of the rate used by other traffic in the same FIFO
    background_size: PositiveSize = 1_500


@dataclass(frozen=True)
class Network:
    """The path between the hosts: `up` is client to server, `down` server to client."""

    up: Direction = Direction()
    down: Direction = Direction()


@dataclass(frozen=True)
class Policy:
    """Who changes settings while the run goes on: a function called at control ticks (`docs/guides/policies.md`)."""

    name: str = "none"  # a packaged policy, or FILE.py:FUNCTION
    every: PositiveDuration = 200_000_000  # between two ticks
    window: Duration = 0  # latencies and rates are those of so long before the tick; 0 = since the last one
    dead_time: Duration = 0  # from a decision to its effect
    parameters: tuple[tuple[str, int | float | bool | str], ...] = ()  # what the function takes besides the tick
    source: str = ""  # its Python text; read from the file unless given


@dataclass(frozen=True)
class Scenario:
    """Everything a run depends on but its seed."""

    name: str = "unnamed"
    title: str = ""
    workload: Workload = Workload()
    reverse: Workload | None = None  # a second stream, from the other host
    policy: Policy | None = None
    server: Host = Host()
    client: Host = Host()
    network: Network = Network()
    lead: PositiveDuration | None = None  # the connection is this old when the workload starts; None: 1 RTT + 20 ms
    warmup: int = 20  # messages at the start of the connection reported apart from steady state ...
    warmup_time: Duration = 0  # ... and all that are intended before this
    time_limit: Duration = 0  # simulated time after which the run stops; 0 = when all is delivered


def uses_http2(scenario: Scenario) -> bool:
    """Does the connection need more of HTTP/2 than the framing of one stream: streams, windows, probes?

    Requests and replies do not: they are written as their `pieces` say.
    """
    if scenario.workload.kind == "request-response":
        return False
    streams = any(w is not None and w.streams > 1 for w in (scenario.workload, scenario.reverse))
    return streams or any(host.http2 != Http2() for host in (scenario.server, scenario.client))
