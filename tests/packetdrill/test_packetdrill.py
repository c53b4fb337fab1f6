"""packetdrill's language: own scripts hold, wrong ones are caught where they are wrong, foreign ones are refused."""

from pathlib import Path

import pytest

from experiments.cli import main
from experiments.packetdrill import asserts, shell
from experiments.packetdrill.reader import read_script
from experiments.packetdrill.runner import run_script
from experiments.packetdrill.script import Assertion, Command, Option, OutOfScope, Segment, SystemCall, Unreadable, When
from experiments.packetdrill.values import parse_arguments

SCRIPTS = sorted((Path(__file__).parent / "scripts").glob("*.pkt"))
S = 1_000_000_000

SERVER = """
`./defaults.sh`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1000,nop,nop,sackOK,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK,nop,wscale 8>
+.05 < . 1:1(0) ack 1 win 1024
+0 accept(3, ..., ...) = 4
"""
FIRST = SERVER.count("\n") + 1


def run(script):
    return run_script(read_script("test", script))


def event(text):
    return read_script("test", text).events[0]


# ---- own scripts ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_written_from_the_rules_hold(path):
    verdict = run_script(read_script(path.stem, path.read_text()))
    wrong = [(x.event.line, x.status, x.detail) for x in verdict.lines if x.status != "held"]
    assert not verdict.out_of_scope
    assert not wrong
    assert verdict.phase == 0


# ---- what does not hold is found where it is ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "detail"),
    [
        ("+0 > . 1:101(100) ack 1", "flags: P. 1:101(100) ack 1 win 1050"),
        ("+0 > P. 2:102(100) ack 1", "seq: P. 1:101(100)"),
        ("+0 > P. 1:102(101) ack 1", "length: P. 1:101(100)"),
        ("+0 > P. 1:101(100) ack 2", "ack: P. 1:101(100)"),
        ("+0 > P. 1:101(100) ack 1 win 5", "win: P. 1:101(100)"),
        ("+0 > P. 1:101(100) ack 1 <nop,nop,sack 1:2>", "options: P. 1:101(100)"),
        ("+.1 > P. 1:101(100) ack 1", "at 0.050000 s, not at 0.150000 s"),
        ("+0 %{ assert tcpi_unacked == 2 }%", "tcpi_unacked is 1"),
        ("+0 write(4, ..., 5) = 4", "returned 5"),
        ("+0 read(4, ..., 5) = 5", "it blocks"),
    ],
)
def test_a_wrong_line_is_found(line, detail):
    verdict = run(f"{SERVER}+0 write(4, ..., 100) = 100\n{line}\n")
    assert not verdict.held
    last = verdict.lines[-1]
    assert last.event.line == FIRST + 1
    assert last.status == "failed"
    assert detail in last.detail


def test_a_packet_that_never_comes_and_one_nobody_expected():
    verdict = run(f"{SERVER}+0 > . 1:1(0) ack 1\n+0 write(4, ..., 1) = 1\n")
    assert [x.status for x in verdict.lines[-2:]] == ["failed", "not reached"]
    assert verdict.lines[-2].detail == "nothing was sent"
    verdict = run(f"{SERVER}+0 write(4, ..., 1) = 1\n+.1 < . 1:1(0) ack 2 win 9\n+0 write(4, ..., 2) = 2\n"
                  "+0 > P. 2:4(2) ack 1\n")  # fmt: skip
    assert "P. 1:4(3)" in verdict.lines[-1].detail


def test_a_blocking_call_has_to_return_in_time():
    script = SERVER + "+0...0.1 read(4, ..., 10) = 10\n+{} < P. 1:11(10) ack 1 win 9\n"
    assert run(script.format(".1")).held
    late = run(script.format(".2"))
    assert "returned at 0.250000 s, not at 0.150000 s" in late.lines[-2].detail


def test_an_expected_packet_may_come_as_several_equal_ones():
    assert run(f"{SERVER}+0 write(4, ..., 10000) = 10000\n+0 > P. 1:10001(10000) ack 1\n").held
    off = SERVER.replace("defaults.sh", "defaults.sh\nethtool -K tun0 tso off gso off")
    sent = "+0 write(4, ..., 1500) = 1500\n+0 > . 1:1001(1000) ack 1\n+0 > P. 1001:1501(500) ack 1\n"
    assert run(off + sent).held


# ---- the language ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("0 `true`", When("absolute", 0, 0)),
        ("1.5 `true`", When("absolute", 3 * S // 2, 3 * S // 2)),
        ("+.21~+.215 `true`", When("relative", 210_000_000, 215_000_000)),
        ("* `true`", When("any")),
        ("`true`", When("none")),
        ("+.09...0.14 close(4) = 0", When("relative", 90_000_000, 90_000_000, 140_000_000)),
    ],
)
def test_times(text, when):
    assert event(text).when == when


def test_packets():
    segment = event("+0 < P. 1:11(10) ack 5 win 7 <nop,nop,TS val 1 ecr 2,sack 20:30 40:50>").what
    assert isinstance(segment, Segment)
    assert (segment.inbound, segment.flags, segment.seq, segment.length) == (True, "P.", 1, 10)
    assert (segment.ack, segment.win, segment.blocks) == (5, 7, ((20, 30), (40, 50)))
    assert segment.option("TS") == Option("TS", (1, 2))
    assert event("+0 > S. 0:0(0) ack 1 <...>").what.options is None


