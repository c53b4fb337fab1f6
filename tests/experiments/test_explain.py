"""Explanations: the sum, the words, and what freed the message."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest

from experiments import figures_ladder
from experiments.explain import SENTENCES, explain, text, worst
from experiments.freed import case_of
from experiments.palette import COLOURS
from models.state import CAUSES
from sim.errors import ScenarioError
from tests.experiments.recorded import MS, stream

BAR = " #█▉▊▋▌▍▎▏"

DELAYED = """\
message 1 of by-hand, 100 B, server to client, seed 7
intended at 10.000 ms, read at 55.000 ms: 45.0 ms

  nagle                   5.000000 ms  11.1%
      Nagle: it did not fill a segment, and an earlier small segment was unacknowledged: the server
      waited for the ACK's round trip.
  delayed_ack            35.000000 ms  77.8%
      The data Nagle waited for had reached the client, which was delaying the ACK. Freed by the
      client's ACK that arrived 40.000 ms in; the client had sent it 40.000 ms after the data it
      acknowledges had arrived.
  propagation             5.000000 ms  11.1%
      Distance.
  sum                    45.000000 ms         = read - intended, to the nanosecond"""


def run(traced: bool = True, **scenario: Any) -> Any:
    return cast(Any, stream(traced, **scenario))


def test_every_cause_has_a_sentence() -> None:
    assert tuple(SENTENCES) == CAUSES


def test_a_held_message_is_told_in_words_with_the_ack_that_freed_it() -> None:
    told = text(run(), explain(run(), 1))
    assert "\n".join(line.rstrip(BAR) for line in told.split("\n")) == DELAYED


def test_the_steps_sum_to_the_latency_in_the_order_of_the_way() -> None:
    explanation = explain(run(), 1)
    assert sum(step.ns for step in explanation.steps) == explanation.latency_ns == 45 * MS
    assert [step.cause for step in explanation.steps] == ["nagle", "delayed_ack", "propagation"]
    assert sum(step.share for step in explanation.steps) == pytest.approx(1)


def test_without_a_trace_the_row_alone_says_what_freed_it() -> None:
    assert explain(run(traced=False), 1).freed_by == "an ACK"


def test_a_message_that_was_never_held_was_freed_by_nothing() -> None:
    assert explain(run(), 0).freed_by == ""


def test_the_worst_come_first() -> None:
    assert worst(run(), 5) == [1, 0]


def test_a_message_that_was_not_delivered_has_no_explanation() -> None:
    with pytest.raises(KeyError):
        explain(run(), 2)


def test_a_ledger_that_does_not_add_up_is_a_broken_invariant() -> None:
    broken = run()
    broken.messages["cpu_ns"] += 1
    with pytest.raises(AssertionError):
        explain(broken, 1)


@pytest.mark.parametrize("suffix", [".svg", ".png"])
@pytest.mark.parametrize("traced", [True, False])
def test_the_ladder_is_drawn(tmp_path: Path, suffix: str, traced: bool) -> None:
    path = tmp_path / f"ladder{suffix}"
    figures_ladder.draw(run(traced), 1, path)
    assert path.stat().st_size > 5_000
    if suffix == ".svg":
        assert ElementTree.parse(path).getroot().tag.endswith("svg")


def test_bars_stand_where_the_time_was_spent() -> None:
    held = run()
    drawn = list(figures_ladder.bars(case_of(held, 1)))
    assert [(bar.place, bar.start, bar.end) for bar in drawn] == [("queue", 10 * MS, 50 * MS)]


def test_every_cause_has_a_colour() -> None:
    assert set(COLOURS) == set(CAUSES)


@pytest.mark.parametrize("name", ["ladder.gif", "nowhere/ladder.svg"])
def test_a_figure_that_cannot_be_written_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScenarioError, match="--figure"):
        figures_ladder.check_path(tmp_path / name)
