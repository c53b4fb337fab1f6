"""`tinygram replay` and `tinygram groundtruth compare`, as people and scripts meet them."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from experiments.cli import main
from tests.groundtruth.recorded import FOLDER

SMALL = ("I03", "H08", "K05", "M05", "N01", "C01")
ONE = str(FOLDER / "I03.json")


def tinygram(capsys: pytest.CaptureFixture[str], *tokens: str | Path) -> tuple[int, str, str]:
    code = main([str(token) for token in tokens])
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def header(file: Path) -> list[str]:
    opener: Any = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", newline="") as f:
        return next(csv.reader(f))


# ---- replay ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SMALL)
def test_replay_writes_what_recordings_have(name, tmp_path, capsys):
    assert tinygram(capsys, "replay", FOLDER / f"{name}.json", "-o", tmp_path)[0] == 0
    assert sorted(f.name for f in tmp_path.iterdir()) == [f"{name}.msgs.csv", f"{name}.pkts.csv"]
    for kind in ("msgs", "pkts"):
        assert header(tmp_path / f"{name}.{kind}.csv") == header(FOLDER / f"{name}.{kind}.csv.gz")


def test_a_dropped_packet_has_no_time_of_arrival(tmp_path, capsys):
    tinygram(capsys, "replay", FOLDER / "K05.json", "-o", tmp_path)
    with (tmp_path / "K05.pkts.csv").open(newline="") as f:
        packets = list(csv.DictReader(f))
    assert {p["t_out_us"] for p in packets if p["drop"] == "1"} == {""}
    assert "" not in {p["t_out_us"] for p in packets if p["drop"] == "0"}


def test_replay_gzips_and_leaves_no_older_form(tmp_path, capsys):
    tinygram(capsys, "replay", ONE, "-o", tmp_path)
    plain = (tmp_path / "I03.msgs.csv").read_bytes()
    tinygram(capsys, "replay", ONE, "-o", tmp_path, "--gzip")
    assert sorted(f.name for f in tmp_path.iterdir()) == ["I03.msgs.csv.gz", "I03.pkts.csv.gz"]
    assert gzip.decompress((tmp_path / "I03.msgs.csv.gz").read_bytes()) == plain


def test_replay_is_the_same_bytes_with_either_driver_and_in_parallel(tmp_path, capsys):
    files = [FOLDER / f"{name}.json" for name in SMALL]
    tinygram(capsys, "replay", *files, "-o", tmp_path / "many")
    for file in files:
        tinygram(capsys, "replay", file, "-o", tmp_path / "one", "--driver", "simpy")
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "many" / file.name).read_bytes()


def test_a_bad_file_is_told_and_the_others_are_replayed(tmp_path, capsys):
    bad = tmp_path / "bad.json"
    bad.write_text('{"spec": {"id": "bad"}}')
    code, out, err = tinygram(capsys, "replay", bad, ONE, "-o", tmp_path / "out")
    assert (code, out) == (2, "")
    assert "bad.json: spec.traffic" in err
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_two_files_with_one_id_are_told(tmp_path, capsys):
    shutil.copy(ONE, tmp_path / "again.json")
    code, _, err = tinygram(capsys, "replay", ONE, tmp_path / "again.json", "-o", tmp_path / "out")
    assert code == 2
    assert "'I03' of another file" in err


def test_a_limit_of_the_model_is_told_and_leaves_nothing(tmp_path, capsys):
    content = json.loads((FOLDER / "N01.json").read_text())
    content["spec"]["server"]["sndbuf"] = 1 << 30
    content["spec"]["traffic"]["stream"][0].update(count=20_000, sizes=[65_536])
    content["spec"]["path"].update(rate_s2c_bps=1_000, limit_s2c_bytes=0)
    (tmp_path / "huge.json").write_text(json.dumps(content))
    code, _, err = tinygram(capsys, "replay", tmp_path / "huge.json", "-o", tmp_path / "out")
    assert code == 3
    assert "N01: " in err
    assert list((tmp_path / "out").iterdir()) == []


def test_replay_asks_for_a_folder(capsys):
    assert tinygram(capsys, "replay", ONE)[0] == 2


# ---- groundtruth compare ---------------------------------------------------------------------------------------------


def test_compare_prints_rows_classes_and_totals(capsys):
    code, out, _ = tinygram(capsys, "groundtruth", "compare", FOLDER, "--only", "H0", "--only", "I03")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["id", "way", "P50", "ms"]
    assert [line.split()[0] for line in lines[1:7]] == ["H01", "H03", "H05", "H06", "H08", "I03"]
    assert lines[-1].startswith("lossless 6 of 6 within tolerance")


def test_compare_as_json(capsys):
    code, out, _ = tinygram(capsys, "groundtruth", "compare", FOLDER, "--only", "K05", "--json")
    told = json.loads(out)
    assert code == told["exit_code"] == 0
    (row,) = told["directions"]
    assert (row["id"], row["direction"], row["recordings"], row["out_of_tolerance"]) == ("K05", "s2c", 4, [])
    assert row["model"]["retransmissions"] == row["kernel"]["retransmissions"] == 8
    assert told["totals"]["loss_or_spikes"] == {"within": 1, "of": 1}


def test_a_tolerance_that_is_exceeded_gives_exit_code_1(capsys):
    arguments = ("groundtruth", "compare", FOLDER, "--only", "K05")
    assert tinygram(capsys, *arguments, "--tolerance", "standard")[0] == 0
    assert tinygram(capsys, *arguments, "--tolerance", "acks=0")[0] == 0  # within the recordings' own range
    code, out, _ = tinygram(capsys, *arguments, "--tolerance", "max=0.1%")
    assert code == (1 if "max" in out.splitlines()[1].split()[-1] else 0)


def test_without_ranges_the_recording_itself_is_the_measure(tmp_path, capsys):
    for file in FOLDER.glob("I03.*"):
        shutil.copy(file, tmp_path)
    code, out, _ = tinygram(capsys, "groundtruth", "compare", tmp_path, "--json")
    (row,) = json.loads(out)["directions"]
    assert (code, row["recordings"], row["noise"], row["repeats"]) == (0, 1, None, None)


def test_the_figure_has_the_same_bytes_each_time(tmp_path, capsys):
    for name in ("a.svg", "b.svg"):
        arguments = ("groundtruth", "compare", FOLDER, "--only", "I0", "--figure", tmp_path / name)
        assert tinygram(capsys, *arguments)[0] == 0
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_what_cannot_be_compared_is_told(tmp_path, capsys):
    code, _, err = tinygram(capsys, "groundtruth", "compare", tmp_path)
    assert (code, "holds no recording" in err) == (2, True)
    shutil.copy(ONE, tmp_path)
    code, _, err = tinygram(capsys, "groundtruth", "compare", tmp_path)
    assert (code, "I03.msgs.csv" in err) == (2, True)
    (tmp_path / "I03.msgs.csv").write_text("i,t_call_us\n0,1\n")
    code, _, err = tinygram(capsys, "groundtruth", "compare", tmp_path)
    assert (code, "not as recordings are" in err) == (2, True)


@pytest.mark.parametrize("tokens", [("--tolerance", "p98=1%"), ("--figure", "x.txt"), ("--driver", "warp")])
def test_mistakes_on_the_command_line(tokens, capsys):
    assert tinygram(capsys, "groundtruth", "compare", FOLDER, *tokens)[0] == 2
