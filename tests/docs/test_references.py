"""Pages name files of the source; a file that moves takes its mention along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs.blocks import ROOT, pages

_FILE = re.compile(r"`((?:models|sim|experiments|tests|docs)/[\w/.-]*\.\w+)`")


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_every_file_a_page_names_exists(page: Path) -> None:
    missing = [name for name in _FILE.findall(page.read_text()) if not (ROOT / name).exists()]
    assert not missing


def test_every_rule_file_is_named_on_a_page_of_the_model() -> None:
    named = {name for page in pages() for name in _FILE.findall(page.read_text())}
    rules = {f"models/{path.name}" for path in (ROOT / "models").glob("*.py") if not path.name.startswith("__")}
    assert rules - named == set()
