"""The page's questions, answered by the model: a scene's settings in, what happened out, as JSON.

Times are ns from the start of the workload. The causes of every message sum exactly to its latency, and so do the
stays that a ladder draws.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from experiments.demo.controls import roles, shown
from experiments.demo.rules import RULES
from experiments.demo.scene import START, Scene, overrides_of
from experiments.explain import explained
from experiments.files import dump, load, preset_names, preset_title
from experiments.freed import ROUND_OFF, Case, first_arrivals
from experiments.labels import megabits, milliseconds
from experiments.palette import COLOURS, hatch
from experiments.report import PERCENTILES
from experiments.stays import READER, Stay, stays
from models.state import CAUSES
from sim.run import Run, collect, make_engine, take_control
from sim.scenario import Scenario
from sim.table import Rows, message_table
from sim.trace import Trace, run_traced

TIMERS = ("retransmission timer", "delayed-ACK timer", "pacing timer")
FLUSH = "flush timer"
"""Its deadline serves other flush rules, too: what a connection says first, for example."""


class Seen:
    """A run with the messages each host sent, so that request and reply can be told apart."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        engine = make_engine(scenario, seed, "loop", keep=True)
        trace = Trace()
        take_control(engine, None)
        run_traced(engine, trace)
        self.run: Run = collect(engine, "loop", trace)
        self.segments: Any = trace.segments
        self.sent: dict[str, Rows] = {
            "client": message_table(engine.messages("a")),
            "server": message_table(engine.messages("b")),
        }

    def cases(self) -> Iterator[tuple[Case, list[Case]]]:
        """Every delivered message, and its legs: itself, or a request and its reply."""
        run = self.run
        who = roles(run.scenario)
        sender, receiver = who["sender"], who["receiver"]
        for i, row in enumerate(run.messages):
            case = Case(run.scenario, row, self.segments, sender, receiver)
            if not case.transaction:
                yield case, [case]
                continue
            there = Case(run.scenario, self.sent[sender][i], self.segments, sender, receiver, leg=True)
            back = Case(run.scenario, self.sent[receiver][i], self.segments, receiver, sender, leg=True)
            yield case, [there, back]


@lru_cache(maxsize=32)
def _seen(scenario: Scenario, seed: int) -> Seen:
    return Seen(scenario, seed)


def seen(scene: Scene) -> Seen:
    """The run of a scene. ScenarioError, SimulationLimit."""
    return _seen(scene.scenario(), scene.seed)


def trace(scene: Scene) -> dict[str, Any]:
    """All that the page shows of one pane, and the summary as `tinygram run --json` has it."""
    what = seen(scene)
    scenario = what.run.scenario
    return {
        "name": scenario.name,
        **roles(scenario),
        "transaction": scenario.workload.kind == "request-response",
        "controls": list(shown(scenario)),
        "messages": [_message(case, legs) for case, legs in what.cases()],
        "segments": list(_segments(what)),
        "timers": [{"at": at, "host": host, "what": name} for at, host, name in _timers(what)],
        "summary": what.run.summary(),
        "figures": figures(what.run),
    }


def page(own: str = "") -> dict[str, Any]:
    """What does not depend on a scene: how causes look, where to read about them, what one can begin with.

    `own` is the source the page was started with, if any.
    """
    start = Scene(own) if own else START
    mine = [{"name": own, "title": load(own).title}] if own and own not in preset_names() else []
    return {
        "causes": [
            {"name": c, "colour": COLOURS[c], "hatch": hatch(c), "rule": RULES[c].file, "page": RULES[c].page}
            for c in CAUSES
        ],
        "sources": mine + [{"name": name, "title": preset_title(name)} for name in preset_names()],
        "start": {"base": start.base, "seed": start.seed, "settings": dict(start.settings)},
    }


def toml(scene: Scene) -> str:
    """The scenario as a file that `tinygram run` takes."""
    return dump(scene.scenario())


def capture(scene: Scene) -> bytes:
    """The packets as the sender's network card saw them, in the format of `tinygram trace --capture`."""
    from experiments.wire import head, packets

    run = seen(scene).run
    host = run.scenario.workload.sender
    return head(run, host) + b"".join(packets(run, host))


