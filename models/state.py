"""The state the rules work on: flat records of integers.

Time is integer nanoseconds unless a comment says otherwise, data is integer bytes, rates are bits per second.
Names are Linux's field names wherever Linux has one. Nothing here behaves; the rules are the functions of the
other modules. The same field lists serve plain Python (slotted objects, built by `new`) and the compiled loop
(NumPy records, built by `sim.compiled`), so a field is declared once, here.

An array field is declared `list[T]` with its capacity: `Annotated[list[Skb], SKBS]`. A capacity is part of the
compiled type; running into one sets `err` and surfaces as a `SimulationLimit`.
"""

from __future__ import annotations

from typing import Annotated

INF = 1 << 62
"""A deadline that never comes."""

SKBS = 8192
PACKETS = 8192
ARRIVALS = 262_144  # a ring of messages to come ...
COMING = ARRIVALS - 1
AHEAD = 16_384  # ... of which so many are drawn ahead, and more when they come due faster
MESSAGES = 262_144  # ... a pool of slots for those that have come, and a ring from number to slot
SLOTS = MESSAGES - 1
UNDER_WAY = 250_000  # due and not yet read; the rest of the slots is for those read and not yet drained
READS = 8192
RANGES = 2048
DRAWS = 4096
BUCKET_BITS = 14
BUCKETS = 49 << BUCKET_BITS  # latencies below 2^62 ns
SIZE_CLASSES = 4
SLICES = 128
STREAMS = 1024
FRAMES = 65536
CONTROLS = 4096

# Waits of the writing side (t0..t2), of the send queue (t2..t3) and of the way (t3..t9). `ledger` sums them.
CAUSES = (
    "sender_spike",  # the application itself stalled (GC, disk, a blocking call)
    "timer_granularity",  # the sleeper overslept: timer resolution
    "cpu",  # a core worked on it, or was busy with other work, on either host
    "framer",  # it lay in the user-space write buffer, waiting for the flush rule
    "stream_window",  # HTTP/2 stream window
    "connection_window",  # HTTP/2 connection window
    "write_quota",  # the stack's own per-stream quota (64 KiB in grpc-go)
    "stream_limit",  # as many HTTP/2 streams are open as the peer admits
    "scheduler",  # another stream's turn
    "sndbuf",  # SO_SNDBUF full: write() blocked
    "admission",  # the sender's own limiter: paused, no token, backing off, or too much queued in front of the socket
    "pacing",  # sk_pacing_rate
    "cwnd",  # congestion window full
    "rwnd",  # receiver's window full
    "nagle",  # Nagle: waiting for the ACK's round trip
    "delayed_ack",  # the data that holds it has arrived, its ACK is being delayed
    "cork",  # TCP_CORK or MSG_MORE
    "tso_defer",  # tcp_tso_should_defer()
    "autocork",  # tcp_should_autocork(), TCP small queues
    "loss_recovery",  # a copy was lost: waiting for the retransmission
    "qdisc",  # the sender's own shaper
    "queueing",  # the bottleneck's FIFO
    "serialisation",  # bits onto the link
    "propagation",  # distance
    "jitter",  # random extra delay on the link
    "spike",  # a delay spike of the link, its own or one it is kept in order behind
    "in_order",  # arrived, but an earlier byte had not
    "reader",  # delivered, but the application had not read
    "service",  # request/response: the peer's own working time
)
(
    SENDER_SPIKE,
    TIMER_GRANULARITY,
    CPU,
    FRAMER,
    STREAM_WINDOW,
    CONNECTION_WINDOW,
    WRITE_QUOTA,
    STREAM_LIMIT,
    SCHEDULER,
    SNDBUF,
    ADMISSION,
    PACING,
    CWND,
    RWND,
    NAGLE,
    DELAYED_ACK,
    CORK,
    TSO_DEFER,
    AUTOCORK,
    LOSS_RECOVERY,
    QDISC,
    QUEUEING,
    SERIALISATION,
    PROPAGATION,
    JITTER,
    SPIKE,
    IN_ORDER,
    READER,
    SERVICE,
) = range(29)
NCAUSES = 29
WRITER_CAUSES = 11  # the first eleven run on the writer's clock
QUEUE_CAUSES = 8  # PACING .. AUTOCORK run on the send queue's clock


class Record:
    """Base of every record: all integers 0, all arrays empty until touched. Fields are the annotations."""

    __slots__ = ()


