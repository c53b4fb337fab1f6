"""What parameters and their values are called in tables, figures and advice."""

from __future__ import annotations

from collections.abc import Iterable

NAMES = {
    "workload.framing.buffer": "write buffer",
    "workload.framing.flush": "flush",
    "workload.load": "load",
    "workload.size": "size",
    "workload.interval": "interval",
    "policy.name": "policy",
    "server.sndbuf": "sndbuf",
    "client.sndbuf": "sndbuf",
    "server.nodelay": "NODELAY",
    "client.nodelay": "NODELAY",
    "server.notsent_lowat": "NOTSENT_LOWAT",
    "client.rcvbuf": "rcvbuf",
    "network.rtt": "RTT",
    "network.rate": "rate",
}
"""Parameters with a name of their own; the others are called by their last part."""

NOTHING = {"workload.framing.buffer": "none", "server.sndbuf": "auto", "client.sndbuf": "auto", "client.rcvbuf": "auto"}
"""What a size of 0 means, where it is no size."""


def name(path: str, among: Iterable[str] = ()) -> str:
    """A short name of a parameter; its whole path when another one in `among` would be called the same."""
    short = NAMES.get(path, path.rpartition(".")[2])
    clash = any(other != path and NAMES.get(other, other.rpartition(".")[2]) == short for other in among)
    return path if clash else short


def value(path: str, given: object) -> str:
    """A value as a person writes it: on and off, x8, none, 32KiB; a dash where the parameter does not apply."""
    if given is None:
        return "-"
    if isinstance(given, bool):
        return "on" if given else "off"
    if path in NOTHING and str(given) in {"0", "0B"}:
        return NOTHING[path]
    if path.endswith(".load") and isinstance(given, int | float):
        return f"x{given:g}"
    return str(given)


def counted(number: int, what: str) -> str:
    """`1 run`, `2,000 runs`; `what` is a plural, in s if it has another singular."""
    return f"{number:,} {what.removesuffix('s') if number == 1 else what}"


def milliseconds(ns: float) -> str:
    """Three figures, in ms, and no more than three decimals: 0.041, 5.50, 262."""
    return _figures(ns / 1e6)


def megabits(bps: float) -> str:
    """Three figures, in Mbit/s."""
    return _figures(bps / 1e6)


def _figures(number: float) -> str:
    magnitude = abs(number)
    if magnitude >= 100 or magnitude == 0:
        return f"{number:.0f}"
    return f"{number:.1f}" if magnitude >= 10 else f"{number:.2f}" if magnitude >= 1 else f"{number:.3f}"