def commands(a: Scene, b: Scene | None, message: str) -> list[dict[str, str]]:
    """Command lines that show the same in a terminal: what each does, and its text."""
    look = ["--message", message] if message.isdecimal() else ["--worst", "1"]
    told = [
        ("The run", a.command("run")),
        ("The message", a.command("explain", *look)),
        ("The packets", a.command("trace")),
    ]
    if b is not None:
        own = {key: text for key, text in b.settings.items() if a.settings.get(key) != text}
        other = [word for override in overrides_of(own) for word in ("--set-b", override)]
        told.append(("A against B, over ten seeds", a.command("compare", *other)))
    return [{"what": what, "text": text} for what, text in told]


def figures(run: Run) -> list[dict[str, str]]:
    """A run's summary as the page prints it, in the words and figures of `tinygram run`."""
    s = run.summary()
    latency = s["latency_ns"]
    shown = [(PERCENTILES[k], milliseconds(latency[k]), "ms") for k in ("p50", "p90", "p99", "max") if latency.get(k)]
    shown += [
        ("delivered", megabits(s["throughput_bps"]), "Mbit/s"),
        ("packets", f"{s['segments']:,}", "with data"),
        ("ACKs", f"{s['acks']:,}", ""),
        ("by the timer", f"{s['acks_by_timer']:,}", ""),
    ]
    shown += [
        (name, f"{n:,}", "") for name, n in (("sent again", s["retransmits"]), ("undelivered", s["undelivered"])) if n
    ]
    return [{"name": name, "value": value, "unit": unit} for name, value, unit in shown]


# ---- messages --------------------------------------------------------------------------------------------------------


def _message(case: Case, legs: list[Case]) -> dict[str, Any]:
    told = explained(case)
    steps = [{"cause": s.cause, "ns": s.ns, "share": s.share, "sentence": s.sentence} for s in told.steps]
    return {
        "index": told.index,
        "size": told.size,
        "intended": told.intended_ns,
        "read": told.read_ns,
        "latency": told.latency_ns,
        "words": milliseconds(told.latency_ns),
        "steps": steps,
        "legs": [_leg(leg, leg.sender != case.sender) for leg in legs],
        "service": [_stay(Stay(READER, int(there.row["read_ns"]), (("service", ns),)))
                    for there in legs[:-1] if (ns := int(case.row["service_ns"]))],
    }  # fmt: skip


def _leg(case: Case, back: bool) -> dict[str, Any]:
    """One way of a message: its stays, and the instants of its line that they do not tell."""
    instants = {name: int(case.row[f"{name}_ns"]) for name in ("intended", "arrived", "read")}
    return {"back": back, "stays": [_stay(stay) for stay in stays(case)], **instants}


def _stay(stay: Stay) -> dict[str, Any]:
    return {"place": stay.place, "start": stay.start, "parts": [{"cause": c, "ns": ns} for c, ns in stay.parts]}


# ---- packets and timers ----------------------------------------------------------------------------------------------

INSTANTS = ("tx", "svc", "done", "due", "jitter", "spike")


def _segments(what: Seen) -> Iterator[dict[str, Any]]:
    """Packets of both directions; an ACK the receiver kept back says since when."""
    forward = 0 if what.run.scenario.workload.sender == "client" else 1
    came = [first_arrivals(what.segments, way) for way in (0, 1)]
    newest = {False: 0, True: 0}  # what was acknowledged before
    for p in what.segments:
        back = int(p["direction"]) != forward
        news = not p["len"] and p["ack"] > newest[back]
        newest[back] = max(newest[back], int(p["ack"]))
        yield {
            "back": back,
            **{name: int(p[name]) for name in INSTANTS},
            "bytes": int(p["len"]),
            "again": bool(p["retrans"]),
            "lost": bool(p["drop"]),
            "held": _held_since(came[1 - int(p["direction"])], p) if news else None,
        }


def _held_since(came: dict[int, int], ack: Any) -> int | None:
    """When the data arrived that this packet acknowledges, if that was long before."""
    since = came.get(int(ack["ack"]))
    return since if since is not None and ack["tx"] - since >= ROUND_OFF else None


def _timers(what: Seen) -> Iterator[tuple[int, str, str]]:
    """Timers that fired since the start."""
    assert what.run.trace is not None, "a page's runs are traced"
    flushes = what.run.scenario.workload.framing.flush == "timer"
    names = (*TIMERS, FLUSH) if flushes else TIMERS
    return (event for event in what.run.trace.events if event[0] >= 0 and event[2] in names)
