"""Every script under tests/timelines holds: a folder is a behaviour, a file name the claim."""

from pathlib import Path

import pytest

from tests.timelines.runner import check

HERE = Path(__file__).parent
SCRIPTS = sorted(HERE.glob("*/*.tl"))


@pytest.mark.parametrize("script", SCRIPTS, ids=[str(s.relative_to(HERE).with_suffix("")) for s in SCRIPTS])
def test_timeline(script):
    check(script)


def test_every_script_begins_with_its_reason():
    for script in SCRIPTS:
        assert script.read_text(encoding="utf-8").startswith("# "), script


def test_there_are_enough_of_them():
    assert len(SCRIPTS) >= 60
