"""From a scenario to the state at time 0: options, buffers, host costs, links, and the sources of messages and luck.

`s` is a `models.state.Path` of either world: plain objects, or views of compiled records.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from models.connect import connect
from models.constants import (
    BBR,
    CUBIC,
    GREEDY,
    LAST_SEGMENT,
    MINSHALL,
    NAGLE_CORK,
    NAGLE_OFF,
    RENO,
    REPLIES,
    REQUESTS,
    RFC896,
    SCHEDULED,
    SLEEPER,
)
from models.facts import Value
from models.options import set_sndbuf
from models.profiles import HOSTS
from models.receive_window import set_rcvbuf
from models.slots import make
from models.sources import schedule_next
from models.state import INF, Endpoint, Link, Path, Writer
from models.systems import DEFAULTS
from models.tally import MESSAGES, TRANSACTIONS, open_tally
from sim.draws import Ints, Messages, bbr_phase, link_draws, messages, tick_phase
from sim.errors import Problem, ScenarioError
from sim.framing import set_framing, workloads
from sim.http2 import set_http2
from sim.scenario import DEFAULT_MESSAGES, Direction, Framing, Host, Scenario, Workload, uses_http2
from sim.system import hz, nagle, system

HEADERS = 40
TIMESTAMPS = 12
MAX_HEADER = 192
SKB_OVERHEAD = 832
SETTLE = 20_000_000
CLOSED_LOOP = 1 << 40

CONGESTION = {"reno": RENO, "cubic": CUBIC, "bbr": BBR}
NAGLE = {"minshall": MINSHALL, "rfc896": RFC896, "last-segment": LAST_SEGMENT}
QUICKACK = {"": 0, "once": 0, "every-read": 1, "off-once": 0, "off-every-read": 2}

# net.ipv4 sysctls the model honours, and the field of Endpoint each sets; models/systems.py has the defaults
SYSCTLS = {
    "tcp_autocorking": "autocorking",
    "tcp_limit_output_bytes": "limit_output",
    "tcp_slow_start_after_idle": "slow_start_after_idle",
    "tcp_tso_win_divisor": "tso_win_divisor",
    "tcp_min_tso_segs": "min_tso_segs",
    "tcp_tso_rtt_log": "tso_rtt_log",
    "tcp_pacing_ss_ratio": "pacing_ss_ratio",
    "tcp_pacing_ca_ratio": "pacing_ca_ratio",
    "tcp_pingpong_thresh": "pingpong_thresh",
    "tcp_rto_min_us": "rto_min",
    "tcp_thin_linear_timeouts": "thin_linear",
    "tcp_recovery": "recovery",
    "tcp_early_retrans": "early_retrans",
    "tcp_retries2": "retries2",
    "tcp_frto": "frto_enabled",
    "tcp_max_reordering": "reorder_max",
    "tcp_comp_sack_delay_ns": "comp_sack_ns",
    "tcp_comp_sack_slack_ns": "comp_sack_slack_ns",
    "tcp_comp_sack_nr": "comp_sack_nr",
    "tcp_shrink_window": "shrink_window",
    "tcp_notsent_lowat": "notsent_lowat",
}
TRIPLES = ("tcp_wmem", "tcp_rmem")  # least, default, most


class PacketDraws(Protocol):
    """The fate of one direction's packets, in order (`sim.draws.LinkDraws`, or a recording's)."""

    random: int

    def fill(self, n: int) -> tuple[Ints, Ints, Ints]:
        """The next n packets' `lost`, `jitter` and `spike`."""
        ...


Luck = tuple[PacketDraws, PacketDraws]


@dataclass
class Sources:
    """Where a run's draws come from."""

    a: Messages | None
    b: Messages | None
    ab: PacketDraws
    ba: PacketDraws


def known_sysctl(name: str) -> str:
    """The bare name of a sysctl: with or without `net.ipv4.`."""
    return name.removeprefix("net.ipv4.")