class Skb(Record):
    """One socket buffer of the send queue or the retransmit queue (`struct sk_buff`, `struct tcp_skb_cb`)."""

    seq: int
    end: int
    truesize: int  # bytes charged to wmem_queued: overhead + payload
    pcount: int  # tcp_skb_pcount: segments it makes on the wire
    gso_size: int  # tcp_gso_size: payload of all its segments but the last; 0 when it is only one
    psh: int  # TCPHDR_PSH
    fin: int  # TCPHDR_FIN
    eor: int  # MSG_EOR: nothing may be appended
    sent: int  # ns of the latest transmission (skb_mstamp_ns)
    sacked: int  # SACKED | LOST | RETRANS | EVER_RETRANS
    in_rtx: int  # 1 in the retransmit queue, 0 in the send queue
    # rate sample, taken when it was sent (tcp_rate_skb_sent)
    tx_delivered: int
    tx_delivered_at: int  # ns
    tx_first_tx: int  # us
    tx_app_limited: int  # 0: it was the network that limited
    # neighbours in the send or retransmit queue, and in the queue ordered by send time (tsorted_sent_queue); 0 = none
    prev: int
    next: int
    tprev: int
    tnext: int


class Range(Record):
    """Bytes [start, end) of the receiver's out-of-order queue, or a SACK block."""

    start: int
    end: int
    truesize: int


class Received(Record):
    """One skb in the receive queue: bytes [start, end) and what it is charged to rmem_alloc."""

    start: int
    end: int
    truesize: int
    room: int  # skb_tailroom: bytes the next segment may be copied into, free of charge


class Packet(Record):
    """One IP packet on its way, with the stamps the ledger needs."""

    idx: int  # counts every packet of the direction; the SYN is 0
    seq: int
    len: int  # payload bytes
    ack: int
    wnd: int  # window in bytes, already scaled
    flags: int  # SYN_FLAG | FIN_FLAG | PSH_FLAG | ACK_FLAG
    tsval: int  # RFC 7323 clock, ms
    tsecr: int
    nsack: int  # SACK blocks that follow; the first is a DSACK when dsack is 1
    dsack: int
    s0: int
    e0: int
    s1: int
    e1: int
    s2: int
    e2: int
    iplen: int
    retrans: int  # 1 when any of its bytes was sent before
    tx: int  # left TCP (t4 of the messages it carries)
    into: int  # left the sender's qdisc
    svc: int  # link began to serialise it (t5)
    done: int  # link finished (t6)
    due: int  # arrives (t7)
    jitter: int  # ns of due - done that are jitter
    spike: int  # ns of due - done that are a spike's
    hit: int  # 0, 1 spiked itself, 2 inside a stall window, 3 kept in order behind such a packet
    drop: int  # 0, 1 random loss, 2 FIFO full
    backlog: int  # bytes found in a limited FIFO on arrival
    truesize: int  # what it is charged to wmem_qdisc while it waits in the sender's qdisc
    behind: int  # packets behind it in the qdisc that belong to the same super-packet (GSO)


class Draw(Record):
    """The random fate of one packet, drawn in `sim.draws`."""

    lost: int
    jitter: int  # ns
    spike: int  # ns


class Stall(Record):
    """A window of link time: packets due inside it come out at its end."""

    start: int
    end: int


class Link(Record):
    """One direction of the path: FIFO, serialiser, propagation, jitter, spikes, loss; order is kept."""

    rate: int  # bit/s of IP bytes plus `overhead` each; 0 = infinite
    overhead: int  # layer-2 bytes a packet
    limit: int  # FIFO bytes including the packet in service; 0 = unlimited
    delay: int  # propagation, ns
    random: int  # 1 when packets have draws
    nstalls: int
    stall: Annotated[list[Stall], 64]
    draw: Annotated[list[Draw], DRAWS]
    drawn: int  # draws made so far (index of the first packet without one)
    need: int  # 1: the driver should draw more now
    q: Annotated[list[Packet], PACKETS]
    head: int
    len: int
    next: int  # when the receiving host has processed the packet at the head
    # softirq work of the host at the far end, for every packet this link hands it (a core of its own)
    rx_segment_ns: int
    rx_ack_ns: int
    rx_byte_ps: int
    rx_busy: int
    rx_wake_ns: int  # waking a sleeping reader takes that core so long
    backlogged: int  # 1: the packet at the head has been put on the socket's backlog
    warmed: int  # 1: the packet at the head has paid for the host's having been idle
    work: int  # what the packet at the head takes of it, ns
    rx_ns: int  # work done so far
    idx: int  # packets offered so far
    free: int  # serialiser idle from
    last_due: int
    last_hit: int  # what the latest packet's extra delay was: 0 none or jitter, 1 spike
    # background load sharing the FIFO: periodic packets of bg_size bytes every bg_gap ns
    bg_gap: int
    bg_size: int
    bg_next: int
    # counters
    lost: int
    overflowed: int
    # what the FIFO still holds, for its byte limit
    dep: Annotated[list[Range], PACKETS]  # start = done time, end = bytes
    dep_head: int
    dep_len: int
    backlog: int
    err: int


