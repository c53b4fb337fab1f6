"""HTTP/2 frames (RFC 9113 section 4.1) in a byte stream, and the gRPC messages in their DATA.

A gRPC message is a flag byte (1: compressed), a 4-byte length and that many bytes, anywhere in the DATA of its
HTTP/2 stream: several to a frame or one over many. Frame and message lengths say where all is; contents are skipped.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from experiments.capture.reassembly import Stream

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADER = 9
PREFIX = 5

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
EXTENSIONS = (0x0A, 0x0C, 0x10)  # ALTSVC, ORIGIN, PRIORITY_UPDATE
END_STREAM, PADDED = 0x1, 0x8
_EXACT = {PRIORITY: 5, RST_STREAM: 4, PING: 8, WINDOW_UPDATE: 4}
_FLAGS = {DATA: 0x09, HEADERS: 0x2D, SETTINGS: 0x01, PUSH_PROMISE: 0x0C, PING: 0x01, CONTINUATION: 0x04}

LARGEST_FRAME = 1 << 20  # 16,384 is usual, 2^24 - 1 allowed; text taken for a header claims far more
LARGEST_GUESS = 4 << 20  # gRPC's default limit: a message found in mid-stream is not believed to be larger
PROBED_PIECES = 64


class Frame(NamedTuple):
    """A frame header, and where its payload lies in the stream."""

    type: int
    flags: int
    stream_id: int
    start: int
    end: int


class Row(NamedTuple):
    """One message: the stream offset of its first byte, and its payload bytes."""

    at: int
    size: int


def is_http2(stream: Stream) -> bool:
    """Whether frames follow each other from the first byte or, when the start was missed, from an early segment."""
    if stream.read(stream.start, len(PREFACE)) == PREFACE:
        return True
    probes = [piece.start for piece in stream.pieces[:PROBED_PIECES]]
    return any(_follow(stream, at) for at in (probes[:1] if stream.from_start else probes))


def frames(stream: Stream) -> Iterator[Frame | None]:
    """The frames of the stream; None where some were lost and the next ones were found by their shape."""
    at = stream.start
    if stream.read(at, len(PREFACE)) == PREFACE:
        at += len(PREFACE)
    elif not stream.from_start and not _follow(stream, at):
        at = _resume(stream, at)
    while at + HEADER <= stream.end:
        frame = _frame(stream, at)
        if frame is None:
            yield None
            at = _resume(stream, at)
            continue
        yield frame
        at = frame.end


def _frame(stream: Stream, at: int) -> Frame | None:
    """The frame at `at`, if those nine bytes are known and can be a frame header."""
    header = stream.read(at, HEADER)
    if header is None:
        return None
    length, kind, flags = int.from_bytes(header[:3], "big"), header[3], header[4]
    stream_id = int.from_bytes(header[5:], "big")
    on_connection = kind in (SETTINGS, PING, GOAWAY)
    possible = (
        length <= LARGEST_FRAME
        and (kind <= CONTINUATION or kind in EXTENSIONS)
        and length == _EXACT.get(kind, length)
        and not flags & ~_FLAGS.get(kind, 0)
        and stream_id < 1 << 31
        and (kind == WINDOW_UPDATE or kind in EXTENSIONS or (stream_id == 0) == on_connection)
        and (kind != SETTINGS or length % 6 == 0)
        and (kind != GOAWAY or length >= 8)
    )
    return Frame(kind, flags, stream_id, at + HEADER, at + HEADER + length) if possible else None


def _follow(stream: Stream, at: int, enough: int = 4) -> bool:
    """Whether a chain of frames starts at `at`: `enough` of them, or fewer up to the end or a hole."""
    for count in range(enough):
        if at + HEADER > stream.end or stream.read(at, HEADER) is None:
            return count > 0
        frame = _frame(stream, at)
        if frame is None:
            return False
        at = frame.end
    return True


def _resume(stream: Stream, at: int) -> int:
    """The next segment behind `at` that starts with frames; the stream's end if none does."""
    following = stream.piece_after(at)
    while following is not None and not _follow(stream, following):
        following = stream.piece_after(following)
    return stream.end if following is None else following