def set_sysctls(e: Endpoint, host: Host) -> None:
    """The system's defaults, then the host's own."""
    given: dict[str, Value] = {**system(host.os), **{known_sysctl(k): v for k, v in host.sysctls}}
    for name, field in SYSCTLS.items():
        setattr(e, field, int(given[name]))
    e.rto_max = int(given["tcp_rto_max_ms"]) * 1000
    wmem, rmem = ([int(x) for x in str(given[name]).split()] for name in TRIPLES)
    e.wmem_max = wmem[2]
    e.sndbuf = wmem[1]
    e.rcvbuf = rmem[1]
    e.rmem_max = rmem[2]


def set_system(e: Endpoint, host: Host) -> None:
    """Whose TCP it is, as far as no sysctl says it."""
    values = system(host.os)
    e.nagle_rule = NAGLE[nagle(host)]
    e.classic_ack = 1 if values["ack"] == "classic" else 0
    e.initcwnd = int(values["initcwnd"])
    e.rto_floor = int(values["rto_floor_us"])
    for name in DEFAULTS:
        setattr(e, name, int(values[name]))


def set_socket(e: Endpoint, host: Host) -> None:
    """Socket options and what the handshake agrees on."""
    set_sysctls(e, host)
    set_system(e, host)
    if not host.autocorking:
        e.autocorking = 0
    e.timestamps = 1
    e.sack_ok = 1
    e.wscale_ok = 1
    e.nonagle = (NAGLE_OFF if host.nodelay else 0) | (NAGLE_CORK if host.cork == "always" else 0)
    if host.notsent_lowat:
        e.notsent_lowat = host.notsent_lowat
    e.user_timeout = host.user_timeout // 1_000_000
    e.cc = CONGESTION[host.congestion]
    e.mss = host.mtu - HEADERS - TIMESTAMPS
    e.advmss = e.mss
    e.gso_segs = host.gso_segments
    e.skb_overhead = SKB_OVERHEAD
    e.max_header = MAX_HEADER
    if host.sndbuf:
        set_sndbuf(e, host.sndbuf)
    if host.rcvbuf:
        set_rcvbuf(e, host.rcvbuf)
    e.w.tls = host.tls
    e.qd.rate = host.shaper_rate
    e.qd.burst = host.shaper_burst
    e.qd.limit = host.shaper_limit
    if host.shaper_rate:
        e.qd.tokens = host.shaper_burst * 8_000_000_000 // host.shaper_rate


def set_host(e: Endpoint, incoming: Link, host: Host, phase: int) -> None:
    """The machine: its clock tick and its costs. Receiving costs belong to the link that brings the packets."""
    if host.profile not in HOSTS:
        raise ScenarioError([Problem("profile", f"no host profile {host.profile!r}", f"one of {', '.join(HOSTS)}")])
    e.host.tick = 1_000_000_000 // hz(host)
    e.host.phase = phase
    for name, cost in HOSTS[host.profile].items():
        setattr(incoming if name.startswith("rx_") else e.host, name, cost)


def set_reader(e: Endpoint, host: Host) -> None:
    """When the application reads."""
    e.r.size = host.read_size
    e.r.start = host.read_start
    e.r.lowat = 1
    e.r.pause = host.read_pause
    e.r.every = host.read_every if host.reader == "polling" else 0
    e.r.quickack = QUICKACK[host.quickack]
    e.pingpong = e.pingpong_thresh if host.quickack.startswith("off") else 0


def set_link(l: Link, d: Direction, draws: PacketDraws) -> None:
    """One direction of the path."""
    l.rate = d.rate
    l.delay = d.delay
    l.limit = d.queue if d.rate else 0
    l.overhead = d.overhead
    l.random = 1 if draws.random else 0
    l.need = l.random
    l.nstalls = len(d.stalls)
    for i, (start, length) in enumerate(d.stalls):
        l.stall[i].start = start
        l.stall[i].end = start + length
    if d.background > 0 and d.rate:
        l.bg_size = d.background_size
        l.bg_gap = int(d.background_size * 8_000_000_000 / (d.rate * d.background))


def set_stream(e: Endpoint, w: Workload, total: int, cork: str) -> None:
    """A one-way stream of messages."""
    set_framing(e, w.framing, cork)
    e.w.mode = {"greedy": GREEDY, "sleeper": SLEEPER}.get(w.arrivals, SCHEDULED)
    e.w.total = total
    e.w.granularity = w.granularity


