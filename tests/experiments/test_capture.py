"""Captures: every message of a recorded stream is found, whatever the file and the network did to it."""

from __future__ import annotations

import shutil
import struct
import subprocess
from ipaddress import ip_address
from pathlib import Path

import dpkt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.capture import Recording, read_capture
from sim.errors import ScenarioError

LOG_TAIL = Path(__file__).parents[2] / "experiments/data/captures/grpc-log-tail.pcap"
SERVER, CLIENT = ("10.0.0.1", 50051), ("10.0.0.2", 40000)
ISN = 0xFFFFFF00  # sequence numbers wrap early on
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NANO_PCAP, MICRO_PCAP, PCAPNG = "pcap, ns", "pcap, us", "pcapng, ns"

ETHERNET, RAW, NULL, SLL, SLL2 = 1, 101, 0, 113, 276


# ---- building captures -----------------------------------------------------------------------------------------------


def frame(kind: int, stream_id: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream_id.to_bytes(4, "big") + payload


def message(size: int, compressed: int = 0) -> bytes:
    return bytes([compressed]) + size.to_bytes(4, "big") + b"m" * size


def data(*messages: bytes, stream_id: int = 1, flags: int = 0) -> bytes:
    return frame(0, stream_id, b"".join(messages), flags)


SETTINGS = frame(4, 0)
OPENING = SETTINGS + frame(1, 1, b"hpack", flags=4)


class Wire:
    """Packets of one connection in capture order; each direction numbers its own bytes."""

    def __init__(self, handshake: bool = True, link: int = ETHERNET, server=SERVER, client=CLIENT, isn: int = ISN):
        self.link, self.server, self.client, self.isn = link, server, client, isn
        self.sent = {server: 0, client: 0}
        self.packets: list[tuple[int, bytes, int]] = []  # ns, bytes, bytes on the wire
        if handshake:
            self.put(0, client, b"", seq=-1, flags=dpkt.tcp.TH_SYN)
            self.put(0, server, b"", seq=-1, flags=dpkt.tcp.TH_SYN | dpkt.tcp.TH_ACK)

    def send(self, ms: float, payload: bytes, sender=None, push: bool = True) -> int:
        """The next bytes of `sender` (the server) at `ms`; returns their offset."""
        sender = sender or self.server
        seq = self.sent[sender]
        self.sent[sender] += len(payload)
        self.put(ms, sender, payload, seq, dpkt.tcp.TH_ACK | (dpkt.tcp.TH_PUSH if push else 0))
        return seq

    def skip(self, n: int, sender=None) -> None:
        """Bytes that were sent but not captured."""
        self.sent[sender or self.server] += n

    def put(self, ms: float, sender, payload: bytes, seq: int, flags: int = dpkt.tcp.TH_ACK) -> None:
        target = self.client if sender == self.server else self.server
        tcp = dpkt.tcp.TCP(
            sport=sender[1], dport=target[1], seq=self.isn + 1 + seq & 0xFFFFFFFF, flags=flags, data=payload
        )
        tcp.opts = b"\x01\x01\x08\x0a" + bytes(8)
        tcp.off = 8
        source, destination = ip_address(sender[0]).packed, ip_address(target[0]).packed
        ip: dpkt.Packet
        if len(source) == 4:
            ip = dpkt.ip.IP(src=source, dst=destination, p=6, data=tcp, len=20 + len(tcp))
        else:
            ip = dpkt.ip6.IP6(src=source, dst=destination, nxt=6, hlim=64, data=tcp, plen=len(tcp))
            ip.extension_hdrs = {}
        packet = self._link_header(len(source)) + bytes(ip)
        self.packets.append((round(ms * 1e6), packet, len(packet)))

    def _link_header(self, address_length: int) -> bytes:
        kind = b"\x08\x00" if address_length == 4 else b"\x86\xdd"
        return {
            ETHERNET: b"\x02" * 12 + kind,
            RAW: b"",
            NULL: b"\x02\0\0\0" if address_length == 4 else b"\x1e\0\0\0",
            SLL: b"\0\0\0\x01\0\x06" + b"\x02" * 6 + b"\0\0" + kind,
            SLL2: kind + b"\0\0" + b"\0\0\0\x01" + b"\0\x01" + b"\0\x06" + b"\x02" * 8,
        }[self.link]

    def cut(self, snaplen: int) -> None:
        self.packets = [(t, packet[:snaplen], length) for t, packet, length in self.packets]

    def content(self, form: str = NANO_PCAP) -> bytes:
        start = 1_795_504_996_123_456_789
        if form == PCAPNG:
            return self._pcapng(start)
        nano = form == NANO_PCAP
        magic = 0xA1B23C4D if nano else 0xA1B2C3D4
        out = struct.pack("<IHHiIII", magic, 2, 4, 0, 0, 262144, self.link)
        for t, packet, length in self.packets:
            seconds, fraction = divmod(start + t, 1_000_000_000)
            out += struct.pack("<IIII", seconds, fraction if nano else fraction // 1000, len(packet), length) + packet
        return out

    def _pcapng(self, start: int) -> bytes:
        out = block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))
        out += block(1, struct.pack("<HHI", self.link, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
        out += block(5, bytes(12))  # interface statistics: skipped
        for t, packet, length in self.packets:
            high, low = divmod(start + t, 1 << 32)
            head = struct.pack("<IIIII", 0, high, low, len(packet), length)
            out += block(6, head + packet + bytes(-len(packet) % 4))
        return out

    def write(self, folder: Path, form: str = NANO_PCAP) -> Path:
        path = folder / "x.pcap"
        path.write_bytes(self.content(form))
        return path


def block(kind: int, body: bytes) -> bytes:
    size = 12 + len(body)
    return struct.pack("<II", kind, size) + body + struct.pack("<I", size)


def grpc_wire(sizes=(100, 200, 300), **options) -> Wire:
    """A server stream: opening frames at 0 ms, message k at k ms."""
    wire = Wire(**options)
    wire.send(0, PREFACE + SETTINGS, wire.client)
    wire.send(0, OPENING)
    for k, size in enumerate(sizes, 1):
        wire.send(k, data(message(size)))
    return wire


def rows(recording: Recording) -> list[tuple[float, int]]:
    return [(t / 1e6, size) for t, size in recording.trace]


EXPECTED = [(0.0, 100), (1.0, 200), (2.0, 300)]


# ---- the real one ----------------------------------------------------------------------------------------------------


def test_the_real_capture_has_every_message():
    recording = read_capture(LOG_TAIL)
    assert (len(recording.times), recording.sizes.sum()) == (2842, 872_021)
    assert (recording.protocol, recording.sender, recording.notes) == ("grpc", "127.0.0.1:50999", ())
    assert recording.times[0] == 0
    assert (recording.times[1:] >= recording.times[:-1]).all()
    assert 19.5e9 < recording.duration < 20.1e9


def test_the_other_side_can_be_asked_for_by_port():
    recording = read_capture(LOG_TAIL, port=40110)
    assert (recording.sender, rows(recording)) == ("127.0.0.1:40110", [(0.0, 0)])  # one empty request


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_agrees_about_the_lengths_of_all_messages():
    command = ["tshark", "-r", str(LOG_TAIL), "-d", "tcp.port==50999,http2", "-Y", "grpc && tcp.srcport==50999"]
    command += ["-T", "fields", "-e", "grpc.message_length"]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lengths = [int(n) for line in outcome.stdout.split() for n in line.split(",")]
    assert lengths == read_capture(LOG_TAIL).sizes.tolist()


# ---- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", [NANO_PCAP, MICRO_PCAP, PCAPNG])
@pytest.mark.parametrize("link", [ETHERNET, RAW, NULL, SLL, SLL2])
def test_file_formats_and_link_types(tmp_path, form, link):
    recording = read_capture(grpc_wire(link=link).write(tmp_path, form))
    assert rows(recording) == EXPECTED
    assert recording.notes == ()


@pytest.mark.parametrize("form", [NANO_PCAP, PCAPNG])
def test_nanoseconds_are_kept(tmp_path, form):
    wire = grpc_wire(())
    wire.send(1, data(message(1)))
    wire.send(1 + 7e-6, data(message(2)))
    assert read_capture(wire.write(tmp_path, form)).times.tolist() == [0, 7]


def test_big_endian_pcap(tmp_path):
    wire = grpc_wire()
    out = struct.pack(">IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, ETHERNET)
    for t, packet, length in wire.packets:
        out += struct.pack(">IIII", 5, t // 1000, len(packet), length) + packet
    path = tmp_path / "x"
    path.write_bytes(out)
    assert rows(read_capture(path)) == EXPECTED


def test_ipv6_and_vlan_tags(tmp_path):
    wire = grpc_wire(server=("2001:db8::1", 443), client=("2001:db8::2", 40000))
    recording = read_capture(wire.write(tmp_path))
    assert (rows(recording), recording.sender) == (EXPECTED, "[2001:db8::1]:443")
    tagged = grpc_wire()
    tagged.packets = [(t, p[:12] + b"\x81\x00\x00\x05" + p[12:], n + 4) for t, p, n in tagged.packets]
    assert rows(read_capture(tagged.write(tmp_path))) == EXPECTED


def test_ethernet_padding_is_not_payload(tmp_path):
    wire = grpc_wire()
    wire.packets = [(t, p + bytes(20), n + 20) for t, p, n in wire.packets]
    assert rows(read_capture(wire.write(tmp_path))) == EXPECTED


def test_a_file_cut_off_at_its_end_gives_what_is_complete(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(grpc_wire().content()[:-10])
    recording = read_capture(path)
    assert rows(recording) == EXPECTED[:2]
    assert recording.notes == ("the file is cut off inside packet 7; the 6 complete packets before it are used",)


# ---- TCP -------------------------------------------------------------------------------------------------------------


def test_a_retransmission_changes_nothing_and_is_mentioned(tmp_path):
    wire = grpc_wire()
    wire.put(9, SERVER, data(message(200)), seq=len(OPENING) + len(data(message(100))))
    recording = read_capture(wire.write(tmp_path))
    assert rows(recording) == EXPECTED
    assert recording.notes == ("1 segments repeat bytes already seen; the first copy dates a message",)


def test_a_message_is_dated_by_later_ones_when_its_first_copy_was_lost(tmp_path):
    wire = grpc_wire()
    lost = wire.packets.pop(5)  # the second message
    wire.packets.append((250_000_000, *lost[1:]))
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 100), (2.0, 200), (2.0, 300)]


def test_reordered_packets_are_put_in_sequence(tmp_path):
    wire = grpc_wire()
    first, second = wire.packets[4:6]
    wire.packets[4:6] = [(first[0], *second[1:]), (second[0], *first[1:])]
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 100), (0.0, 200), (2.0, 300)]


def test_overlapping_retransmissions_bring_only_what_is_new(tmp_path):
    wire = grpc_wire(())
    whole = data(message(100)) + data(message(200)) + data(message(300))
    base = wire.sent[SERVER]
    for ms, low, high in ((1, 0, 150), (2, 400, 500), (3, 100, 450), (4, 0, len(whole))):
        wire.put(ms, SERVER, whole[low:high], base + low)
    assert [size for _, size in rows(read_capture(wire.write(tmp_path)))] == [100, 200, 300]


def test_a_snapshot_length_that_leaves_the_headers_leaves_every_message(tmp_path):
    wire = grpc_wire((100, 2000, 3000))
    wire.cut(14 + 20 + 32 + 32)
    recording = read_capture(wire.write(tmp_path))
    assert recording.sizes.tolist() == [100, 2000, 3000]
    assert "cut by its snapshot length" in recording.notes[0]


def test_a_hole_in_the_recording_costs_only_what_is_in_it(tmp_path):
    wire = grpc_wire()
    wire.skip(len(data(message(77))))
    wire.send(5, data(message(400)))
    wire.send(6, data(message(500)))
    recording = read_capture(wire.write(tmp_path))
    assert recording.sizes.tolist() == [100, 200, 300, 400, 500]
    assert any("frames are missing in 1 places" in note for note in recording.notes)


def test_a_hole_inside_a_message_costs_nothing(tmp_path):
    wire = grpc_wire(())
    wire.send(1, data(message(4000))[:1000])
    wire.skip(2000)
    wire.send(2, data(message(4000))[3000:])
    wire.send(3, data(message(5)))
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 4000), (2.0, 5)]


