"""The retransmit timer: one timer, four purposes (RTO, tail loss probe, RACK's reordering wait, zero-window probe).

Arming it for one purpose drops any other. Delays are in us here and become jiffies, rounded up, when the timer is
armed; internal pacing postpones it.

Linux: `tcp_reset_xmit_timer()`, `tcp_rto_delta_us()`, `tcp_probe0_base()`, `tcp_probe0_when()`,
`tcp_check_probe_timer()` in include/net/tcp.h; `tcp_rearm_rto()` in tcp_input.c.
"""

from __future__ import annotations

from models.constants import TIMER_NONE, TIMER_PROBE0, TIMER_REO, TIMER_RTO, TIMER_TLP
from models.state import INF, Endpoint
from models.timers import jiffies_to_usecs, tick_after, usecs_to_jiffies

PROBE0_MIN = 200_000
"""TCP_RTO_MIN, us: probes of a closed window start no faster."""
MAX_PROBE0_SHIFT = 10
"""ilog2(TCP_RTO_MAX / TCP_RTO_MIN) + 1"""


def arm(e: Endpoint, now: int, what: int, ticks: int) -> None:
    """The timer runs for `what` (TIMER_*), `ticks` jiffies from now (`inet_csk_reset_xmit_timer`)."""
    e.timer = what
    e.timer_at = tick_after(e.host, now, ticks)


def reset_unpaced(e: Endpoint, now: int, what: int, us: int) -> None:
    """Arm the timer for `what`, `us` from now at the earliest, never more than `rto_max`."""
    arm(e, now, what, usecs_to_jiffies(e.host, min(us, e.rto_max)))


def reset_xmit_timer(e: Endpoint, now: int, what: int, us: int) -> None:
    """The same, postponed by what internal pacing makes the next skb wait."""
    if e.wstamp <= now:
        reset_unpaced(e, now, what, us)
        return
    h = e.host
    ticks = usecs_to_jiffies(h, us) + (e.wstamp - now) // h.tick
    arm(e, now, what, min(ticks, usecs_to_jiffies(h, e.rto_max)))


def clear_xmit_timer(e: Endpoint) -> None:
    """Nothing to wait for."""
    e.timer = TIMER_NONE
    e.timer_at = INF


def rto_left(e: Endpoint, now: int) -> int:
    """us until the RTO that counts from the head's latest transmission; negative when it is overdue."""
    if e.rtx_head == 0:
        return e.rto
    sent = e.skb[e.rtx_head].sent
    if sent == now:
        return e.rto
    return sent // 1000 + e.rto - now // 1000


def rearm_rto(e: Endpoint, now: int) -> None:
    """RTO from now; from the head's transmission if a probe or the reordering wait had taken the timer over."""
    if e.packets_out == 0:
        clear_xmit_timer(e)
        return
    us = e.rto
    if e.timer == TIMER_REO or e.timer == TIMER_TLP:
        us = max(rto_left(e, now), 1)
    reset_xmit_timer(e, now, TIMER_RTO, us)


def probe0_base(e: Endpoint) -> int:
    """us until the first zero-window probe. It is also how long TCP_CORK can hold data."""
    h = e.host
    return max(e.rto, jiffies_to_usecs(h, usecs_to_jiffies(h, PROBE0_MIN)))


def probe0_when(e: Endpoint) -> int:
    """us until the next zero-window probe, backed off."""
    return min(probe0_base(e) << min(MAX_PROBE0_SHIFT, e.backoff), e.rto_max)


def probe0_timer(e: Endpoint, now: int) -> None:
    """Nothing is in flight and the queue cannot move: only a probe can get things going."""
    if e.packets_out == 0 and e.timer == TIMER_NONE:
        reset_xmit_timer(e, now, TIMER_PROBE0, probe0_base(e))
