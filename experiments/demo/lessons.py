"""The lessons, in the order they are taught."""

from __future__ import annotations

from experiments.demo.bridge import Seen
from experiments.demo.lesson import Answer, Claim, Lesson, among, latency, mean_ns, ms, slowest
from experiments.demo.scene import Scene

MS = 1_000_000


def _two_writes(a: Seen, b: Seen) -> Answer:
    usual, plain = latency(a), latency(b)
    nagle, delayed = a.run.messages["nagle_ns"], a.run.messages["delayed_ack_ns"]
    looked = slowest(a)
    text = (
        f"{ms(usual)}, where the distance alone takes {ms(plain)}. The header leaves at once. Nagle holds the body"
        f" until the header is acknowledged, and the server delays that acknowledgement for {ms(delayed[looked])},"
        f" hoping for a reply that could carry it; but the reply needs the body. With TCP_NODELAY (pane B) it takes"
        f" {ms(plain)}."
    )
    return Answer(
        right=among(usual, (15 * MS, 35 * MS, 55 * MS)),
        text=text,
        claims=(
            Claim("Two round trips and a delayed ACK of 40 to 44 ms", 60 * MS < usual <= 64 * MS),
            Claim("The delayed ACK is the largest part of it", bool(delayed[looked] > nagle[looked])),
            Claim("With NODELAY it is one round trip", plain == 10 * MS),
        ),
        message=looked,
    )


def _first_is_fast(a: Seen, b: Seen) -> Answer:
    each = [int(ns) for ns in a.run.messages["latency_ns"]]
    fast = [i for i, ns in enumerate(each) if ns < 30 * MS]
    usual = {(0,): 0, tuple(range(0, len(each), 2)): 2, (): 3}
    right = usual.get(tuple(fast), 1)
    text = (
        f"The first takes {ms(each[0])}, every later one about {ms(latency(a))}. A Linux receiver begins in quick-ACK"
        f" mode: it acknowledges the first segments of a connection at once. Its first reply ends that, for now it"
        f" looks like a conversation. A test that opens a connection for each request never sees the stall. In pane B"
        f" the server asks for TCP_QUICKACK at every read, and every request takes {ms(latency(b))}."
    )
    return Answer(
        right=right,
        text=text,
        claims=(
            Claim("Only the first is fast", fast == [0]),
            Claim("It waits for no delayed ACK", int(a.run.messages["delayed_ack_ns"][0]) == 0),
            Claim("With TCP_QUICKACK at every read none waits for one", b.run.ledger_ns()["delayed_ack"] == 0),
        ),
        message=0,
    )


