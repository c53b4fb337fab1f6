"""A recording's specification as a scenario: what was set, and what happened outside the TCP stack.

Nothing that TCP produced is read: only `spec`, the tick phase and sysctls of `environment`, and the sysctls of a
`manifest.json` beside the file. Random losses and spikes follow the recordings' documented decision function of seed,
purpose, direction and packet index, which goes on where a recording ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from experiments.groundtruth.record import own
from experiments.groundtruth.specification import complete
from sim import Direction, Framing, Host, Network, Problem, Scenario, ScenarioError, Spikes, Workload
from sim.build import SYSCTLS, TRIPLES, Luck

US = 1_000
HZ = 250
LOSS, SPIKE = 1, 2
HOST_PROFILE = "linux-vm"
MANIFEST = "manifest.json"
QUICKACK = ("", "once", "every-read", "off-once", "off-every-read")
CORK = ("off", "always", "per-message")
UNLIMITED_FRAME = 1 << 30
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True)
class Recording:
    """What was set for one recorded run."""

    spec: dict[str, Any]
    hz: int
    phase: int  # CLOCK_MONOTONIC at time 0, ns: where the ticks lie
    sysctls: tuple[tuple[str, str], ...]

    @property
    def id(self) -> str:
        """The scenario's name."""
        return str(self.spec["id"])

    @property
    def directions(self) -> tuple[str, ...]:
        """What its messages are told apart by: `s2c`, `c2s`, or `rr` for request-response."""
        if "rr" in self.spec["traffic"]:
            return ("rr",)
        return tuple(sorted("c2s" if s["from"] == "client" else "s2c" for s in self.spec["traffic"]["stream"]))


