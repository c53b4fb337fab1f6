"""Claims of the source: every row has an experiment, a verdict and a reason."""

from __future__ import annotations

import json
import math

import pytest

from experiments.cli import main
from experiments.reproduce.report import number, page, tally
from experiments.reproduce.rows import Finding, Inventory, Value, inventory
from experiments.statistics import Estimate
from tests.docs.blocks import ROOT


def test_a_condition_belongs_to_holds_if_alone() -> None:
    with pytest.raises(ValueError, match="condition"):
        Finding("HOLDS IF", "because")
    with pytest.raises(ValueError, match="condition"):
        Finding("HOLDS", "because", condition="it rains")


def test_a_row_has_one_experiment() -> None:
    rows = Inventory()
    rows.row("1.01", "claim", "once")(lambda: Finding("HOLDS", "yes."))
    with pytest.raises(ValueError, match="two experiments"):
        rows.row("1.01", "claim", "twice")(lambda: Finding("HOLDS", "yes."))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Value("x", 3.0, "ms"), "3.00 ms"),
        (Value("x", Estimate(12.34, 12.1, 12.6, 5), "ms"), "12.3 (12.1 to 12.6) ms"),
        (Value("x", Estimate(12.34, math.nan, math.nan, 1)), "12.3"),
        (Value("x", "two", "B"), "two B"),
        (Value("x", 123456.0), "123,456"),
    ],
)
def test_numbers_have_three_figures_and_their_interval(value: Value, text: str) -> None:
    assert number(value) == text


def test_a_cheap_row_through_the_command(capsys) -> None:
    assert main(["reproduce", "1.11", "2.16", "--json"]) == 0
    repro, fragments = json.loads(capsys.readouterr().out)
    assert (repro["id"], repro["verdict"]) == ("1.11", "REFUTED")
    longest = {value["what"]: value["value"]["mean"] for value in repro["values"]}
    assert longest["RTT 20 ms, defaults: longest latency"] < 12
    assert (fragments["verdict"], fragments["condition"]) == ("HOLDS IF", "messages are 66 to 147 kB")


def test_an_unknown_row_is_a_mistake(capsys) -> None:
    assert main(["reproduce", "9.99"]) == 2
    assert "9.99" in capsys.readouterr().err


def test_the_page_has_a_section_a_row(tmp_path) -> None:
    rows = inventory()
    findings = {key: (rows[key], rows[key].experiment()) for key in ("1.16", "2.04", "2.16")}
    written = page(findings, tmp_path / "_static" / "reproduction")
    assert tally(findings) in written
    for row, finding in findings.values():
        assert f"### {row.id} {row.claim}" in written
        assert finding.reason[1:] in written


def test_the_manual_shows_every_row_and_its_verdict() -> None:
    """The page is written by `make refresh-docs`; cheap rows are run again and held against it."""
    written = (ROOT / "docs" / "reproduction.md").read_text()
    rows = inventory()
    for row in rows.values():
        assert f"### {row.id} {row.claim}\n" in written
    for key in ("1.11", "2.04", "2.09", "2.16", "3.17", "4.03", "5.19"):
        finding = rows[key].experiment()
        section = written.partition(f"### {key} ")[2].partition("\n### ")[0]
        assert f"**{finding.judgement}.**" in section
        assert all(f"| {value.what} | {number(value)} |" in section for value in finding.values)


def test_no_row_of_the_text_is_left_out() -> None:
    """Its chapters have 16, 28, 18, 23 and 20 rows, numbered without a gap."""
    wanted = [f"{chapter}.{n:02}" for chapter, last in enumerate((16, 28, 18, 23, 20), 1) for n in range(1, last + 1)]
    assert list(inventory()) == wanted
