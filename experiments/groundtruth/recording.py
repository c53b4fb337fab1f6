"""A recording's specification as a scenario: what was set, and what happened outside the TCP stack.

Nothing that TCP produced is read: only `spec`, the tick phase and sysctls of `environment`, and starting values of
`endpoints`. Random losses and spikes follow the recordings' documented decision function of seed, purpose, direction
and packet index.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim import Direction, Framing, Host, Network, Problem, Scenario, ScenarioError, Spikes, Workload

US = 1_000
LOSS, SPIKE = 1, 2
HOST_PROFILE = "linux-vm"
QUICKACK = ("", "once", "every-read", "off-once", "off-every-read")
CORK = ("off", "always", "per-message")
GOLDEN = np.uint64(0x9E3779B97F4A7C15)


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
        hashed = splitmix64(splitmix64(base) + np.arange(first, first + n, dtype=np.uint64))
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


def read(file: Path) -> dict[str, Any]:
    """A recording's JSON; ScenarioError when it is none."""
    try:
        content = json.loads(file.read_text())
    except OSError as error:
        raise ScenarioError([Problem(str(file), error.strerror or str(error), "name an existing file")]) from None
    except ValueError as error:
        raise ScenarioError([Problem(str(file), f"is not JSON ({error})", "name a recording's .json file")]) from None
    if not isinstance(content, dict) or "spec" not in content:
        raise ScenarioError([Problem(str(file), 'has no "spec"', "name a recording's .json file")])
    return content


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


def host(spec: Mapping[str, Any], name: str, environment: Mapping[str, Any]) -> Host:
    """One endpoint's options, in the kernel's and the harness's terms."""
    options, machine = spec[name], spec["host"]
    shaper = machine["tbf"] if machine["tbf"] and machine["tbf"]["side"] == name else None
    sysctls = dict(environment.get("nsenv", {})) | {k: str(v) for k, v in machine["sysctls"].items()}
    return Host(
        nodelay=bool(options["nodelay"]),
        cork=CORK[options["cork"]],  # type: ignore[arg-type]
        sndbuf=options["sndbuf"],
        rcvbuf=options["rcvbuf"],
        congestion=options["cc"],
        quickack=QUICKACK[options["quickack"]],  # type: ignore[arg-type]
        hz=int(environment.get("hz", 250)),
        tick_phase=int(environment.get("t0_monotonic_ns", spec["start"]["phase_us"] * US)),
        reader="slow" if options["rddelay_us"] else "prompt",
        read_size=options["rdsize"],
        read_pause=int(options["rddelay_us"] * US),
        read_start=int(options["rdstart_us"] * US),
        gso_segments=machine["gso_max_segs"] or 65_535,
        sysctls=tuple(sorted((k, str(v)) for k, v in sysctls.items() if k.startswith("net.ipv4.tcp_"))),
        profile=HOST_PROFILE,
        shaper_rate=shaper["rate_bps"] if shaper else 0,
        shaper_burst=shaper["burst"] if shaper else 3_200,
        shaper_limit=shaper["limit"] if shaper else 400_000,
    )


def framing(stream: Mapping[str, Any]) -> Framing:
    """The harness's ways of writing header and payload."""
    kind, header = stream["frame"], stream["header"] or 9
    if kind == "plain":
        return Framing()
    if kind == "buf":
        return Framing(
            header=header, pieces=2, buffer=stream["bufsize"] or 4_096, flush="per-message",
            flush_every=stream["flush_every"], max_frame=1 << 30,
        )  # fmt: skip
    pieces = 1 if kind == "writev" else 2
    return Framing(header=header, pieces=pieces, more=kind == "more", max_frame=1 << 30)  # type: ignore[arg-type]


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
        messages=min(r["count"], 50_000),
        pieces=tuple(r["pieces"]),
        reply=tuple(r["reply"]),
        think=int(r.get("think_us", 0) * US),
        period=int(r.get("period_us", 0) * US),
        work=int(r.get("srvdelay_us", 0) * US),
        time_limit=int(r["tmax_us"] * US),
    )


def scenario(recording: Mapping[str, Any]) -> Scenario:
    """The recording's specification as a scenario."""
    spec, environment = recording["spec"], recording.get("environment", {})
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
        server=host(spec, "server", environment),
        client=host(spec, "client", environment),
        network=Network(up=direction(spec["path"], "c2s", 0), down=direction(spec["path"], "s2c", 1)),
        lead=int(spec["start"]["lead_ms"] * 1_000_000),
        warmup=0,
    )