class Qdisc(Record):
    """A shaper at the sender (token bucket filter), which is what autocork and TCP small queues wait on."""

    rate: int  # bit/s; 0 = no shaper
    burst: int
    limit: int  # bytes
    tokens: int  # ns worth of sending
    stamp: int
    bytes: int
    unit: int  # packets still to come of the super-packet that is being queued
    q: Annotated[list[Packet], PACKETS]
    head: int
    len: int
    next: int
    dropped: int


class Arrival(Record):
    """A message to come, drawn in `sim.draws`."""

    due: int  # intended time; SLEEPER: the gap before it, until the one before it has been handed over
    root: int  # intended time of the whole transaction (request/response), else `due`
    size: int  # payload bytes
    stall: int  # ns the sending application stalls before it (a sender spike)


class Message(Record):
    """One application message and its ledger, from its intended time on."""

    number: int  # from 0, in the order of intended times
    next_due: int  # intended time of the one after it
    t_due: int  # t0: intended
    root: int  # t0 of the whole transaction (request/response), else t_due
    size: int  # payload bytes, as the application counts them
    wire: int  # bytes in the TCP stream, framing included
    stall: int  # ns the sending application stalls before it (a sender spike)
    start: int  # stream offset of its first byte
    end: int  # stream offset behind its last byte
    t_call: int  # t1: first write call (or SendMsg) for it
    t_acc: int  # t2: last byte in the send queue
    t_ret: int  # that write returned
    t_first: int  # t3: first transmission of the last byte
    t_sent: int  # t4: transmission of the copy that arrived first
    t_svc: int  # t5
    t_done: int  # t6
    t_arr: int  # t7
    t_ord: int  # t8
    t_read: int  # t9
    read_no: int
    writes: int  # write() calls that carried its bytes
    own_start: int  # when the link began the message's own run of segments
    own_done: int
    retrans: int  # 1 when the copy that arrived first was a retransmission
    freed: int  # what let the last byte go: FREED_*
    rest: int  # t7 was processed by the host at this time
    stream: int  # HTTP/2: the stream it travels on ...
    behind: int  # ... and the next slot there, or in the list of free slots; 0 = none
    x: Annotated[list[int], NCAUSES]


class Bucket(Record):
    """Values that are alike to one part in 2^BUCKET_BITS."""

    count: int
    top: int  # the largest of them


class Histogram(Record):
    """Latencies, ns (`models.histogram`)."""

    total: int  # their sum: this ...
    high: int  # ... and 2^32 times this
    least: int  # INF: none yet
    most: int
    bucket: Annotated[list[Bucket], BUCKETS]


class Slice(Record):
    """Messages due in a slice of time, and the least of their waits for the one before them, ns."""

    n: int
    least: int


class Tally(Record):
    """Sums over the messages read so far (`models.tally`)."""

    on: int  # what an entry is: MESSAGES or TRANSACTIONS; 0 = nobody asks for this end's
    watch: int  # 1: waits are looked at for signs of overload
    # start-up: the first messages, or those due before a time, but no more than this
    warmup: int
    warmup_until: int
    startup_most: int
    shift: int  # of the latest latency's bucket: the next is like it
    startup: Histogram
    steady: Annotated[list[Histogram], SIZE_CLASSES]
    closed: Histogram  # steady state, from the write call
    cause: Annotated[list[int], NCAUSES]  # ledger: this ...
    high: Annotated[list[int], NCAUSES]  # ... and 2^32 times this
    held: int  # sum of latencies since the low words were last carried
    n: int
    bytes: int
    first_due: int  # the first ...
    first_size: int
    last_due: int  # ... and the last to have been due
    last_read: int
    # waits
    watched: int
    origin: int  # the first of these messages was due
    latest_due: int
    slice_bits: int  # log2 of a slice's ns
    slice: Annotated[list[Slice], SLICES]


class Clock(Record):
    """A reason clock: one running reason, ns so far for each."""

    why: int
    since: int
    ran: Annotated[list[int], WRITER_CAUSES + 1]  # the extra slot is "nothing waits"


class Gate(Record):
    """The sender's limiter (models/admission.py). All zero: open."""

    on: int  # 1: it has something to say
    paused: int
    every: int  # ns a token; 0 = no token is needed
    burst: int  # tokens the bucket holds
    used_until: int  # by then every token spent so far has come back, one after the other
    high: int  # bytes queued in front of the socket from which on nothing is admitted; 0 = any number
    low: int  # ... until there are fewer than this
    above: int  # 1: `high` was reached, `low` not yet
    backoff: int  # ns: the first wait while less than half of the tokens are left; 0 = none
    backoff_max: int
    delay: int  # ns: the latest such wait
    backed_until: int  # ... and its end; 0 = the next message has none yet
    limit: int  # due messages that may wait here; 0 = any number
    degraded_size: int  # what one too many is answered with, bytes
    passed: int  # messages let through
    waiting: int  # 0, WAITS_FOR_OPENING, WAITS_FOR_TOKEN: the next message has been refused
    degraded: int  # messages answered so


