"""The runner itself: what a failing timeline says."""

import pytest

from tests.timelines.runner import BadScript, Departure, Runner, main, parse

HELD = """
given  rtt=10
   0   app   write 100
   0   tcp   data 0:100 P
   2   app   write 100
"""


def verdict(text):
    with pytest.raises(Departure) as e:
        Runner(parse(text, "held.tl")).run()
    return str(e.value)


def test_a_packet_that_does_not_come():
    said = verdict(HELD + "   2   tcp   data 100:200 P\n")
    assert said.startswith("held.tl:6\n")
    assert "    2   app   write 100" in said  # the story so far
    assert "--> 2   tcp   data 100:200 P" in said
    assert "got:      nothing by 2; next deadline 216 (retransmit timer: tlp at 216)" in said


def test_a_packet_nobody_foretold():
    said = verdict("given nodelay\n 0 app write 100\n 1 app write 100\n")
    assert "expected: no packet before this line" in said
    assert "0   tcp   data 0:100 P" in said


def test_a_packet_left_at_the_end():
    assert "nothing more until then" in verdict("0 app write 100\n")


@pytest.mark.parametrize(
    ("line", "got"),
    [
        ("0 tcp data 0:99 P", "data 0:100 P"),
        ("0 tcp data 0:100", "data 0:100 P"),
        ("0 tcp ack 0", "data 0:100 P"),
        ("0 tcp data 0:100 P again", "data 0:100 P"),
        ("0 tcp data 0:100 P ack 7", "ack 0"),
        ("0 tcp data 0:100 P win 7", "win 64512"),
    ],
)
def test_a_packet_that_is_different(line, got):
    *_, last = verdict(f"0 app write 100\n{line}\n").splitlines()
    assert last.startswith("    got:      0 ")
    assert got in last


def test_a_packet_at_another_time():
    said = verdict(HELD + "  10   peer  ack 100\n  11   tcp   data 100:200 P\n")
    assert "got:      10 data 100:200 P" in said


def test_state_that_is_different():
    assert "got:      cwnd=10" in verdict("0 info cwnd=11\n")


def test_a_write_that_does_not_block():
    assert "expected: a write() that blocks" in verdict("0 app write 100 blocks\n")


def test_ranges_and_steps():
    Runner(parse(HELD + "+8 peer ack 100\n 10..12 tcp data 100:200 P\n+0 info cwnd=10 timer=tlp@224 ca=open\n")).run()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("soon app write 1", "expected WHEN WHO WHAT"),
        ("0 cat sleeps", "who is 'cat'"),
        ("0 app sings", "cannot 'sings'"),
        ("given colour=red\n0 app write 1", "no such thing as colour"),
        ("5 app waits\n1 app waits", "lies before"),
        ("0 info mood=good", "mood"),
    ],
)
def test_a_script_that_cannot_be_read(text, complaint):
    with pytest.raises(BadScript, match=complaint):
        Runner(parse(text)).run()


def test_the_command_says_what_held(tmp_path, capsys):
    good, bad = tmp_path / "good.tl", tmp_path / "bad.tl"
    good.write_text("0 app write 100\n0 tcp data 0:100 P\n")
    bad.write_text("0 app write 100\n0 tcp data 0:101 P\n")
    assert main([str(good)]) == 0
    assert main([str(good), str(bad)]) == 1
    out = capsys.readouterr().out
    assert f"ok   {good}" in out
    assert f"FAIL {bad}:2" in out
