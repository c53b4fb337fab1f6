"""What the application sees of the kernel: descriptors, the connection behind them, and calls that may block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from experiments.packetdrill.connection import Connection
from experiments.packetdrill.handshake import Opening
from experiments.packetdrill.polling import Watch
from experiments.packetdrill.script import OutOfScope
from experiments.packetdrill.shell import Settings
from sim.scenario import Host

TICKS = 1000
"""HZ of the kernels that packetdrill's own tolerance of 4 ms is meant for, and of the kernel's test configuration."""

BEFORE = {"SO_RCVBUF", "TCP_CONGESTION"}
"""Options of a socket that is not connected yet which the handshake needs."""
LATER = {"SO_SNDBUF", "TCP_NODELAY", "TCP_CORK", "TCP_NOTSENT_LOWAT", "SO_RCVLOWAT", "TCP_QUICKACK"}
"""Options that can wait for the connection."""


@dataclass
class Socket:
    """A descriptor."""

    nonblocking: bool = False
    listening: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    connection: Connection | None = None


@dataclass
class Returned:
    """What a call gave back, and when."""

    value: int
    errno: str = ""
    at: int = 0


@dataclass
class Blocked:
    """A call that has not returned."""

    finished: Callable[[], Returned | None]


Outcome = Returned | Blocked


@dataclass
class Kernel:
    """Descriptors and the one connection of the script."""

    settings: Settings
    mtu: int = 1500
    phase: int = 0  # ns: where the kernel's clock stands when the script begins
    sockets: dict[int, Socket] = field(default_factory=dict)
    sets: dict[int, dict[int, Watch]] = field(default_factory=dict)  # epoll
    current: Connection | None = None

    # ---- descriptors

    def socket(self, line: int, fd: Any) -> Socket:
        """The descriptor's socket."""
        if fd not in self.sockets:
            raise OutOfScope(line, f"descriptor {fd}, which is no socket of the script")
        return self.sockets[fd]

    def connected(self, line: int, fd: Any) -> Connection:
        """Its connection."""
        connection = self.socket(line, fd).connection
        if connection is None or not connection.established:
            raise OutOfScope(line, "calls on a socket that is not connected")
        return connection

    def listener(self) -> Socket | None:
        """Whoever waits for a SYN."""
        return next((s for s in self.sockets.values() if s.listening), None)

    def host(self, s: Socket) -> Host:
        """The machine as commands and socket options have set it up."""
        sysctls = self.settings.sysctls
        return Host(
            hz=TICKS, tick_phase=self.phase, mtu=self.mtu,
            congestion=s.options.get("TCP_CONGESTION", sysctls.get("tcp_congestion_control", "cubic")),
            rcvbuf=s.options.get("SO_RCVBUF", 0),
            sysctls=tuple((k, v) for k, v in sysctls.items() if k != "tcp_congestion_control"),
        )  # fmt: skip

    def open(self, s: Socket, server: bool, at: int) -> Opening:
        """A handshake begins."""
        return Opening(server, self.host(s), self.settings.sysctls.get("tcp_timestamps", "1") != "0", at)

    def inherit(self, c: Connection, options: dict[str, Any]) -> None:
        """Give a connection just established the options its socket was given before."""
        for name in LATER & options.keys():
            c.bench.setsockopt(0, name, options[name])