def test_calls():
    call = event("+0 sendmsg(4, {msg_name(...)=..., msg_iov(2)=[{..., 4}, {..., 5}], msg_flags=0}, MSG_MORE) = 9").what
    assert isinstance(call, SystemCall)
    assert (call.name, call.result, call.arguments[2]) == ("sendmsg", 9, "MSG_MORE")
    assert call.arguments[1]["msg_iov"] == [["...", 4], ["...", 5]]
    assert event("+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)").what.errno == "EINPROGRESS"
    assert parse_arguments('3, "a, b", 0x10, A|B, [-1]') == (3, "a, b", 16, "A|B", [-1])


def test_code_commands_comments_and_settings():
    script = read_script("test", "// a\n--tolerance_usecs=7000\n/* b\n c */ `x\ny`\n+0 %{ assert 1 }% // d\n")
    assert script.settings == {"tolerance_usecs": "7000"}
    assert [type(e.what) for e in script.events] == [Command, Assertion]
    assert [e.line for e in script.events] == [4, 6]


@pytest.mark.parametrize(
    ("text", "line"),
    [("\n+0 < P. 1:11(9) ack 1", 2), ("\n\n+0 write(4, ..., 5", 3), ("+0 what is this", 1), ("`open", 1),
     ("+0 write(4) = x", 1), ("", 1), ("--mtu=1500\n// nothing else\n", 1)],
)  # fmt: skip
def test_what_is_not_the_language_is_refused_with_its_line(text, line):
    with pytest.raises(Unreadable) as refused:
        read_script("test", text)
    assert refused.value.line == line


@pytest.mark.parametrize("text", ["+0 < [ce] . 1:1(0) ack 1 win 5", "+0 < SEW 0:0(0) win 5", "+0 > udp (5)",
                                  "+0 < S 0:0(0) win 9 <mss 5,FO>"])  # fmt: skip
def test_other_protocols_are_out_of_scope(text):
    with pytest.raises(OutOfScope):
        read_script("test", text)


# ---- commands and code are interpreted, never executed --------------------------------------------------------------


def test_commands_set_the_host():
    settings = shell.Settings()
    unknown = shell.apply(
        "./defaults.sh\nsysctl -q net.ipv4.tcp_rmem=\"4096 32768 $((32*1024*1024))\"\n"
        "./set_sysctls.py /proc/sys/net/ipv4/tcp_min_tso_segs=10 \\\n /proc/sys/net/ipv4/tcp_timestamps=0\n"
        "ethtool -K tun0 tso off gso off\ntouch /tmp/x; sysctl -q net.ipv4.tcp_ecn=1", settings,
    )  # fmt: skip
    assert settings.sysctls["tcp_rmem"] == "4096 32768 33554432"
    assert settings.sysctls["tcp_min_tso_segs"] == "10"
    assert settings.sysctls["tcp_slow_start_after_idle"] == "0"
    assert not settings.gso
    assert unknown == ["touch /tmp/x", "tcp_ecn=1 (ECN)"]


@pytest.mark.parametrize(
    "code", ["import os", "assert open('x')", "assert tcpi_x == 1", "assert a.b", "x = 1", "assert ("]
)
def test_code_that_is_no_plain_assert_is_not_understood(code):
    with pytest.raises(asserts.NotUnderstood):
        asserts.failures(code, {"a": 1})


def test_asserts():
    assert asserts.failures("assert 1 <= a < 3 and not b, a", {"a": 2, "b": 0}) == []
    assert asserts.failures("assert a == 1; \\\n assert (a, -a) == (2, -2)", {"a": 2}) == ["a == 1: a is 2"]


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "code", "said"),
    [
        ("", 0, "test: all held"),
        ("+0 > . 1:1(0) ack 1\n", 1, f"test: does not hold at line {FIRST}: nothing was sent"),
        ("+0 < R. 1:1(0) ack 1\n", 2, f"test: out of scope, line {FIRST}: resets (RST)"),
        ("+0 nonsense\n", 2, f"test: out of scope, line {FIRST}: not understood"),
    ],
)
def test_exit_codes(tmp_path, capsys, extra, code, said):
    path = tmp_path / "test.pkt"
    path.write_text(SERVER + extra)
    assert main(["packetdrill", str(path)]) == code
    assert said in capsys.readouterr().out
    assert main(["packetdrill", "--json", str(path)]) == code


@pytest.mark.parametrize(
    "line", ["+0 close(9) = 0", "+0 write(4) = 1", "+0 epoll_wait(7, {events=0}, 1, 0) = 0", "+0 getpid() = 5",
             "+0 `sysctl -q net.ipv4.tcp_congestion_control=dctcp`", "+0 `sysctl -q net.ipv4.tcp_rmem=many`"],
)  # fmt: skip
def test_nonsense_is_refused_with_a_reason(line):
    assert run(f"{SERVER}{line}\n").out_of_scope.startswith(f"line {FIRST}: ")


@pytest.mark.parametrize("text", ["--mtu=wide\n", "+0 < . 1:1(0) ack 1 win 5 <TS 1>", "+0 < . 1:1(0) ack 1 <sack 1>"])
def test_settings_and_options_that_are_no_numbers(text):
    with pytest.raises(Unreadable):
        read_script("test", text)
