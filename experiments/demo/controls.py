"""What the page can set: one control a key of the scenario file, shown where it applies.

Keys are relative to the roles: `{sender}` and `{receiver}` stand for the hosts, `{way}` for the direction of the data.
Nothing else can be set from the page, so no request of a browser makes the server open a file or run a policy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from experiments.dump import quantity_of
from models.systems import SYSTEMS
from sim.scenario import Framing, Host, Scenario, Workload
from sim.units import DURATION, RATE, SIZE

Kind = Literal["range", "choice", "switch", "count", "list"]

MESSAGES_MAX = 400
"""Messages of one request; more would neither be drawn nor be read by anybody."""


def _stream(s: Scenario) -> bool:
    return s.workload.kind == "stream"


def _requests(s: Scenario) -> bool:
    return not _stream(s)


def _sized(s: Scenario) -> bool:
    return _stream(s) and not s.workload.trace and not s.workload.sizes


def _paced(s: Scenario) -> bool:
    return _stream(s) and s.workload.arrivals not in {"trace", "greedy"}


def _polls(s: Scenario) -> bool:
    return _receiver(s).reader == "polling"


def _flushes(s: Scenario) -> bool:
    return _stream(s) and s.workload.framing.buffer > 0


def _flushes_by_timer(s: Scenario) -> bool:
    return _flushes(s) and s.workload.framing.flush == "timer"


def _always(_: Scenario) -> bool:
    return True


def _choices(table: type, key: str) -> tuple[str, ...]:
    """What a field of several words takes."""
    hint = get_type_hints(table)[key]
    words = get_args(hint)
    return tuple(word for word in words if isinstance(word, str))


@dataclass(frozen=True)
class Control:
    """One control. `steps` are the values its slider stops at, or the words to choose from."""

    group: str
    key: str
    label: str
    kind: Kind
    steps: tuple[str, ...] = ()
    hint: str = ""
    applies: Callable[[Scenario], bool] = _always

    def path(self, s: Scenario) -> str:
        """Its key in this scenario."""
        return self.key.format(**roles(s))


TIMES = ("1ms", "2ms", "3ms", "5ms", "8ms", "10ms", "15ms", "20ms", "30ms", "50ms", "100ms", "200ms", "500ms")
SIZES = ("1B", "16B", "64B", "128B", "200B", "512B", "1KiB", "1448B", "2KiB", "4KiB", "8KiB", "16KiB", "64KiB")
BUFFERS = ("0B", "512B", "1KiB", "2KiB", "4KiB", "8KiB", "16KiB", "32KiB", "64KiB", "128KiB")
SENDBUFS = ("auto", "4KiB", "8KiB", "16KiB", "32KiB", "64KiB", "128KiB", "256KiB")
TRIPS = ("0ms", "200us", "1ms", "2ms", "5ms", "10ms", "20ms", "30ms", "50ms", "80ms", "120ms", "200ms", "300ms")
RATES = (
    "unlimited", "100Mbit/s", "20Mbit/s", "10Mbit/s", "5Mbit/s", "2Mbit/s", "1Mbit/s", "750kbit/s", "500kbit/s",
    "250kbit/s", "64kbit/s",
)  # fmt: skip
CHANCES = ("0%", "0.5%", "1%", "2%", "3%", "5%", "10%", "20%")
DELAYS = ("0ms", "5ms", "10ms", "20ms", "40ms", "60ms", "100ms", "200ms", "400ms")

SYSTEM_HINT = "whose TCP: its Nagle, its delayed ACK, its timers"

CONTROLS = (
    Control("Traffic", "workload.size", "message size", "range", SIZES, applies=_sized),
    Control("Traffic", "workload.pieces", "request, in writes of", "list", hint="64B, 128B", applies=_requests),
    Control("Traffic", "workload.reply", "reply, in writes of", "list", hint="64B", applies=_requests),
    Control("Traffic", "workload.think", "pause before the next", "range", ("0ms", *TIMES), applies=_requests),
    Control("Traffic", "workload.interval", "interval", "range", TIMES, applies=_paced),
    Control("Traffic", "workload.arrivals", "arrivals", "choice", ("periodic", "poisson", "bursts", "greedy"),
            "how messages are spaced", _sized),
    Control("Traffic", "workload.messages", "messages", "count", (f"{MESSAGES_MAX}",), f"1 to {MESSAGES_MAX}"),
    Control("Sender", "{sender}.nodelay", "TCP_NODELAY", "switch", hint="off: Nagle's algorithm is on"),
    Control("Sender", "workload.framing.buffer", "write buffer", "range", BUFFERS, "of the framer; 0: none", _stream),
    Control("Sender", "workload.framing.flush", "flush", "choice", _choices(Framing, "flush"),
            "when the buffer is written to the socket", _flushes),
    Control("Sender", "workload.framing.flush_after", "flush after", "range", TIMES, applies=_flushes_by_timer),
    Control("Sender", "{sender}.sndbuf", "SO_SNDBUF", "range", SENDBUFS, "the kernel doubles it"),
    Control("Sender", "{sender}.cork", "TCP_CORK", "choice", _choices(Host, "cork")),
    Control("Sender", "{sender}.os", "system", "choice", tuple(SYSTEMS), SYSTEM_HINT),
    Control("Network", "network.rtt", "round trip", "range", TRIPS),
    Control("Network", "network.rate", "rate", "range", RATES),
    Control("Network", "network.{way}.spikes.probability", "spiked packets", "range", CHANCES, "share of the packets"),
    Control("Network", "network.{way}.spikes.delay", "spike", "range", DELAYS[1:], "how late a spiked packet is"),
    Control("Network", "network.{way}.jitter", "jitter", "range", DELAYS, "at most so much for any packet"),
    Control("Network", "network.{way}.loss", "loss", "range", CHANCES, "share of the packets"),
    Control("Receiver", "{receiver}.nodelay", "TCP_NODELAY", "switch", hint="for its replies", applies=_requests),
    Control("Receiver", "{receiver}.quickack", "TCP_QUICKACK", "choice", _choices(Host, "quickack"),
            "set by the application: turns delayed ACKs off, or quick ones"),
    Control("Receiver", "{receiver}.reader", "reader", "choice", _choices(Host, "reader"),
            "when the application calls read()"),
    Control("Receiver", "{receiver}.read_every", "reads every", "range", TIMES, applies=_polls),
    Control("Receiver", "{receiver}.os", "system", "choice", tuple(SYSTEMS), SYSTEM_HINT),
)  # fmt: skip


def roles(s: Scenario) -> dict[str, str]:
    """Who is who: the hosts by role, and the direction of the data."""
    sender = s.workload.sender
    receiver, way = ("server", "up") if sender == "client" else ("client", "down")
    return {"sender": sender, "receiver": receiver, "way": way}


def _receiver(s: Scenario) -> Host:
    host: Host = getattr(s, roles(s)["receiver"])
    return host


def keys() -> set[str]:
    """Every key a page may set, whoever sends."""
    both = ({"sender": "client", "receiver": "server", "way": "up"},
            {"sender": "server", "receiver": "client", "way": "down"})  # fmt: skip
    return {control.key.format(**who) for control in CONTROLS for who in both}


def shown(s: Scenario) -> Iterator[dict[str, Any]]:
    """The controls that apply to a scenario, with its values as a file writes them."""
    for control in CONTROLS:
        if control.applies(s):
            path = control.path(s)
            has = value(s, path)
            told = {
                "group": control.group, "key": path, "label": control.label, "kind": control.kind,
                "steps": control.steps, "hint": control.hint, "value": has,
            }  # fmt: skip
            yield told | ({"nearest": nearest(control.steps, has)} if control.kind == "range" else {})


def nearest(steps: tuple[str, ...], text: str) -> int:
    """Where a slider with these stops stands for a value: at it, or at the one whose ratio to it is nearest 1."""
    if text in steps:
        return steps.index(text)
    away = {i: abs(math.log((1 + _number(step)) / (1 + _number(text)))) for i, step in enumerate(steps)}
    return min(away, key=lambda i: away[i])


def _number(text: str) -> float:
    """A value's size in base units, or in thousandths of a per cent; words mean no limit."""
    if text.endswith("%"):
        return 1000 * float(text.removesuffix("%"))
    for kind in (DURATION, SIZE, RATE):
        with suppress(ValueError):
            return kind.parse(text)
    return math.inf


def value(s: Scenario, path: str) -> Any:
    """A scenario's value at a key of its file, as the file writes it."""
    if path == "network.rtt":
        return _text(s.network.up.delay + s.network.down.delay, get_type_hints(Workload, include_extras=True)["think"])
    if path == "network.rate":
        path = f"network.{roles(s)['way']}.rate"
    record: Any = s
    *above, last = path.split(".")
    for step in above:
        record = getattr(record, step)
    found = getattr(record, last)
    if found == 0 and last in {"sndbuf", "rate"}:
        return {"sndbuf": "auto", "rate": "unlimited"}[last]
    return _text(found, get_type_hints(type(record), include_extras=True)[last])


def _text(found: Any, hint: Any) -> Any:
    kind = quantity_of(hint)
    if isinstance(found, float):
        return f"{100 * found:.6g}%"
    if isinstance(found, tuple):
        return ", ".join(kind.format(part) if kind else str(part) for part in found)
    if kind is None:
        return found
    return "0ms" if kind.name == "duration" and not found else kind.format(found)