class Frame(Record):
    """One HTTP/2 frame on its way: written by one end's framer, acted upon when the other end has read all of it."""

    kind: int  # FRAME_*
    stream: int
    len: int  # DATA: bytes that count against the windows
    end: int  # stream offset behind it
    value: int  # WINDOW_UPDATE: increment; SETTINGS: initial window; PING: whose; DATA: 1 = it ends its stream
    limit: int  # SETTINGS: concurrent streams


class Stream(Record):
    """One HTTP/2 stream, as one end keeps it."""

    # sending
    state: int  # STREAM_IDLE, STREAM_WAITING, STREAM_OPEN, STREAM_ENDED
    left: int  # messages still to be handed over in the run ...
    call_left: int  # ... and before the stream ends
    window: int  # bytes the peer takes; a SETTINGS frame can make it negative
    quota_left: int
    due: int  # messages whose time has come: the first's and the last's slot; 0 = none
    due_last: int
    queued: int  # messages handed over and not entirely framed, likewise
    queued_last: int
    body_left: int  # bytes of the first of them not yet framed
    begun: int  # 1: some of it has been framed
    runnable: int  # 1: its sender is in the run queue
    active: int  # 1: it is among the streams that take turns
    due_clock: Clock  # own reasons of what is due; NOTHING: the application's reason
    queued_clock: Clock  # own reasons of what is queued; NOTHING: the reason of the whole queue
    # receiving
    unread: int  # bytes the transport has, and an application apart has not yet read
    ended: int  # 1: and the end of the stream
    unsent: int  # bytes read and not yet given back in a WINDOW_UPDATE
    granted: int  # bytes the peer may still send


class Http2(Record):
    """One end of an HTTP/2 connection."""

    nstreams: int  # streams this end's messages are dealt to
    stream: Annotated[list[Stream], STREAMS]
    # sending
    window: int  # connection window: bytes the peer takes
    initial_window: int  # of a stream, by the peer's SETTINGS
    limit: int  # streams that may be open; 0 = no limit
    open: int
    stream_messages: int  # a stream ends after so many; 0 = it stays open
    fifo: int  # 1: a stream sends until it must wait; 0: a frame each in turn
    rest: int  # an unbuffered DATA frame written in pieces: bytes still to come ...
    rest_prefix: int  # ... of which these go alone
    more: int  # MSG_MORE on the piece just taken
    finished: int  # messages that end with the piece just taken
    current: int  # stream, plus 1, whose sender has the application's core; 0 = none
    ready: Annotated[list[int], STREAMS]  # run queue of the senders
    ready_head: int
    ready_len: int
    turn: Annotated[list[int], STREAMS]  # streams that have something to send and a window
    turn_head: int
    turn_len: int
    waiting: Annotated[list[int], STREAMS]  # for admission
    waiting_head: int
    waiting_len: int
    held: int  # streams that have something to send and no window
    queue_clock: Clock  # why what is queued on streams waits
    frame: Annotated[list[Frame], FRAMES]
    sealed: int  # frames whose end in the stream is known (TLS)
    framed: int  # frames written ...
    taken: int  # ... and read by the peer
    control: Annotated[list[Frame], CONTROLS]  # frames to be written before any DATA
    control_head: int
    control_len: int
    # receiving
    stream_window: int  # bytes it grants a stream; 0 = no limit
    connection_window: int
    update_per_mille: int  # WINDOW_UPDATE when this share of a window was read ...
    update_bytes: int  # ... or so many bytes; 0 = by share
    unsent: int  # as in Stream, of the connection
    granted: int
    # probing
    estimator: int  # BDP_OFF, BDP_GO, BDP_JAVA, BDP_CORE
    bdp_limit: int
    bdp: int  # the estimate; BDP_JAVA: the window it has come to
    probing: int  # 1: a PING is out, or waits to be written
    probe_at: int  # it was written then
    probe_due: int  # BDP_CORE: no PING before this
    probe_every: int  # BDP_CORE: ns between them
    pause_at: int  # BDP_CORE: the timer that ends its pause
    steady: int  # BDP_CORE, BDP_JAVA: probes in a row that changed nothing
    quiet_pings: int  # PINGs written since the last frame that was none
    sample: int  # bytes since the probe began
    samples: int
    rtt: int  # ns, smoothed
    bandwidth: int  # highest so far, bytes per second
    keepalive: int  # PING when nothing was read for so long; 0 = never
    heard_at: int
    alive_at: int
    # the application that reads
    apart: int  # 1: at instants of its own, behind the transport
    credit_on_read: int  # 1: the connection's credit comes back when it has read, too
    unread: int  # bytes, of all streams
    every: int  # it reads at multiples of this; 0 = when there is something
    pause: int  # ns after every message
    start: int  # not before
    free_at: int  # its latest pause ends
    read_at: int
    # counters
    updates: int  # WINDOW_UPDATE frames written
    pings: int