def test_a_recording_may_begin_inside_the_connection(tmp_path):
    wire = Wire(handshake=False)
    wire.send(0, b"m" * 50)  # the end of some message
    for k in range(1, 6):
        wire.send(k, data(message(100 * k)))
    recording = read_capture(wire.write(tmp_path))
    assert rows(recording) == [(k - 1.0, 100 * k) for k in range(1, 6)]
    assert recording.notes[0] == "the recording begins inside the connection"


def test_the_busiest_connection_is_replayed_and_the_others_are_mentioned(tmp_path):
    wire, small = grpc_wire(), grpc_wire((1,), client=("10.0.0.3", 40001))
    wire.packets += small.packets
    recording = read_capture(wire.write(tmp_path))
    assert rows(recording) == EXPECTED
    assert recording.notes[0].startswith("one other connection with ")


def test_a_port_pair_used_again_is_another_connection(tmp_path):
    first, second = grpc_wire((9, 9)), grpc_wire(isn=12345)
    first.packets += second.packets
    assert rows(read_capture(first.write(tmp_path))) == EXPECTED


# ---- HTTP/2 and gRPC -------------------------------------------------------------------------------------------------


def test_two_messages_in_one_frame_are_two(tmp_path):
    wire = grpc_wire(())
    wire.send(1, data(message(10), message(0), message(20)))
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 10), (0.0, 0), (0.0, 20)]


