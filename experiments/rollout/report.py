"""What `tinygram canary` says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from experiments.labels import milliseconds
from experiments.rollout.canary import Design, Outcome, Size, Trial

ARMS = {"B": "the change (B)", "A": "no change (A)"}


def text(design: Design, size: Size, outcomes: Sequence[Outcome], trial: Trial, messages: float) -> str:
    """The whole report; `messages` is what one connection sends in a window."""
    parts = (_design(design), _size(design, size, messages), _outcomes(design, outcomes), _trial(design, trial))
    return "\n\n".join("\n".join(part) for part in parts)


def name(design: Design) -> str:
    """The percentile, as it is written: P99.9."""
    return design.metric.upper().replace("P999", "P99.9")


def _design(design: Design) -> Iterator[str]:
    load = f"{min(design.drift):g} to {max(design.drift):g}" if len(set(design.drift)) > 1 else f"{design.drift[0]:g}"
    yield (
        f"{design.canaries} of {design.connections:,} connections ({100 * design.share:g} %) get the change; "
        f"{len(design.drift)} windows, load {load}"
    )
    yield (
        f"rolled back when more than {100 * design.above:g} % of their messages exceed the concurrent control's "
        f"{name(design)} by {design.tolerance:.0%} (false alarm at most {design.alpha:.0%} over all looks)"
    )


def _size(design: Design, size: Size, messages: float) -> Iterator[str]:
    if size.messages is None:
        yield f"{size.late:.2%} of B's messages exceed that limit: it is no worse than A, there is nothing to find"
        return
    windows = size.messages / (messages * design.canaries)
    yield (
        f"{size.late:.2%} of B's messages exceed that limit; to find that with {design.power:.0%} power the canary "
        f"needs {size.messages:,} messages or more"
    )
    yield f"which are {windows:.1f} windows of this canary (messages of a connection count 1/{size.design_effect:.1f})"


def _outcomes(design: Design, outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield f"{'of ' + str(outcomes[0].trials) + ' rollouts':<18}{'rolled back':>12}{'promoted':>10}{'undecided':>11}" + (
        f"{'after windows':>15}{'naive alarm':>13}"
    )
    for o in outcomes:
        after = f"{o.windows_to_roll_back:g}" if o.windows_to_roll_back is not None else "-"
        shares = f"{o.shares['rolled back']:>12.1%}{o.shares['promoted']:>10.1%}{o.shares['undecided']:>11.1%}"
        yield f"{ARMS[o.arm]:<18}{shares}{after:>15}{o.naive_alarms:>13.1%}"
    what = name(design)
    yield f"naive alarm: everything switched half way, and {what} after held against {what} before; the drift is in it"


def _trial(design: Design, trial: Trial) -> Iterator[str]:
    yield f"one of them, {trial.verdict}"
    control, canary = (f"{arm} {name(design)}, ms" for arm in ("control", "canary"))
    heads = f"{control:>17}{canary:>16}{'late so far':>13}{'z':>7}{'limit':>7}"
    yield f"  {'window':>6}{'load':>6}{heads}"
    for look in trial.looks:
        yield (
            f"  {look.window:>6}{look.load:>6.2f}{milliseconds(look.control):>17}"
            f"{milliseconds(look.canary):>16}{look.late:>13.2%}{look.statistic:>7.2f}{look.limit:>7.2f}"
        )
