"""poll() and epoll: what a socket is ready for, now (level-triggered) or since somebody was last told (edge-triggered).

Linux: `tcp_poll()`, `sk_stream_write_space()`, `ep_poll_callback()`, `ep_send_events()`.
"""

from __future__ import annotations

from dataclasses import dataclass

from experiments.packetdrill.connection import Connection
from models.sndbuf import writeable

IN, OUT = 1, 4
NAMES = {"POLLIN": IN, "EPOLLIN": IN, "POLLOUT": OUT, "EPOLLOUT": OUT}
EDGE = "EPOLLET"


def mask(words: object) -> int:
    """Events by name (`EPOLLOUT|EPOLLIN`) as bits; others do not count."""
    return sum(NAMES.get(word, 0) for word in str(words).split("|"))


def ready(c: Connection) -> int:
    """What the socket is ready for; not being writable is remembered, and the next space is announced."""
    e = c.bench.e
    found = IN if c.readable or e.fin_seen else 0
    if writeable(e):
        return found | OUT
    e.nospace = 1
    return found


@dataclass
class Watch:
    """A socket in an epoll set."""

    connection: Connection
    wanted: int
    edge: bool
    listed: bool = True  # on the ready list
    announced: tuple[int, int] = (-1, -1)

    def poll(self) -> int:
        """Events to report now."""
        news = self._news()
        if news != self.announced:
            self.listed = True
        self.announced = news
        if not self.listed:
            return 0
        found = ready(self.connection) & self.wanted
        self.listed = bool(found) and not self.edge
        return found

    def _news(self) -> tuple[int, int]:
        """Grows with every wake-up: space announced, data or FIN arrived."""
        bench = self.connection.bench
        return len(bench.writable), bench.e.rcv_nxt
