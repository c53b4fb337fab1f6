"""What a lesson is: a question with guesses, two panes, and an answer that is worked out when it is asked for.

Nothing of the answer is written down but its words: the numbers in them, which guess is right and whether the claims
hold all come from the runs of the two panes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from experiments.demo.bridge import Seen, seen
from experiments.demo.scene import Scene, changed
from experiments.labels import milliseconds

NOTHING = -1


@dataclass(frozen=True)
class Claim:
    """A sentence, and whether the runs bear it out."""

    text: str
    holds: bool


@dataclass(frozen=True)
class Answer:
    """What the runs say: the guess that is right, the reason in words, what it rests on, and a message to look at."""

    right: int
    text: str
    claims: tuple[Claim, ...]
    message: int

    @property
    def true(self) -> bool:
        """Does everything that is said hold?"""
        return all(claim.holds for claim in self.claims)


@dataclass(frozen=True)
class Lesson:
    """One lesson. `other` are the settings that pane B has besides A's; `difference` says so in words."""

    name: str
    title: str
    setting: str
    question: str
    guesses: tuple[str, ...]
    scene: Scene
    other: dict[str, str]
    difference: str
    answer: Callable[[Seen, Seen], Answer]
    next_step: str

    @property
    def second(self) -> Scene:
        """The scene of pane B."""
        return changed(self.scene, **self.other)

    def solve(self) -> Answer:
        """Run both panes and answer."""
        return self.answer(seen(self.scene), seen(self.second))

    def asked(self) -> dict[str, Any]:
        """What the page shows before a guess, for JSON: nothing of the answer."""
        return {
            "name": self.name, "title": self.title, "setting": self.setting, "question": self.question,
            "guesses": self.guesses, "base": self.scene.base, "seed": self.scene.seed,
            "settings": dict(self.scene.settings), "other": self.other, "difference": self.difference,
        }  # fmt: skip

    def told(self) -> dict[str, Any]:
        """The answer, for JSON."""
        answer = self.solve()
        return {
            "right": answer.right,
            "text": answer.text,
            "claims": [{"text": claim.text, "holds": claim.holds} for claim in answer.claims],
            "message": answer.message,
            "next": self.next_step,
        }


# ---- what answers are made of ----------------------------------------------------------------------------------------


def latency(what: Seen, key: str = "p50") -> int:
    """A percentile of a run, ns."""
    return int(what.run.summary()["latency_ns"][key])


def ms(ns: float) -> str:
    """A time in an answer."""
    return f"{milliseconds(ns)} ms"


def mean_ns(what: Seen, cause: str) -> float:
    """What a message waits for a cause on average."""
    return what.run.ledger_ns()[cause] / max(1, what.run.measured.n)


def among(value: float, bounds: tuple[float, ...]) -> int:
    """Which guess a value belongs to, the guesses being the stretches between rising bounds."""
    return sum(value >= bound for bound in bounds)


def slowest(what: Seen, cause: str = "latency") -> int:
    """The message that waited longest (for a cause)."""
    rows = what.run.messages
    return int(rows["index"][rows[f"{cause}_ns"].argmax()])
