"""The wheel holds three packages with their data and nothing else, and works where it is installed."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"sim", "models", "experiments"}
DATA = {".toml", ".pcap", ".json", ".csv", ".md", ".typed", ".html", ".css", ".js", ".svg"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(ROOT)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel unpacked into a folder of its own, as an installer would."""
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_its_top_level_is_the_three_packages(site: Path) -> None:
    assert {path.name for path in site.iterdir() if path.suffix != ".dist-info"} == PACKAGES


def test_every_source_and_data_file_is_in_it(site: Path) -> None:
    wanted = {
        path.relative_to(ROOT)
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.suffix in DATA | {".py"} and "__pycache__" not in path.parts
    }
    assert wanted <= {path.relative_to(site) for path in site.rglob("*")}


def test_it_is_typed_and_licensed(site: Path) -> None:
    assert all((site / package / "py.typed").exists() for package in PACKAGES)
    assert list(site.glob("*.dist-info/licenses/LICENSE"))


def test_the_command_runs_from_it_beside_folders_of_the_same_names(site: Path, tmp_path: Path) -> None:
    """A console script does not look into the current folder, so decoys there must not matter."""
    for name in PACKAGES:
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("raise AssertionError('the decoy was imported')\n")
    program = f"import sys; sys.path.insert(0, {str(site)!r}); from experiments.cli import main; sys.exit(main())"
    command = [sys.executable, "-P", "-c", program, "presets"]
    outcome = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert outcome.returncode == 0, outcome.stderr
    assert "grpc-log-tail" in outcome.stdout