def test_a_message_over_many_frames_and_segments_is_one_dated_by_its_first_byte(tmp_path):
    wire = grpc_wire(())
    whole = message(40_000)
    stream = b"".join(data(whole[i : i + 16_384]) for i in range(0, len(whole), 16_384)) + data(message(1))
    for i in range(0, len(stream), 1448):
        wire.send(1 + i / 1448, stream[i : i + 1448])
    recording = read_capture(wire.write(tmp_path))
    assert recording.sizes.tolist() == [40_000, 1]
    assert recording.times.tolist() == [0, 27_000_000]


@pytest.mark.parametrize("split", range(1, 30))
def test_headers_may_be_split_anywhere(tmp_path, split):
    wire = grpc_wire(())
    stream = data(message(10)[:3]) + data(message(10)[3:], message(20))
    wire.send(1, stream[:split])
    wire.send(2, stream[split:])
    assert [size for _, size in rows(read_capture(wire.write(tmp_path)))] == [10, 20]


def test_padding_is_not_payload(tmp_path):
    wire = grpc_wire(())
    wire.send(1, frame(0, 1, b"\x07" + message(10) + bytes(7), flags=8) + frame(0, 1, b"\x03\0\0\0", flags=8))
    wire.send(2, data(message(20)))
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 10), (1.0, 20)]


