"""Lessons: what they say is true of the runs they show, and nothing of the answer is told before the guess."""

from __future__ import annotations

import json

import pytest

from experiments.demo.lesson import Lesson
from experiments.demo.lessons import LESSONS, lesson
from experiments.demo.scene import Scene

RIGHT = {
    "two-writes": "more than 60 ms",
    "first-is-fast": "only the first",
    "one-way": "none",
    "lazy-reader": "Yes",
    "bigger-buffer": "it grows several times",
    "nodelay-floods": "it rises",
    "one-spike": "about ten",
    "one-loss": "about 20 ms",
}
each = pytest.mark.parametrize("one", LESSONS, ids=lambda one: one.name)


@each
def test_what_it_claims_holds(one: Lesson) -> None:
    answer = one.solve()
    assert [claim.text for claim in answer.claims if not claim.holds] == []
    assert answer.claims
    assert one.guesses[answer.right] == RIGHT[one.name]


@each
def test_the_message_it_points_at_was_delivered(one: Lesson) -> None:
    from experiments.demo import bridge

    message = one.solve().message
    assert message in {told["index"] for told in bridge.trace(one.scene)["messages"]}


@each
def test_what_is_asked_tells_nothing_of_the_answer(one: Lesson) -> None:
    asked, told = json.dumps(one.asked()), json.loads(json.dumps(one.told()))
    assert set(one.asked()) & {"right", "text", "claims", "message"} == set()
    assert told["text"] not in asked


@each
def test_the_answer_is_made_of_the_runs_not_of_the_text(one: Lesson) -> None:
    """Asked about runs of something else, a lesson notices."""
    calm = Scene("one-way-512", {"workload.messages": "60", "server.nodelay": "true"})
    if one.scene.base == "write-write-read":
        calm = Scene("request-response", {"workload.messages": "12"})
    changed = Lesson(**{**vars(one), "scene": calm, "other": {}})
    assert not changed.solve().true


def test_names_are_unique_and_found() -> None:
    assert len({one.name for one in LESSONS}) == len(LESSONS) == len(RIGHT)
    assert all(lesson(one.name) is one for one in LESSONS)
    assert lesson("nonsense") is None
