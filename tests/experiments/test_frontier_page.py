"""The frontier's page: one file that says what the tables say, and asks nothing of any network."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium.webdriver.support.wait import WebDriverWait

from experiments.frontier_page import figure, hover, page
from experiments.slo import parse_slo
from experiments.tables import standing
from tests.demo.browser import MISSING, chromium, requested
from tests.experiments.test_frontier import planned

PATIENCE = 30
SLO = parse_slo("p99 < 50ms", "--slo")


class Reader(HTMLParser):
    """Rows of all tables, texts, and every address an element would load."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.addresses: list[str] = []
        self.cell = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attributes if name in {"src", "href"}]
        if tag == "tr":
            self.rows.append([])
        if tag == "td":
            self.rows[-1].append("")
        self.cell = tag == "td"

    def handle_data(self, data: str) -> None:
        if self.cell:
            self.rows[-1][-1] += data

    def handle_endtag(self, tag: str) -> None:
        self.cell = False


def test_the_tables_have_every_configuration_with_its_standing() -> None:
    frontier = planned()
    reader = Reader()
    reader.feed(page([frontier], "title", SLO))
    rows = [row for row in reader.rows if row]
    assert len(rows) == len(frontier.front) + len(frontier.configurations)
    said = [row[-1].removesuffix(", meets SLO") for row in rows[len(frontier.front) :]]
    assert said == [standing(c, frontier) for c in frontier.configurations]


def test_every_sustained_configuration_is_a_point_that_says_what_it_is() -> None:
    frontier = planned()
    drawn = [trace for trace in figure(frontier, SLO).data if trace.text]
    points = {
        (round(x, 6), round(y, 6)): text
        for trace in drawn
        for x, y, text in zip(trace.x, trace.y, trace.text, strict=True)
    }
    for c in frontier.sustained:
        place = round(c.throughput.mean / 1e6, 6), round(c.p99.mean / 1e6, 6)
        assert place in points
    texts = list(texts_of(drawn))
    assert sorted(texts) == sorted(hover(c, frontier) for c in frontier.sustained)


def texts_of(drawn: list[object]) -> Iterator[str]:
    for trace in drawn:
        yield from trace.text  # type: ignore[attr-defined]


def test_nothing_is_loaded_from_anywhere() -> None:
    reader = Reader()
    reader.feed(page([planned(), planned()], "title"))
    assert reader.addresses == []


@pytest.mark.parametrize("title", ["a < b & c", '<script>alert("x")</script>'])
def test_a_title_is_text_whatever_is_in_it(title: str) -> None:
    frontier = planned()
    written = page([replace(frontier, panel=replace(frontier.panel, title=title))], title)
    assert re.search(r"<title>(.*?)</title>", written)[1] == re.search(r"<h1>(.*?)</h1>", written)[1]
    assert unescape(re.search(r"<h2>(.*?)</h2>", written)[1]) == title
    assert "<script>alert" not in written


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_a_browser_draws_it_without_asking_anybody(tmp_path: Path) -> None:
    """Every configuration is in the figure; a point under the pointer says what it is; nothing is fetched."""
    frontier = planned()
    (tmp_path / "page.html").write_text(page([frontier], "title", SLO), encoding="utf-8")
    with chromium() as browser:
        browser.get((tmp_path / "page.html").as_uri())
        WebDriverWait(browser, PATIENCE).until(
            lambda driver: driver.find_elements("css selector", ".scatterlayer .point")
        )
        points = browser.find_elements("css selector", ".scatterlayer .point")
        assert len(points) == len(frontier.sustained) + (frontier.knee is not None)
        best = browser.execute_script(
            "const panel = document.getElementById('panel-0');"
            "const curve = panel.data.findIndex(trace => trace.mode === 'lines+markers');"
            "Plotly.Fx.hover(panel, [{curveNumber: curve, pointNumber: 0}]);"
            "return panel.data[curve].text[0]"
        )
        shown = WebDriverWait(browser, PATIENCE).until(
            lambda driver: driver.find_element("css selector", ".hoverlayer text")
        )
        assert shown.text.splitlines()[0] in unescape(re.sub(r"<[^>]+>", "", best))
        assert [address for address in requested(browser) if address.startswith("http")] == []
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