def test_streams_are_told_apart_and_control_frames_are_no_messages(tmp_path):
    wire = grpc_wire(())
    wire.send(1, frame(1, 3, b"hpack", 0) + frame(9, 3, b"more", 4) + frame(2, 3, bytes(5)))
    wire.send(
        2, data(message(100)[:50]) + data(message(7), stream_id=3) + frame(6, 0, bytes(8)) + frame(8, 0, bytes(4))
    )
    wire.send(3, data(message(100)[50:]) + frame(1, 1, b"trailers", 5))
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 100), (0.0, 7)]


def test_compressed_messages_are_counted_with_their_compressed_size(tmp_path):
    wire = grpc_wire(())
    wire.send(1, data(message(10, compressed=1)))
    recording = read_capture(wire.write(tmp_path))
    assert rows(recording) == [(0.0, 10)]
    assert "1 messages are compressed" in recording.notes[0]


def test_a_message_cut_off_by_the_end_is_counted_whole(tmp_path):
    wire = grpc_wire()
    wire.send(4, data(message(1000)[:500]))
    recording = read_capture(wire.write(tmp_path))
    assert recording.sizes.tolist() == [100, 200, 300, 1000]
    assert any("cut off by the recording's end" in note for note in recording.notes)


def test_the_side_with_more_message_bytes_is_the_sender(tmp_path):
    wire = Wire()
    wire.send(0, PREFACE + OPENING, CLIENT)
    wire.send(0, SETTINGS + 30 * frame(6, 0, bytes(8)))  # many bytes, no message
    for k in range(5):
        wire.send(k + 1, data(message(1)), CLIENT)
    recording = read_capture(wire.write(tmp_path))
    assert (recording.sender, len(recording.times)) == ("10.0.0.2:40000", 5)


def test_http2_that_is_not_grpc_gives_its_data_frames(tmp_path):
    wire = grpc_wire(())
    wire.send(1, data(b"<html>" + b"x" * 94))
    wire.send(2, data(b"y" * 50, flags=1))
    recording = read_capture(wire.write(tmp_path))
    assert (rows(recording), recording.protocol) == ([(0.0, 100), (1.0, 50)], "http2")


