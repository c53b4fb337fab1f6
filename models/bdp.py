"""Estimators of the bandwidth-delay product, which enlarge HTTP/2 windows at run time.

All of them count the bytes that arrive between a PING and its acknowledgement. A PING and its ACK are 17 bytes each:
small segments that nobody answers, which is what makes a forced Nagle expensive under grpc-go (docs/model/http2.md).

* grpc-go: the first DATA frame after the previous acknowledgement sends the next PING, with no pause between. When the
  sample is at least two thirds of the estimate, and the bandwidth sample / 1.5 rtt is the highest so far, the windows
  become twice the sample.
* grpc-java: windows of twice the sample, when that is more than they are and the bandwidth since the PING is the
  highest so far. Every probe that changes nothing lets the next wait for half a window more of data, up to five
  windows. A client sends no third PING before it has written something else, since servers take offence at such.
* C-core: the estimate doubles (or becomes the sample) when more than two thirds of it arrived and the bandwidth grew;
  windows are twice the estimate. It pauses between PINGs: 100 ms, halved by every growth, after two probes without
  growth 100 ms more each time, up to 10 s. When the pause is over its timer sends the PING, if any data has come in it;
  else the next data does.

Sources: grpc-go `bdp_estimator.go`; grpc-java `AbstractNettyHandler.FlowControlPinger`,
`NettyClientHandler.PingCountingFrameWriter`; grpc `bdp_estimator.cc`, `flow_control.cc`, `chttp2_transport.cc`
(`next_bdp_ping_timer_expired_locked`).
"""

from __future__ import annotations

from models.constants import BDP_CORE, BDP_GO, BDP_JAVA, BDP_OFF
from models.state import INF, Endpoint

SECOND = 1_000_000_000
BOOTSTRAP = 10  # grpc-go: so many round trips are averaged ...
ALPHA_TENTHS = 9  # ... then each counts nine tenths
JAVA_PATIENCE = 10  # MAX_BACKOFF
JAVA_QUIET_PINGS = 2  # NettyClientHandler.PingCountingFrameWriter
CORE_ESTIMATE = 65_536
CORE_PAUSE = 100_000_000
CORE_LONGEST_PAUSE = 10 * SECOND


def may_probe(e: Endpoint, n: int, now: int) -> int:
    """No PING is out: may one go with this DATA of n bytes?"""
    h = e.h2
    if h.estimator == BDP_GO:
        return 1 if h.bdp < h.bdp_limit else 0
    if h.estimator == BDP_JAVA:
        enough = 2 * (h.sample + n) >= h.bdp * h.steady
        return 1 if enough and (e.server or h.quiet_pings < JAVA_QUIET_PINGS) else 0
    return 1 if now >= h.probe_due else 0


def wants_probe(e: Endpoint, n: int, now: int) -> int:
    """n bytes of DATA have been read. 1: send a PING now."""
    h = e.h2
    if h.estimator == BDP_OFF:
        return 0
    if h.probing == 0 and may_probe(e, n, now):
        start_probe(e)
        if h.estimator != BDP_CORE:
            h.sample = n
        return 1
    h.sample += n
    return 0


def start_probe(e: Endpoint) -> None:
    """A PING is to go; bytes count from here."""
    h = e.h2
    h.probing = 1
    h.sample = 0
    h.samples += 1


def timed_probe(e: Endpoint) -> int:
    """C-core's pause is over. 1: data came in it, send a PING now."""
    h = e.h2
    h.pause_at = INF
    if h.probing or h.sample == 0:
        return 0
    start_probe(e)
    return 1


def smooth_rtt(e: Endpoint, sample: int) -> None:
    """grpc-go's round-trip time: the mean of the first ten, then an average that forgets quickly."""
    h = e.h2
    if h.samples < BOOTSTRAP:
        h.rtt += (sample - h.rtt) // h.samples
    else:
        h.rtt += (sample - h.rtt) * ALPHA_TENTHS // 10


def probe_answered(e: Endpoint, now: int) -> int:
    """The PING's acknowledgement was read: the windows to have from now on, bytes, or 0 to leave them."""
    h = e.h2
    h.probing = 0
    elapsed = max(now - h.probe_at, 1)
    if h.estimator == BDP_GO:
        smooth_rtt(e, elapsed)
        elapsed = max(h.rtt * 3 // 2, 1)
    bandwidth = min(h.sample, 1 << 32) * SECOND // elapsed
    if h.estimator == BDP_CORE:
        return core_answered(e, bandwidth, now)
    if h.estimator == BDP_JAVA:
        return java_answered(e, bandwidth)
    enlarge = 3 * h.sample >= 2 * h.bdp and bandwidth >= h.bandwidth and h.bdp < h.bdp_limit
    h.bandwidth = max(h.bandwidth, bandwidth)
    if not enlarge:
        return 0
    h.bdp = min(2 * h.sample, h.bdp_limit)
    return h.bdp


def java_answered(e: Endpoint, bandwidth: int) -> int:
    """grpc-java's rule, and how patient the next probe is."""
    h = e.h2
    target = min(2 * h.sample, h.bdp_limit)
    if bandwidth <= h.bandwidth or target <= h.bdp:
        h.steady = min(h.steady + 1, JAVA_PATIENCE)
        return 0
    h.steady = 0
    h.bandwidth = bandwidth
    h.bdp = target
    return target


def core_answered(e: Endpoint, bandwidth: int, now: int) -> int:
    """C-core's rule, and when its next PING may go."""
    h = e.h2
    target = 0
    if 3 * h.sample > 2 * h.bdp and bandwidth > h.bandwidth:
        h.bdp = min(max(h.sample, 2 * h.bdp), h.bdp_limit // 2)
        h.bandwidth = bandwidth
        h.steady = 0
        h.probe_every //= 2
        target = 2 * h.bdp
    elif h.probe_every < CORE_LONGEST_PAUSE:
        h.steady += 1
        if h.steady >= 2:
            h.probe_every += CORE_PAUSE
    h.probe_due = h.pause_at = now + h.probe_every
    h.sample = 0
    return target
