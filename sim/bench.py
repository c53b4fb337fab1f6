"""One endpoint against a scripted peer: packets are injected by hand, everything the endpoint sends is collected.

The endpoint is a whole TCP socket on its own host, driven by the same rules and the same loop as in a run; its peer and
the network do nothing by themselves. Scripts in packetdrill's manner stand on this, and so can a notebook:

    bench = Bench(host=Host(congestion="reno"), rtt_ns=10_000_000)
    bench.write(0, 100)
    bench.write(1_000_000, 100)              # held: Nagle
    bench.inject(10_000_000, ack=100)        # releases it
    [(p.at, p.seq, p.len) for p in bench.take()]

Times are ns from when the script begins, in the order of the calls; sequence numbers count data bytes from 0 in both
directions; windows are bytes. At equal times packets arrive first, then timers fire, then the application acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from models.application import wake_writer
from models.closing import send_fin
from models.connect import connect
from models.constants import (
    ACK_FLAG,
    FIN_FLAG,
    PSH_FLAG,
    TIMER_NONE,
    TIMER_PROBE0,
    TIMER_REO,
    TIMER_RTO,
    TIMER_TLP,
)
from models.delayed_ack import set_quickack
from models.link import link_send, next_slot
from models.options import set_congestion, set_cork, set_nodelay, set_notsent_lowat, set_sndbuf
from models.receive_window import set_rcvbuf, set_rcvlowat
from models.send_queue import sendmsg
from models.sources import resume
from models.state import COMING, INF, PACKETS, Endpoint, Packet, Path
from models.transmit import HEADERS, TIMESTAMPS, current_mss
from sim import loop
from sim.build import (
    CLOSED_LOOP,
    CONGESTION,
    set_host,
    set_link,
    set_reader,
    set_socket,
)
from sim.draws import link_draws
from sim.engine import LIMITS
from sim.errors import SimulationLimit
from sim.framing import set_framing
from sim.plain import new
from sim.scenario import Direction, Framing, Host

TIMERS = {TIMER_NONE: "none", TIMER_RTO: "rto", TIMER_TLP: "tlp", TIMER_REO: "reo", TIMER_PROBE0: "probe0"}
WINDOW = 65_535
"""The peer's window unless the script says otherwise, bytes."""

Block = tuple[int, int]


@dataclass(frozen=True)
class Sent:
    """A packet the endpoint sent."""

    at: int  # ns
    seq: int
    len: int
    ack: int
    win: int  # bytes
    flags: int
    tsval: int
    tsecr: int
    sacks: tuple[Block, ...]
    dsack: bool  # the first of `sacks` reports a duplicate
    retransmitted: bool
    skb: int  # where the skb begins that it was cut from

    @property
    def end(self) -> int:
        """The sequence number behind its data."""
        return self.seq + self.len

    @property
    def push(self) -> bool:
        """Does it carry PSH?"""
        return bool(self.flags & PSH_FLAG)


@dataclass(frozen=True)
class Offer:
    """The options of the peer's SYN or SYN-ACK; what it lacks is not used on the connection."""

    mss: int
    timestamps: bool = True
    sack: bool = True
    wscale: bool = True

    def agree(self, e: Endpoint, mtu: int) -> None:
        """Set what follows from the options of both ends (`tcp_parse_options`, `tcp_sync_mss`)."""
        e.timestamps = int(self.timestamps)
        e.sack_ok = int(self.sack)
        e.wscale_ok = int(self.wscale)
        own = mtu - HEADERS
        e.advmss = own - e.timestamps * TIMESTAMPS
        e.mss = min(self.mss, own) - e.timestamps * TIMESTAMPS


@dataclass
class Call:
    """A write() or read() of the script."""

    kind: str  # "write", "read"
    called: int  # ns
    asked: int
    done: int = 0  # bytes
    returned: int = -1  # ns; -1 while it blocks


def bursts(packets: Iterable[Sent]) -> Iterator[Sent]:
    """Packets as the stack handed them down: the segments of one skb, sent at one time, as one (what packetdrill sees).

    The PSH of the last one counts for all.
    """
    held: Sent | None = None
    for p in packets:
        if held is not None and p.len and (p.at, p.skb, p.seq) == (held.at, held.skb, held.end):
            held = replace(held, len=held.len + p.len, flags=held.flags | p.flags)
            continue
        if held is not None:
            yield held
        held = p
    if held is not None:
        yield held


