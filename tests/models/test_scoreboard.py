"""Whatever the network loses, delays or doubles: the counts match the skbs, and in the end everything arrives."""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.constants import BBR, CUBIC, LOST, NAGLE_OFF, RENO, RETRANS, SACKED
from models.output import push_pending
from models.state import INF, PACKETS
from models.timeouts import retransmit_timer
from tests.models.sender import MS, Sender

OWD = 5 * MS


class Receiver:
    """Acknowledges every packet, with SACK blocks: the latest first, a duplicate in front."""

    def __init__(self):
        self.nxt = 0
        self.holes = []

    def take(self, seq, end):
        """Returns (ack, blocks) for the packet [seq, end)."""
        duplicate = []
        if end <= self.nxt or any(a <= seq and end <= b for a, b in self.holes):
            duplicate = [(seq, end)]
        merged = [r for r in self.holes if r[0] <= end and seq <= r[1]]
        rest = [r for r in self.holes if r not in merged]
        first = (min([seq] + [a for a, _ in merged]), max([end] + [b for _, b in merged]))
        self.holes = [first, *rest]
        while any(a <= self.nxt for a, _ in self.holes):
            self.nxt = max([self.nxt] + [b for a, b in self.holes if a <= self.nxt])
            self.holes = [r for r in self.holes if r[0] > self.nxt]
        return self.nxt, (duplicate + self.holes)[:3]


def check(e):
    """The counters are the sums over the queue, and what RACK watches is on its list."""
    sums = {"packets_out": 0, "sacked_out": 0, "lost_out": 0, "retrans_out": 0}
    truesize, watched, at = 0, set(), e.snd_una
    i = e.rtx_head
    while i:
        k = e.skb[i]
        assert k.seq <= at if i == e.rtx_head else k.seq == at
        at = k.end
        truesize += k.truesize
        assert k.pcount == 1 or k.gso_size
        sums["packets_out"] += k.pcount
        sums["sacked_out"] += k.pcount if k.sacked & SACKED else 0
        sums["lost_out"] += k.pcount if k.sacked & LOST else 0
        sums["retrans_out"] += k.pcount if k.sacked & RETRANS else 0
        assert not (k.sacked & SACKED and k.sacked & LOST)
        if not k.sacked & SACKED and (not k.sacked & LOST or k.sacked & RETRANS):
            watched.add(i)
        i = k.next
    assert at == e.snd_nxt
    i = e.sq_head
    while i:
        truesize += e.skb[i].truesize
        i = e.skb[i].next
    assert {name: getattr(e, name) for name in sums} == sums
    assert e.wmem_queued == truesize
    listed, last, i = [], -INF, e.ts_head
    while i:
        assert e.skb[i].sent >= last
        last = e.skb[i].sent
        listed.append(i)
        i = e.skb[i].tnext
    if e.undos == 0:  # what an undo no longer calls lost is not put back: Linux does not either
        assert watched <= set(listed)
    assert e.cwnd >= 1


def run(cc, sizes, gap, fates):
    """Write `sizes` every `gap`; packet n meets fates[n]: 0 arrives, 1 lost, 2 late, 3 twice; ACKs likewise."""
    s, r = Sender(cc=cc), Receiver()
    e = s.e
    events: list[tuple[int, int, int, Any, int]] = []  # when, is it an ACK, seq or ack, end or blocks, timestamp
    now, total = 0, sum(sizes)
    sizes = list(sizes)
    fates = iter(fates)
    next_write = 0
    for _ in range(2000):
        if not sizes and e.snd_una == total:
            break
        due = min([t for t, *_ in events] + [e.timer_at, e.pace_at] + ([next_write] if sizes else []))
        assert due < INF, "nothing will ever happen"
        now = max(now, due)
        if sizes and next_write == due:
            s.queue(sizes.pop(0))
            push_pending(e, s.l, now, NAGLE_OFF, 1)
            next_write = now + gap
        elif due == e.timer_at:
            retransmit_timer(e, s.l, now)
        elif due == e.pace_at:
            e.pace_at = INF
            push_pending(e, s.l, now, NAGLE_OFF, 5)
        else:
            event = min(events)
            events.remove(event)
            _, kind, ack, blocks, tsecr = event
            if kind == 0:
                reply = r.take(ack, blocks)
                copies = {1: 0, 3: 2}.get(next(fates, 0), 1)
                events += [(now + OWD, 1, reply[0], tuple(reply[1]), tsecr)] * copies
            else:
                s.ack(now, ack, *blocks, tsecr=tsecr)
                push_pending(e, s.l, now, NAGLE_OFF, 3)
        check(e)
        for n in range(s.seen, s.l.idx):
            p = s.l.q[n & (PACKETS - 1)]
            if p.len == 0:
                continue
            fate = next(fates, 0)
            late = 3 * OWD if fate == 2 else 0
            copies = {1: 0, 3: 2}.get(fate, 1)
            events += [(now + OWD + late, 0, p.seq, p.seq + p.len, p.tsval)] * copies
        s.seen = s.l.idx
    return s, r, total


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    cc=st.sampled_from([RENO, CUBIC, BBR]),
    sizes=st.lists(st.sampled_from([1, 100, 100, 100, 700, 1448, 2000, 9000]), min_size=1, max_size=40),
    gap=st.sampled_from([0, MS, 7 * MS, 40 * MS]),
    fates=st.lists(st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3]), max_size=80),
)
def test_counters_match_the_queue_and_everything_is_delivered(cc, sizes, gap, fates):
    s, r, total = run(cc, sizes, gap, fates)
    assert r.nxt == total
    assert s.e.snd_una == total
    assert (s.e.packets_out, s.e.sacked_out, s.e.lost_out, s.e.retrans_out) == (0, 0, 0, 0)
    assert s.e.wmem_queued == 0
