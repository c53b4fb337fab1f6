"""The application's calls: what each does to the connection, and what it returns, or that it blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiments.packetdrill import polling
from experiments.packetdrill.connection import Connection
from experiments.packetdrill.kernel import BEFORE, LATER, Blocked, Kernel, Outcome, Returned, Socket
from experiments.packetdrill.script import OutOfScope, SystemCall
from sim.bench import Call

UNLIMITED = 2**32 - 1
"""tcp_notsent_lowat"""

NO_EFFECT = {"SO_REUSEADDR", "SO_REUSEPORT", "IP_TOS", "IP_MTU_DISCOVER", "IPV6_TCLASS", "SO_PRIORITY", "SO_LINGER"}
FLAGS = {"MSG_MORE", "MSG_EOR", "MSG_DONTWAIT", "MSG_NOSIGNAL", "0"}
BEYOND = {
    "MSG_ZEROCOPY": "zero-copy sends", "SO_ZEROCOPY": "zero-copy sends", "TCP_FASTOPEN": "TCP Fast Open",
    "MSG_FASTOPEN": "TCP Fast Open", "TCP_FASTOPEN_CONNECT": "TCP Fast Open", "MSG_OOB": "urgent data",
    "SO_TIMESTAMPING": "transmit timestamps", "TCP_USER_TIMEOUT": "TCP_USER_TIMEOUT",
    "TCP_MD5SIG": "TCP MD5 signatures", "MSG_ERRQUEUE": "the error queue", "MSG_PEEK": "MSG_PEEK",
    "TCP_MAXSEG": "TCP_MAXSEG", "TCP_INQ": "TCP_INQ",
}  # fmt: skip


def perform(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    """Do what the call does, at `at`."""
    if call.name not in CALLS:
        raise OutOfScope(line, f"{call.name}()")
    try:
        return CALLS[call.name](kernel, line, call, at)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise OutOfScope(line, f"{call.name}() with these arguments ({error})") from error


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
    if name == "TCP_NOTSENT_LOWAT" and value == 0:
        value = int(kernel.settings.sysctls.get("tcp_notsent_lowat", UNLIMITED))
    if s.connection and s.connection.established:
        s.connection.advance(at)
        s.connection.bench.setsockopt(s.connection.here(at), name, value)
        s.connection.collect()
    return _done(0, at)


def _getsockopt(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    fd, _, name, expected = call.arguments[:4]
    e = kernel.connected(line, fd).bench.e
    given = kernel.socket(line, fd).options
    known = {
        "SO_ERROR": 0, "SO_SNDBUF": e.sndbuf, "SO_RCVBUF": e.rcvbuf, "TCP_NODELAY": e.nonagle & 1,
        "TCP_CORK": e.nonagle >> 1 & 1, "TCP_MAXSEG": e.mss, "TCP_NOTSENT_LOWAT": given.get("TCP_NOTSENT_LOWAT", 0),
    }  # fmt: skip
    if name not in known:
        raise OutOfScope(line, f"the socket option {name}")
    return _compare(known[name], expected, str(name), at)


# ---- readiness --------------------------------------------------------------------------------------------------


def _poll(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    """Level-triggered, over any number of sockets."""
    asked = call.arguments[0]
    waits = call.arguments[2] != 0

    def finished() -> Returned | None:
        found = [(p, polling.ready(kernel.connected(line, p["fd"])) & polling.mask(p["events"])) for p in asked]
        if waits and not any(events for _, events in found):
            return None
        wrong = any(events != polling.mask(p.get("revents", 0)) for p, events in found)
        now = max(at, *(c.origin + c.bench.now for c in (kernel.connected(line, p["fd"]) for p in asked)))
        return _done(sum(bool(events) for _, events in found), now, "other events" if wrong else "")

    for p in asked:
        kernel.connected(line, p["fd"]).advance(at)
    return finished() or Blocked(finished)


def _epoll_create(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    kernel.sets[int(call.result)] = {}
    return _done(int(call.result), at)


def _epoll_ctl(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    which, action, fd, events = call.arguments
    if action == "EPOLL_CTL_DEL":
        kernel.sets[which].pop(fd)
        return _done(0, at)
    words = events["events"]
    watch = polling.Watch(kernel.connected(line, fd), polling.mask(words), polling.EDGE in words)
    kernel.sets[which][fd] = watch
    return _done(0, at)


def _epoll_wait(kernel: Kernel, line: int, call: SystemCall, at: int) -> Outcome:
    watched = kernel.sets[call.arguments[0]]
    expected, waits = call.arguments[1], call.arguments[3] != 0

    def finished() -> Returned | None:
        found = [(fd, events) for fd, watch in watched.items() if (events := watch.poll())]
        if waits and not found:
            return None
        first = found[0] if found else (expected.get("fd", 0), 0)
        wrong = first != (expected.get("fd", 0), polling.mask(expected["events"]))
        now = max([at, *(w.connection.origin + w.connection.bench.now for w in watched.values())])
        return _done(len(found), now, "other events" if wrong else "")

    for watch in watched.values():
        watch.connection.advance(at)
    return finished() or Blocked(finished)


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
    "poll": _poll, "epoll_create": _epoll_create, "epoll_ctl": _epoll_ctl, "epoll_wait": _epoll_wait,
    "fcntl": _fcntl, "ioctl": _ioctl, "setsockopt": _setsockopt, "getsockopt": _getsockopt,
    "write": _write, "writev": _write, "send": _write, "sendto": _write, "sendmsg": _write,
    "read": _read, "readv": _read, "recv": _read, "recvfrom": _read, "recvmsg": _read,
}  # fmt: skip
