"""From a capture file to the workload in it: when which side sent how much.

The times are wire times behind the recorded stack, not the application's. Of what the wire shows, a message's *first*
byte comes closest to the moment it was written: it cannot leave before, and unlike the last byte it does not wait for
the windows of the recorded connection. Nor can a message have been written after a later one was sent, so a first byte
that had to be sent again, or arrived out of order, is dated by the messages behind it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments.capture.container import CaptureError, records
from experiments.capture.http2 import Row, bodies, is_http2
from experiments.capture.reassembly import Assembler, Stream
from experiments.capture.segments import Address, Segment, segments
from sim.errors import Problem, ScenarioError

Protocol = Literal["grpc", "http2", "tcp"]

LONGEST = 366 * 86_400 * 1_000_000_000
"""A recording longer than a year (ns) has damaged times."""


@dataclass(frozen=True)
class Recording:
    """The messages one side of a recorded connection sent.

    times: ns since the first message, never falling. sizes: payload bytes, without prefixes, headers and padding.
    protocol: what a message is: a gRPC message, an HTTP/2 DATA frame, or the TCP bytes up to a PSH.
    notes: what a reader should know about the recording's gaps and choices, a sentence each.
    """

    times: NDArray[np.int64]
    sizes: NDArray[np.int64]
    sender: str
    receiver: str
    protocol: Protocol
    notes: tuple[str, ...] = ()

    @property
    def duration(self) -> int:
        """From the first message to the last, ns."""
        return int(self.times[-1])

    @property
    def trace(self) -> tuple[tuple[int, int], ...]:
        """The rows as `Workload.trace` takes them: (ns, bytes)."""
        return tuple(zip(self.times.tolist(), self.sizes.tolist(), strict=True))


@dataclass
class _Connection:
    """Both directions of one TCP connection."""

    opening: int | None = None  # sequence number of its SYN
    sent: dict[tuple[Address, Address], Assembler] = field(default_factory=dict)

    def add(self, segment: Segment) -> None:
        if segment.opening:
            self.opening = segment.seq
        self.sent.setdefault((segment.source, segment.target), Assembler()).add(segment)

    def payload(self, port: int) -> int:
        """Bytes its sides sent, or the side on `port`."""
        return sum(side.payload for (source, _), side in self.sent.items() if port in (0, source.port))


def read_capture(path: str | Path, port: int = 0) -> Recording:
    """The messages in a pcap or pcapng file: of the connection that carries most, the side that sends more.

    `port` names the sending side instead. Raises ScenarioError with the file as path when there is nothing to replay.
    """
    try:
        return _read(Path(path).read_bytes(), port)
    except CaptureError as error:
        raise ScenarioError([Problem(str(path), error.problem, error.cure)]) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ScenarioError([Problem(str(path), f"cannot be read: {reason}", "name an existing file")]) from None


def _read(content: bytes, port: int) -> Recording:
    notes: list[str] = []
    connections = _connections(segments(records(content, notes), notes))
    chosen = _busiest(connections, port, notes)
    streams = {ends: side.stream() for ends, side in chosen.sent.items() if side.payload}
    http2 = any(is_http2(stream) for stream in streams.values())
    sides = {ends: _Side(stream, http2) for ends, stream in streams.items() if port in (0, ends[0].port)}
    (sender, receiver), side = max(sides.items(), key=lambda item: item[1].weight)
    if not side.rows:
        raise CaptureError("there is no message in it, only HTTP/2 control frames", "record while messages are sent")
    notes += side.remarks
    if repeated := chosen.sent[sender, receiver].repeated:
        notes.append(f"{repeated} segments repeat bytes already seen; the first copy dates a message")
    sizes = np.array([row.size for row in side.rows], dtype=np.int64)
    return Recording(side.dated(), sizes, str(sender), str(receiver), side.protocol, tuple(notes))


def _connections(found: Iterable[Segment]) -> list[_Connection]:
    """Segments by connection; a port pair used again is another one."""
    every: list[_Connection] = []
    current: dict[tuple[Address, Address], _Connection] = {}
    for segment in found:
        pair = min((segment.source, segment.target), (segment.target, segment.source))
        connection = current.get(pair)
        reopened = connection and segment.opening and connection.opening != segment.seq and connection.payload(0)
        if connection is None or reopened:
            connection = current[pair] = _Connection()
            every.append(connection)
        connection.add(segment)
    return every


def _busiest(connections: list[_Connection], port: int, notes: list[str]) -> _Connection:
    carrying = [c for c in connections if c.payload(port)]
    if not carrying:
        senders = sorted({source.port for c in connections for (source, _), side in c.sent.items() if side.payload})
        if port and senders:
            ports = ", ".join(map(str, senders[:8]))
            raise CaptureError(f"port {port} sends no data in it", f"ports that do: {ports}")
        problem = "; ".join(["there is no TCP data in it", *notes])
        raise CaptureError(problem, "record both directions while the application is sending")
    chosen = max(carrying, key=lambda c: c.payload(port))
    if len(carrying) > 1:
        others = sum(c.payload(port) for c in carrying) - chosen.payload(port)
        count = "one other connection" if len(carrying) == 2 else f"{len(carrying) - 1} other connections"
        notes.append(f"{count} with {others} bytes left out: one connection is replayed, the one that carries most")
    return chosen


class _Side:
    """What one side sent, message by message, with remarks on how far it could be read."""

    def __init__(self, stream: Stream, http2: bool) -> None:
        self._stream = stream
        self.protocol: Protocol = "tcp"
        self.remarks = [] if stream.from_start else ["the recording begins inside the connection"]
        if stream.missing:
            self.remarks.append(f"{stream.missing} bytes sent are not in the file: lost, or cut by its snapshot length")
        if http2:
            self.rows = self._http2_rows()
        else:
            self.rows = self._pushed_rows()

    @property
    def weight(self) -> tuple[int, int]:
        """Payload bytes, then messages."""
        return sum(row.size for row in self.rows), len(self.rows)

    def dated(self) -> NDArray[np.int64]:
        """When each message was first seen, or the earliest of a later one; ns from 0."""
        seen = [self._stream.time(row.at) for row in self.rows]
        for i in range(len(seen) - 2, -1, -1):
            seen[i] = min(seen[i], seen[i + 1])
        if seen[-1] - seen[0] > LONGEST:
            raise CaptureError("its times span more than a year: they are damaged", "record it again")
        return np.array([time - seen[0] for time in seen], dtype=np.int64)

    def _http2_rows(self) -> list[Row]:
        """gRPC messages; DATA frames of HTTP/2 streams that carry something else."""
        every, lost = bodies(self._stream)
        grpc = [body for body in every if body.grpc]
        other = [body for body in every if body.chunks and not body.grpc]
        self.protocol = "grpc" if grpc else "http2"
        if grpc and other:
            self.remarks.append(f"{len(other)} HTTP/2 streams do not carry gRPC; of those a row is a DATA frame")
        if lost:
            self.remarks.append(f"frames are missing in {lost} places; messages wholly inside them are not counted")
        if compressed := sum(body.compressed for body in grpc):
            self.remarks.append(f"{compressed} messages are compressed; their sizes are the compressed ones")
        if any(body.left for body in grpc):
            self.remarks.append("the last message is cut off by the recording's end and counted with its full size")
        return sorted([row for body in grpc for row in body.messages] + [row for body in other for row in body.chunks])

    def _pushed_rows(self) -> list[Row]:
        """Bytes up to each PSH, which is what one write (or several that were coalesced) ends with; else segments."""
        if self._encrypted():
            self.remarks.append("the stream is encrypted (TLS): a row is what one PSH ends, not a message")
        pushes = set(self._stream.pushes)
        rows: list[Row] = []
        size = 0
        for piece in self._stream.pieces:
            size += piece.end - piece.start
            if piece.end in pushes or not pushes or piece is self._stream.pieces[-1]:
                rows.append(Row(piece.end - size, size))
                size = 0
        return rows

    def _encrypted(self) -> bool:
        """Whether the first segment is a TLS record: handshake or application data, version 3.x."""
        head = self._stream.pieces[0].data[:3]
        return len(head) == 3 and head[0] in (0x16, 0x17) and head[1] == 3 and head[2] <= 4
