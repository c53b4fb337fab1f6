"""The connection under test: a bench, its place in the script's time, and what it sent that nobody asked for yet."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable

from experiments.packetdrill.chrono import Chrono
from experiments.packetdrill.handshake import Opening
from experiments.packetdrill.outbound import FIRST
from experiments.packetdrill.script import OutOfScope, Segment
from models.constants import ACK_FLAG
from models.timers import jiffies
from sim.bench import Bench, Sent, bursts


class Connection:
    """One TCP connection. Times are the script's, ns."""

    def __init__(self, opening: Opening, offload: bool) -> None:
        self.opening = opening
        self.seen: Callable[[Iterable[Sent]], Iterable[Sent]] = bursts if offload else iter
        """With segmentation offload a device gets whole skbs, else what becomes of them on the wire."""
        self.pending: deque[Sent] = deque()
        self.origin = 0
        self.stamps: dict[int, int] = {}
        """Timestamps of ours: as the script has them, as they were."""
        self._bench: Bench | None = None
        self.chrono: Chrono | None = None

    # ---- opening

    @property
    def established(self) -> bool:
        """Is the handshake over?"""
        return self._bench is not None

    @property
    def bench(self) -> Bench:
        """The endpoint; only once it is established."""
        if self._bench is None:
            raise RuntimeError("the handshake is not over")
        return self._bench

    def establish(self, at: int, window: int, pacing: bool) -> None:
        """The handshake is over; the peer offers `window` bytes."""
        self.origin = at
        self._bench = self.opening.connect(at, window)
        self._bench.e.pacing_on = max(self._bench.e.pacing_on, int(pacing))
        e = self._bench.e
        e.lrcvtime = e.lsndtime = jiffies(e.host, 0)  # the bench takes it to have been half a round trip earlier
        self.chrono = Chrono(self._bench)
        if not self.opening.server:
            self.pending.append(self.handshake_ack())

    def handshake_ack(self) -> Sent:
        """The third packet of the handshake."""
        e = self.bench.e
        return Sent(0, 0, 0, 0, e.rcv_wnd, ACK_FLAG, 0, 0, (), False, False, 0)

    @property
    def timestamps(self) -> bool:
        """Are they in use?"""
        return bool(self.bench.e.timestamps)

    # ---- time

    def here(self, at: int) -> int:
        """Script time on the bench."""
        return at - self.origin

    def collect(self) -> None:
        """What was sent since, in the script's time."""
        self.pending.extend(self.seen(self.bench.take()))
        if self.chrono:
            self.chrono.tick()

    def advance(self, at: int) -> None:
        """Let happen what is due up to and including `at`."""
        while (deadline := self.bench.next_deadline()) <= self.here(at):
            self.step(deadline)
        self.bench.path.now = max(self.bench.path.now, self.here(at))
        self.collect()

    def step(self, deadline: int) -> None:
        """Let happen what is due at `deadline` (the bench's time)."""
        self.pending.extend(self.seen(self.bench.advance(deadline)))
        if self.chrono:
            self.chrono.tick()

    def advance_until_sent(self, limit: int) -> None:
        """Go on until something is sent, but not beyond `limit`."""
        while not self.pending:
            deadline = self.bench.next_deadline()
            if deadline > self.here(limit):
                break
            self.step(deadline)

    # ---- packets in

    def inject(self, segment: Segment, at: int, line: int) -> None:
        """A packet of the script arrives."""
        if "R" in segment.flags:
            raise OutOfScope(line, "resets (RST)")
        if segment.ack is None:
            raise OutOfScope(line, "packets without ACK")
        e = self.bench.e
        if e.sack_ok == 0 and e.packets_out and segment.ack - FIRST == e.snd_una and segment.length == 0:
            raise OutOfScope(line, "duplicate ACKs without SACK (RFC 6582)")
        stamp = segment.option("TS")
        win = self.bench.window if segment.win is None else segment.win << self.opening.peer_scale()
        self.advance(at)
        self.bench.inject(
            self.here(at), ack=segment.ack - FIRST, seq=segment.seq - FIRST, length=segment.length, win=win,
            push="P" in segment.flags, fin="F" in segment.flags,
            sacks=[(a - FIRST, b - FIRST) for a, b in segment.blocks],
            tsval=stamp.values[0] if stamp else None,
            tsecr=self.stamps.get(stamp.values[1], stamp.values[1]) if stamp else None,
        )  # fmt: skip
        self.collect()

    # ---- what the application sees

    @property
    def readable(self) -> int:
        """Bytes a read() would find."""
        e = self.bench.e
        return e.rcv_nxt - e.copied_seq - e.fin_seen

    def info(self, at: int) -> dict[str, int]:
        """`struct tcp_info` and SO_MEMINFO."""
        self.advance(at)
        e = self.bench.e
        ms = e.host.tick // 1_000_000
        now = jiffies(e.host, self.here(at))
        known = self.bench.info()
        known |= self.chrono.info() if self.chrono else {}
        known["tcpi_last_data_recv"] = (now - e.lrcvtime) * ms
        known["tcpi_last_data_sent"] = (now - e.lsndtime) * ms
        known["SK_MEMINFO_RCVBUF"] = e.rcvbuf
        known["SK_MEMINFO_SNDBUF"] = e.sndbuf
        known["SK_MEMINFO_RMEM_ALLOC"] = e.rmem_alloc
        known["SK_MEMINFO_WMEM_QUEUED"] = e.wmem_queued
        return known
