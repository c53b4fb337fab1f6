"""The IP packets of a traced run, byte for byte: Ethernet, IPv4, TCP with its options and checksums.

Addresses are those set aside for documentation (RFC 5737). Packets are those of the network: one a segment, where a
capture on a real host shows the larger ones that TCP hands down to be cut (TSO) or that were put together (GRO).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dpkt

from experiments.wire.frames import is_http2
from experiments.wire.stream import streams
from models.constants import ACK_FLAG, FIN_FLAG, PSH_FLAG
from models.transmit import HEADERS, TIMESTAMPS
from sim.layout import Layout, Opening

if TYPE_CHECKING:
    from sim.trace import Trace

HOSTS = "client", "server"
ADDRESSES = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
MACS = bytes([2, 0, 0, 0, 0, 1]), bytes([2, 0, 0, 0, 0, 2])
CLIENT_PORT = 52_001
HTTP_PORT, FRAMES_PORT, PLAIN_PORT = 8_080, 50_051, 50_001
"""The server's: where Wireshark looks for HTTP/2's preface; where it has to be told of frames; neither."""
INITIAL = 1_000_000_000, 3_000_000_000
"""Sequence numbers of the two SYNs."""

U16, U32 = 0xFFFF, 0xFFFF_FFFF
FLAGS = {ACK_FLAG: dpkt.tcp.TH_ACK, PSH_FLAG: dpkt.tcp.TH_PUSH, FIN_FLAG: dpkt.tcp.TH_FIN}


@dataclass(frozen=True)
class Seen:
    """A packet as one host's network card saw it: when (ns), its bytes, and its row of the trace (the handshake: none).

    number: which SYN, SYN-ACK, ACK of the handshake it is, else -1.
    """

    time: int
    data: bytes
    row: Any | None
    number: int = -1


def seen_by(trace: Trace, host: int) -> list[Seen]:
    """What the card of the client (0) or the server (1) saw, in that order."""
    writer = Writer(trace)
    seen = [*writer.handshake(host)]
    for row in trace.segments:
        sent = int(row["direction"]) == host
        if sent or not row["drop"]:
            seen.append(Seen(int(row["into"] if sent else row["due"]), writer.packet(row), row))
    return sorted(seen, key=lambda packet: packet.time)


class Writer:
    """Makes the packets of one run."""

    def __init__(self, trace: Trace) -> None:
        assert trace.layout.ends is not None
        self.layout: Layout = trace.layout
        self.ends = trace.layout.ends
        self.streams = streams(trace)
        self.ports = CLIENT_PORT, self._server_port()

    def _server_port(self) -> int:
        if any(end.tls for end in self.ends):
            return PLAIN_PORT
        if any(end.layered for end in self.ends):
            return HTTP_PORT
        return FRAMES_PORT if any(is_http2(end) for end in self.ends) else PLAIN_PORT

    def handshake(self, host: int) -> Iterator[Seen]:
        """SYN, SYN-ACK, ACK."""
        syn, ack = dpkt.tcp.TH_SYN, dpkt.tcp.TH_ACK
        for number, (flags, opening) in enumerate(zip((syn, syn | ack, ack), self.layout.handshake, strict=True)):
            side = number % 2
            end = self.ends[side]
            tcp = dpkt.tcp.TCP(
                seq=INITIAL[side] + (number == 2),
                ack=INITIAL[1 - side] + 1 if flags & ack else 0,
                flags=flags,
                win=min(end.window if flags & syn else end.window >> end.wscale, U16),
                opts=self._agreed(side, opening) if flags & syn else self._stamps(side, opening.tsval, opening.tsecr),
            )
            yield Seen(opening.into if side == host else opening.due, self._ip(side, tcp, b"", number), None, number)

    def _agreed(self, side: int, opening: Opening) -> bytes:
        """What a SYN announces."""
        end = self.ends[side]
        mss = end.mss + end.timestamps * TIMESTAMPS
        options = bytes([dpkt.tcp.TCP_OPT_MSS, 4]) + min(mss, U16).to_bytes(2, "big")
        if end.sack_ok:
            options += _aligned(bytes([dpkt.tcp.TCP_OPT_SACKOK, 2]))
        options += self._stamps(side, opening.tsval, opening.tsecr)
        if end.wscale:
            options += _aligned(bytes([dpkt.tcp.TCP_OPT_WSCALE, 3, end.wscale]))
        return options

    def packet(self, row: Any) -> bytes:
        """A packet of the run."""
        side = int(row["direction"])
        wscale = self.ends[side].wscale
        seq, length = int(row["seq"]), int(row["len"])
        tcp = dpkt.tcp.TCP(
            seq=INITIAL[side] + 1 + seq & U32,
            ack=INITIAL[1 - side] + 1 + int(row["ack"]) & U32,
            flags=sum(theirs for ours, theirs in FLAGS.items() if row["flags"] & ours),
            win=min(int(row["wnd"]) >> wscale, U16),
            opts=self._options(row, int(row["iplen"]) - length - HEADERS),
        )
        return self._ip(side, tcp, self.streams[side][seq : seq + length] if length else b"", int(row["idx"]))

    def _options(self, row: Any, room: int) -> bytes:
        """Timestamps and SACK blocks, in as many bytes as the run gave them."""
        side = int(row["direction"])
        options = self._stamps(side, int(row["tsval"]), int(row["tsecr"]))
        blocks = int(row["nsack"])
        if blocks and len(options) < room:
            base = INITIAL[1 - side] + 1
            edges = [int(row[f"{edge}{i}"]) for i in range(blocks) for edge in "se"]
            body = b"".join((base + edge & U32).to_bytes(4, "big") for edge in edges)
            options += _aligned(bytes([dpkt.tcp.TCP_OPT_SACK, 2 + len(body)]) + body)
        assert len(options) == room, "the options fill what the packet's length leaves"
        return options

    def _stamps(self, side: int, tsval: int, tsecr: int) -> bytes:
        """The timestamps option, where the handshake agreed on it."""
        if not self.ends[side].timestamps:
            return b""
        stamps = b"".join((stamp & U32).to_bytes(4, "big") for stamp in (tsval, tsecr))
        return _aligned(bytes([dpkt.tcp.TCP_OPT_TIMESTAMP, 10]) + stamps)

    def _ip(self, side: int, tcp: Any, data: bytes, number: int) -> bytes:
        tcp.sport, tcp.dport = self.ports[side], self.ports[1 - side]
        tcp.off = 5 + len(tcp.opts) // 4
        tcp.data = data
        ip = dpkt.ip.IP(
            src=ADDRESSES[side],
            dst=ADDRESSES[1 - side],
            p=dpkt.ip.IP_PROTO_TCP,
            id=number & U16,
            df=1,
            ttl=64,
            data=tcp,
        )
        ip.len = len(ip)
        return bytes(dpkt.ethernet.Ethernet(dst=MACS[1 - side], src=MACS[side], data=bytes(ip)))


def _aligned(option: bytes) -> bytes:
    """Filled up in front to a multiple of four bytes."""
    return bytes([dpkt.tcp.TCP_OPT_NOP]) * (-len(option) % 4) + option