def set_transactions(client: Endpoint, server: Endpoint, w: Workload, hosts: tuple[Host, Host]) -> None:
    """Requests one way, replies the other."""
    for e, pieces, mode, host in ((client, w.pieces, REQUESTS, hosts[0]), (server, w.reply, REPLIES, hosts[1])):
        set_framing(e, w.framing, host.cork)
        e.w.mode = mode
        e.w.header = 0
        e.w.prefix = 0
        e.w.npieces = len(pieces)
        for i, n in enumerate(pieces):
            e.w.cut[i] = n
        e.w.total = w.messages or DEFAULT_MESSAGES
        e.w.size = sum(pieces)
    client.w.think = w.think
    client.w.period = w.period
    client.w.until = w.time_limit
    server.w.think = w.work


def lead_time(scenario: Scenario) -> int:
    """How old the connection is at time 0."""
    if scenario.lead is not None:
        return scenario.lead
    return scenario.network.up.delay + scenario.network.down.delay + SETTLE


def build(s: Path, scenario: Scenario, seed: int, links: Luck | None = None) -> Sources:
    """Fill in `s` for time 0 and return its sources of draws."""
    net = scenario.network
    up, down = links or (link_draws(net.up, seed, "up"), link_draws(net.down, seed, "down"))
    luck = Sources(None, None, up, down)
    set_link(s.ab, net.up, luck.ab)
    set_link(s.ba, net.down, luck.ba)
    for e, incoming, host, name in ((s.a, s.ba, scenario.client, "client"), (s.b, s.ab, scenario.server, "server")):
        set_socket(e, host)
        set_host(e, incoming, host, tick_phase(scenario, seed, name))
        e.bbr.phase = bbr_phase(seed, name)
    s.b.server = 1
    s.until = scenario.time_limit or INF - 1
    s.tick_at = INF
    s.drawn_until = INF
    connect(s, lead_time(scenario))
    for e, host in ((s.a, scenario.client), (s.b, scenario.server)):
        set_reader(e, host)
    start_sources(s, scenario, seed, luck)
    if uses_http2(scenario):
        set_http2(s, scenario)
    return luck


def start_sources(s: Path, scenario: Scenario, seed: int, luck: Sources) -> None:
    """Fit the senders with their workloads; the driver draws the first arrivals."""
    for e in (s.a, s.b):
        set_framing(e, Framing(), "")  # who sends nothing is set up as most are
    if scenario.workload.kind == "request-response":
        client_sends = scenario.workload.sender == "client"
        ends = (s.a, s.b) if client_sends else (s.b, s.a)
        hosts = (scenario.client, scenario.server) if client_sends else (scenario.server, scenario.client)
        set_transactions(*ends, scenario.workload, hosts)
    else:
        up, down = workloads(scenario)
        if up is not None:
            luck.a = messages(up, seed, "workload/up")
            set_stream(s.a, up, luck.a.total, scenario.client.cork)
        if down is not None:
            luck.b = messages(down, seed, "workload/down")
            set_stream(s.b, down, luck.b.total, scenario.server.cork)
    for e in (s.a, s.b):
        e.w.need = 1 if e.w.total else 0
    set_tally((s.a if scenario.workload.sender == "client" else s.b).w, scenario)


def set_tally(w: Writer, scenario: Scenario) -> None:
    """What the summary counts: messages or transactions, start-up apart."""
    w.tally.on = TRANSACTIONS if scenario.workload.kind == "request-response" else MESSAGES
    w.tally.watch = 1 if w.mode == SCHEDULED else 0
    w.tally.warmup = scenario.warmup
    w.tally.warmup_until = scenario.warmup_time
    w.tally.startup_most = w.total // 2
    open_tally(w.tally)


def begin(e: Endpoint) -> None:
    """The first arrivals are drawn: when does the first message come?"""
    if e.w.mode == SCHEDULED:
        e.w.made = e.w.drawn
    if e.w.layered:
        e.w.app_at = 0
        return
    if e.w.mode == REQUESTS:
        make(e.w, 0, 0)
        e.w.app_at = 0
    elif e.w.mode != REPLIES:
        schedule_next(e, 0)
    e.w.need = 0
