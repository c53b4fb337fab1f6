"""The ladder diagram of one message: who waits for whom, time running down.

Lanes are the sender's application and send queue, the wire, the receiver's kernel and reader. Held time is a hatched
bar in the lane where it is spent, coloured by cause; data goes right in solid lines, ACKs come back dashed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.freed import HELD, ROUND_OFF, Case, acknowledged, case_of, freed_at, freeing_ack, held_ns
from experiments.labels import milliseconds
from experiments.palette import COLOURS, RETRANSMITTED, hatch
from experiments.stays import WRITER, Part, Stay, in_order_of_time, stays
from models.state import CAUSES
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from sim import Run

APPLICATION, QUEUE, WIRE, RECEIVER, READER = 0.0, 1.0, 2.0, 3.0, 4.0
LANES = {APPLICATION: "application", QUEUE: "send queue", WIRE: "wire", RECEIVER: "receiver", READER: "reader"}
PLACES = {"write": APPLICATION, "framer": APPLICATION, "queue": QUEUE, "receiver": RECEIVER, "reader": READER}
"""The lane of a stay; the wire's are drawn as packets."""
SUFFIXES = (".svg", ".png", ".pdf")

MESSAGES_MAX = 24  # messages drawn beside the one explained
SEGMENTS_MAX = 400
LABELS = 40  # at most, down the page
SLOTS = 5  # bars beside one another in a lane
SLOT_WIDTH = 0.085


@dataclass
class Sheet:
    """What has been drawn: slots of a lane taken until when, where labels stand, which causes need a legend."""

    spacing: float  # ms between labels
    labels: list[float]  # ms
    taken: dict[float, list[int]] = field(default_factory=dict)
    causes: list[str] = field(default_factory=list)

    def slot(self, lane: float, start: int, end: int) -> int:
        """The first free place for a bar in its lane."""
        ends = self.taken.setdefault(lane, [])
        for number, busy_until in enumerate(ends):
            if busy_until <= start:
                ends[number] = end
                return number
        ends.append(end)
        return min(len(ends) - 1, SLOTS - 1)

    def room_for_label(self, y: float) -> bool:
        """Is no label near `y`? Then one is taken to stand there."""
        if any(abs(y - other) < self.spacing for other in self.labels):
            return False
        self.labels.append(y)
        return True


def check_path(path: Path) -> None:
    """Raise ScenarioError when no figure can be written there."""
    if path.suffix.lower() not in SUFFIXES:
        raise ScenarioError([Problem(f"--figure {path}", "not a figure's name", f"end it in {', '.join(SUFFIXES)}")])
    if not path.absolute().parent.is_dir():
        raise ScenarioError([Problem(f"--figure {path}", f"there is no folder {path.parent}", "make it first")])


def draw(run: Run, index: int, path: Path) -> None:
    """Draw message `index` of `run` and its neighbours into `path` (.svg, .png or .pdf).

    Raises ScenarioError for another suffix, KeyError when the message was not delivered.
    """
    check_path(path)
    from matplotlib.figure import Figure

    case = case_of(run, index)
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots()
    origin, end = int(case.row["intended_ns"]), int(case.row["read_ns"])
    start = _since(case)
    sheet = Sheet(spacing=(end - start) / 1e6 / LABELS, labels=[0.0])  # the message's own label stands at 0
    _frame(axes, run, case, start, end)
    for row in _neighbours(run, start, end, index):
        _message(axes, case, row, origin, sheet, focus=int(row["index"]) == index)
    packets = _packets(axes, case, start, end)
    _held_ack(axes, case)
    _legend(axes, sheet, retransmitted=packets is not None and bool(packets["retrans"].any()))
    figure.savefig(path, dpi=160)


def _since(case: Case) -> int:
    """When the story begins: the message is intended, or the data is sent whose ACK it will wait for."""
    origin = int(case.row["intended_ns"])
    ack = freeing_ack(case) if held_ns(case) else None
    data = acknowledged(case, ack) if ack is not None else None
    earliest = origin - int(case.row["latency_ns"])
    return origin if data is None else min(origin, max(earliest, int(data["tx"])))


