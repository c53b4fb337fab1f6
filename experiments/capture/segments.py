"""TCP segments out of captured packets: Ethernet (VLAN too), loopback, raw IP and Linux's cooked captures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any, NamedTuple

import dpkt

from experiments.capture.container import Captured, CaptureError


class Address(NamedTuple):
    """An IP address and a TCP port."""

    host: bytes
    port: int

    def __str__(self) -> str:
        host = str(ip_address(self.host))
        return f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Segment:
    """One TCP segment: time in ns, ends, `seq` as on the wire; `data` may be a head of the `length` payload bytes."""

    time: int
    source: Address
    target: Address
    seq: int
    length: int
    data: bytes
    syn: bool
    opening: bool  # SYN without ACK: the first packet of a connection
    push: bool


_ENDS = (dpkt.tcp.TCP, dpkt.udp.UDP, dpkt.icmp.ICMP, dpkt.icmp6.ICMP6)


def _raw_ip(data: bytes) -> Any:
    return dpkt.ip6.IP6(data) if data[:1] and data[0] >> 4 == 6 else dpkt.ip.IP(data)


_LINKS: dict[int, Callable[[bytes], Any]] = {
    0: dpkt.loopback.Loopback,  # NULL
    1: dpkt.ethernet.Ethernet,
    12: _raw_ip,  # RAW as OpenBSD numbers it
    14: _raw_ip,
    101: _raw_ip,  # RAW
    108: dpkt.loopback.Loopback,  # LOOP
    113: dpkt.sll.SLL,
    228: _raw_ip,  # IPV4
    229: _raw_ip,  # IPV6
    276: dpkt.sll2.SLL2,
}


def segments(packets: Iterable[Captured], notes: list[str]) -> Iterator[Segment]:
    """The TCP segments of `packets` in capture order; notes count what could not be read."""
    fragments = broken = count = 0
    unknown: set[int] = set()
    for count, packet in enumerate(packets, 1):  # noqa: B007 (the count is needed behind the loop)
        link = _LINKS.get(packet.linktype)
        if link is None:
            unknown.add(packet.linktype)
            continue
        try:
            ip = _find_ip(link(packet.data))
            if ip is None:
                continue
            fragments += _is_fragment(ip)
            segment = _segment(packet, ip)
        except Exception:  # dpkt on damaged bytes: UnpackError, but IndexError, struct.error and others too
            broken += 1
            continue
        if segment is not None:
            yield segment
    if count == 0:
        raise CaptureError("there is no packet in the file", "record while the application is sending")
    if unknown:
        types = ", ".join(map(str, sorted(unknown)))
        notes.append(f"packets of link type {types} are left out: Ethernet, loopback, raw IP, SLL and SLL2 are read")
    if fragments:
        notes.append(f"{fragments} IP fragments are left out")
    if broken:
        notes.append(f"{broken} damaged packets are left out")


def _find_ip(layer: Any) -> Any:
    """The innermost IP header, through VLAN tags and tunnels, but not the copy that an ICMP error quotes."""
    found = None
    for _ in range(8):
        if isinstance(layer, dpkt.ip.IP | dpkt.ip6.IP6):
            found = layer
        if not isinstance(layer, dpkt.Packet) or isinstance(layer, _ENDS):
            break
        layer = layer.data
    return found


def _is_fragment(ip: Any) -> bool:
    if isinstance(ip, dpkt.ip.IP):
        return bool(ip.offset or ip.mf)
    return any(isinstance(h, dpkt.ip6.IP6FragmentHeader) and (h.frag_off or h.m_flag) for h in ip.all_extension_headers)


def _segment(packet: Captured, ip: Any) -> Segment | None:
    tcp = ip.data
    if not isinstance(tcp, dpkt.tcp.TCP) or _is_fragment(ip):
        return None
    length = _payload_length(packet, ip, tcp)
    if length < 0:
        return None
    syn = bool(tcp.flags & dpkt.tcp.TH_SYN)
    return Segment(
        packet.time,
        Address(ip.src, tcp.sport),
        Address(ip.dst, tcp.dport),
        tcp.seq + syn & 0xFFFFFFFF,
        length,
        tcp.data[:length],
        syn,
        syn and not tcp.flags & dpkt.tcp.TH_ACK,
        bool(tcp.flags & dpkt.tcp.TH_PUSH),
    )


def _payload_length(packet: Captured, ip: Any, tcp: Any) -> int:
    """What the IP header says, since padding may follow and a snapshot may cut; 0 there means segmentation offload."""
    header = tcp.off * 4
    if isinstance(ip, dpkt.ip.IP):
        stated, before = int(ip.len), ip.hl * 4 + header
    else:
        stated, before = int(ip.plen), sum(h.length for h in ip.all_extension_headers) + header
    return stated - before if stated else len(tcp.data) + packet.length - len(packet.data)
