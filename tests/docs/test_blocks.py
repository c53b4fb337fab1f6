"""The machinery that executes the docs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import Session, abridged, agrees, blocks, commands, statements

PAGE = """
Text.

```console
$ tinygram run x \\
    --json
{
...
}
$ tinygram --version
tinygram 1
```

```console
$ make install
```

```pycon
>>> total = 1 + 1
>>> total
2
```
"""


def test_only_our_own_commands_are_taken() -> None:
    assert [block.language for block in blocks(PAGE)] == ["console", "pycon"]


def test_a_block_is_split_at_its_prompts() -> None:
    first, second = commands(next(blocks(PAGE)))
    assert first.run.split() == ["tinygram", "run", "x", "--json"]
    assert first.output == ["{", "...", "}"]
    assert second.output == ["tinygram 1"]


def test_a_session_remembers(tmp_path: Path) -> None:
    session = Session(tmp_path)
    block = list(blocks(PAGE))[1]
    assert [shown.run for shown in statements(block)] == ["total = 1 + 1\n", "total\n"]
    assert [real for _, real in session.play(block)] == [[], ["2"]]


@pytest.mark.parametrize(
    ("shown", "real", "holds"),
    [
        (["a", "...", "d"], ["a", "b", "c", "d"], True),
        (["a", "...", "d"], ["a", "d"], True),
        (["...", "d"], ["d"], True),
        (["a", "...", "d"], ["a", "b", "e"], False),
        (["a.c"], ["abc"], False),
        ([], [], True),
        ([], ["a"], False),
    ],
)
def test_three_dots_stand_for_any_lines(shown: list[str], real: list[str], holds: bool) -> None:
    assert agrees(shown, real) is holds


def test_a_refresh_keeps_the_abridgement() -> None:
    assert abridged(["1", "...", "9"], ["a", "b", "c", "d"]) == ["a", "...", "d"]
    assert abridged(["old"], ["a", "b"]) == ["a", "b"]