def _frame(axes: Axes, run: Run, case: Case, start: int, end: int) -> None:
    origin = int(case.row["intended_ns"])
    margin = 0.06 * max(1, end - start) / 1e6
    axes.set_xlim(-0.6, 4.6)
    axes.set_ylim((end - origin) / 1e6 + margin, (start - origin) / 1e6 - margin)
    for lane in (APPLICATION, QUEUE, RECEIVER, READER):
        axes.axvline(lane, color="#444444", linewidth=0.8, zorder=1)
    axes.axvspan(QUEUE, RECEIVER, color="#F4F4F4", zorder=0)
    host = {APPLICATION: case.sender, QUEUE: case.sender, RECEIVER: case.receiver, READER: case.receiver}
    axes.set_xticks(list(LANES), [f"{name}\n({host[lane]})" if lane in host else name for lane, name in LANES.items()])
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=0)
    axes.set_ylabel("ms since the message was intended")
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    latency = milliseconds(int(case.row["latency_ns"]))
    title = f"{run.scenario.name}, message {int(case.row['index'])}: {latency} ms"
    axes.set_title(title, loc="left", fontsize=11, pad=14)


def _neighbours(run: Run, start: int, end: int, index: int) -> Iterator[Any]:
    """Messages under way at the same time, the nearest in number first kept, in order."""
    rows = run.messages
    inside = rows[(rows["read_ns"] > start) & (rows["intended_ns"] < end)]
    nearest = abs(inside["index"] - index).argsort(kind="stable")[:MESSAGES_MAX]
    yield from inside[sorted(nearest)]


# ---- messages --------------------------------------------------------------------------------------------------------


def bars(case: Case) -> Iterator[Stay]:
    """Where the message waited, for the lanes; packets show what it spent on the wire."""
    if not case.transaction:
        yield from (stay for stay in stays(case) if stay.place in PLACES)
        return
    r = case.row
    written = [(cause, int(r[f"{cause}_ns"])) for cause in WRITER]
    yield Stay("write", int(r["intended_ns"]), _fitted(written, int(r["accepted_ns"] - r["intended_ns"])))
    held = in_order_of_time(case, [(cause, int(r[f"{cause}_ns"])) for cause in HELD])
    yield Stay("queue", freed_at(case) - sum(ns for _, ns in held), held)


def _fitted(parts: list[Part], room: int) -> tuple[Part, ...]:
    """The parts, cut to the room there is (the reply's are among them, too)."""
    fitted = []
    for cause, ns in parts:
        ns = min(ns, room)
        room -= ns
        if ns > 0:
            fitted.append((cause, ns))
    return tuple(fitted)


def _message(axes: Axes, case: Case, row: Any, origin: int, sheet: Sheet, focus: bool) -> None:
    strength = 1.0 if focus else 0.45
    for bar in bars(replace(case, row=row)):
        lane = PLACES[bar.place]
        slot = sheet.slot(lane, bar.start, bar.end)
        left = lane - 0.05 - SLOT_WIDTH * (slot + 1) if lane <= QUEUE else lane + 0.05 + SLOT_WIDTH * slot
        at = bar.start
        for cause, ns in bar.parts:
            axes.bar(
                left, ns / 1e6, SLOT_WIDTH, bottom=(at - origin) / 1e6, align="edge", color=COLOURS[cause],
                hatch=hatch(cause), edgecolor="white", linewidth=0, alpha=strength, zorder=3,
            )  # fmt: skip
            at += ns
            if cause not in sheet.causes:
                sheet.causes.append(cause)
    y = (int(row["intended_ns"]) - origin) / 1e6
    axes.plot([APPLICATION], [y], marker="o", markersize=4 if focus else 2.5, color="black", alpha=strength, zorder=4)
    if focus or sheet.room_for_label(y):
        axes.annotate(
            str(int(row["index"])), (APPLICATION, y), (4, 2), textcoords="offset points", fontsize=7, alpha=strength,
            fontweight="bold" if focus else "normal", clip_on=True, annotation_clip=True,
        )  # fmt: skip
    if case.segments is None and not case.transaction:
        ends = [(int(row[name]) - origin) / 1e6 for name in ("sent_ns", "arrived_ns")]
        axes.plot([QUEUE, RECEIVER], ends, color="black", alpha=strength, linewidth=1.6 if focus else 0.8, zorder=2)
    if focus:
        _handovers(axes, case, row, origin)
    y = (int(row["read_ns"]) - origin) / 1e6
    home = APPLICATION if case.transaction else READER
    axes.plot([home], [y], marker="v", markersize=5 if focus else 3, color="black", alpha=strength, zorder=4)


