"""Fast recovery: proportional rate reduction, retransmission, its end, and undoing it. Reno: ssthresh is cwnd / 2."""

from models.constants import CA_DISORDER, CA_OPEN, CA_RECOVERY, EVER_RETRANS, FLAG_SND_UNA_ADVANCED, LOST, RETRANS
from models.inflight import packets_in_flight
from models.prr import cwnd_reduction
from tests.models.sender import MS, MSS, Sender

RTT = 10 * MS


def flight(lost_first=1, n=10):
    """`n` full segments leave at 0; those behind the first `lost_first` are SACKed one by one until recovery begins."""
    s = Sender()
    s.send(0, *[MSS] * n)
    s.sent()
    for last in range(lost_first + 1, lost_first + 4):
        s.ack(RTT, 0, (lost_first * MSS, last * MSS), tsecr=0)
    return s


def sack_to(s, now, last, lost_first=1):
    s.ack(now, 0, (lost_first * MSS, last * MSS), tsecr=0)


def test_one_and_two_sacks_of_a_burst_wait():
    s = Sender()
    s.send(0, *[MSS] * 10)
    s.sent()
    sack_to(s, RTT, 2)
    sack_to(s, RTT, 3)
    assert (s.e.ca_state, s.sent()) == (CA_DISORDER, [])


def test_the_third_sack_retransmits_at_once():
    s = flight()
    assert s.e.ca_state == CA_RECOVERY
    assert s.sent() == [(0, MSS)]
    assert (s.e.ssthresh, s.e.prior_cwnd, s.e.high_seq) == (5, 10, 10 * MSS)
    assert s.e.skb[s.e.rtx_head].sacked == LOST | RETRANS | EVER_RETRANS
    assert s.e.cwnd == 7  # 6 in flight, and one forced retransmission


def test_prr_sends_one_for_two_delivered_while_above_ssthresh():
    e = Sender().e
    e.packets_out = e.prior_cwnd = 20
    e.ssthresh = 10
    sent = []
    for _ in range(8):
        e.sacked_out += 1
        cwnd_reduction(e, 1, 0, 0)
        sent.append(e.cwnd - packets_in_flight(e))
        e.packets_out += sent[-1]
        e.prr_out += sent[-1]
    assert sent == [1, 0, 1, 0, 1, 0, 1, 0]


def test_prr_grows_back_to_ssthresh_when_an_ack_advances_without_new_loss():
    e = Sender().e
    e.prior_cwnd, e.ssthresh, e.prr_delivered, e.prr_out = 20, 10, 8, 8
    e.packets_out = 6
    cwnd_reduction(e, 2, 0, FLAG_SND_UNA_ADVANCED)
    assert e.cwnd == 6 + 3  # two delivered, and one more
    cwnd_reduction(e, 2, 1, FLAG_SND_UNA_ADVANCED)
    assert e.cwnd == 6 + 4  # as many as were delivered and not yet replaced


def test_prr_settles_at_ssthresh():
    s = flight()
    cwnd = []
    for last in range(5, 11):
        sack_to(s, RTT, last)
        cwnd.append(s.e.cwnd)
    # in flight 6, 5, 4, ... with no new data to send: (5 * 2 + 9) // 10 - 1 = 0 more, then up to ssthresh as delivered
    assert cwnd == [6, 5, 5, 5, 5, 5]


def test_recovery_ends_when_high_seq_is_acknowledged_and_leaves_ssthresh():
    s = flight()
    for last in range(5, 11):
        sack_to(s, RTT, last)
    s.ack(2 * RTT, 10 * MSS, tsecr=10)
    e = s.e
    assert (e.ca_state, e.cwnd, e.ssthresh) == (CA_OPEN, 5, 5)
    assert (e.packets_out, e.sacked_out, e.lost_out, e.retrans_out) == (0, 0, 0, 0)
    assert (e.wmem_queued, e.rtx_head, e.ts_head) == (0, 0, 0)


def test_an_echo_from_before_the_retransmission_undoes_the_reduction():
    s = flight()
    s.ack(11 * MS, 4 * MSS, tsecr=0)
    assert (s.e.ca_state, s.e.undos) == (CA_OPEN, 1)
    assert s.e.cwnd >= 10
    assert s.e.ssthresh == 0x7FFFFFFF


def test_a_dsack_for_every_retransmission_undoes_the_reduction():
    s = flight()
    s.ack(2 * RTT, 10 * MSS, tsecr=10)
    assert (s.e.ssthresh, s.e.undo_retrans) == (5, 1)
    s.send(2 * RTT, MSS)
    s.ack(2 * RTT + MS, 10 * MSS, (0, MSS), tsecr=10)
    assert (s.e.undos, s.e.undo_marker) == (1, 0)
    assert s.e.ssthresh == 0x7FFFFFFF


def test_without_recovery_nothing_is_undone():
    s = Sender()
    s.send(0, MSS)
    s.ack(RTT, MSS, tsecr=0)
    assert (s.e.undos, s.e.cwnd) == (0, 10)


def test_small_segments_lost_together_are_retransmitted_as_one():
    s = Sender()
    s.send(0, *[100] * 6)
    s.sent()
    for last in (4, 5, 6):
        s.ack(RTT, 0, (300, last * 100), tsecr=0)
    assert s.sent() == [(0, 300)]
    assert s.rtx()[0] == (0, 300, 1, LOST | RETRANS | EVER_RETRANS)
    assert (s.e.packets_out, s.e.lost_out, s.e.retrans_out) == (4, 1, 1)


def test_a_collapsed_segment_is_no_larger_than_the_mss():
    s = Sender()
    s.e.cwnd = 20
    s.send(0, *[600] * 6)
    s.sent()
    for last in (4, 5, 6):
        s.ack(RTT, 0, (1800, last * 600), tsecr=0)
    assert s.sent()[0] == (0, 1200)


def test_data_with_eor_is_not_collapsed():
    s = Sender()
    s.send(0, *[100] * 6)
    k = s.e.skb[s.e.rtx_head]
    k.eor = 1
    s.sent()
    for last in (4, 5, 6):
        s.ack(RTT, 0, (300, last * 100), tsecr=0)
    assert s.sent()[0] == (0, 100)


def test_a_partial_ack_goes_on_with_the_next_hole():
    s = flight(lost_first=2)
    s.sent()
    s.ack(2 * RTT, MSS, (2 * MSS, 5 * MSS), tsecr=10)
    assert s.e.ca_state == CA_RECOVERY
    assert s.e.skb[s.e.rtx_head].seq == MSS
    assert s.e.skb[s.e.rtx_head].sacked & RETRANS