class Writer(Record):
    """The sending application, its framer and its write() calls."""

    mode: int  # SCHEDULED, GREEDY, SLEEPER, REQUESTS, REPLIES
    threads: int  # 1: the application writes itself; 2: a framer thread writes (grpc-go's loopy)
    # messages by number: [drained, done) read and still in slots, [done, entered) under way, [entered, drawn) to come
    arrival: Annotated[list[Arrival], ARRIVALS]
    m: Annotated[list[Message], MESSAGES]  # slots, from 1
    slot: Annotated[list[int], MESSAGES]  # of the i-th message; on HTTP/2 streams of the i-th on the wire
    free: int  # LIFO list of free slots
    top: int  # slots handed out so far
    keep: int  # 1: the driver takes messages that have been read; 0: nobody wants them, their slots are free at once
    tally: Tally
    total: int  # messages of the whole run
    drawn: int  # arrivals the driver has drawn
    need: int  # 1: the driver should drain and draw now
    starved: int  # 1: no drawn arrival is left
    made: int  # intended time known
    entered: int  # intended time has come
    called: int  # the application has called for it
    queued: int  # handed to the framer
    framed: int  # framing begun
    accepted: int  # last byte in the send queue
    first: int  # last byte transmitted once
    ordered: int  # last byte covered by the peer's rcv_nxt
    done: int  # read
    drained: int  # their slots are free again
    layered: int  # 1: HTTP/2 streams carry the messages, see Endpoint.h2
    # the application thread
    app_at: int
    app_step: int  # STEP_NEXT, STEP_STALLED, STEP_SEND
    clock: Clock
    quota: int  # bytes the stack takes ahead of its framer; 0 = no second thread
    quota_left: int
    quota_wait: int
    gate: Gate
    # the writing thread
    write_at: int
    blocked: int  # 1: write() waits for space
    t_blocked: int
    framer_clock: Clock  # the writing thread's, when it is a second one
    # framing
    kind: int  # 1: bufio semantics, 2: grpc-go's bufWriter
    header: int  # bytes in front of each frame (9 for HTTP/2)
    prefix: int  # bytes in front of each message (5 for gRPC)
    max_frame: int
    pieces: int  # write() calls an unbuffered frame is made of: 1, 2, 3
    more: int  # MSG_MORE on all but the last piece
    cork: int  # 2: cork and uncork around each message
    buffer: int  # write-buffer bytes; 0 = unbuffered
    room: int  # what it takes before a frame is split: `buffer`, or twice that (grpc-go before 1.58)
    merge: int  # 1: messages that are flushed together share frames
    frame_room: int  # bytes that may still join the open frame
    flush: int  # PER_FRAME, PER_MESSAGE, ON_IDLE, ON_FULL, ON_TIMER, ON_RETURN
    flush_every: int  # PER_MESSAGE: every n-th; ON_IDLE: at the latest after n
    since_flush: int  # messages framed since the last flush
    run: int  # ON_RETURN: 1 when the run's first message has been flushed
    flush_after: int  # ON_TIMER, ns
    flush_at: int
    flush_due: int
    buffered: int  # bytes in the write buffer
    body_left: int  # message bytes (prefix and payload) not yet framed
    frame_left: int  # body bytes of the current frame not yet passed on
    piece: int
    frames: int  # frames begun for the write under way, for their CPU cost
    busy: int  # 1: a write() is under way
    copy_left: int  # bytes of a piece not yet copied into the buffer
    in_message: int
    put: int  # offset behind the last byte framed, TLS not counted
    tls: int  # bytes TLS adds to a record; 0 = no TLS
    tls_bytes: int  # added so far
    sealed: int  # messages whose end in the stream is known
    sealed_to: int  # offset behind the last byte framed that was written
    call_left: int  # bytes of the write() under way
    call_more: int
    call_resumed: int  # 1: it has slept for space
    copied: int  # bytes this write() has copied so far
    calls: int  # write() calls made for the current message
    # greedy, sleeper, request/response
    size: int  # bytes of a message made on the fly
    npieces: int  # request/response: back-to-back writes a message takes ...
    cut: Annotated[list[int], 16]  # ... and their sizes
    granularity: int
    think: int
    period: int
    until: int  # no new request after this; 0 = no limit
    stopped: int
    # counters
    writes: int
    write_bytes: int
    blocks: int
    block_ns: int


