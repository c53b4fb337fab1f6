"""Where commands write: `--out` is a folder in all of them, a file's option takes a file, and both say so at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from experiments.cli import main

OUT = [
    ("frontier", "buffers"), ("control",), ("fleet", "phones"), ("sensitivity", "s.toml"), ("replay", "r.json"),
    ("groundtruth", "record", "one-way-512"),
]  # fmt: skip
FILES = [
    ("run", "one-way-512", "--messages"), ("run", "one-way-512", "--ticks"), ("explain", "one-way-512", "--figure"),
    ("observe", "one-way-512", "--syscalls"), ("observe", "one-way-512", "--openmetrics"),
    ("groundtruth", "compare", "folder", "--figure"),
    ("trace", "one-way-512", "--capture"), ("export", "--store", "s", "--table"), ("reproduce", "1", "--page"),
]  # fmt: skip
WRONG = [("a.txt", "is a file"), ("new.png", "is a file's name"), ("a.txt/deep", "a.txt is a file")]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "a.txt").write_text("mine")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("option", ["--out", "-o"])
@pytest.mark.parametrize("command", OUT, ids=" ".join)
def test_out_takes_no_file_and_what_is_there_stays(
    command: tuple[str, ...], option: str, folder: Path, capsys: pytest.CaptureFixture[str]
):
    for name, words in WRONG:
        assert main([*command, option, name]) == 2
        assert re.search(f"--out {name}: .*{words}.{{2}}--out takes a folder", capsys.readouterr().err)
    assert [(path.name, path.read_text()) for path in folder.iterdir()] == [("a.txt", "mine")]


@pytest.mark.parametrize("command", FILES, ids=" ".join)
def test_an_option_for_a_file_takes_no_folder_and_makes_none(
    command: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
):
    for name, words in ((folder, "is a folder"), (folder / "none" / "x", f"there is no folder {folder / 'none'}")):
        assert main([*command, str(name)]) == 2
        assert f"{command[-1]} {name}: {words}" in capsys.readouterr().err
    assert len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    "command", [command for command in FILES if command[-1] in {"--capture", "--table"}], ids=" ".join
)
def test_o_is_short_for_the_one_file_a_command_writes(
    command: tuple[str, ...], folder: Path, capsys: pytest.CaptureFixture[str]
):
    assert main([*command[:-1], "-o", str(folder)]) == 2
    assert f"{command[-1]} {folder}: is a folder" in capsys.readouterr().err


@pytest.mark.parametrize("command", [(*OUT[0], "--out"), FILES[0]], ids=" ".join)
def test_what_may_not_be_written_to_is_known_before_the_run(
    command: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("experiments.cli.paths.os.access", lambda *_: False)  # root may write everywhere
    assert main([*command, "new"]) == 2
    told = capsys.readouterr()
    assert f"{command[-1]} new: permission denied" in told.err
    assert told.out == ""


@pytest.mark.parametrize(
    "command", [FILES[0], (*FILES[1][:2], "--policy", "watch", "--ticks"), FILES[3], FILES[4]], ids=" ".join
)
def test_a_full_disk_is_named(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]):
    assert main([*command, "/dev/full", "--set", "workload.messages=20"]) == 3
    assert "/dev/full: no space left on device" in capsys.readouterr().err