class Bench:
    """An established connection's endpoint on its own.

    host: socket options, sysctls, congestion control, tick phase (0 unless given) and machine ("ideal": costs nothing).
    rtt_ns: what the handshake measured. window: what the peer offered then, bytes. mss: payload of a full segment;
    None: what the host's MTU leaves. server: the endpoint accepted the connection instead of opening it.
    peer: what the peer's SYN offered, if it is not a Linux of our time.
    reading: the application is a prompt reader; else it reads when `read` says so.
    framing: how `message` turns messages into write() calls.
    """

    def __init__(
        self,
        host: Host | None = None,
        *,
        rtt_ns: int = 10_000_000,
        window: int = WINDOW,
        mss: int | None = None,
        server: bool = False,
        peer: Offer | None = None,
        reading: bool = False,
        framing: Framing | None = None,
        checked: bool = False,
    ) -> None:
        host = host or Host()
        self.path = new(Path, checked)
        self.e: Endpoint = self.path.a
        self.sent: list[Sent] = []
        self.calls: list[Call] = []
        self.writable: list[int] = []
        """When a writer that had found no room was told that there is some again (EPOLLOUT), ns."""
        self.reading = reading
        self.taken = 0
        self.acked = 0
        self.window = window
        self.peer_nxt = 0
        self.echo = 0
        self._blocked: Call | None = None
        self._reader: Call | None = None
        self._connect(host, rtt_ns, mss, server, peer)
        set_framing(self.e, framing or Framing(), host.cork)
        self.e.w.total = CLOSED_LOOP

    def _connect(self, host: Host, rtt_ns: int, mss: int | None, server: bool, peer: Offer | None) -> None:
        """Both ends of a quiet path; then the peer and the distance are forgotten."""
        s = self.path
        delay = Direction(delay=rtt_ns // 2)
        set_link(s.ab, delay, link_draws(delay, 0, "up"))
        set_link(s.ba, delay, link_draws(delay, 0, "down"))
        for e, incoming, options in ((s.a, s.ba, host), (s.b, s.ab, Host())):
            set_socket(e, options)
            set_host(e, incoming, options, options.tick_phase or 0)
            if mss is not None:
                e.mss = e.advmss = mss
            if peer is not None:
                peer.agree(e, options.mtu)
        s.a.server = 1 if server else 0
        s.b.server = 1 - s.a.server
        s.until = INF - 1
        connect(s, rtt_ns + rtt_ns // 2)
        set_reader(s.a, host)
        s.a.r.waiting = 1 if self.reading else 0
        s.b.r.waiting = 0
        s.ab.delay = s.ba.delay = 0
        self.e.snd_wnd = self.e.max_window = self.window

    # ---- time

    @property
    def now(self) -> int:
        """The latest moment something happened, ns."""
        return self.path.now

    def next_deadline(self) -> int:
        """When the endpoint will do something by itself, ns; INF: never."""
        return loop.next_event(self.path)

    def advance(self, until: int) -> list[Sent]:
        """`run`, then wait until `until`; returns what was sent and not yet taken."""
        self._not_before(until)
        self.run(until)
        self.path.now = max(self.path.now, until)
        return self.take()

    def take(self) -> list[Sent]:
        """Packets sent since the last call of this or `advance`."""
        fresh = self.sent[self.taken :]
        self.taken = len(self.sent)
        return fresh

    def run(self, until: int) -> None:
        """Let everything happen that is due up to and including `until`."""
        while (at := loop.next_event(self.path)) < INF and at <= until:
            self._fire(at)

    def _fire(self, at: int) -> None:
        e = self.e
        searching = e.nospace
        before = e.copied_seq
        loop.fire(self.path, at)
        self._settle(searching)
        if self.path.kind == loop.READ and e.copied_seq > before:
            self._read_returned(e.copied_seq - before)

    def _settle(self, searching: int) -> None:
        """After anything that happened: collect what was sent, and notice calls that came back."""
        e, now = self.e, self.path.now
        self._collect()
        if searching and e.nospace == 0:
            self.writable.append(now)
        call = self._blocked
        if call is not None:
            call.done = call.asked - e.w.call_left
            if e.w.blocked == 0 and e.w.call_left == 0:
                call.returned = now
                self._blocked = None
        if e.err:
            raise SimulationLimit(f"{LIMITS.get(e.err, e.err)} at {now / 1e9:.3f} s")

    def _collect(self) -> None:
        """Take the packets off the link."""
        l = self.path.ab
        for j in range(l.len):
            p = l.q[(l.head + j) & (PACKETS - 1)]
            self.sent.append(self._describe(p))
        l.len = 0
        l.next = INF

    def _describe(self, p: Packet) -> Sent:
        blocks = ((p.s0, p.e0), (p.s1, p.e1), (p.s2, p.e2))[: p.nsack]
        self.echo = p.tsval
        return Sent(
            p.into, p.seq, p.len, p.ack, p.wnd, p.flags, p.tsval, p.tsecr, blocks, bool(p.dsack), bool(p.retrans),
            self._skb_of(p),
        )  # fmt: skip

    def _skb_of(self, p: Packet) -> int:
        """Where the skb begins that holds the packet's first byte."""
        i = self.e.rtx_head
        while p.len and i:
            k = self.e.skb[i]
            if k.seq <= p.seq < k.end:
                return k.seq
            i = k.next
        return p.seq

    # ---- the network's side

    def inject(
        self,
        at: int,
        *,
        ack: int | None = None,
        seq: int | None = None,
        length: int = 0,
        win: int | None = None,
        push: bool = False,
        fin: bool = False,
        sacks: Iterable[Block] = (),
        tsval: int | None = None,
        tsecr: int | None = None,
    ) -> None:
        """A packet of the peer arrives at `at`.

        What is not given is as a peer would have it: the next sequence number, the latest ACK number and window, its
        clock in ms, and an echo of the endpoint's latest timestamp. Of a DSACK the block comes first in `sacks`.
        """
        self._not_before(at)
        self.run(at - 1)
        s = self.path
        self.acked = self.acked if ack is None else ack
        self.window = self.window if win is None else win
        p = s.ba.q[next_slot(s.ba)]
        p.seq = self.peer_nxt if seq is None else seq
        p.len = length
        self.peer_nxt = max(self.peer_nxt, p.seq + length + fin)
        p.ack = self.acked
        p.wnd = self.window
        p.flags = ACK_FLAG | (PSH_FLAG if push else 0) | (FIN_FLAG if fin else 0)
        p.tsval = at // 1_000_000 if tsval is None else tsval
        p.tsecr = self.echo if tsecr is None else tsecr
        blocks = list(sacks)
        p.nsack = len(blocks)
        for i, (start, end) in enumerate(blocks):
            setattr(p, f"s{i}", start)
            setattr(p, f"e{i}", end)
        p.iplen = HEADERS + self.e.timestamps * TIMESTAMPS + length + (4 + 8 * len(blocks) if blocks else 0)
        link_send(s.ba, p, at)
        if s.ba.next <= at:
            self._fire(loop.next_event(s))

    # ---- the application's side

    def write(self, at: int, size: int, *, more: bool = False, eor: bool = False, block: bool = True) -> Call:
        """write() or send(MSG_MORE, MSG_EOR) of `size` bytes; without room it blocks, or returns what it took."""
        self._act(at)
        if self._blocked is not None:
            raise ValueError(f"the write() of {self._blocked.called / 1e9:.6f} s still blocks")
        e = self.e
        call = Call("write", at, size)
        self.calls.append(call)
        e.w.call_left = size
        e.w.call_more = 1 if more else 0
        e.w.copied = 0
        searching = e.nospace
        done = sendmsg(e, self.path.ab, at)
        if eor:
            e.skb[e.sq_tail or e.rtx_tail].eor = 1
        call.done = size - e.w.call_left
        if done or not block:
            call.returned = at
            e.w.call_left = e.w.blocked = 0
        else:
            self._blocked = call
        self._settle(searching)
        return call

    def message(self, at: int, *sizes: int) -> None:
        """Messages for the framer, all due at `at`: it decides about the write() calls."""
        self._not_before(at)
        self.run(at - 1)
        e, w = self.e, self.e.w
        for size in sizes:
            p = w.arrival[w.drawn & COMING]
            p.due = p.root = at
            p.size = size
            p.stall = 0
            w.drawn += 1
        if w.app_at == INF and w.called == w.queued == w.made:
            w.starved = 1
        self.path.now = at
        resume(e, at)
        self.run(at)

    def read(self, at: int, size: int = 1 << 30) -> Call:
        """read(): takes up to `size` bytes if there are any, else blocks until there are."""
        self._act(at)
        e = self.e
        call = Call("read", at, size)
        self.calls.append(call)
        self._reader = call
        e.r.size = size
        if e.rcv_nxt > e.copied_seq:
            e.r.waiting = 0
            e.r.runnable = at
            e.r.locked_from = at
            e.r.at = at + e.host.read_ns
            self.run(at)
        else:
            e.r.waiting = 1
        return call

    def close(self, at: int) -> None:
        """shutdown(SHUT_WR), or close() with nothing unread: FIN behind what is queued."""
        self._act(at)
        send_fin(self.e, self.path.ab, at)
        self._settle(self.e.nospace)

    def _read_returned(self, taken: int) -> None:
        if self._reader is not None:
            self._reader.done = taken
            self._reader.returned = self.path.now
            self._reader = None
        if not self.reading:
            self.e.r.waiting = 0
            self.e.r.at = INF

    def setsockopt(self, at: int, name: str, value: int | str) -> None:
        """TCP_NODELAY, TCP_CORK, TCP_QUICKACK, TCP_NOTSENT_LOWAT, TCP_CONGESTION, SO_SNDBUF, SO_RCVBUF, SO_RCVLOWAT."""
        self._act(at)
        e, l = self.e, self.path.ab
        searching = e.nospace
        if name == "TCP_CONGESTION":
            set_congestion(e, at, CONGESTION[str(value)])
            return
        n = int(value)
        if name == "TCP_NODELAY":
            set_nodelay(e, l, at, n)
        elif name == "TCP_CORK":
            set_cork(e, l, at, n)
        elif name == "TCP_QUICKACK":
            set_quickack(e, l, at, n)
        elif name == "TCP_NOTSENT_LOWAT":
            set_notsent_lowat(e, n)
        elif name == "SO_SNDBUF":
            set_sndbuf(e, n)
        elif name == "SO_RCVBUF":
            set_rcvbuf(e, n)
        elif name == "SO_RCVLOWAT":
            set_rcvlowat(e, n)
        else:
            raise ValueError(f"socket option {name!r} is not modelled")
        if e.wake:
            wake_writer(e, at)
        self._settle(searching)

    def _not_before(self, at: int) -> None:
        """Scripts go forward."""
        if at < self.path.now:
            raise ValueError(f"{at / 1e9:.6f} s lies before {self.path.now / 1e9:.6f} s, where the script has come to")

    def _act(self, at: int) -> None:
        """The application acts at `at`: whatever is due by then happens first."""
        self._not_before(at)
        self.run(at)
        self.path.now = max(self.path.now, at)

    # ---- what getsockopt(TCP_INFO) and SO_MEMINFO would say

    def info(self) -> dict[str, int]:
        """The socket as `struct tcp_info` shows it, units as there, and a few things only the kernel knows."""
        e = self.e
        jiffy_us = e.host.tick // 1000
        return {
            "tcpi_ca_state": e.ca_state,
            "tcpi_retransmits": e.retransmits,
            "tcpi_probes": e.probes_out,
            "tcpi_backoff": e.backoff,
            "tcpi_rto": e.rto,
            "tcpi_ato": e.ato * jiffy_us,
            "tcpi_snd_mss": current_mss(e),
            "tcpi_rcv_mss": e.rcv_mss,
            "tcpi_advmss": e.advmss,
            "tcpi_unacked": e.packets_out,
            "tcpi_sacked": e.sacked_out,
            "tcpi_lost": e.lost_out,
            "tcpi_retrans": e.retrans_out,
            "tcpi_rtt": e.srtt >> 3,
            "tcpi_rttvar": e.mdev >> 2,
            "tcpi_min_rtt": e.min_rtt_v0,
            "tcpi_rcv_rtt": e.rcv_rtt >> 3,
            "tcpi_rcv_space": e.rcvq_space,
            "tcpi_rcv_ssthresh": e.rcv_ssthresh,
            "tcpi_snd_ssthresh": e.ssthresh,
            "tcpi_snd_cwnd": e.cwnd,
            "tcpi_reordering": e.reordering,
            "tcpi_reord_seen": e.reord_seen,
            "tcpi_total_retrans": e.total_retrans,
            "tcpi_dsack_dups": e.dsack_dups,
            "tcpi_delivered": e.delivered,
            "tcpi_notsent_bytes": e.write_seq - e.snd_nxt,
            "tcpi_bytes_acked": e.snd_una,
            "tcpi_bytes_received": e.rcv_nxt,
            "tcpi_data_segs_out": e.data_segs_out,
            "tcpi_pacing_rate": e.pacing_rate,
            "tcpi_snd_wnd": e.snd_wnd,
            "tcpi_rcv_wnd": e.rcv_wnd,
            "tcpi_rcv_ooopack": e.rcv_ooopack,
            "wmem_queued": e.wmem_queued,
            "sndbuf": e.sndbuf,
            "rmem_alloc": e.rmem_alloc,
            "rcvbuf": e.rcvbuf,
            "quick": e.quick,
            "pingpong": e.pingpong,
            "ack_sched": e.ack_sched,
            "undos": e.undos,
        }

    def timer(self) -> tuple[str, int]:
        """What the retransmit timer is armed for ("none", "rto", "tlp", "reo", "probe0") and when it fires, ns."""
        return TIMERS[self.e.timer], self.e.timer_at
