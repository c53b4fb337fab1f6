"""What a policy sees and may set at a control tick.

    def policy(tick):
        if tick.p99_ns > 200_000_000:
            tick.server.framer_buffer *= 2

Readings are of the tick's moment; rates and latencies of the window that ends with it. Settings are those of socket and
stack: assigning one does what the call would do in the kernel or the library, then and there (`models.options`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from models.admission import knock
from models.application import resize_buffer
from models.constants import NAGLE_CORK, NAGLE_OFF
from models.cpu import work
from models.delayed_ack import set_quickack
from models.options import set_congestion, set_cork, set_nodelay, set_notsent_lowat, set_sndbuf
from models.state import Endpoint, Link
from sim.build import CONGESTION

LARGEST = 1 << 30
"""No buffer or water mark is larger, bytes."""
LARGEST_RATE = 1_000_000_000
LEAST_RATE = 0.001
"""Messages a second; a slower sender is as slow as this."""
LARGEST_BURST = 1_000_000
UNLIMITED = 4_294_967_295
"""TCP_NOTSENT_LOWAT's default: no limit."""

Change = Callable[[int], object]
"""What carries out a setting; it is given the time, ns."""


def whole(name: str, value: object, least: int, most: int) -> int:
    """`value` as an int within bounds; ValueError names the setting and its bounds."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise ValueError(f"{name} = {value!r} is no number")
    if not least <= value <= most:
        raise ValueError(f"{name} = {value:,} is out of bounds: {least:,} to {most:,}")
    return int(value)


def spacing(rate: float) -> int:
    """ns between tokens, 0 for any number of them."""
    whole("rate", rate, 0, LARGEST_RATE)
    return int(1_000_000_000 / max(rate, LEAST_RATE)) if rate else 0


class End:
    """One end of the connection: readings, and settings that may be assigned.

    Sizes are bytes, times ns. A setting takes effect at once, or after the policy's dead time; until then it reads as
    it was. Assigning what is no setting is an AttributeError, a value out of bounds a ValueError.
    """

    __slots__ = ("_change", "_e", "_link")

    def __init__(self, e: Endpoint, link: Link, change: Callable[[Change], None]) -> None:
        self._e = e
        self._link = link
        self._change = change
        e.sampling = 1

    # ---- readings

    @property
    def wmem_queued(self) -> int:
        """Send-buffer memory in use: skb overhead included, until the ACK."""
        return self._e.wmem_queued

    @property
    def sk_sndbuf(self) -> int:
        """The kernel's limit for `wmem_queued`: SO_SNDBUF doubled, or what autotuning has come to."""
        return self._e.sndbuf

    @property
    def blocked(self) -> bool:
        """Does a write() wait for room in the send buffer?"""
        return bool(self._e.w.blocked)

    @property
    def buffered(self) -> int:
        """Bytes in the framer's write buffer."""
        return self._e.w.buffered

    @property
    def queued(self) -> int:
        """Bytes the stack has taken from the application and not yet framed."""
        return self._e.w.quota - self._e.w.quota_left

    @property
    def pending(self) -> int:
        """Messages that are due and that the application has not yet taken up."""
        return self._e.w.entered - self._e.w.called

    @property
    def degraded(self) -> int:
        """Messages so far that were answered with a few bytes (`admit`'s `limit`)."""
        return self._e.w.gate.degraded

    @property
    def notsent(self) -> int:
        """Bytes in the send queue that have never been sent."""
        return self._e.write_seq - self._e.snd_nxt

    @property
    def in_flight(self) -> int:
        """Bytes sent and not yet acknowledged."""
        return self._e.snd_nxt - self._e.snd_una

    @property
    def cwnd(self) -> int:
        """Congestion window, segments."""
        return self._e.cwnd

    @property
    def mss(self) -> int:
        """Payload of a full segment."""
        return self._e.mss

    @property
    def srtt_ns(self) -> int:
        """The kernel's smoothed round-trip time."""
        return (self._e.srtt >> 3) * 1000

    @property
    def min_rtt_ns(self) -> int:
        """The least round-trip time of the last 300 s."""
        return self._e.min_rtt_v0 * 1000

    @property
    def delivery_rate_bps(self) -> int:
        """The kernel's latest estimate of what the path delivers (tcpi_delivery_rate, in bit/s); 0: none yet."""
        e = self._e
        return e.rate_delivered * e.mss * 8_000_000 // e.rate_interval if e.rate_interval else 0

    @property
    def rcv_wnd(self) -> int:
        """TCP window this end offers its peer, bytes."""
        return self._e.rcv_wnd

    @property
    def window_updates(self) -> int:
        """HTTP/2 WINDOW_UPDATE frames this end has written."""
        return self._e.h2.updates

    @property
    def bytes_acked(self) -> int:
        """Bytes acknowledged so far."""
        return self._e.snd_una

    # ---- settings of the stack

    @property
    def framer_buffer(self) -> int:
        """The stack's write buffer, bytes; 0 = unbuffered. Smaller than what it holds: that is flushed first."""
        return self._e.w.buffer

    @framer_buffer.setter
    def framer_buffer(self, size: float) -> None:
        n = whole("framer_buffer", size, 0, LARGEST)
        if n == 0 and self._e.w.buffer == 0:
            return
        self._change(lambda now: resize_buffer(self._e, self._link, now, n))

    def work(self, ns: int) -> None:
        """Occupy the application's core for `ns`: what the policy's own doing costs (a lock, an allocation, a copy)."""
        n = whole("work", ns, 0, 3_600_000_000_000)
        self._change(lambda now: work(self._e.host, now, n))

    # ---- settings of the socket

    @property
    def sndbuf(self) -> int:
        """SO_SNDBUF as setsockopt() takes it; the kernel doubles it and stops tuning it."""
        return self._e.sndbuf // 2

    @sndbuf.setter
    def sndbuf(self, size: float) -> None:
        n = whole("sndbuf", size, 1, LARGEST)
        self._change(lambda now: set_sndbuf(self._e, n))

    @property
    def nodelay(self) -> bool:
        """TCP_NODELAY. Setting it pushes what Nagle holds."""
        return bool(self._e.nonagle & NAGLE_OFF)

    @nodelay.setter
    def nodelay(self, on: bool) -> None:
        self._change(lambda now: set_nodelay(self._e, self._link, now, 1 if on else 0))

    @property
    def cork(self) -> bool:
        """TCP_CORK. Clearing it pushes what is held, subject to Nagle."""
        return bool(self._e.nonagle & NAGLE_CORK)

    @cork.setter
    def cork(self, on: bool) -> None:
        self._change(lambda now: set_cork(self._e, self._link, now, 1 if on else 0))

    @property
    def notsent_lowat(self) -> int:
        """TCP_NOTSENT_LOWAT; 0 = unlimited."""
        return 0 if self._e.notsent_lowat >= UNLIMITED else self._e.notsent_lowat

    @notsent_lowat.setter
    def notsent_lowat(self, size: float) -> None:
        n = whole("notsent_lowat", size, 0, UNLIMITED) or UNLIMITED
        self._change(lambda now: set_notsent_lowat(self._e, n))

    @property
    def congestion(self) -> str:
        """TCP_CONGESTION: "reno", "cubic" or "bbr". A new one starts afresh from the window there is."""
        return next(name for name, cc in CONGESTION.items() if cc == self._e.cc)

    @congestion.setter
    def congestion(self, name: str) -> None:
        if name not in CONGESTION:
            raise ValueError(f"congestion = {name!r} is none of {', '.join(CONGESTION)}")
        self._change(lambda now: set_congestion(self._e, now, CONGESTION[name]))

    def quickack(self, on: bool = True) -> None:
        """TCP_QUICKACK: acknowledge now and for a while; off: be interactive. Not sticky."""
        self._change(lambda now: set_quickack(self._e, self._link, now, 1 if on else 0))

    # ---- the sender's limiter

    @property
    def paused(self) -> bool:
        """Does the application take up no message?"""
        return bool(self._e.w.gate.paused)

    @paused.setter
    def paused(self, on: bool) -> None:
        self._admit({"paused": 1 if on else 0})

    @property
    def rate(self) -> float:
        """Messages a second the application may take up (tokens); 0 = any number."""
        every = self._e.w.gate.every
        return 1_000_000_000 / every if every else 0.0

    @rate.setter
    def rate(self, messages_a_second: float) -> None:
        self.admit(rate=messages_a_second)

    def admit(
        self,
        *,
        rate: float | None = None,
        burst: int | None = None,
        high: int | None = None,
        low: int | None = None,
        backoff: int | None = None,
        backoff_max: int | None = None,
        limit: int | None = None,
        degraded_size: int | None = None,
    ) -> None:
        """Set the limiter (models/admission.py); what is not given stays.

        rate, burst: tokens a second and in the bucket. high, low: water marks of `queued`, bytes; they need a stack
        with a write quota. backoff, backoff_max: first and longest wait (ns) while less than half of the tokens are
        left. limit, degraded_size: due messages that may wait, and what one too many is answered with (bytes).
        """
        new: dict[str, int] = {}
        if rate is not None:
            new = {"every": spacing(rate), "burst": max(1, self._e.w.gate.burst)}
        bounded = (
            ("burst", burst, 1, LARGEST_BURST), ("high", high, 0, LARGEST), ("low", low, 0, LARGEST),
            ("backoff", backoff, 0, 3_600_000_000_000), ("backoff_max", backoff_max, 0, 3_600_000_000_000),
            ("limit", limit, 0, 4_096), ("degraded_size", degraded_size, 1, LARGEST),
        )  # fmt: skip
        new |= {name: whole(name, value, least, most) for name, value, least, most in bounded if value is not None}
        if new.get("high") and not self._e.w.quota:
            raise ValueError("water marks need a stack that queues: set workload.framing.quota")
        if new.get("high", 0) > self._e.w.quota:
            raise ValueError(f"high = {new['high']:,} is never reached: workload.framing.quota is {self._e.w.quota:,}")
        self._admit(new)

    def _admit(self, new: dict[str, int]) -> None:
        def change(now: int) -> None:
            for name, value in new.items():
                setattr(self._e.w.gate, name, value)
            knock(self._e.w, now)

        self._change(change)


@dataclass(frozen=True)
class Tick:
    """One control tick. Latencies are ns from intended time to read, NaN when the window delivered nothing.

    A comparison with NaN is false, so a rule that compares keeps what it has.
    """

    number: int  # 0 is before the first message
    now_ns: int
    window_ns: int
    offered: int  # messages that came due in the window
    sent: int  # ... that the application took up
    delivered: int  # ... that were read
    bytes: int  # payload that was read
    offered_rate: float  # messages a second
    rate: float  # messages read a second
    throughput_bps: float
    mean_ns: float
    p50_ns: float
    p90_ns: float
    p99_ns: float
    max_ns: float
    held: dict[str, int]  # ns since the last tick that each cause held something back at the sender
    server: End
    client: End
    sender: End  # the one of the two whose messages are measured
    receiver: End
    memory: dict[str, Any] = field(repr=False)
    """The policy's own notes; empty when the run begins."""
