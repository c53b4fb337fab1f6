"""`tinygram canary` and `tinygram matrix`: before a change is rolled out, and while it is."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from cyclopts import App, Parameter

from experiments.cli.common import (
    NEGATIVE,
    OK,
    UNDECIDED,
    Json,
    Replications,
    Seed,
    Settings,
    Source,
    at_least,
    changed,
    number,
    say,
    say_json,
)  # fmt: skip
from experiments.cli.progress import runs

Only = list[str] | None
Percentile = Literal["p50", "p90", "p99", "p999"]
SetB = Annotated[Only, Parameter(name="--set-b", negative="", help="What the change sets: server.nodelay=false.")]
Client = Annotated[Only, Parameter(name="--client", negative="", help="What a new client sets: client.nodelay=true.")]
Server = Annotated[Only, Parameter(name="--server", negative="", help="What a new server sets.")]


def register(app: App) -> None:
    """Add the commands of this module."""
    app.command(canary)
    app.command(matrix)


def canary(
    source: Source,
    /,
    *,
    set_b: SetB = None,
    settings: Settings = None,
    share: Annotated[str, Parameter(help="Of the connections, those that get the change.")] = "1%",
    connections: Annotated[int, Parameter(help="Of the whole service.")] = 1_000,
    windows: Annotated[int, Parameter(help="At the end of each the canary is judged.")] = 12,
    drift: Annotated[str, Parameter(help="Load factors the windows go through and back: LOWEST..HIGHEST.")] = "1..1.5",
    metric: Annotated[Percentile, Parameter(help="What is judged.")] = "p99",
    tolerance: Annotated[str, Parameter(help="How much it may rise.")] = "5%",
    trials: Annotated[int, Parameter(help="Rollouts to simulate.")] = 500,
    pool: Annotated[int, Parameter(help="Connections simulated for each arm and load; rollouts draw from them.")] = 30,
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Simulate a canary release of a change: is it rolled back when it should be, and left alone when it should not?

    Exit code 0: most rollouts promote the change. 1: most roll it back. 4: neither.
    """
    from experiments.files import load
    from experiments.rollout import report
    from experiments.rollout.canary import Design, outcome, size
    from experiments.rollout.pools import gather
    from sim.errors import Problem, ScenarioError

    design = Design(
        connections=at_least("--connections", connections, 2),
        share=_share("--share", share),
        drift=levels(drift, at_least("--windows", windows, 2)),
        tolerance=_share("--tolerance", tolerance),
        metric=metric,
    )
    at_least("--trials", trials, 1)
    at_least("--pool", pool, 2)
    arms = {"A": load(source, settings or ()), "B": changed(source, settings or (), set_b or (), "--set-b")}
    if arms["A"] == arms["B"]:
        raise ScenarioError([Problem("--set-b", "nothing changes", "say what the change sets: server.nodelay=false")])
    with runs("canary", 2 * len(set(design.drift)) * pool) as advance:
        pools = gather(arms, design.drift, range(seed, seed + pool), advance)
    found, trial = outcome(pools, design, "B", trials, seed)
    unchanged, _ = outcome(pools, design, "A", trials, seed)
    needed = size(pools, design)
    some = next(iter(pools["A"].values()))
    if json:
        outcomes = [found.as_dict(), unchanged.as_dict()]
        say_json({"canaries": design.canaries, "messages_needed": needed.messages, "outcomes": outcomes})
    else:
        say(report.text(design, needed, (found, unchanged), trial, len(some.connections[0])))
    likeliest = max(found.shares, key=lambda verdict: found.shares[verdict])
    return {"promoted": OK, "rolled back": NEGATIVE}.get(likeliest, UNDECIDED)


def matrix(
    source: Source,
    /,
    *,
    client: Client = None,
    server: Server = None,
    settings: Settings = None,
    replications: Replications = 5,
    tolerance: Annotated[str, Parameter(help="How much worse is no harm.")] = "5%",
    seed: Seed = 0,
    json: Json = False,
) -> int:
    """Compare old and new clients with old and new servers: what a rollout goes through before all is new.

    Exit code 0: no pairing is worse than all old. 1: one is. 4: one is undecided.
    """
    from experiments.rollout import matrix as versions
    from sim.errors import Problem, ScenarioError

    at_least("--replications", replications, 2)
    share = _share("--tolerance", tolerance)
    if not (client or server):
        cure = "say what the new version sets: --client client.nodelay=true"
        raise ScenarioError([Problem("--client, --server", "nothing changes", cure)])
    for option, own in (("--client", client), ("--server", server)):
        changed(source, settings or (), own or (), option)
    pairings = versions.pairings(source, settings or (), client or (), server or ())
    with runs("matrix", len(pairings) * replications) as advance:
        cells = versions.matrix(pairings, range(seed, seed + replications), share, advance)
    if json:
        rows = [
            {
                "client": c.client,
                "server": c.server,
                "p99_ns": c.p99,
                "verdict": c.against_old and c.against_old.verdict,
            }
            for c in cells
        ]
        say_json(rows)
    else:
        say(versions.text(cells))
    verdicts = {cell.against_old.verdict for cell in cells if cell.against_old}
    return NEGATIVE if "worse" in verdicts else UNDECIDED if "undecided" in verdicts else OK


def levels(text: str, windows: int) -> tuple[float, ...]:
    """Load factors of the windows: from the lowest up to the highest and back, as over a day, in few distinct steps."""
    from sim.errors import Problem, ScenarioError

    low, dots, high = text.partition("..")
    try:
        least, most = float(low), float(high if dots else low)
        good = 0 < least <= most and math.isfinite(most)
    except ValueError:
        good = False
    if not good:
        raise ScenarioError([Problem("--drift", f"{text!r} is no range of load factors", "write it like 1..1.5 or 1")])
    steps = 5
    shape = [0.5 - 0.5 * math.cos(2 * math.pi * i / windows) for i in range(windows)]
    return tuple(round(least + (most - least) * round(x * (steps - 1)) / (steps - 1), 6) for x in shape)


def _share(option: str, text: str) -> float:
    from experiments.schema import probability
    from sim.errors import Problem, ScenarioError

    try:
        return probability(number(text))
    except ValueError:
        raise ScenarioError([Problem(option, f"{text!r} is no share", "write it like 0.5% or 0.005")]) from None
