"""What a scenario's values must be to each other: contradictions that no single key shows.

Each check names the key to change and the cure. A check is skipped when a key it reads was itself a mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import lru_cache
from itertools import pairwise

from models.profiles import HOSTS
from models.state import STREAMS
from sim.errors import Problem, ScenarioError
from sim.scenario import DEFAULT_MESSAGES, Direction, Framing, Host, Scenario, Spikes, Workload, uses_http2
from sim.system import hz, system

PIECES_MAX = 16  # writes a request or reply may take (models.state.Writer.cut)
STALLS_MAX = 64  # models.state.Link.stall
TLS_MAX = 261  # a header of 5 and an expansion of 256
DEFAULT_WINDOW = 65_535  # RFC 9113, 6.9.2
YEAR = 365 * 86_400 * 10**9
REQUEST_KEYS = ("pieces", "reply", "think", "period", "work", "time_limit")

Path = tuple[str | int, ...]


def _dots(path: Path) -> str:
    return ".".join(map(str, path))


@dataclass
class Complaints:
    """Collects the contradictions; knows which keys were given and which were mistakes already."""

    given: Collection[Path]
    failed: Collection[Path]
    where: Callable[[Path], str]
    found: list[Problem] = field(default_factory=list)

    def add(self, path: Path, problem: str, cure: str, *reads: Path) -> None:
        """Report `problem` at `path` unless it, or a key in `reads`, could not be read."""
        if not any(p[: len(f)] == f for p in (path, *reads) for f in self.failed):
            self.found.append(Problem(self.where(path), problem, cure))


def check(
    scenario: Scenario, given: Collection[Path], failed: Collection[Path], where: Callable[[Path], str]
) -> list[Problem]:
    """Every contradiction in `scenario`."""
    c = Complaints(given, failed, where)
    _workload(c, scenario.workload, ("workload",))
    _reverse(c, scenario)
    _host(c, scenario.server, ("server",))
    _host(c, scenario.client, ("client",))
    _http2(c, scenario)
    mtu = {"up": scenario.client.mtu, "down": scenario.server.mtu}
    _direction(c, scenario.network.up, ("network", "up"), mtu["up"])
    _direction(c, scenario.network.down, ("network", "down"), mtu["down"])
    return c.found


def _workload(c: Complaints, w: Workload, at: Path) -> None:
    if w.kind == "request-response":
        _requests(c, w, at)
    else:
        _arrivals(c, w, at)
        for key in REQUEST_KEYS:
            if (*at, key) in c.given:
                c.add(
                    (*at, key),
                    f"{key!r} describes request-response traffic, this is a stream",
                    f"remove it, or set {at[0]}.kind = 'request-response'",
                    (*at, "kind"),
                )
    messages = w.messages or DEFAULT_MESSAGES
    if w.load <= 0:
        c.add((*at, "load"), "a load of 0 offers nothing", "write 1.0 for the traffic as described")
    if w.arrivals not in {"trace", "greedy"} and messages * w.interval > YEAR:
        c.add((*at, "messages"), "the run would last more than a year", "lower messages or interval", (*at, "interval"))
    _spikes(c, w.spikes, (*at, "spikes"))
    _framing(c, w.framing, (*at, "framing"))


def _requests(c: Complaints, w: Workload, at: Path) -> None:
    if w.capture or w.trace:
        c.add(
            (*at, "capture"), "a recording is a stream, not request-response traffic", "remove it, or kind = 'stream'"
        )
    elif (*at, "arrivals") in c.given:
        c.add(
            (*at, "arrivals"),
            "request-response has no arrivals: a request follows the reply",
            "remove it; `think` or `period` set the pace",
            (*at, "kind"),
        )
    for key, pieces in (("pieces", w.pieces), ("reply", w.reply)):
        if not 1 <= len(pieces) <= PIECES_MAX:
            c.add((*at, key), f"{len(pieces)} writes", f"list 1 to {PIECES_MAX} sizes, like ['64B', '128B']")


def _arrivals(c: Complaints, w: Workload, at: Path) -> None:
    messages = w.messages or DEFAULT_MESSAGES
    paced = w.arrivals in {"periodic", "poisson", "bursts", "staircase"}
    if paced and w.interval == 0 and messages > w.burst:
        c.add(
            (*at, "interval"),
            "an interval of 0 is an infinite rate",
            "write a time like '10ms', or arrivals = 'greedy' for as fast as the connection takes",
        )
    if w.arrivals == "trace" and not w.capture and not w.trace:
        c.add(
            (*at, "arrivals"),
            "nothing to replay: neither capture nor trace is given",
            f"set {at[0]}.capture = 'FILE.pcap'",
            (*at, "capture"),
            (*at, "trace"),
        )
    if w.arrivals != "trace" and (w.capture or w.trace):
        key = "capture" if w.capture else "trace"
        c.add(
            (*at, "arrivals"),
            f"{w.arrivals!r} contradicts {key!r}, which gives the times",
            "remove one of the two, or write arrivals = 'trace'",
        )
    if w.arrivals == "staircase":
        if min(w.stair_from, w.stair_to) <= 0:
            c.add((*at, "stair_from"), "a step of load 0 never ends", "use factors above 0", (*at, "stair_to"))
        if w.stair_steps > messages:
            c.add((*at, "stair_steps"), f"{w.stair_steps} steps for {messages} messages", "at least one message a step")
    if _backwards(w.trace):
        c.add((*at, "trace"), "times run backwards", "sort the pairs by time")
    if w.framing.kind == "plain" and any(size == 0 for _, size in w.trace):
        c.add(
            (*at, "trace"), "an empty message leaves nothing on a plain stream", "use framing.kind = 'grpc' or 'http2'"
        )


@lru_cache(maxsize=8)  # all points of a sweep replay one recording
def _backwards(trace: tuple[tuple[int, int], ...]) -> bool:
    return any(a < 0 for a, _ in trace) or any(b < a for (a, _), (b, _) in pairwise(trace))


def _reverse(c: Complaints, scenario: Scenario) -> None:
    w = scenario.reverse
    if w is None:
        return
    at: Path = ("reverse",)
    if scenario.workload.kind == "request-response" or w.kind == "request-response":
        c.add(
            (*at, "kind"),
            "a reverse stream needs streams both ways",
            "remove [reverse], or use kind = 'stream' in both",
        )
    if w.sender == scenario.workload.sender:
        c.add(
            (*at, "sender"),
            f"both streams come from the {w.sender}",
            "the reverse stream starts at the other host",
            ("workload", "sender"),
        )
    _workload(c, w, at)


def _framing(c: Complaints, f: Framing, at: Path) -> None:
    if f.buffer == 0 and f.flush in {"on-full", "on-return", "timer"}:
        c.add(
            (*at, "flush"),
            f"flush = {f.flush!r} needs a write buffer, and buffer is 0 (unbuffered)",
            f"set {_dots(at)}.buffer = '32KiB', or flush = 'on-idle'",
            (*at, "buffer"),
        )
    if f.flush == "timer" and (*at, "flush_after") not in c.given:
        c.add((*at, "flush"), "flush = 'timer' without its time", f"set {_dots(at)}.flush_after = '1ms'")
    if f.flush_every > 1 and (f.flush not in {"per-message", "on-idle"} or f.buffer == 0):
        c.add(
            (*at, "flush_every"),
            "counts messages in a write buffer that is flushed per message, or on idle",
            "set buffer above 0 and flush = 'per-message' or 'on-idle'",
            (*at, "buffer"),
            (*at, "flush"),
        )
    if f.merge and f.buffer == 0:
        c.add(
            (*at, "merge"),
            "without a write buffer every message is written, and framed, alone",
            f"set {_dots(at)}.buffer = '64KiB'",
            (*at, "buffer"),
        )
    if f.pieces > 1 and f.kind == "plain" and not f.header:
        c.add(
            (*at, "pieces"),
            "a plain stream has no header to write apart",
            "use kind = 'http2' or 'grpc', or pieces = 1",
            (*at, "kind"),
        )
    if f.pieces == 3 and f.kind == "http2":
        c.add(
            (*at, "pieces"),
            "only gRPC has a prefix for a third write",
            "use kind = 'grpc', or pieces = 2",
            (*at, "kind"),
        )


def _http2(c: Complaints, scenario: Scenario) -> None:
    """One HTTP/2 connection carries streams, and each end has one stack on it."""
    for at, host in ((("server", "http2"), scenario.server.http2), (("client", "http2"), scenario.client.http2)):
        if 0 < host.connection_window < DEFAULT_WINDOW:
            c.add(
                (*at, "connection_window"),
                f"a connection begins with {DEFAULT_WINDOW} bytes, and nothing takes them back (RFC 9113, 6.9.2)",
                f"at least '{DEFAULT_WINDOW}B', or 0 for no connection window",
            )
        if host.bdp != "off" and not (host.stream_window and host.connection_window):
            c.add(
                (*at, "bdp"),
                "an estimator enlarges windows, and there are none",
                f"set {_dots(at)}.stream_window and .connection_window, like '65535B'",
                (*at, "stream_window"),
                (*at, "connection_window"),
            )
        if not 0 < host.update_share <= 1:
            c.add((*at, "update_share"), f"{host.update_share:g} of a window", "a share above 0, at most 1, like 0.25")
    for name, w in (("workload", scenario.workload), ("reverse", scenario.reverse)):
        if w is not None and (uses_http2(scenario) or w.streams > 1):
            _streams(c, w, (name,), getattr(scenario, "client" if w.sender == "server" else "server").http2.max_streams)


def _streams(c: Complaints, w: Workload, at: Path, limit: int) -> None:
    if w.kind == "request-response":
        c.add(
            (*at, "kind"),
            "requests are written as their `pieces` say, not as HTTP/2 streams",
            "use kind = 'stream', or remove `streams`",
            (*at, "streams"),
        )
        return
    if w.streams > STREAMS:
        c.add((*at, "streams"), f"{w.streams} streams", f"at most {STREAMS}")
    if w.arrivals == "sleeper" and 0 < limit < w.streams and w.stream_messages != 1:
        c.add(
            (*at, "streams"),
            f"one sleeper serves {w.streams} streams in turn, and waits for ever for the {limit + 1}th to be admitted",
            f"at most {limit} (the peer's max_streams), or stream_messages = 1",
            (*at, "arrivals"),
        )
    if w.framing.kind == "plain":
        c.add(
            (*at, "framing", "kind"),
            "a plain stream has no HTTP/2 frames, and so neither streams nor windows",
            "use kind = 'http2' or 'grpc'",
        )
    if w.framing.framer_thread is False:
        c.add(
            (*at, "framing", "framer_thread"),
            "an HTTP/2 connection with streams or windows has a writer of its own",
            "remove it",
        )
    if w.arrivals == "greedy" and w.framing.quota == 0:
        c.add(
            (*at, "framing", "quota"),
            "a greedy sender without a quota queues everything at once",
            "set a quota, like '64KiB'",
            (*at, "arrivals"),
        )
    every = w.framing.flush == "per-message" and w.framing.flush_every > 1
    if w.framing.buffer and (w.framing.flush in {"on-full", "timer"} or every):
        c.add(
            (*at, "framing", "flush"),
            f"flush = {w.framing.flush!r} as set could hold a WINDOW_UPDATE back for ever",
            "use flush = 'on-idle'",
        )


def _spikes(c: Complaints, s: Spikes, at: Path) -> None:
    sender = at[0] in {"workload", "reverse"}
    if s.where == "sender" and not sender:
        c.add((*at, "where"), "a spike here is the link's", "put sender spikes into [workload.spikes]")
    if s.probability > 0 and s.delay == 0 and s.jitter == 0:
        c.add(
            (*at, "probability"),
            "spikes of no length",
            f"set {_dots(at)}.delay = '200ms'",
            (*at, "delay"),
            (*at, "jitter"),
        )


def _host(c: Complaints, h: Host, at: Path) -> None:
    _system(c, h, at)
    if h.profile not in HOSTS:
        near = get_close_matches(h.profile, HOSTS, n=1)
        cure = f"did you mean {near[0]!r}? " if near else ""
        c.add((*at, "profile"), f"no host profile {h.profile!r}", f"{cure}profiles: {', '.join(HOSTS)}")
    _sysctls(c, h, at)
    if h.tls > TLS_MAX:
        c.add((*at, "tls"), f"{h.tls} bytes a record", f"at most {TLS_MAX} (RFC 8446, 5.2); TLS 1.3 adds 22")
    if h.shaper_rate and h.shaper_burst < h.mtu:
        c.add(
            (*at, "shaper_burst"),
            "smaller than a packet: nothing would ever pass",
            f"at least the mtu, '{h.mtu}B'",
            (*at, "mtu"),
        )
    if h.shaper_rate and h.shaper_limit < h.mtu:
        c.add(
            (*at, "shaper_limit"),
            "smaller than a packet: all would be dropped",
            f"at least the mtu, '{h.mtu}B'",
            (*at, "mtu"),
        )


def _system(c: Complaints, h: Host, at: Path) -> None:
    try:
        ticks = hz(h)
        system(h.os)
    except ScenarioError as error:
        c.add((*at, "os"), error.problems[0].problem, error.problems[0].cure)
        return
    if not 10 <= ticks <= 10_000:
        c.add((*at, "hz"), f"{ticks} ticks a second", "kernels are built with HZ = 100, 250, 300 or 1000")
    elif h.tick_phase is not None and h.tick_phase >= 1_000_000_000 // ticks:
        c.add((*at, "tick_phase"), "longer than a tick", f"a phase below {1_000_000_000 // ticks} ns", (*at, "hz"))


def _sysctls(c: Complaints, h: Host, at: Path) -> None:
    if not h.sysctls:
        return
    from sim.build import SYSCTLS, TRIPLES

    for name, value in h.sysctls:
        known = [*SYSCTLS, *TRIPLES, "tcp_rto_max_ms"]
        wanted = 3 if name in TRIPLES else 1
        if name not in known:
            near = get_close_matches(name, known, n=1)
            c.add(
                (*at, "sysctls", name),
                "the model has no such sysctl",
                f"did you mean {near[0]!r}?" if near else f"it has {', '.join(known)}",
            )
        elif [part.isdecimal() for part in value.split()] != [True] * wanted:
            cure = "three numbers like '4096 16384 4194304'" if wanted == 3 else "a whole number"
            c.add((*at, "sysctls", name), f"{value!r} is no value of this sysctl", f"write {cure}")


def _direction(c: Complaints, d: Direction, at: Path, mtu: int) -> None:
    if 0 < d.queue < mtu + d.overhead:
        c.add(
            (*at, "queue"),
            "smaller than a full packet, which would always be dropped",
            f"at least '{mtu + d.overhead}B', or 'unlimited'",
        )
    if d.loss >= 1:
        c.add((*at, "loss"), "every packet is lost: nothing would arrive", "write a share below 1")
    if d.background >= 1:
        c.add(
            (*at, "background"),
            "other traffic takes the whole rate: nothing of ours would arrive",
            "write a share below 1",
        )
    elif d.background > 0 and d.rate == 0:
        c.add((*at, "background"), "a share of an unlimited rate", "set network.rate", (*at, "rate"))
    if len(d.stalls) > STALLS_MAX:
        c.add((*at, "stalls"), f"{len(d.stalls)} windows", f"at most {STALLS_MAX}")
    if any(b < a + length for (a, length), (b, _) in zip(d.stalls, d.stalls[1:], strict=False)):
        c.add((*at, "stalls"), "windows overlap or run backwards", "sort them by start and merge overlapping ones")
    _spikes(c, d.spikes, (*at, "spikes"))