class Reader(Record):
    """The receiving application: prompt, polling or slow."""

    at: int  # next read()
    waiting: int  # 1: blocked in read() or epoll
    size: int  # read() takes at most this much
    pause: int  # ns after every read
    start: int  # first read not before
    every: int  # polling: reads only at multiples of this; 0 = woken by data
    phase: int
    runnable: int  # since when it could have read
    locked_from: int  # the read() under way owns the socket from here to `at`; INF: waking up, there is none
    lowat: int  # SO_RCVLOWAT
    quickack: int  # TCP_QUICKACK set after every read: 0 no, 1 on, 2 off
    reads: int


class Host(Record):
    """What the machine itself costs, all ns (a host profile), and its two busy-until marks."""

    tick: int  # ns a jiffy: 1e9 / HZ
    phase: int  # ticks are at multiples of `tick` minus this; the multiple is the absolute jiffy
    message_ns: int  # application work a message, sending
    write_ns: int  # one write() call
    write_byte_ps: int  # picoseconds a byte written
    frame_ns: int  # framer work a frame
    wire_ns: int  # from the end of tcp_sendmsg to the wire
    tx_ns: int  # one skb sent
    wake_ns: int  # data readable to the reader running
    read_ns: int  # one read() call
    read_byte_ps: int
    deliver_ns: int  # application work a message, receiving
    irq_ns: int  # timer tick to timer handler
    cold_ns: int  # extra work for every doubling of idle time beyond 2 ms (caches, sleep states)
    active_at: int  # when the host last did something
    app_busy: int  # the application's core is busy until
    app_ns: int  # work done so far
    # the jiffy that contains the present, kept to save a division
    tick_no: int
    tick_to: int


class Cubic(Record):
    """`struct bictcp`, in the kernel's own units (cwnd in packets, time in ms or jiffies as there)."""

    cnt: int
    last_max_cwnd: int
    last_cwnd: int
    last_time: int
    bic_origin_point: int
    bic_K: int
    delay_min: int
    epoch_start: int
    ack_cnt: int
    tcp_cwnd: int
    sample_cnt: int
    found: int
    round_start: int
    end_seq: int
    last_ack: int
    curr_rtt: int


class Bbr(Record):
    """`struct bbr` (v1), in the kernel's own units."""

    min_rtt_us: int
    min_rtt_stamp: int
    probe_rtt_done_stamp: int
    # windowed max of bandwidth over 10 rounds: struct minmax
    bw_t0: int
    bw_v0: int
    bw_t1: int
    bw_v1: int
    bw_t2: int
    bw_v2: int
    rtt_cnt: int
    next_rtt_delivered: int
    cycle_mstamp: int
    mode: int
    prev_ca_state: int
    packet_conservation: int
    round_start: int
    idle_restart: int
    probe_rtt_round_done: int
    lt_is_sampling: int
    lt_rtt_cnt: int
    lt_use_bw: int
    lt_bw: int
    lt_last_delivered: int
    lt_last_stamp: int
    lt_last_lost: int
    pacing_gain: int
    cwnd_gain: int
    full_bw_reached: int
    full_bw_cnt: int
    cycle_idx: int
    has_seen_rtt: int
    prior_cwnd: int
    full_bw: int
    ack_epoch_mstamp: int
    extra_acked0: int
    extra_acked1: int
    ack_epoch_acked: int
    extra_acked_win_rtts: int
    extra_acked_win_idx: int
    phase: int  # the random phase PROBE_BW starts at, drawn in sim/


