"""Small integers with a meaning, shared by the rules."""

# Packet.flags
FIN_FLAG = 1
SYN_FLAG = 2
PSH_FLAG = 8
ACK_FLAG = 16

# Skb.sacked: TCPCB_SACKED_ACKED, TCPCB_LOST, TCPCB_SACKED_RETRANS, TCPCB_EVER_RETRANS
SACKED = 1
LOST = 2
RETRANS = 4
EVER_RETRANS = 8
EVER_OR_NOW_RETRANS = RETRANS | EVER_RETRANS  # TCPCB_RETRANS

# Endpoint.ca_state: enum tcp_ca_state
CA_OPEN = 0
CA_DISORDER = 1
CA_CWR = 2
CA_RECOVERY = 3
CA_LOSS = 4

# Endpoint.timer: what icsk_retransmit_timer is armed for
TIMER_NONE = 0
TIMER_RTO = 1
TIMER_TLP = 2
TIMER_REO = 3
TIMER_PROBE0 = 4

# Endpoint.cc
RENO = 0
CUBIC = 1
BBR = 2

# enum tcp_ca_event
EVENT_TX_START = 0
EVENT_COMPLETE_CWR = 2
EVENT_LOSS = 3

# Endpoint.nonagle: TCP_NAGLE_OFF, TCP_NAGLE_CORK, TCP_NAGLE_PUSH
NAGLE_OFF = 1
NAGLE_CORK = 2
NAGLE_PUSH = 4

# Endpoint.nagle_rule
MINSHALL = 0
RFC896 = 1
LAST_SEGMENT = 2

# Writer.mode: where messages come from
SCHEDULED = 0  # intended times, open loop
GREEDY = 1  # the next as soon as the last write returned
SLEEPER = 2  # closed loop: the next interval starts when the last message was handed over
REQUESTS = 3  # the next when the reply has been read
REPLIES = 4  # one a request

# Writer.flush: when the write buffer is handed to the kernel
PER_FRAME = 0
PER_MESSAGE = 1
ON_IDLE = 2
ON_FULL = 3
ON_TIMER = 4
ON_RETURN = 5

# Message.freed: what let the last byte out of the send queue
FREED_WRITE = 1  # its own write, at once
FREED_LATER_WRITE = 2  # a later write filled the segment, or overrode the hold
FREED_ACK = 3  # an ACK arrived
FREED_TIMER = 4  # RTO, TLP, zero-window probe
FREED_PACING = 5  # the pacing timer
FREED_QDISC = 6  # a TX completion
FREED_OPTION = 7  # TCP_NODELAY or uncork

# Writer.app_step
STEP_NEXT = 0  # take the next message
STEP_STALLED = 1  # a sender spike is over
STEP_SEND = 2  # its work is done: hand the message over

# Gate.waiting
WAITS_FOR_OPENING = 1
WAITS_FOR_TOKEN = 2

# Frame.kind: RFC 9113, 6; FRAME_ACK marks the acknowledging kind of PING and SETTINGS
FRAME_DATA = 0
FRAME_HEADERS = 1
FRAME_SETTINGS = 4
FRAME_PING = 6
FRAME_WINDOW_UPDATE = 8
FRAME_ACK = 256

# Stream.state
STREAM_IDLE = 0
STREAM_WAITING = 1  # for admission
STREAM_OPEN = 2
STREAM_ENDED = 3  # its last message was handed over; the peer has not answered yet

# Http2.estimator
BDP_OFF = 0
BDP_GO = 1
BDP_JAVA = 2
BDP_CORE = 3

# What a PING asks for
PING_BDP = 1
PING_ALIVE = 2

# Record.err
ERR_SKBS = 1
ERR_PACKETS = 2
ERR_MESSAGES = 3
ERR_READS = 4
ERR_RANGES = 5
ERR_FRAMES = 6
ERR_CONTROLS = 7
ERR_TIMED_OUT = 8  # not a capacity: the connection gave up

# ssthresh before any loss
INFINITE_SSTHRESH = 0x7FFFFFFF

INITIAL_WINDOW = 10  # RFC 6928, TCP_INIT_CWND

# What one ACK did, as it is worked out: Endpoint.ack_flag (the FLAG_* of tcp_input.c)
FLAG_DATA = 0x01  # the packet carried data
FLAG_WIN_UPDATE = 0x02  # it updated the window
FLAG_DATA_ACKED = 0x04  # it acknowledged new data
FLAG_RETRANS_DATA_ACKED = 0x08  # some of which had been retransmitted
FLAG_DATA_SACKED = 0x20  # it SACKed new data
FLAG_LOST_RETRANS = 0x80  # it showed a retransmission to be lost
FLAG_ORIG_SACK_ACKED = 0x200  # data never retransmitted was (S)ACKed
FLAG_SND_UNA_ADVANCED = 0x400  # it moved snd_una
FLAG_DSACKING_ACK = 0x800  # it reported a duplicate
FLAG_SET_XMIT_TIMER = 0x1000  # the TLP or RTO timer is to be set anew
FLAG_SACK_RENEGING = 0x2000  # snd_una stopped in front of data SACKed before
FLAG_ACK_MAYBE_DELAYED = 0x10000  # probably a delayed ACK
FLAG_DSACK_TLP = 0x20000  # the duplicate was our tail loss probe
FLAG_NOT_DUP = FLAG_DATA | FLAG_WIN_UPDATE | FLAG_DATA_ACKED
FLAG_CA_ALERT = FLAG_DATA_SACKED | FLAG_DSACKING_ACK
FLAG_FORWARD_PROGRESS = FLAG_DATA_ACKED | FLAG_DATA_SACKED

# Endpoint.ack_rexmit: what is to be sent once the ACK has been worked out (REXMIT_* of tcp_input.c)
REXMIT_NONE = 0
REXMIT_LOST = 1  # what is marked lost
REXMIT_NEW = 2  # new data, to find out whether a timeout was spurious (F-RTO)

REORDERING = 3  # tcp_reordering: initial and least reordering degree, segments
NO_RTT = 0xFFFFFFFF  # min_rtt before the first sample, us