@dataclass
class Body:
    """The DATA of one HTTP/2 stream, cut into gRPC messages as long as it looks like them."""

    synced: bool  # the next byte's place in a message is known
    messages: list[Row] = field(default_factory=list)
    chunks: list[Row] = field(default_factory=list)  # one a DATA frame
    compressed: int = 0
    skipped: int = 0  # bytes that belong to no message
    left: int = 0  # of the message under way
    cut: bool = False  # it ended inside a message
    _prefix: bytes = b""
    _prefix_at: int = 0

    def take(self, stream: Stream, start: int, end: int) -> None:
        """The DATA bytes [start, end) of the connection's stream."""
        self.chunks.append(Row(start, end - start))
        self.synced = self.synced or self._starts_here(stream, start, end)
        at = start if self.synced else end
        self.skipped += at - start
        while at < end:
            if self.left:
                step = min(self.left, end - at)
                self.left -= step
            else:
                step = min(PREFIX - len(self._prefix), end - at)
                if not self._read_prefix(stream.read(at, step), at):
                    self.skipped += end - at
                    break
            at += step

    def _starts_here(self, stream: Stream, start: int, end: int) -> bool:
        prefix = stream.read(start, PREFIX) if end - start >= PREFIX else None
        return prefix is not None and prefix[0] <= 1 and 0 < int.from_bytes(prefix[1:], "big") <= LARGEST_GUESS

    def _read_prefix(self, part: bytes | None, at: int) -> bool:
        if not self._prefix:
            self._prefix_at = at
        self._prefix += part or b""
        if part is None or self._prefix[0] > 1:
            self.lose()
            return False
        if len(self._prefix) == PREFIX:
            self.left = int.from_bytes(self._prefix[1:], "big")
            self.compressed += self._prefix[0]
            self.messages.append(Row(self._prefix_at, self.left))
            self._prefix = b""
        return True

    def lose(self) -> None:
        """Bytes are missing: wait for a frame that starts with a message."""
        self.synced = False
        self.left = 0
        self._prefix = b""

    def finish(self) -> None:
        """END_STREAM: gRPC ends between two messages."""
        self.cut = bool(self.left or self._prefix)

    @property
    def grpc(self) -> bool:
        """Whether it is gRPC: most of it fell into messages, and it ended behind one."""
        total = sum(chunk.size for chunk in self.chunks)
        return bool(self.messages) and not self.cut and 2 * self.skipped <= total


def bodies(stream: Stream) -> tuple[list[Body], int]:
    """The DATA of every HTTP/2 stream in this direction, and how often frames were lost."""
    opened: dict[int, Body] = {}
    every: list[Body] = []
    lost = 0
    whole = stream.from_start
    for frame in frames(stream):
        if frame is None:
            lost, whole = lost + 1, False
            for body in opened.values():
                body.lose()
            continue
        if frame.type not in (DATA, HEADERS):
            continue
        if frame.stream_id not in opened:
            opened[frame.stream_id] = Body(synced=whole or frame.type == HEADERS)
            every.append(opened[frame.stream_id])
        body = opened[frame.stream_id]
        if frame.type == DATA:
            _take_data(body, stream, frame)
        if frame.flags & END_STREAM:
            body.finish()
            del opened[frame.stream_id]
    return every, lost


def _take_data(body: Body, stream: Stream, frame: Frame) -> None:
    start, end = frame.start, frame.end
    if frame.flags & PADDED and start < end:
        padding = stream.read(start, 1)
        start, end = start + 1, end - (padding[0] if padding else 0)
        if padding is None or end < start:
            return body.lose()
    if start < end:
        body.take(stream, start, end)
    return None
