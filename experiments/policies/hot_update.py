"""Set socket options of the live connection once, at a given time, as an operator's hot update does.

setsockopt() acts on established sockets too. An update that reaches new connections only (an option of the listening
socket, a sysctl) is a scenario of its own: the same options under [server], and no policy.

Rows 3.04, 4.15, 4.17 of the source.
"""

from __future__ import annotations

from sim.tick import Tick
from sim.units import Duration, Size


def hot_update(
    tick: Tick,
    at: Duration = 1_000_000_000,
    nodelay: str = "keep",
    congestion: str = "keep",
    sndbuf: Size = 0,
    notsent_lowat: Size = -1,
) -> None:
    """at: not before this time, ns. nodelay: "on", "off" or "keep". sndbuf, notsent_lowat: kept unless given."""
    if tick.now_ns < at or tick.memory:
        return
    tick.memory["done"] = True
    if nodelay != "keep":
        tick.sender.nodelay = nodelay == "on"
    if congestion != "keep":
        tick.sender.congestion = congestion
    if sndbuf:
        tick.sender.sndbuf = sndbuf
    if notsent_lowat >= 0:
        tick.sender.notsent_lowat = notsent_lowat