# ---- plain TCP -------------------------------------------------------------------------------------------------------


def test_plain_tcp_gives_what_each_psh_ends(tmp_path):
    wire = Wire()
    wire.send(0, b"a" * 1000, push=False)
    wire.send(1, b"a" * 500)
    wire.send(5, b"b" * 20)
    wire.send(6, b"c" * 30, push=False)
    recording = read_capture(wire.write(tmp_path))
    assert (rows(recording), recording.protocol) == ([(0.0, 1500), (5.0, 20), (6.0, 30)], "tcp")


def test_without_any_psh_every_segment_counts(tmp_path):
    wire = Wire()
    for k in range(3):
        wire.send(k, b"a" * 10, push=False)
    assert rows(read_capture(wire.write(tmp_path))) == [(0.0, 10), (1.0, 10), (2.0, 10)]


def test_tls_is_said_to_be_unreadable(tmp_path):
    wire = Wire()
    wire.send(0, b"\x16\x03\x03\x00\x40" + bytes(64))
    wire.send(1, b"\x17\x03\x03\x00\x40" + bytes(64))
    recording = read_capture(wire.write(tmp_path))
    assert rows(recording) == [(0.0, 69), (1.0, 69)]
    assert "encrypted (TLS)" in recording.notes[0]


# ---- bad input -------------------------------------------------------------------------------------------------------


def problem_of(path: Path, port: int = 0) -> str:
    with pytest.raises(ScenarioError) as error:
        read_capture(path, port)
    (problem,) = error.value.problems
    assert problem.path == str(path)
    assert problem.cure
    return problem.problem


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "the file is empty"),
        (b"hello, world\n", "the file is neither pcap nor pcapng"),
        (b"\x1f\x8b\x08" + bytes(20), "the file is compressed with gzip"),
        (Wire(handshake=False).content()[:10], "the file ends inside the pcap header"),
        (Wire(handshake=False).content(), "there is no packet in the file"),
        (grpc_wire().content()[:50], "there is no packet in the file"),
        (Wire().content(), "there is no TCP data in it"),
        (grpc_wire(()).content(), "there is no message in it, only HTTP/2 control frames"),
    ],
)
def test_a_useless_file_is_named_with_its_problem_and_a_cure(tmp_path, content, problem):
    path = tmp_path / "x.pcap"
    path.write_bytes(content)
    assert problem_of(path) == problem


def test_a_missing_file_and_a_folder_are_problems_too(tmp_path):
    assert "No such file" in problem_of(tmp_path / "none.pcap")
    assert "directory" in problem_of(tmp_path)


def test_an_unused_port_is_answered_with_the_ones_in_use(tmp_path):
    path = grpc_wire().write(tmp_path)
    assert problem_of(path, 80) == "port 80 sends no data in it"
    with pytest.raises(ScenarioError, match="ports that do: 40000, 50051"):
        read_capture(path, 80)


def test_an_unknown_link_type_is_named(tmp_path):
    wire = grpc_wire()
    content = bytearray(wire.content())
    content[20] = 147
    path = tmp_path / "x"
    path.write_bytes(content)
    assert "link type 147" in problem_of(path)


SAMPLES = {form: grpc_wire((30, 500, 0, 70)).content(form) for form in (NANO_PCAP, PCAPNG)} | {
    "ipv6, sll": grpc_wire((30, 70), link=SLL, server=("::1", 443), client=("::2", 9)).content()
}


@settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sample=st.sampled_from(sorted(SAMPLES)),
    flips=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255)), max_size=12),
    keep=st.floats(0, 1),
)
def test_damage_gives_a_recording_or_a_problem(tmp_path, sample, flips, keep):
    content = bytearray(SAMPLES[sample])
    for where, value in flips:
        content[int(where * len(content))] = value
    path = tmp_path / "x.pcap"
    path.write_bytes(content[: int(keep * len(content)) + 1])
    try:
        recording = read_capture(path)
    except ScenarioError:
        return
    assert len(recording.times) == len(recording.sizes) > 0
    assert recording.times[0] == 0
    assert (recording.times[1:] >= recording.times[:-1]).all()
    assert recording.sizes.min() >= 0
