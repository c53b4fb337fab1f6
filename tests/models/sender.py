"""A sender on its own: skbs go out onto a link nobody reads, ACKs are made by hand.

Reno, HZ=250, MSS 1448, one RTT sample from the handshake, a window that does not limit. Times are ns.
"""

from models.ack import tcp_ack
from models.constants import FREED_WRITE, INFINITE_SSTHRESH, NAGLE_OFF, RENO
from models.output import push_pending
from models.rtt import rtt_handshake, rtt_init
from models.skbuff import skb_alloc, sq_append
from models.state import INF, PACKETS, Endpoint, Link, Packet
from sim.plain import new

MS = 1_000_000
US = 1_000
MSS = 1448
TICK = 4 * MS
OVERHEAD = 832


class Sender:
    """One endpoint, its link, and what it has put there."""

    def __init__(self, rtt_us=10_000, cc=RENO, phase_ticks=0):
        e = self.e = new(Endpoint, True)
        self.l = new(Link, True)
        self.l.next = INF
        e.cc = cc
        e.sampling = 1
        e.timestamps = e.sack_ok = e.wscale_ok = 1
        e.mss = MSS
        e.advmss = MSS
        e.gso_segs = 64
        e.skb_overhead = OVERHEAD
        e.max_header = 192
        e.limit_output = 4 << 20
        e.min_tso_segs = 44  # super-segments as they are written
        e.tso_rtt_log = 9
        e.tso_win_divisor = 3
        e.pacing_ss_ratio = 200
        e.pacing_ca_ratio = 120
        e.slow_start_after_idle = 1
        e.host.tick = TICK
        e.host_hz = 250
        e.host.phase = phase_ticks * TICK
        e.rto_min = 200_000
        e.rto_max = 120_000_000
        e.recovery = 1
        e.early_retrans = 3
        e.frto_enabled = 2
        e.retries2 = 15
        e.reordering = 3
        e.reorder_max = 300
        e.reo_wnd_steps = 1
        e.cwnd = e.initcwnd = 10
        e.cwnd_clamp = INFINITE_SSTHRESH
        e.ssthresh = INFINITE_SSTHRESH
        e.sndbuf = 4 << 20
        e.snd_wnd = e.max_window = 1 << 20
        e.rcvbuf = 131_072
        e.rcv_wnd = e.rcv_ssthresh = e.window_clamp = 65_536
        e.scaling_ratio = 128
        e.rcv_wscale = 10
        e.delivered = 1
        for name in ("timer_at", "delack_at", "comp_at", "pace_at"):
            setattr(e, name, INF)
        e.qd.next = INF
        rtt_init(e, 0)
        if rtt_us:
            rtt_handshake(e, 0, rtt_us)
        self.seen = 0

    def queue(self, size):
        """An skb at the end of the send queue."""
        e = self.e
        i = skb_alloc(e)
        k = e.skb[i]
        k.seq = e.write_seq
        k.end = e.write_seq = e.write_seq + size
        k.truesize = OVERHEAD + size
        k.pcount = k.gso_size = k.sacked = k.fin = 0
        k.psh = 1
        k.eor = 0
        sq_append(e, i)
        e.wmem_queued += k.truesize
        return i

    def send(self, now, *sizes, nonagle=NAGLE_OFF):
        """Write skbs of these sizes, one by one, each followed by an attempt to send."""
        indices = []
        for size in sizes:
            indices.append(self.queue(size))
            push_pending(self.e, self.l, now, nonagle, FREED_WRITE)
        return indices

    def ack(self, now, ack, *blocks, tsecr=None, wnd=1 << 20, length=0):
        """Receive an ACK with these SACK blocks. Its echo is of `tsecr` (ms), by default of something recent."""
        p = new(Packet, True)
        p.ack = ack
        p.seq = self.e.rcv_nxt
        p.len = length
        p.wnd = wnd
        p.tsecr = self.e.last_tsecr = now // MS if tsecr is None else tsecr
        p.nsack = len(blocks)
        for name, block in zip(("0", "1", "2"), blocks, strict=False):
            setattr(p, "s" + name, block[0])
            setattr(p, "e" + name, block[1])
        tcp_ack(self.e, self.l, now, p)

    def sent(self):
        """(seq, length) of the packets put on the link since the last call."""
        packets = [self.l.q[n & (PACKETS - 1)] for n in range(self.seen, self.l.idx)]
        self.seen = self.l.idx
        return [(p.seq, p.len) for p in packets]

    def queue_of(self, head):
        """(seq, end, pcount, sacked) of the skbs from `head` on."""
        found = []
        while head:
            k = self.e.skb[head]
            found.append((k.seq, k.end, k.pcount, k.sacked))
            head = k.next
        return found

    def rtx(self):
        """The retransmit queue."""
        return self.queue_of(self.e.rtx_head)
