"""`run --messages`: rows written as the run goes; an older file is only replaced by a whole one."""

from __future__ import annotations

import csv
import resource
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments import files
from experiments.cli import main
from experiments.message_table import COLUMNS
from sim import simulate
from sim.scenario import Scenario
from tests.properties.scenarios import scenarios

COMMAND = [sys.executable, "-c", "import sys; from experiments.cli import main; sys.exit(main())", "run"]
SMALL = ("--set", "workload.messages=200", "--driver", "loop")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(scenarios(), st.integers(0, 1_000))
def test_what_is_handed_out_is_what_would_be_kept(scenario: Scenario, seed: int):
    blocks = []
    run = simulate(scenario, seed, driver="loop", messages=blocks.append)
    kept = simulate(scenario, seed, driver="loop")
    assert np.array_equal(np.concatenate(blocks), kept.messages)
    assert run.summary() == kept.summary()


@pytest.mark.parametrize("name", ["one-way-512", "write-write-read"])
def test_the_file_has_every_message(name: str, tmp_path: Path):
    file = tmp_path / "m.csv"
    assert main(["run", name, *SMALL, "--messages", str(file)]) == 0
    rows = list(csv.DictReader(file.open()))
    kept = simulate(files.load(name, ["workload.messages=200"]), driver="loop").messages
    for column, of_run in COLUMNS.items():
        assert [int(row[column]) for row in rows] == kept[of_run].tolist()
    assert list(tmp_path.iterdir()) == [file]


def test_a_disk_that_fills_up_leaves_the_old_file(tmp_path: Path):
    file = tmp_path / "m.csv"
    file.write_text("old")

    def little_room() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, 8_192))

    command = [*COMMAND, "one-way-512", *SMALL, "--messages", str(file)]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=120, preexec_fn=little_room)
    assert outcome.returncode not in (0, 70)
    assert str(file) in outcome.stderr
    assert "Traceback" not in outcome.stderr
    assert file.read_text() == "old"
    assert list(tmp_path.iterdir()) == [file]


def test_a_mistake_leaves_the_old_file(tmp_path: Path):
    file = tmp_path / "m.csv"
    file.write_text("old")
    assert main(["run", "one-way-512", "--set", "server.profile=none-such", "--messages", str(file)]) == 2
    assert file.read_text() == "old"


def test_a_link_is_followed_and_stays(tmp_path: Path):
    file, link = tmp_path / "m.csv", tmp_path / "link"
    link.symlink_to(file)
    assert main(["run", "one-way-512", *SMALL, "--messages", str(link)]) == 0
    assert link.is_symlink()
    assert file.read_text().startswith("index,intended_ns")


def test_a_device_is_written_to(tmp_path: Path):
    assert main(["run", "one-way-512", *SMALL, "--messages", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_a_folder_that_is_not_there_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "none" / "m.csv"
    assert main(["run", "one-way-512", *SMALL, "--messages", str(file)]) == 2
    assert str(file) in capsys.readouterr().err


@pytest.mark.parametrize("closed", [">&-", "2>&-"])
def test_a_closed_stream_is_no_obstacle(closed: str, tmp_path: Path):
    file = tmp_path / "m.csv"
    program = "import sys; from experiments.cli import main; sys.exit(main())"
    command = f"{sys.executable} -c '{program}' run one-way-512 --set workload.messages=1 --messages {file} {closed}"
    outcome = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=120)
    assert (outcome.returncode, "Traceback" in outcome.stderr) == (0, False)
    assert len(file.read_text().splitlines()) == 2
    assert closed == ">&-" or "1 message (" in outcome.stdout
