"""The records of a capture file: pcap in all its byte orders and resolutions, and pcapng.

Read here rather than by dpkt, whose readers give times as floats (too coarse for ns), one link type a file and no
length before the snapshot cut. Formats: draft-ietf-opsawg-pcap and draft-ietf-opsawg-pcapng.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple


class CaptureError(ValueError):
    """A capture without a usable workload: the problem, and what would cure it."""

    def __init__(self, problem: str, cure: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.cure = cure


class Captured(NamedTuple):
    """One captured packet: time in ns, link type (LINKTYPE_*), the bytes kept, and how many there were on the wire."""

    time: int
    linktype: int
    data: bytes
    length: int


NANO = 1_000_000_000
LARGEST_PACKET = 1 << 24  # a record that claims more is damage, not a packet

_PCAP = {  # magic: byte order, ns a tick of the second field
    b"\xd4\xc3\xb2\xa1": ("<", 1_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_SECTION, _INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 0x0A0D0D0A, 1, 2, 3, 6
_TSRESOL, _TSOFFSET = 9, 14
_EXPORT = "record with `tcpdump -w FILE tcp`, or save as pcapng in Wireshark"


def records(content: bytes, notes: list[str]) -> Iterator[Captured]:
    """The packets of a pcap or pcapng file; a damaged or cut-off tail ends them, with a note. Else CaptureError."""
    if not content:
        raise CaptureError("the file is empty", _EXPORT)
    if content[:4] in _PCAP:
        return _pcap(content, notes)
    if content[:4] == _PCAPNG:
        return _pcapng(content, notes)
    if content[:2] == b"\x1f\x8b":
        raise CaptureError("the file is compressed with gzip", "gunzip it first")
    raise CaptureError("the file is neither pcap nor pcapng", _EXPORT)


def _pcap(content: bytes, notes: list[str]) -> Iterator[Captured]:
    order, tick = _PCAP[content[:4]]
    if len(content) < 24:
        raise CaptureError("the file ends inside the pcap header", _EXPORT)
    linktype = struct.unpack_from(order + "I", content, 20)[0] & 0xFFFF
    header = struct.Struct(order + "IIII")
    at, count = 24, 0
    while at < len(content):
        if at + 16 > len(content):
            return notes.append(_cut(count))
        seconds, fraction, kept, length = header.unpack_from(content, at)
        if kept > LARGEST_PACKET:
            return notes.append(_damaged(count, at))
        if at + 16 + kept > len(content):
            return notes.append(_cut(count))
        at += 16
        yield Captured(seconds * NANO + fraction * tick, linktype, content[at : at + kept], max(kept, length))
        at += kept
        count += 1


@dataclass(frozen=True)
class _Interface:
    linktype: int
    ticks: int = 1_000_000  # a second
    offset: int = 0  # seconds

    def time(self, high: int, low: int) -> int:
        return self.offset * NANO + ((high << 32) | low) * NANO // self.ticks


def _pcapng(content: bytes, notes: list[str]) -> Iterator[Captured]:
    order, at, count, untimed = "<", 0, 0, 0
    interfaces: list[_Interface] = []
    while at < len(content):
        if at + 12 > len(content):
            return notes.append(_cut(count))
        kind, size = struct.unpack_from(order + "II", content, at)
        if kind == _SECTION:  # its code reads the same both ways, and its second word tells the byte order
            order = "<" if content[at + 8 : at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            size = struct.unpack_from(order + "I", content, at + 4)[0]
            interfaces = []
        if size < 12 or size % 4 or size > LARGEST_PACKET:
            return notes.append(_damaged(count, at))
        if at + size > len(content):
            return notes.append(_cut(count))
        body = content[at + 8 : at + size - 4]
        if kind == _INTERFACE:
            interfaces.append(_interface(body, order))
        elif kind in (_PACKET, _OLD_PACKET):
            packet = _packet(body, order, kind, interfaces)
            if packet is None:
                return notes.append(_damaged(count, at))
            yield packet
            count += 1
        elif kind == _SIMPLE_PACKET:
            untimed += 1
        at += size
    if untimed:
        notes.append(f"{untimed} packets without a time (simple packet blocks) are left out")
    return None


def _interface(body: bytes, order: str) -> _Interface:
    if len(body) < 8:
        return _Interface(-1)
    linktype, ticks, offset, at = struct.unpack_from(order + "H", body)[0], 1_000_000, 0, 8
    while at + 4 <= len(body):
        code, size = struct.unpack_from(order + "HH", body, at)
        value = body[at + 4 : at + 4 + size]
        if code == _TSRESOL and len(value) == 1:
            ticks = 2 ** (value[0] & 0x7F) if value[0] & 0x80 else 10 ** value[0]
        elif code == _TSOFFSET and len(value) == 8:
            offset = struct.unpack(order + "q", value)[0]
        at += 4 + (size + 3) // 4 * 4
    return _Interface(linktype, ticks, offset)


def _packet(body: bytes, order: str, kind: int, interfaces: list[_Interface]) -> Captured | None:
    if len(body) < 20:
        return None
    number, high, low, kept, length = struct.unpack_from(order + "IIIII", body)
    if kind == _OLD_PACKET:
        number = struct.unpack_from(order + "H", body)[0]
    if number >= len(interfaces) or 20 + kept > len(body):
        return None
    on = interfaces[number]
    return Captured(on.time(high, low), on.linktype, body[20 : 20 + kept], max(kept, length))


def _cut(count: int) -> str:
    return f"the file is cut off inside packet {count + 1}; the {count} complete packets before it are used"


def _damaged(count: int, at: int) -> str:
    return f"the file is damaged at byte {at}; the {count} packets before it are used"
