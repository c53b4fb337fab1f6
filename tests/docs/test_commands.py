"""README and docs cannot lie: every command they show prints what they show."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, Session, agrees, blocks, pages


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_shows_what_its_commands_print(page: Path, tmp_path: Path) -> None:
    session = Session(tmp_path)
    for block in blocks(page.read_text()):
        for shown, real in session.play(block):
            place = f"{page.relative_to(ROOT)}:{shown.line}"
            assert agrees(shown.output, real), "\n".join(
                [f"{place}: {shown.run}", "shown:", *shown.output, "real:", *real, "`make refresh-docs` rewrites it"]
            )
