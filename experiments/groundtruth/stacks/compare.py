"""All recorded groups, simulated and judged."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.groundtruth.parallel import in_parallel
from experiments.groundtruth.stacks.judge import Row, judge
from experiments.groundtruth.stacks.recorded import Group, read
from sim.errors import Problem, ScenarioError

if TYPE_CHECKING:
    from sim.run import Driver

SEEDS = range(1, 6)
"""Timer phases and the like are drawn anew for each."""


def compare(folder: Path, only: Collection[str] = (), seeds: range = SEEDS, driver: Driver = "auto") -> list[Row]:
    """Every group in `folder`, or those of the experiments or stacks `only` names. ScenarioError for unknown names."""
    groups = read(folder)
    names = {name for group in groups for name in (group.setting.experiment, group.setting.stack)}
    unknown = sorted(set(only) - names)
    if unknown:
        cure = f"there are {', '.join(sorted(names))}"
        raise ScenarioError([Problem("--only", f"nothing recorded of {', '.join(unknown)}", cure)])
    wanted = [group for group in groups if not only or _named(group, only)]
    work = partial(_judge, seeds, driver)
    return [work(group) for group in wanted] if driver == "compiled" else in_parallel(work, wanted)


def _judge(seeds: range, driver: Driver, group: Group) -> Row:
    return judge(group, seeds if group.setting.paced else seeds[:1], driver)


def _named(group: Group, only: Collection[str]) -> bool:
    return group.setting.experiment in only or group.setting.stack in only