def splitmix64(x: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Steele, Lea and Flood's generator as a hash."""
    with np.errstate(over="ignore"):
        z = x + GOLDEN
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def decisions(seed: int, purpose: int, direction: int, first: int, n: int) -> NDArray[np.float64]:
    """u in [0, 1) for packets first .. first + n - 1 of a direction (0 client to server)."""
    base = np.array([seed + purpose * 0x1000003 + direction * 0x10001], np.uint64)
    with np.errstate(over="ignore"):
        numbers: NDArray[np.uint64] = np.arange(first, first + n, dtype=np.uint64)
        hashed = splitmix64(np.add(splitmix64(base), numbers))
    return (hashed >> np.uint64(11)).astype(np.float64) * 2.0**-53


class RecordedLuck:
    """The wire's random decisions of one direction, as far as they are asked for."""

    def __init__(self, path: Mapping[str, Any], name: str) -> None:
        self.direction = 0 if name == "c2s" else 1
        self.seed = int(path["seed"])
        self.loss = float(path[f"loss_{name}"])
        self.probability = float(path[f"spike_prob_{name}"])
        self.spike_ns = int(path["spike_us"] * US)
        self.random = int(self.loss > 0 or self.probability > 0)
        self.drawn = 0

    def fill(self, n: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """`lost`, `jitter` and `spike` of the next n packets; packet 0 is the SYN, which is spared."""
        index = np.arange(self.drawn, self.drawn + n)
        hit = [
            (decisions(self.seed, purpose, self.direction, self.drawn, n) < p) & (index > 0)
            for purpose, p in ((LOSS, self.loss), (SPIKE, self.probability))
        ]
        self.drawn += n
        return hit[0].astype(np.int64), np.zeros(n, np.int64), hit[1] * np.int64(self.spike_ns)


def luck(recording: Recording) -> tuple[int, Luck | None]:
    """Seed and packets' fates: the wire's, or for recordings of one's own those of the seed (None).

    The seed is the recording's: it also draws what the kernel drew at random and nobody recorded (BBR's phase).
    """
    if own.is_own(recording.spec):
        return own.seed(recording.spec), None
    path = recording.spec["path"]
    return int(path["seed"]), (RecordedLuck(path, "c2s"), RecordedLuck(path, "s2c"))


def read(file: Path) -> Recording:
    """What was set of one recording. Raises ScenarioError with every mistake in it."""
    content = _json(file)
    spec, problems = complete(content.get("spec"), file.name)
    environment = content.get("environment")
    environment = environment if isinstance(environment, dict) else {}
    hz = environment.get("hz", HZ)
    phase = environment.get("t0_monotonic_ns", spec["start"]["phase_us"] * US if spec else 0)
    if not isinstance(hz, int) or not 1 <= hz <= 10_000:
        problems.append(Problem(f"{file.name}: environment.hz", f"is {hz!r}", "give the kernel's HZ"))
    if not isinstance(phase, int | float) or phase < 0:
        problems.append(Problem(f"{file.name}: environment.t0_monotonic_ns", f"is {phase!r}", "give ns"))
    if problems:
        raise ScenarioError(problems)
    sysctls = _manifest(file.parent) | _tcp(environment.get("nsenv")) | _tcp(spec["host"]["sysctls"])
    return Recording(spec, int(hz), int(phase), tuple(sorted(sysctls.items())))


def _json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ScenarioError(
            [Problem(str(file), (error.strerror or str(error)).lower(), "name an existing file")]
        ) from None
    except ValueError as error:
        raise ScenarioError([Problem(str(file), f"is not JSON ({error})", "name a recording's .json file")]) from None
    if not isinstance(content, dict) or "spec" not in content:
        raise ScenarioError([Problem(str(file), 'has no "spec"', "name a recording's .json file")])
    return content


@cache
def _manifest(folder: Path) -> dict[str, str]:
    """The machine's sysctls, from a manifest.json in the recording's folder, if there is one."""
    file = folder / MANIFEST
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ScenarioError([Problem(str(file), f"cannot be read ({error})", "mend or remove it")]) from None
    return _tcp(content.get("sysctls_init_net")) if isinstance(content, dict) else {}


def _tcp(sysctls: Any) -> dict[str, str]:
    """The sysctls of a table that the model honours."""
    known = {}
    for key, value in sysctls.items() if isinstance(sysctls, dict) else ():
        name = key.removeprefix("net.ipv4.")
        if name in SYSCTLS or name in TRIPLES:
            numbers = 3 if name in TRIPLES else 1
            if not re.fullmatch(r"\d+" + r"\s+\d+" * (numbers - 1), str(value).strip()):
                raise ScenarioError([Problem(f"sysctl {key}", f"is {value!r}", f"give {numbers} whole number(s)")])
            known[name] = str(value)
    return known


def direction(path: Mapping[str, Any], name: str, number: int) -> Direction:
    """One direction of the path; losses and spikes come from `RecordedLuck`."""
    return Direction(
        rate=int(path[f"rate_{name}_bps"]),
        delay=round(path[f"delay_{name}_us"] * US),
        queue=int(path[f"limit_{name}_bytes"]),
        loss=float(path[f"loss_{name}"]),
        spikes=Spikes(float(path[f"spike_prob_{name}"]), int(path["spike_us"] * US)),
        stalls=tuple((int(start * US), int(length * US)) for way, start, length in path["stalls"] if way == number),
    )


def host(recording: Recording, name: str) -> Host:
    """One endpoint's options, in the kernel's and the harness's terms."""
    options, machine = recording.spec[name], recording.spec["host"]
    shaper = machine["tbf"] if machine["tbf"] and machine["tbf"]["side"] == name else None
    return Host(
        nodelay=bool(options["nodelay"]),
        cork=CORK[options["cork"]],  # type: ignore[arg-type]
        sndbuf=options["sndbuf"],
        rcvbuf=options["rcvbuf"],
        congestion=options["cc"],
        quickack=QUICKACK[options["quickack"]],  # type: ignore[arg-type]
        hz=recording.hz,
        tick_phase=recording.phase,
        reader="slow" if options["rddelay_us"] else "prompt",
        read_size=options["rdsize"],
        read_pause=int(options["rddelay_us"] * US),
        read_start=int(options["rdstart_us"] * US),
        gso_segments=machine["gso_max_segs"] or 65_535,
        sysctls=recording.sysctls,
        profile=HOST_PROFILE,
        shaper_rate=shaper["rate_bps"] if shaper else 0,
        shaper_burst=shaper["burst"] if shaper else 0,
        shaper_limit=shaper["limit"] if shaper else 0,
    )


def framing(stream: Mapping[str, Any]) -> Framing:
    """The harness's ways of writing header and payload."""
    kind, header = stream["frame"], stream["header"] or 9
    if kind == "plain":
        return Framing()
    if kind == "buf":
        return Framing(
            header=header, pieces=2, buffer=stream["bufsize"] or 4_096, flush="per-message",
            flush_every=stream["flush_every"], max_frame=UNLIMITED_FRAME,
        )  # fmt: skip
    pieces = 1 if kind == "writev" else 2
    return Framing(header=header, pieces=pieces, more=kind == "more", max_frame=UNLIMITED_FRAME)  # type: ignore[arg-type]


def stream(s: Mapping[str, Any]) -> Workload:
    """One of the harness's one-way streams."""
    return Workload(
        sender=s["from"],
        arrivals="greedy" if s["interval_us"] < 0 else "periodic",
        interval=max(0, int(s["interval_us"] * US)),
        offset=int(s["offset_us"] * US),
        messages=s["count"],
        sizes=tuple(s["sizes"]),
        burst=s["burst"],
        framing=framing(s),
    )


def transactions(r: Mapping[str, Any]) -> Workload:
    """The harness's closed loop."""
    return Workload(
        kind="request-response",
        sender="client",
        messages=r["count"],
        pieces=tuple(r["pieces"]),
        reply=tuple(r["reply"]),
        think=int(r["think_us"] * US),
        period=int(r["period_us"] * US),
        work=int(r["srvdelay_us"] * US),
        time_limit=int(r["tmax_us"] * US),
    )


def scenario(recording: Recording) -> Scenario:
    """The recording's specification as a scenario."""
    spec = recording.spec
    if own.is_own(spec):
        return own.scenario(spec, recording.hz, recording.phase, recording.sysctls)
    traffic = spec["traffic"]
    reverse = None
    if "rr" in traffic:
        main = transactions(traffic["rr"])
    else:
        main, *others = [stream(s) for s in traffic["stream"]]
        reverse = others[0] if others else None
    return Scenario(
        name=spec["id"],
        title=spec["title"],
        workload=main,
        reverse=reverse,
        server=host(recording, "server"),
        client=host(recording, "client"),
        network=Network(up=direction(spec["path"], "c2s", 0), down=direction(spec["path"], "s2c", 1)),
        lead=int(spec["start"]["lead_ms"] * 1_000_000),
        warmup=0,
    )