def _handovers(axes: Axes, case: Case, row: Any, origin: int) -> None:
    """Between lanes of one host: write() into the send queue, read() out of the receiver."""
    accepted, read = ((int(row[name]) - origin) / 1e6 for name in ("accepted_ns", "read_ns"))
    style = {"arrowstyle": "->", "linewidth": 0.9, "color": "black"}
    axes.annotate("", (QUEUE, accepted), (APPLICATION, accepted), arrowprops=style, annotation_clip=True)
    ends = (APPLICATION, QUEUE) if case.transaction else (READER, RECEIVER)
    axes.annotate("", (ends[0], read), (ends[1], read), arrowprops=style, annotation_clip=True)


# ---- packets ---------------------------------------------------------------------------------------------------------


def _held_ack(axes: Axes, case: Case) -> None:
    """The ACK that freed the message: how long the receiver kept it back, on the receiver's lane."""
    ack = freeing_ack(case) if held_ns(case) else None
    data = acknowledged(case, ack) if ack is not None else None
    if ack is None or data is None or ack["tx"] - data["due"] < ROUND_OFF:
        return
    origin = int(case.row["intended_ns"])
    top, bottom, back = (ns / 1e6 for ns in (data["due"] - origin, ack["tx"] - origin, ack["due"] - origin))
    axes.plot([RECEIVER, QUEUE], [bottom, back], color=COLOURS["delayed_ack"], linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot([RECEIVER, RECEIVER], [top, bottom], color=COLOURS["delayed_ack"], linewidth=4, zorder=3, alpha=0.9)
    axes.annotate(
        f"ACK kept back {milliseconds(int(ack['tx'] - data['due']))} ms", (RECEIVER, (top + bottom) / 2), (6, 0),
        textcoords="offset points", fontsize=8, va="center", clip_on=True, annotation_clip=True,
    )  # fmt: skip


def _packets(axes: Axes, case: Case, start: int, end: int) -> Any | None:
    """Every packet on its way between `start` and `end`; gives them back."""
    if case.segments is None:
        return None
    origin = int(case.row["intended_ns"])
    forward = 0 if case.sender == "client" else 1
    inside = case.segments[(case.segments["due"] >= start) & (case.segments["tx"] <= end)][:SEGMENTS_MAX]
    for p in inside:
        away = int(p["direction"]) == forward
        ends = (QUEUE, RECEIVER) if away else (RECEIVER, QUEUE)
        times = [(int(p[name]) - origin) / 1e6 for name in ("tx", "due")]
        if p["drop"]:
            times[1] = times[0] + 0.5 * (times[1] - times[0]) if p["due"] > p["tx"] else times[0]
            axes.plot([WIRE], [times[1]], marker="x", color=RETRANSMITTED, markersize=6, zorder=4)
            ends = (ends[0], WIRE)
        own = away and p["len"] > 0 and (p["tx"], p["due"]) == (case.row["sent_ns"], case.row["arrived_ns"])
        if p["len"] > 0:
            colour = RETRANSMITTED if p["retrans"] else "black"
            axes.plot(ends, times, color=colour, linewidth=1.8 if own else 0.9, zorder=2)
            if own or len(inside) <= 40:
                axes.annotate(
                    f"{int(p['len'])} B", ((ends[0] + ends[1]) / 2, sum(times) / 2), (0, 3), ha="center", fontsize=7,
                    textcoords="offset points", color="#333333", annotation_clip=True, clip_on=True,
                )  # fmt: skip
        else:
            axes.plot(ends, times, color="#666666", linewidth=0.6, linestyle=(0, (4, 3)), zorder=2)
    return inside


def _legend(axes: Axes, sheet: Sheet, retransmitted: bool) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    causes = [cause for cause in CAUSES if cause in sheet.causes]
    handles: list[Any] = [
        Patch(facecolor=COLOURS[c], hatch=hatch(c), edgecolor="white", linewidth=0, label=c) for c in causes
    ]
    handles.append(Line2D([], [], color="black", linewidth=1, label="data"))
    if retransmitted:
        handles.append(Line2D([], [], color=RETRANSMITTED, linewidth=1, label="retransmission"))
    handles.append(Line2D([], [], color="#666666", linewidth=0.8, linestyle=(0, (4, 3)), label="ACK"))
    axes.figure.legend(handles=handles, loc="outside lower center", ncols=5, frameon=False, fontsize=8)
