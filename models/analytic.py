"""Closed forms: what can be worked out on paper, to hold the simulation against (`tinygram theory`).

Time is ns, data bytes, rates bit/s, as everywhere; means are floats. No rule uses these.
"""

from __future__ import annotations

from math import ceil, gcd

SECOND = 1_000_000_000


def serialisation(size: int, rate: int) -> int:
    """Time `size` bytes take on a link of `rate`."""
    return size * 8 * SECOND // rate


def bandwidth_delay_product(rate: int, rtt: int) -> int:
    """Bytes under way on a full path."""
    return rate * rtt // (8 * SECOND)


# ---- Nagle (RFC 896; RFC 9293 section 3.7.4) -------------------------------------------------------------------------


def nagle_hold_by_ack(interval: int, rtt: int) -> tuple[float, int]:
    """Mean and longest hold of small writes every `interval`, when the ACK of each segment returns after `rtt`.

    Valid while what is written in one `rtt` stays below one MSS. A segment leaves with each ACK, so departures are
    `rtt` apart and writes `interval` apart: the time from a write to the next departure takes each multiple of their
    greatest common divisor up to `rtt` equally often (a write at the very instant of an ACK comes after it). An ACK
    that is back before the next write holds nothing.
    """
    if rtt <= interval:
        return 0.0, 0
    return (rtt + gcd(interval, rtt)) / 2, rtt


def nagle_hold_by_mss(interval: int, wire: int, mss: int) -> tuple[float, int]:
    """Mean and longest hold of writes of `wire` bytes every `interval`, when no ACK comes in time: full segments only.

    A write whose last byte falls r bytes short of a segment's end waits for ceil(r / wire) more writes.
    """
    step = gcd(wire, mss)
    waits = [ceil(short / wire) * interval for short in range(0, mss, step)]
    return sum(waits) / len(waits), max(waits)


def write_write_read(rtt: int, ack_delay: int) -> int:
    """A request in two small writes, then its reply: the second write waits for the delayed ACK of the first."""
    return rtt + ack_delay + rtt


# ---- windows and buffers ---------------------------------------------------------------------------------------------


def window_limited_rate(window: int, rtt: int, unreturned: int = 0) -> int:
    """Rate of a sender that may have `window` bytes unreturned, of which the receiver always keeps back `unreturned`.

    TCP: one window a round trip. HTTP/2: a receiver that sends WINDOW_UPDATE when a quarter (grpc-go) or half (C-core,
    nghttp2) of the window has been consumed keeps back that much.
    """
    return (window - unreturned) * 8 * SECOND // rtt


def full_link_latency(quota: int, framer: int, sndbuf: int, rate: int) -> int:
    """Latency of a stream that always has something to send, at a full link of payload `rate`: all that lies before it.

    Linux doubles SO_SNDBUF and charges headers and slack to it; about three quarters are payload.
    """
    return serialisation(quota + framer + 3 * sndbuf // 2, rate)


def sndbuf_limited_rate(sndbuf: int, rtt: int) -> int:
    """Payload rate of a send buffer too small for the path: what it holds, once a round trip."""
    return window_limited_rate(3 * sndbuf // 2, rtt)


# ---- queues ----------------------------------------------------------------------------------------------------------


def mg1_wait(arrivals_per_s: float, service: float, service_squared: float) -> float:
    """Mean wait before service, Poisson arrivals and one server (Pollaczek and Khinchine); ns.

    `service` is the mean of the service time in ns, `service_squared` the mean of its square.
    ValueError when the server is not faster than the arrivals.
    """
    per_ns = arrivals_per_s / SECOND
    load = per_ns * service
    if load >= 1:
        raise ValueError(f"a load of {load:.2f} has no steady state")
    return per_ns * service_squared / (2 * (1 - load))


def md1_wait(load: float, service: float) -> float:
    """The same when every service takes `service`: load x service / (2 (1 - load))."""
    return mg1_wait(load / service * SECOND, service, service * service)


def mm1_wait(load: float, service: float) -> float:
    """The same for exponential services: twice that of equal ones."""
    return mg1_wait(load / service * SECOND, service, 2 * service * service)


def token_bucket_delay(backlog: int, burst: int, rate: int) -> int:
    """Until the last byte of `backlog` bytes that come at once has passed a full bucket of `burst` bytes."""
    return serialisation(max(0, backlog - burst), rate)