def _one_way(a: Seen, b: Seen) -> Answer:
    stalled = int((a.run.messages["delayed_ack_ns"] > 20 * MS).sum())
    n = len(a.run.messages)
    textbook = int((b.run.messages["delayed_ack_ns"] > MS).sum())
    text = (
        f"{'None' if stalled == 0 else stalled} of {n}. The reader is prompt, and when its read() has made room Linux"
        f" sends the ACK at once: Nagle costs a round trip, {ms(mean_ns(a, 'nagle'))} of the mean, and no more"
        f" (P99 {ms(latency(a, 'p99'))}). The textbook's receiver in pane B waits for a second segment or its timer,"
        f" and delays {textbook} of {n} messages (P99 {ms(latency(b, 'p99'))})."
    )
    return Answer(
        right=among(stalled, (1, 3, n // 3)),
        text=text,
        claims=(
            Claim("On Linux no message waits for the timer", stalled == 0 and a.run.receiver().acks_by_timer == 0),
            Claim("With the textbook's receiver delayed ACKs hold messages", textbook > n // 4),
            Claim("which more than doubles P99", latency(b, "p99") > 2 * latency(a, "p99")),
        ),
        message=slowest(a),
    )


def _lazy_reader(a: Seen, b: Seen) -> Answer:
    fired = a.run.receiver().acks_by_timer
    delayed = a.run.messages["delayed_ack_ns"]
    looked = slowest(a, "delayed_ack")
    text = (
        f"It does: the timer fires {fired} times, and Nagle's sender waits for it, up to {ms(int(delayed[looked]))} a"
        f" message. Who does not read does not acknowledge: the prompt ACK comes from read(), and this application"
        f" reads every 100 ms. The first segments are still acknowledged quickly, then the 40 ms timer is in charge."
        f" With the prompt reader of pane B it fires {b.run.receiver().acks_by_timer} times, and P99 falls from"
        f" {ms(latency(a, 'p99'))} to {ms(latency(b, 'p99'))}."
    )
    return Answer(
        right=1 if fired else 0,
        text=text,
        claims=(
            Claim("The receiver's timer fires", fired > 0),
            Claim("Messages wait for it longer than 20 ms", bool(delayed[looked] > 20 * MS)),
            Claim("With a prompt reader it never fires", b.run.receiver().acks_by_timer == 0),
        ),
        message=looked,
    )


def _bigger_buffer(a: Seen, b: Seen) -> Answer:
    small, large = latency(a), latency(b)
    writes = a.run.sender().writes, b.run.sender().writes
    text = (
        f"P50 goes from {ms(small)} to {ms(large)}. A buffer that is written out when it is full makes the first"
        f" message in it wait for the last: the larger buffer holds {ms(mean_ns(b, 'framer'))} of the mean latency."
        f" What it buys is fewer write() calls, {writes[1]} instead of {writes[0]}; worth it for bulk data, not for a"
        f" stream of small messages. Flush when idle, and the size of the buffer hardly matters."
    )
    return Answer(
        right=among(large / small, (0.8, 1.25, 3)),
        text=text,
        claims=(
            Claim("The larger buffer multiplies the median", large > 3 * small),
            Claim("The time goes into the write buffer", mean_ns(b, "framer") > 0.8 * (latency(b, "mean") - 10 * MS)),
            Claim("It saves write() calls", writes[1] < writes[0] / 4),
        ),
        message=slowest(b, "framer"),
    )


def _nodelay_floods(a: Seen, b: Seen) -> Answer:
    held, sent = latency(a), latency(b)
    packets = a.run.sender().segments, b.run.sender().segments
    text = (
        f"It rises from {ms(held)} to {ms(sent)}. 16 bytes travel in a packet of 68, and NODELAY sends {packets[1]} of"
        f" them instead of {packets[0]}: the headers alone are more than the link carries, and a queue of"
        f" {ms(mean_ns(b, 'queueing'))} builds up. Nagle waits for a round trip and fills it. NODELAY is right where"
        f" the link has room; raise the rate and see when it wins."
    )
    return Answer(
        right=among(sent / held, (0.7, 1.3)),
        text=text,
        claims=(
            Claim("NODELAY sends at least five times the packets", packets[1] > 5 * packets[0]),
            Claim("They queue at the link", mean_ns(b, "queueing") > mean_ns(a, "nagle")),
            Claim("The median rises by more than a half", sent > 1.5 * held),
        ),
        message=slowest(b, "queueing"),
    )


def _one_spike(a: Seen, b: Seen) -> Answer:
    late = a.run.messages["spike_ns"] > 0
    struck = int((a.segments["hit"] == 1).sum())
    looked = slowest(a, "spike")
    text = (
        f"{int(late.sum())}: the one that was struck and all that were sent while it was on its way. TCP delivers in"
        f" order, and so does this link, so a packet that is {ms(float(a.run.messages['spike_ns'][looked]))} late makes"
        f" everything behind it late, each a little less than the one before. P50 is {ms(latency(a))}, and P90 is"
        f" {ms(latency(a, 'p90'))} from a single spike in {len(late)} messages. A spike of 30 ms (pane B) has"
        f" {int((b.run.messages['spike_ns'] > 0).sum())} victims."
    )
    return Answer(
        right=among(int(late.sum()), (2, 5, 16)),
        text=text,
        claims=(
            Claim("One packet is struck", struck == 1),
            Claim("About as many are late as are sent in the spike's 100 ms", 8 <= int(late.sum()) <= 12),
            Claim("P50 knows nothing of it", latency(a) < 6 * MS),
            Claim("A shorter spike has fewer victims", 0 < int((b.run.messages["spike_ns"] > 0).sum()) < 5),
        ),
        message=looked,
    )


def _one_loss(a: Seen, b: Seen) -> Answer:
    recovered = a.run.messages["loss_recovery_ns"]
    looked = slowest(a, "loss_recovery")
    waited = int(recovered[looked])
    alone = int(b.run.messages["loss_recovery_ns"].max())
    behind = int((a.run.messages["in_order_ns"] > 0).sum())
    text = (
        f"{ms(waited)} later. The packets behind it arrive and say what is missing (SACK), RACK waits a little for"
        f" reordering, and the packet is sent again; {behind} messages behind it had arrived and waited for order. No"
        f" timeout was needed. In pane B the lost packet is the last one. Nothing behind it can tell, so a timer has"
        f" to, and the tail loss probe of a single packet allows for a delayed ACK of 200 ms: {ms(alone)}."
    )
    return Answer(
        right=among(waited, (8 * MS, 60 * MS, 150 * MS)),
        text=text,
        claims=(
            Claim("One packet is lost", int((a.segments["drop"] > 0).sum()) == 1),
            Claim("It is there again within three round trips", 0 < waited < 30 * MS),
            Claim("No retransmission timer fired", a.run.sender().rtos == 0),
            Claim("With nothing behind it a probe is needed", b.run.sender().tlps > 0 and b.run.sender().rtos == 0),
            Claim("and that takes longer than 200 ms", alone > 200 * MS),
        ),
        message=looked,
    )


REQUESTS = {"workload.messages": "12"}
STREAM = {"workload.messages": "60"}

LESSONS = (
    Lesson(
        "two-writes",
        "Two writes, then a read",
        "A client sends each request in two writes, 64 B of header and 128 B of body, and waits for the reply."
        " A round trip takes 10 ms. Nothing is lost, nothing is busy.",
        "How long does a request take?",
        ("10 ms: one round trip", "20 ms: two round trips", "40 ms", "more than 60 ms"),
        Scene("write-write-read", REQUESTS),
        {"client.nodelay": "true"},
        "TCP_NODELAY at the client",
        _two_writes,
        "Write the request in one piece: set the writes to 192B. Does Nagle still matter?",
    ),
    Lesson(
        "first-is-fast",
        "The first request is fast",
        "The client of lesson 1, which writes header and body apart, on a connection that has just been opened: twelve"
        " requests, one after the other.",
        "Which of them escape the stall?",
        ("only the first", "a few, here and there", "every other one", "none"),
        Scene("write-write-read", REQUESTS),
        {"server.quickack": "every-read"},
        "the server sets TCP_QUICKACK at every read",
        _first_is_fast,
        "Choose another system for the server: who else begins with quick ACKs?",
    ),
    Lesson(
        "one-way",
        "A one-way stream",
        "A server sends 512 B every 10 ms to a client that reads at once and never answers. Nagle is on, the round trip"
        " takes 10 ms, both run Linux.",
        "How many of 60 messages wait for the 40 ms delayed-ACK timer?",
        ("none", "one or two, at the start", "every third or so", "nearly all"),
        Scene("one-way-512", STREAM),
        {"server.os": "rfc1122", "client.os": "rfc1122"},
        "both hosts as the textbook (RFC 1122) has them",
        _one_way,
        "Try other systems for the receiver in pane B.",
    ),
    Lesson(
        "lazy-reader",
        "A lazy reader",
        "A server sends 128 B every 10 ms over a LAN (a round trip takes 200 us). Nagle is on, both run Linux. But the"
        " client's application looks only every 100 ms: it polls.",
        "Does the 40 ms timer come back?",
        ("No: Linux acknowledges a one-way stream at once", "Yes"),
        Scene("slow-reader", STREAM | {"workload.size": "128B"}),
        {"client.reader": "prompt"},
        "a reader that reads at once",
        _lazy_reader,
        "Let it read every 30 ms. When does the timer stop firing?",
    ),
    Lesson(
        "bigger-buffer",
        "A bigger write buffer",
        "512 B every 10 ms, NODELAY. The stack collects messages in a write buffer of 1 KiB and writes it to the socket"
        " when it is full. Somebody raises it to 8 KiB.",
        "What happens to the median latency?",
        ("it falls", "nothing", "it doubles, about", "it grows several times"),
        Scene("one-way-512", {
            "workload.messages": "120", "server.nodelay": "true", "workload.framing.buffer": "1KiB",
            "workload.framing.flush": "on-full",
        }),
        {"workload.framing.buffer": "8KiB"},
        "a write buffer of 8 KiB",
        _bigger_buffer,
        "Change the flush rule of both panes to on-idle.",
    ),
    Lesson(
        "nodelay-floods",
        "NODELAY floods",
        "16 B every millisecond, 128 kbit/s, over a link of 250 kbit/s. Nagle is on. Somebody has read that TCP_NODELAY"
        " lowers latency, and sets it.",
        "What happens to the median latency?",
        ("it falls", "nothing much", "it rises"),
        Scene("one-way-512", {
            "workload.messages": "200", "workload.size": "16B", "workload.interval": "1ms",
            "network.rate": "250kbit/s",
        }),
        {"server.nodelay": "true"},
        "TCP_NODELAY at the server",
        _nodelay_floods,
        "Raise the rate of both panes to 1Mbit/s.",
    ),
    Lesson(
        "one-spike",
        "One spike, many victims",
        "512 B every 10 ms, NODELAY. Of 60 packets one is struck by a delay spike: it is 100 ms late.",
        "How many messages are late?",
        ("one", "two to four", "about ten", "all that follow"),
        Scene("one-way-512", STREAM | {
            "server.nodelay": "true", "network.down.spikes.probability": "2%", "network.down.spikes.delay": "100ms",
        }, seed=2),
        {"network.down.spikes.delay": "30ms"},
        "a spike of 30 ms",
        _one_spike,
        "Try other seeds, and a shorter spike.",
    ),
    Lesson(
        "one-loss",
        "One lost packet",
        "512 B every 10 ms, NODELAY, a round trip of 10 ms. One packet is lost.",
        "How much later than usual is its message read?",
        ("5 ms", "about 20 ms", "about 100 ms", "200 ms: the retransmission timeout"),
        Scene("one-way-512", STREAM | {"server.nodelay": "true", "network.down.loss": "2%"}, seed=3),
        {"workload.messages": "36"},
        "the lost packet is the last",
        _one_loss,
        "Raise the loss to 10% and look at the messages that wait for order.",
    ),
)  # fmt: skip


def lesson(name: str) -> Lesson | None:
    """The lesson of that name."""
    return next((one for one in LESSONS if one.name == name), None)