class Endpoint(Record):
    """One end of the connection: a full TCP socket with its application and its host."""

    # identity and options
    server: int  # 1: the accepting side
    timestamps: int  # RFC 7323 timestamps, agreed on in the handshake: 1 unless a script says otherwise
    sack_ok: int  # so is RFC 2018 SACK
    wscale_ok: int  # and window scaling
    nagle_rule: int  # MINSHALL, RFC896 or LAST_SEGMENT
    nonagle: int  # NAGLE_OFF | NAGLE_CORK | NAGLE_PUSH
    autocorking: int
    notsent_lowat: int
    cc: int  # RENO, CUBIC, BBR
    mss: int  # mss_cache: payload of a full segment
    advmss: int  # what this end announced
    gso_segs: int  # sk_gso_max_segs
    skb_overhead: int  # truesize of an skb without its payload
    max_header: int  # MAX_TCP_HEADER
    wmem_max: int  # tcp_wmem[2]
    rmem_max: int  # tcp_rmem[2]
    limit_output: int  # tcp_limit_output_bytes
    slow_start_after_idle: int
    tso_win_divisor: int
    min_tso_segs: int
    tso_rtt_log: int
    pacing_ss_ratio: int
    pacing_ca_ratio: int
    pingpong_thresh: int
    host_hz: int
    delack_min: int  # jiffies: TCP_DELACK_MIN, also TCP_ATO_MIN
    delack_cap: int  # jiffies: TCP_DELACK_MAX
    delack_max: int  # jiffies: tcp_delack_max()
    rto_min: int  # us
    rto_max: int  # us
    retries2: int  # tcp_retries2
    user_timeout: int  # TCP_USER_TIMEOUT, ms; 0 = none
    thin_linear: int
    recovery: int  # tcp_recovery bits
    early_retrans: int
    frto_enabled: int
    reorder_max: int
    comp_sack_ns: int
    comp_sack_slack_ns: int
    comp_sack_nr: int
    rto_floor: int  # us: no timeout is shorter
    initcwnd: int  # segments
    # acknowledging as other systems do: constants of `classic_check`, and what it remembers
    classic_ack: int  # 1: instead of Linux's rule
    ack_segments: int  # so many segments of any size are acknowledged at once; 0 = not counted
    ack_full: int  # so many receive-MSS of data are; 0 = not counted ...
    ack_beyond: int  # ... 1: only when it is exceeded
    ack_push: int  # a segment with PSH is
    ack_read: int  # a read that empties the socket acknowledges pushed data
    ack_start: int  # segments still to be acknowledged at once, as at the start of a connection
    delack_ns: int
    delack_grid: int  # ns of the heartbeat the timer fires on; 0 = exactly after delack_ns
    unacked_segs: int  # segments since the last ACK ...
    unacked_from: int  # ... which was this one
    unacked_to: int  # rcv_nxt behind the latest of them
    # sender: sequence space
    snd_una: int
    snd_nxt: int
    write_seq: int
    pushed_seq: int
    snd_sml: int  # end of the last sub-MSS segment sent (Minshall)
    snd_wnd: int
    max_window: int
    snd_wl1: int
    goal: int  # size goal of an skb, and what it was worked out from
    goal_window: int
    goal_mss: int
    # queues of skbs: indices into skb[1..]; 0 = none
    skb: Annotated[list[Skb], SKBS]
    skb_free: int  # LIFO free list
    skb_top: int  # slots handed out so far
    sq_head: int
    sq_tail: int
    rtx_head: int
    rtx_tail: int
    ts_head: int
    ts_tail: int
    sacked_hint: int  # highest_sack: first skb behind the highest SACKed one; 0 = none
    retransmit_hint: int
    # send-buffer accounting
    wmem_queued: int
    wmem_peak: int
    sndbuf: int
    sndbuf_locked: int
    nospace: int  # SOCK_NOSPACE
    wake: int  # 1: the sleeping writer is to be woken
    owned: int  # 1: a packet is taken from the backlog while a read() owns the socket
    ack_deferred: int  # TCP_ACK_DEFERRED
    wmem_qdisc: int  # sk_wmem_alloc: truesize of own data skbs in the qdisc
    tsq_throttled: int
    # in flight
    packets_out: int
    sacked_out: int
    lost_out: int
    retrans_out: int
    max_packets_out: int
    cwnd_usage_seq: int
    is_cwnd_limited: int
    defer_cwnd_limited: int  # this attempt deferred because cwnd would have split the super-segment
    # congestion window
    cwnd: int
    cwnd_cnt: int
    cwnd_clamp: int
    cwnd_used: int
    cwnd_stamp: int  # ns: when the window was last full, or set
    ssthresh: int
    prior_cwnd: int
    prior_ssthresh: int
    lsndtime: int  # jiffies
    # round-trip time, all us; srtt is << 3, mdev << 2 as in the kernel
    srtt: int
    mdev: int
    mdev_max: int
    rttvar: int
    rtt_seq: int
    rto: int
    rto_unbacked: int  # the estimate in whole jiffies ...
    rto_jiffy_less: int  # ... which is what all estimates come to that are longer than this
    backoff: int
    # min_rtt: struct minmax over 300 s
    min_rtt_t0: int
    min_rtt_v0: int
    min_rtt_t1: int
    min_rtt_v1: int
    min_rtt_t2: int
    min_rtt_v2: int
    # the retransmit timer, one of four purposes
    timer: int  # TIMER_NONE, TIMER_RTO, TIMER_TLP, TIMER_REO, TIMER_PROBE0
    timer_at: int
    probes_out: int
    retransmits: int
    # recovery
    ca_state: int  # CA_OPEN, CA_DISORDER, CA_CWR, CA_RECOVERY, CA_LOSS
    high_seq: int
    undo_marker: int  # snd_una at the start of the episode that may be undone, plus 1; 0 = none
    undo_retrans: int
    retrans_stamp: int  # RFC 7323 clock (ms) of the episode's first retransmission, plus 1; 0 = none
    total_retrans: int
    prr_delivered: int
    prr_out: int
    tlp_high_seq: int
    tlp_retrans: int
    frto: int
    reordering: int
    reord_seen: int
    rack_mstamp: int  # us
    rack_end_seq: int
    rack_rtt: int  # us
    rack_advanced: int
    rack_last_delivered: int
    reo_wnd_steps: int
    reo_wnd_persist: int
    dsack_seen: int
    dsack_dups: int  # segments ever reported as duplicates
    is_sack_reneg: int
    # the ACK being worked out (struct tcp_sacktag_state and locals of tcp_ack)
    ack_flag: int  # FLAG_*
    ack_rexmit: int  # REXMIT_*
    ack_first: int  # us: when the first and the last newly acknowledged, never retransmitted skb was sent; -1 = none
    ack_last: int
    sack_first: int  # the same of those newly SACKed
    sack_last: int
    ack_reord: int  # lowest sequence delivered out of order
    sack_delivered: int  # segments SACKed, or reported as duplicates
    blocks: Annotated[list[Range], 4]  # its SACK blocks, in sequence order
    # delivery rate (tcp_rate.c)
    sampling: int  # 1: somebody reads it (BBR, a policy), so samples are taken
    delivered: int
    delivered_at: int  # ns
    first_tx: int  # us
    app_limited: int
    rate_delivered: int
    rate_interval: int  # us
    rs_delivered: int
    rs_interval: int  # us
    rs_rtt: int  # us; -1 = no sample
    rs_losses: int
    rs_acked_sacked: int
    rs_prior_delivered: int
    rs_prior_mstamp: int
    rs_prior_in_flight: int
    rs_app_limited: int
    rs_last_end_seq: int
    lost: int  # packets ever marked lost
    pacing_on: int  # internal pacing enforced
    pacing_rate: int  # bytes a second
    wstamp: int  # ns: tcp_wstamp_ns, earliest departure of the next skb
    data_segs_out: int  # data packets, retransmissions included
    pace_at: int  # hrtimer
    # receiver
    rcv_nxt: int
    rcv_wup: int  # rcv_nxt when the latest ACK was sent (also last_ack_sent)
    rcv_wnd: int
    copied_seq: int
    rcv_wscale: int
    rcv_mss: int
    last_seg_size: int
    quick: int
    pingpong: int
    ato: int  # jiffies
    lrcvtime: int  # jiffies
    ack_sched: int
    ack_pushed: int
    ack_pushed2: int
    ack_now: int
    delack_at: int
    delack_expires: int  # jiffies
    rcvbuf: int
    rcvbuf_locked: int
    rmem_alloc: int
    rcv_ssthresh: int
    window_clamp: int
    scaling_ratio: int  # payload per truesize, in 1/256
    shrink_window: int  # tcp_shrink_window
    nomem: int  # ICSK_ACK_NOMEM: a segment found no room, the next ACK closes the window
    rq: Annotated[list[Received], READS]
    rq_head: int
    rq_len: int
    ooo: Annotated[list[Range], RANGES]
    ooo_len: int
    rcv_ooopack: int
    sack: Annotated[list[Range], 4]
    nsack: int
    dsack: int  # a duplicate to report in the next ACK
    dsack_start: int
    dsack_end: int
    dup_ack_counter: int
    compressed_ack: int
    compressed_ack_rcv_nxt: int
    comp_at: int  # hrtimer
    rcvq_space: int
    rcvq_seq: int
    rcvq_time: int  # us
    rcv_rtt: int  # us << 3
    rcv_rtt_seq: int
    rcv_rtt_time: int  # us
    rcv_rtt_last_tsecr: int
    ts_recent: int  # peer's TSval to echo, ms
    last_tsecr: int  # rx_opt.rcv_tsecr of the packet being processed
    fin_seen: int  # the peer has closed; its FIN is the sequence number below rcv_nxt
    fin_sent: int  # this end has closed; its FIN is the sequence number below write_seq
    # parts
    w: Writer
    h2: Http2
    r: Reader
    host: Host
    cubic: Cubic
    bbr: Bbr
    qd: Qdisc
    clock: Clock  # send-queue reasons, index = cause - PACING
    held_by: int  # the cause that refused the head at the latest attempt
    next_at: int  # the earliest of this end's own deadlines, as the loop last saw them
    # counters
    pure_acks: int
    acks_by_timer: int
    rtos: int
    tlps: int
    fast_retransmits: int
    undos: int
    spurious_rtos: int
    autocorks: int
    window_probes: int
    err: int


class Path(Record):
    """One replication: two endpoints and the two directions between them."""

    a: Endpoint  # the connecting side (client)
    b: Endpoint  # the accepting side (server)
    ab: Link
    ba: Link
    now: int
    next_at: int
    kind: int  # of the latest event
    events: int
    until: int  # no event after this
    tick_at: int  # the next control tick
    drawn_until: int  # all arrivals before this have been drawn
    drain: int  # 1: go on after the last message is read, until nothing is left to happen
