"""What a summary needs of the messages that have been read, so that none of them has to be kept.

Latencies go to histograms, causes to sums. The first messages are the connection's start-up and are counted apart.
Sums are kept in two words: the low ones are carried over before they can leave 63 bits.

Whether the load was more than the path carries is judged from how long after its intended time a message still has
another one before it (the waiting time of Lindley's recursion). The least wait in each slice of time is kept; slices
double in width, two becoming one, when time outgrows them: the last half of any run is seen in 32 to 64 of them.
"""

from __future__ import annotations

from models.histogram import HALF, WHOLE, bucket_of, carry_total, open_histogram, record, shift_of
from models.state import NCAUSES, SERVICE, SIZE_CLASSES, SLICES, Message, Tally

MESSAGES = 1  # Tally.on: one entry a message ...
TRANSACTIONS = 2  # ... or one a request and its reply

SMALL = 128  # largest size of the classes: a header's worth ...
SEGMENT = 1_448  # ... one Ethernet MSS ...
FRAME = 16_384  # ... one HTTP/2 frame; all else is in the last

LOW_BITS = 32
CARRY = 1 << 61


def open_tally(t: Tally) -> None:
    """Nothing has been counted yet."""
    open_histogram(t.startup)
    open_histogram(t.closed)
    for k in range(SIZE_CLASSES):
        open_histogram(t.steady[k])


def size_class(size: int) -> int:
    """0 to 3, by size."""
    if size <= SMALL:
        return 0
    if size <= SEGMENT:
        return 1
    return 2 if size <= FRAME else 3


def starting(t: Tally, number: int, due: int) -> int:
    """Does the message belong to the start-up?"""
    return 1 if number < t.startup_most and (number < t.warmup or due < t.warmup_until) else 0


def carry(t: Tally) -> None:
    """No sum is larger than the sum of all latencies, which has come near the end of a word."""
    carry_total(t.startup, LOW_BITS)
    carry_total(t.closed, LOW_BITS)
    for k in range(SIZE_CLASSES):
        carry_total(t.steady[k], LOW_BITS)
    for k in range(NCAUSES):
        t.high[k] += t.cause[k] >> LOW_BITS
        t.cause[k] &= (1 << LOW_BITS) - 1
    t.held = 0


def tally(t: Tally, number: int, due: int, call: int, read: int, size: int) -> None:
    """One message or transaction of `size` bytes: intended, written, read."""
    latency = read - due
    if not HALF <= latency >> t.shift < WHOLE:
        t.shift = shift_of(latency, t.shift)
    bucket = bucket_of(latency, t.shift)
    if starting(t, number, due):
        record(t.startup, latency, bucket)
    else:
        record(t.steady[size_class(size)], latency, bucket)
        if call != due:
            bucket = bucket_of(read - call, shift_of(read - call, t.shift))
        record(t.closed, read - call, bucket)
    if t.n == 0 or due < t.first_due:
        t.first_due = due
        t.first_size = size
    t.n += 1
    t.bytes += size
    t.last_due = max(t.last_due, due)
    t.last_read = read
    t.held += latency
    if t.held >= CARRY:
        carry(t)


def tally_message(t: Tally, m: Message) -> None:
    """A message has been read."""
    for k in range(NCAUSES):
        t.cause[k] += m.x[k]
    tally(t, m.number, m.t_due, m.t_call, m.t_read, m.size)


def tally_transaction(t: Tally, request: Message, reply: Message) -> None:
    """A reply has been read: both ways, and the server's work between them."""
    for k in range(NCAUSES):
        t.cause[k] += request.x[k] + reply.x[k]
    t.cause[SERVICE] += reply.t_due - request.t_read
    tally(t, reply.number, reply.root, request.t_call, reply.t_read, request.size + reply.size)


def halve(t: Tally) -> None:
    """Slices twice as wide."""
    last = (t.latest_due - t.origin) >> t.slice_bits
    for i in range((last >> 1) + 1):
        one = t.slice[2 * i]
        n = one.n
        least = one.least
        if 2 * i < last:
            two = t.slice[2 * i + 1]
            if n == 0 or (two.n and two.least < least):
                least = two.least
            n += two.n
        both = t.slice[i]
        both.n = n
        both.least = least
    for i in range((last >> 1) + 1, last + 1):
        t.slice[i].n = 0
    t.slice_bits += 1


def tally_wait(t: Tally, due: int, wait: int) -> None:
    """A message is due at `due`; so much later (earlier, if negative) the one before it is read."""
    if t.watched == 0:
        t.origin = due
    if due < t.origin:
        return
    i = (due - t.origin) >> t.slice_bits
    while i >= SLICES:
        halve(t)
        i >>= 1
    s = t.slice[i]
    if s.n == 0 or wait < s.least:
        s.least = wait
    s.n += 1
    t.watched += 1
    t.latest_due = max(t.latest_due, due)
