"""TLS records: what they add to the bytes of a write(), and until when a message has to wait for its record.

What the stack writes is cut into records of at most 16 KiB, each with a few bytes more: in TLS 1.3 a header of 5, a
content type of 1 and a tag of 16. A record can be read only when all of it has arrived, so a message ends where its
last record ends, which is known when it is written.

Source: RFC 8446, 5.1 and 5.2.
"""

from __future__ import annotations

from models.state import FRAMES, SLOTS, Endpoint, Writer

RECORD = 16_384
UNSEALED = 1 << 60
"""Added to an offset of the plaintext whose place in the TCP stream is not known yet."""


def framed_end(w: Writer, end: int) -> int:
    """Where something ends in the TCP stream that ends at `end` of what was framed, as far as that is known."""
    return end + UNSEALED if w.tls else end


def record_end(w: Writer, end: int, last: int) -> int:
    """Where in the TCP stream the record ends that holds the plaintext up to `end`, when it is sealed to `last`."""
    records = (end - w.sealed_to + RECORD - 1) // RECORD
    return min(w.sealed_to + records * RECORD, last) + w.tls_bytes + records * w.tls


def seal(e: Endpoint, n: int) -> int:
    """The next write() takes n bytes of what was framed: settle where they end; returns n and what TLS adds."""
    w = e.w
    h = e.h2
    last = w.sealed_to + n
    while w.sealed < w.framed:
        m = w.m[w.slot[w.sealed & SLOTS]]
        if m.end - UNSEALED > last:
            break
        m.end = record_end(w, m.end - UNSEALED, last)
        w.sealed += 1
    while h.sealed < h.framed:
        f = h.frame[h.sealed & (FRAMES - 1)]
        if f.end - UNSEALED > last:
            break
        f.end = record_end(w, f.end - UNSEALED, last)
        h.sealed += 1
    records = (n + RECORD - 1) // RECORD
    w.sealed_to = last
    w.tls_bytes += records * w.tls
    return n + records * w.tls
