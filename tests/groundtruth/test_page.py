"""The table of docs/model/truth.md is what the code finds today."""

from __future__ import annotations

from pathlib import Path

from experiments.groundtruth.page import BEGIN, END, read_ns3, refreshed
from experiments.groundtruth.report import totals
from tests.groundtruth.recorded import comparison

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "model" / "truth.md"
NS3 = Path(__file__).parent / "ns3.csv"


def test_the_table_is_up_to_date():
    """If not: python -m experiments.groundtruth.page tests/groundtruth/recordings tests/groundtruth/ns3.csv PAGE."""
    page = PAGE.read_text()
    assert page.count(BEGIN) == page.count(END) == 1
    assert refreshed(page, comparison(), read_ns3(NS3)) == page


def test_the_readme_states_the_same_totals():
    t = totals(comparison().rows)
    readme = " ".join((ROOT / "README.md").read_text().split())
    lossless, lossy, exact = t["lossless"], t["loss_or_spikes"], t["exact"]
    assert f"{lossless['within']} of {lossless['of']} lossless directions" in readme
    assert f"{lossy['within']} of {lossy['of']} with loss or spikes" in readme
    assert f"exact to the end on {exact['within']} of {exact['of']}" in readme
