"""The application's calls: what each does to the connection, and what it returns.

A call gives its result at once, or None while it blocks. `Kernel` is what the application sees: descriptors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from experiments.packetdrill.connection import Connection
from experiments.packetdrill.handshake import Opening
from experiments.packetdrill.script import OutOfScope, SystemCall
from experiments.packetdrill.shell import Settings
from sim.bench import Call
from sim.scenario import Host

TICKS = 1000
"""HZ of the kernels that packetdrill's own tolerance of 4 ms is meant for, and of the kernel's test configuration."""

NO_EFFECT = {"SO_REUSEADDR", "SO_REUSEPORT", "IP_TOS", "IP_MTU_DISCOVER", "IPV6_TCLASS", "SO_PRIORITY", "SO_LINGER"}
BEFORE = {"SO_RCVBUF", "TCP_CONGESTION"}
"""Options of a socket that is not connected yet which the handshake needs."""
LATER = {"SO_SNDBUF", "TCP_NODELAY", "TCP_CORK", "TCP_NOTSENT_LOWAT", "SO_RCVLOWAT", "TCP_QUICKACK"}
FLAGS = {"MSG_MORE", "MSG_EOR", "MSG_DONTWAIT", "MSG_NOSIGNAL", "0"}
BEYOND = {
    "MSG_ZEROCOPY": "zero-copy sends", "SO_ZEROCOPY": "zero-copy sends", "TCP_FASTOPEN": "TCP Fast Open",
    "MSG_FASTOPEN": "TCP Fast Open", "TCP_FASTOPEN_CONNECT": "TCP Fast Open", "MSG_OOB": "urgent data",
    "SO_TIMESTAMPING": "transmit timestamps", "TCP_USER_TIMEOUT": "TCP_USER_TIMEOUT",
    "TCP_MD5SIG": "TCP MD5 signatures", "MSG_ERRQUEUE": "the error queue", "MSG_PEEK": "MSG_PEEK",
    "TCP_MAXSEG": "TCP_MAXSEG", "TCP_INQ": "TCP_INQ",
}  # fmt: skip


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


def perform(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    """Do what the call does, at `at`."""
    if call.name not in CALLS:
        raise OutOfScope(line, f"{call.name}()")
    return CALLS[call.name](kernel, line, call, at)


def _done(value: int, at: int, errno: str = "") -> Returned:
    return Returned(value, errno, at)


def _refuse(line: int, words: str) -> None:
    """Options and flags that are beyond the model."""
    for word in words.split("|"):
        if word in BEYOND:
            raise OutOfScope(line, BEYOND[word])


# ---- descriptors ------------------------------------------------------------------------------------------------


def _socket(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    fd = int(call.result)
    kernel.sockets[fd] = Socket(nonblocking="SOCK_NONBLOCK" in str(call.arguments[1]))
    return _done(fd, at)


def _nothing(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    kernel.socket(line, call.arguments[0])
    return _done(0, at)


def _listen(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    kernel.socket(line, call.arguments[0]).listening = True
    return _done(0, at)


def _accept(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    s = kernel.socket(line, call.arguments[0])

    def finished() -> Returned | None:
        c = kernel.current
        if c is None or not c.established:
            return None
        fd = int(call.result)
        kernel.sockets[fd] = Socket(options=dict(s.options), connection=c)
        return _done(fd, max(at, c.origin))

    return finished() or (_done(-1, at, "EAGAIN") if s.nonblocking else Blocked(finished))


def _connect(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    s = kernel.socket(line, call.arguments[0])
    s.connection = c = kernel.current = Connection(kernel.open(s, False, at), kernel.settings.gso)
    if s.nonblocking:
        return _done(-1, at, "EINPROGRESS")

    def finished() -> Returned | None:
        return _done(0, c.origin) if c.established else None

    return Blocked(finished)


def _close(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    s = kernel.sockets.pop(call.arguments[0])
    if s.connection is None:
        return _done(0, at)
    if not s.connection.established:
        raise OutOfScope(line, "closing before the handshake is over")
    s.connection.advance(at)
    if s.connection.readable:
        raise OutOfScope(line, "closing with unread data (RST)")
    return _finish(s.connection, at)


def _shutdown(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    if call.arguments[1] != "SHUT_WR":
        raise OutOfScope(line, f"shutdown({call.arguments[1]})")
    return _finish(kernel.connected(line, call.arguments[0]), at)


def _finish(c: Connection, at: int) -> Outcome:
    """Send FIN, once."""
    c.advance(at)
    if c.bench.e.fin_sent == 0:
        c.bench.close(c.here(at))
        c.collect()
    return _done(0, at)


def _fcntl(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    s = kernel.socket(line, call.arguments[0])
    if call.arguments[1] == "F_SETFL":
        s.nonblocking = "O_NONBLOCK" in str(call.arguments[2])
        return _done(0, at)
    return _done(int(call.result), at)


def _ioctl(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    c = kernel.connected(line, call.arguments[0])
    e = c.bench.e
    known = {"SIOCINQ": c.readable, "FIONREAD": c.readable, "SIOCOUTQ": e.write_seq - e.snd_una}
    name, expected = call.arguments[1], call.arguments[2]
    if name not in known:
        raise OutOfScope(line, f"ioctl({name})")
    return _compare(known[name], expected, name, at)


def _compare(actual: int, expected: Any, name: str, at: int) -> Outcome:
    """A value that comes back through a pointer."""
    wanted = expected[0] if isinstance(expected, list) else expected
    return _done(0, at) if wanted in ("...", actual) else _done(0, at, f"{name} is {actual}")


# ---- options ----------------------------------------------------------------------------------------------------


def _setsockopt(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    fd, _, name, value = call.arguments[:4]
    s = kernel.socket(line, fd)
    value = value[0] if isinstance(value, list) else value
    _refuse(line, str(name))
    if name in NO_EFFECT:
        return _done(0, at)
    if name not in BEFORE | LATER:
        raise OutOfScope(line, f"the socket option {name}")
    s.options[name] = value
    if s.connection and s.connection.established:
        s.connection.advance(at)
        s.connection.bench.setsockopt(s.connection.here(at), name, value)
        s.connection.collect()
    return _done(0, at)


def _getsockopt(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    fd, _, name, expected = call.arguments[:4]
    e = kernel.connected(line, fd).bench.e
    known = {
        "SO_ERROR": 0, "SO_SNDBUF": e.sndbuf, "SO_RCVBUF": e.rcvbuf, "TCP_NODELAY": e.nonagle & 1,
        "TCP_CORK": e.nonagle >> 1 & 1, "TCP_MAXSEG": e.mss, "TCP_NOTSENT_LOWAT": e.notsent_lowat,
    }  # fmt: skip
    if name not in known:
        raise OutOfScope(line, f"the socket option {name}")
    return _compare(known[name], expected, str(name), at)


# ---- data -------------------------------------------------------------------------------------------------------


def _size(line: int, call: SystemCall) -> int:
    """How many bytes a read or write is about."""
    if call.name in {"sendmsg", "recvmsg"}:
        message = call.arguments[1]
        if isinstance(message, dict) and "msg_control" in message:
            raise OutOfScope(line, "control messages")
        return sum(int(part[1]) for part in message["msg_iov"])
    if call.name in {"writev", "readv"}:
        return sum(int(part[1]) for part in call.arguments[1])
    if call.arguments[1] == "NULL":
        raise OutOfScope(line, "bad pointers")
    return int(call.arguments[2])


def _flags(line: int, call: SystemCall) -> set[str]:
    """MSG_* of a send or receive."""
    at = {"send": 3, "sendto": 3, "recv": 3, "recvfrom": 3, "sendmsg": 2, "recvmsg": 2}.get(call.name)
    words = str(call.arguments[at]) if at is not None else "0"
    _refuse(line, words)
    flags = set(words.split("|"))
    if flags - FLAGS:
        raise OutOfScope(line, ", ".join(sorted(flags - FLAGS)))
    return flags


def _follow(c: Connection, call: Call) -> Blocked:
    """A call of the bench that will return some time."""

    def finished() -> Returned | None:
        return _done(call.done, c.origin + call.returned) if call.returned >= 0 else None

    return Blocked(finished)


def _write(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    c = kernel.connected(line, call.arguments[0])
    flags, size = _flags(line, call), _size(line, call)
    block = not (kernel.socket(line, call.arguments[0]).nonblocking or "MSG_DONTWAIT" in flags)
    c.advance(at)
    made = c.bench.write(c.here(at), size, more="MSG_MORE" in flags, eor="MSG_EOR" in flags, block=block)
    c.collect()
    if made.returned < 0:
        return _follow(c, made)
    return _done(made.done, at) if made.done or size == 0 else _done(-1, at, "EAGAIN")


def _read(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    c = kernel.connected(line, call.arguments[0])
    flags, size = _flags(line, call), _size(line, call)
    c.advance(at)
    if c.readable == 0 and (kernel.socket(line, call.arguments[0]).nonblocking or "MSG_DONTWAIT" in flags):
        return _done(-1, at, "EAGAIN")
    if c.readable == 0 and c.bench.e.fin_seen:
        return _done(0, at)
    made = c.bench.read(c.here(at), size)
    c.collect()
    return _done(made.done, at) if made.returned >= 0 else _follow(c, made)


CALLS: dict[str, Callable[[Kernel, int, SystemCall, int], Outcome]] = {
    "socket": _socket, "bind": _nothing, "listen": _listen, "accept": _accept, "connect": _connect, "close": _close,
    "shutdown": _shutdown,
    "fcntl": _fcntl, "ioctl": _ioctl, "setsockopt": _setsockopt, "getsockopt": _getsockopt,
    "write": _write, "writev": _write, "send": _write, "sendto": _write, "sendmsg": _write,
    "read": _read, "readv": _read, "recv": _read, "recvfrom": _read, "recvmsg": _read,
}  # fmt: skip
