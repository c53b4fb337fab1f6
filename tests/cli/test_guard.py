"""A foreign `sim` or `models` on the path is named, not imported."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from experiments import guard

ROOT = Path(guard.__file__).resolve().parent.parent


def check_in(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the check as a notebook or `python -c` started in `folder` would: that folder comes first on the path."""
    program = f"import sys; sys.path.append({str(ROOT)!r}); from experiments import guard; guard.check()"
    return subprocess.run([sys.executable, "-c", program], cwd=folder, capture_output=True, text=True, timeout=60)


def test_our_own_packages_pass() -> None:
    guard.check()


def test_an_ordinary_folder_is_no_obstacle(tmp_path: Path) -> None:
    assert check_in(tmp_path).returncode == 0


@pytest.mark.parametrize("name", ["sim", "models"])
@pytest.mark.parametrize("kind", ["package", "module"])
def test_a_shadowing_package_is_named_with_the_cure(tmp_path: Path, name: str, kind: str) -> None:
    decoy = tmp_path / name / "__init__.py" if kind == "package" else tmp_path / f"{name}.py"
    decoy.parent.mkdir(exist_ok=True)
    decoy.write_text("raise AssertionError('the decoy was imported')\n")

    outcome = check_in(tmp_path)

    assert outcome.returncode != 0
    assert "decoy was imported" not in outcome.stderr
    assert f"shadows Tinygram's own package '{name}'" in outcome.stderr
    assert str(tmp_path) in outcome.stderr
    assert "environment of its own" in outcome.stderr


def test_a_missing_package_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_folder", lambda name: None)
    with pytest.raises(ImportError, match="not completely installed"):
        guard.check()
