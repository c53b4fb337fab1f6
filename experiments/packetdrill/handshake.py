"""Opening a connection: the model takes it as given, so what the kernel would answer is worked out here.

Options are in Linux's order (`tcp_options_write`); window and scale come from the model's rule for them.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.packetdrill.script import Option, Segment
from sim.bench import Bench, Offer
from sim.scenario import Host

MSS_DEFAULT = 536
MAX_UNSCALED = 65_535
FASTEST = 1_000
"""ns: the shortest round trip a handshake can show; scripts may answer at the same moment."""


@dataclass
class Opening:
    """A handshake under way."""

    server: bool
    host: Host
    timestamps: bool = True  # tcp_timestamps
    started: int = 0  # ns: when our SYN or SYN-ACK left
    syn: Segment | None = None  # the peer's SYN or SYN-ACK

    def offer(self) -> Offer:
        """What the peer's SYN says."""
        syn = self.syn
        if syn is None:
            return Offer(1460, self.timestamps)
        mss = syn.option("mss")
        return Offer(
            mss.values[0] if mss else MSS_DEFAULT,
            self.timestamps and syn.option("TS") is not None,
            syn.option("sackOK") is not None,
            syn.option("wscale") is not None,
        )

    def peer_scale(self) -> int:
        """How far the peer shifts its windows."""
        found = self.syn.option("wscale") if self.syn else None
        return found.values[0] if found else 0

    def connect(self, at: int, window: int) -> Bench:
        """The established connection; the peer offers `window` bytes."""
        rtt = max(at - self.started, FASTEST)
        return Bench(self.host, rtt_ns=rtt, window=window, server=self.server, peer=self.offer(), checked=True)

    def answer(self) -> tuple[tuple[Option, ...], int]:
        """Options and window field of our SYN or SYN-ACK."""
        probe = self.connect(self.started, 0).e
        offer = self.offer()
        found = [Option("mss", (self.host.mtu - 40,))]
        if offer.timestamps:
            found += [Option("sackOK")] if offer.sack else [Option("nop"), Option("nop")]
            found.append(Option("TS", (0, 0)))
        elif offer.sack:
            found += [Option("nop"), Option("nop"), Option("sackOK")]
        if offer.wscale:
            found += [Option("nop"), Option("wscale", (probe.rcv_wscale,))]
        return tuple(found), min(probe.rcv_wnd, MAX_UNSCALED)


def same_options(expected: tuple[Option, ...] | None, actual: tuple[Option, ...]) -> bool:
    """Same kinds in the same order with the same values; those of timestamps are not compared."""
    if expected is None:
        return True

    def shape(options: tuple[Option, ...]) -> list[tuple[str, tuple[int, ...]]]:
        return [(o.kind, () if o.kind == "TS" else o.values) for o in options]

    return shape(expected) == shape(actual)


def options_text(options: tuple[Option, ...]) -> str:
    """As a script writes them."""
    return ",".join(_text(o) for o in options)


def _text(o: Option) -> str:
    if o.kind == "sack":
        return "sack " + " ".join(f"{a}:{b}" for a, b in zip(o.values[::2], o.values[1::2], strict=True))
    if o.kind == "TS":
        return f"TS val {o.values[0]} ecr {o.values[1]}"
    return " ".join([o.kind, *map(str, o.values)])
