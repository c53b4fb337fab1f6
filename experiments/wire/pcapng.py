"""The capture file: pcapng with times in ns and a comment on every packet (draft-ietf-opsawg-pcapng)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dpkt.pcapng as block

from experiments.drafts import replacing
from experiments.wire.comments import Commentator
from experiments.wire.packets import HOSTS, seen_by
from sim.errors import Problem, ScenarioError
from sim.identity import package_version, scenario_hash

if TYPE_CHECKING:
    from sim import Run

SUFFIX = ".pcapng"
HARDWARE, APPLICATION, NAME, DESCRIPTION, RESOLUTION = 2, 4, 2, 3, 9  # options of the section and of the interface
NANOSECONDS = b"\x09"
DAY = 86_400 * 1_000_000_000


def check_path(path: Path) -> None:
    """Raise ScenarioError for a name that is no capture's."""
    if path.suffix.lower() != SUFFIX:
        raise ScenarioError([Problem(f"--capture {path}", "not a capture's name", f"end it in {SUFFIX}")])


def write_capture(run: Run, host: str, path: Path) -> int:
    """Write what tcpdump on `host` ("client" or "server") would have seen of a traced run; returns the packets.

    OSError, which names `path`, when it cannot be written.
    """
    count = 0
    with replacing(path) as draft, draft.open("wb") as file:
        file.write(head(run, host))
        for count, written in enumerate(packets(run, host), 1):  # noqa: B007 (how many there were is the result)
            file.write(written)
    return count


def head(run: Run, host: str) -> bytes:
    """How the file begins: which run it is, and where it was seen."""
    return _section(run) + _interface(host)


def packets(run: Run, host: str) -> Iterator[bytes]:
    """Its packets, each with its comment.

    The workload starts at midnight of the epoch's second day or a later one, so the time of day is simulated time.
    """
    assert run.trace is not None, "a capture needs a traced run"
    seen = seen_by(run.trace, HOSTS.index(host))
    remarks = Commentator(run)
    midnight = DAY * (1 + max(0, -seen[0].time) // DAY)
    for packet in seen:
        at = packet.time + midnight
        comment = remarks.comment(packet.row, packet.number)
        options = [_option(block.PCAPNG_OPT_COMMENT, comment.encode()), block.PcapngOptionLE()]
        yield bytes(
            block.EnhancedPacketBlockLE(ts_high=at >> 32, ts_low=at & 0xFFFF_FFFF, pkt_data=packet.data, opts=options)
        )


def _section(run: Run) -> bytes:
    """Which run it is."""
    title = f"{run.scenario.title}\n" if run.scenario.title else ""
    what = f"{title}scenario {run.scenario.name} {scenario_hash(run.scenario)}, seed {run.seed}"
    options = [
        _option(block.PCAPNG_OPT_COMMENT, what.encode()),
        _option(HARDWARE, b"simulated"),
        _option(APPLICATION, f"tinygram {package_version()}".encode()),
        block.PcapngOptionLE(),
    ]
    return bytes(block.SectionHeaderBlockLE(opts=options))


def _interface(host: str) -> bytes:
    """Where it was seen."""
    options = [
        _option(NAME, host.encode()),
        _option(DESCRIPTION, f"the {host}'s network card".encode()),
        _option(RESOLUTION, NANOSECONDS),
        block.PcapngOptionLE(),
    ]
    return bytes(block.InterfaceDescriptionBlockLE(snaplen=0, opts=options))


def _option(code: int, data: bytes) -> Any:
    return block.PcapngOptionLE(code=code, data=data)
