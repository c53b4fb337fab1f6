"""The page in a real browser: it shows what the model says, by mouse and by keyboard, and asks nobody else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from experiments.demo.lessons import LESSONS
from experiments.demo.scene import START
from experiments.demo.server import Server
from experiments.files import load
from experiments.labels import milliseconds
from sim import simulate
from sim.run import Run
from tests.demo.browser import MISSING, chromium, colours, downloads, requested, size
from tests.demo.serving import serving

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
PATIENCE = 30


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


class Page:
    """The page as a reader meets it."""

    def __init__(self, browser: Chrome, server: Server) -> None:
        self.browser = browser
        self.server = server

    def open(self, address: str = "") -> Page:
        self.browser.get(self.server.address + address)
        return self.ready()

    def ready(self) -> Page:
        """Wait until it shows what was asked for."""
        self.until("return document.body.dataset.shown === location.search && !document.body.matches('.asking')")
        return self

    def until(self, script: str) -> None:
        WebDriverWait(self.browser, PATIENCE, 0.03).until(lambda driver: driver.execute_script(script))

    def find(self, selector: str) -> WebElement:
        return self.browser.find_element(By.CSS_SELECTOR, selector)

    def all(self, selector: str) -> list[WebElement]:
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, selector: str) -> str:
        return self.find(selector).text

    def click(self, selector: str) -> Page:
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", self.find(selector))
        self.find(selector).click()
        return self.ready()

    def write(self, key: str, text: str) -> Page:
        self.find(f"[id='{key}']").send_keys(Keys.CONTROL + "a", Keys.NULL, text, Keys.ENTER)
        return self.ready()

    def press(self, *keys: str) -> Page:
        self.browser.switch_to.active_element.send_keys(*keys)
        return self.ready()

    def figure(self, name: str, pane: str = "a") -> str:
        return self.text(f".numbers tr[data-pane={pane}] [data-figure='{name}']")

    def said(self) -> dict[str, str]:
        return {key: values[0] for key, values in parse_qs(urlsplit(self.browser.current_url).query).items()}

    @property
    def chosen(self) -> int:
        return int(self.find(".message.chosen").get_attribute("data-index"))


@pytest.fixture
def page(browser: Chrome, server: Server) -> Iterator[Page]:
    size(browser, 1400, 900)
    requested(browser)
    browser.get_log("browser")
    page = Page(browser, server)
    yield page
    assert [
        entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE" and "422" not in entry["message"]
    ] == []
    asked = {urlsplit(address) for address in requested(browser)}
    assert {address.netloc for address in asked if address.scheme not in {"data", "blob"}} <= {
        f"127.0.0.1:{server.server_port}"
    }


def agrees(page: Page, run: Run, pane: str = "a") -> None:
    """The numbers on the page are those of the run."""
    latency = run.summary()["latency_ns"]
    shown = {name: page.figure(name, pane) for name in ("p50", "p90", "p99", "max")}
    assert shown == {name: milliseconds(latency[name]) for name in shown}
    assert page.figure("packets", pane) == f"{run.summary()['segments']:,}"


def run_of(base: str, *settings: str, seed: int = 0) -> Run:
    return simulate(load(base, ["warmup=0", *settings]), seed)


def start(*settings: str) -> Run:
    return run_of(START.base, *START.overrides, *settings, seed=START.seed)


# ---- what is shown ---------------------------------------------------------------------------------------------------


def test_the_first_view_shows_the_slowest_message_of_a_run(page: Page) -> None:
    page.open()
    run = start()
    agrees(page, run)
    assert page.chosen == int(run.messages["latency_ns"].argmax())
    assert len(page.all(".message")) == len(run.messages)
    assert page.text("#story .latency strong") == milliseconds(int(run.messages["latency_ns"].max()))


def test_the_parts_of_the_ledger_sum_exactly(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=3")
    parts = [round(float(part.text.removesuffix(" ms")) * 1e6) for part in page.all(".steps .ns")]
    latency = int(run_of("write-write-read", "workload.messages=12").messages["latency_ns"][3])
    assert sum(parts) == latency == round(float(page.text(".sum output").removesuffix(" ms")) * 1e6)
    assert "which was delaying the ACK" in page.text(".steps")


def test_it_says_in_words_what_explain_says(page: Page, capsys: pytest.CaptureFixture[str]) -> None:
    from experiments.cli import main

    page.open("?base=write-write-read&workload.messages=12&message=3")
    words = ["explain", "write-write-read", "--set", "workload.messages=12", "--message", "3", "--json"]
    assert main(words) == 0
    (explanation,) = json.loads(capsys.readouterr().out)["explanations"]
    for step in explanation["steps"]:
        assert step["sentence"] in page.text(".steps")


# ---- choosing --------------------------------------------------------------------------------------------------------


def test_the_keyboard_goes_from_message_to_message(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=0")
    page.browser.execute_script("document.querySelector('.message.chosen').focus()")
    page.press(Keys.ARROW_DOWN).press(Keys.ARROW_DOWN)
    assert page.chosen == 2
    assert page.text("#story h2") == "Message 2"
    assert page.browser.switch_to.active_element.get_attribute("aria-selected") == "true"
    page.press(Keys.END)
    assert page.chosen == 11
    page.press(Keys.HOME)
    assert page.chosen == 0
    assert page.said()["message"] == "0"


def test_left_and_right_choose_from_anywhere(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=3")
    assert page.press(Keys.ARROW_RIGHT).chosen == 4
    assert page.press(Keys.ARROW_LEFT).chosen == 3


def test_a_click_chooses(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=0")
    line = page.find(".message[data-index='4'] .way")
    page.browser.execute_script("arguments[0].dispatchEvent(new MouseEvent('click', {bubbles: true}))", line)
    assert page.ready().chosen == 4
    assert page.click("#slowest").chosen == 1


def test_every_bar_says_who_waited_for_whom(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=3")
    bar = page.find(".message.chosen .bar[data-cause='delayed_ack'] title")
    said = bar.get_attribute("textContent")
    assert said.startswith("delayed ACK, 43.0 ms: The data Nagle waited for had reached the server")


def test_every_message_says_itself(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12")
    assert page.find(".message[data-index='3']").get_attribute("aria-label") == (
        "Message 3, 256 bytes, 63.0 ms, mostly delayed ACK, 43.0 ms"
    )


# ---- settings --------------------------------------------------------------------------------------------------------


def test_a_changed_control_gives_the_numbers_of_simulate(page: Page) -> None:
    page.open().write("network.rtt", "50ms")
    agrees(page, start("network.rtt=50ms"))
    page.click("[id='server.nodelay']")
    agrees(page, start("network.rtt=50ms", "server.nodelay=true"))
    assert page.said()["network.rtt"] == "50ms"
    assert page.said()["server.nodelay"] == "true"


def test_a_slider_moves_by_keyboard(page: Page) -> None:
    page.open()
    page.browser.execute_script("document.querySelector('[data-for=\"network.rtt\"]').focus()")
    page.press(Keys.ARROW_RIGHT)
    assert page.said()["network.rtt"] == "50ms"
    agrees(page, start("network.rtt=50ms"))
    assert page.browser.switch_to.active_element.get_attribute("data-for") == "network.rtt"


def test_an_address_is_the_whole_state(page: Page) -> None:
    page.open().write("workload.size", "1KiB").click("#compare")
    page.click("[id='server.nodelay']")
    address, shown = page.browser.current_url, page.text("#numbers")
    page.browser.get("about:blank")
    page.browser.get(address)
    assert page.ready().text("#numbers") == shown
    agrees(page, start("workload.size=1KiB", "server.nodelay=true"), "b")


def test_a_mistake_stands_at_its_control(page: Page) -> None:
    page.open().write("network.rtt", "10")
    field = page.find("[id='network.rtt']")
    assert field.get_attribute("aria-invalid") == "true"
    assert field.get_attribute("value") == "10"
    assert "unit" in page.text("[id='network.rtt-wrong']")
    assert field.get_attribute("aria-describedby") == "network.rtt-wrong"
    page.write("network.rtt", "10ms")
    assert not page.all(".wrong")


def test_a_mistake_in_the_first_address_can_be_mended_at_its_control(page: Page) -> None:
    page.open("?base=one-way-512&network.rtt=10")
    assert "unit" in page.text("[id='network.rtt-wrong']")
    assert "Nothing was run" in page.text("#banner")
    page.write("network.rtt", "20ms")
    assert not page.all(".wrong")
    agrees(page, run_of("one-way-512", "workload.messages=60", "network.rtt=20ms"))


def test_too_many_messages_are_refused_with_the_limit(page: Page) -> None:
    page.open().write("workload.messages", "5000")
    assert "at most 400" in page.text("[id='workload.messages-wrong']")


def test_a_mistake_in_the_address_is_told(page: Page) -> None:
    page.open("?base=one-way-512&policy.name=x")
    assert "no such control" in page.text("#banner")


def test_panes_share_clock_and_draws(page: Page) -> None:
    page.open().click("#compare").click("[id='server.nodelay']")
    heights = {ladder.get_attribute("height") for ladder in page.all(".ladder[role=listbox]")}
    assert len(heights) == 1
    agrees(page, start(), "a")
    agrees(page, start("server.nodelay=true"), "b")
    assert page.said()["b.server.nodelay"] == "true"


# ---- lessons ---------------------------------------------------------------------------------------------------------


def test_the_guess_precedes_the_answer(page: Page) -> None:
    page.open("?lesson=two-writes")
    before = requested(page.browser)
    assert not [address for address in before if "/trace.json" in address or "/answer.json" in address]
    assert not page.all(".message")
    assert not page.find("#results").is_displayed()
    assert page.text("#lesson h2") == LESSONS[0].question
    page.click("[data-guess='1']")
    after = requested(page.browser)
    assert [address for address in after if "/answer.json" in address]
    assert "Not quite" in page.text(".verdict")
    assert page.text(".guesses .right").startswith("more than 60 ms")
    assert page.text(".guesses .missed").startswith("20 ms")
    agrees(page, run_of("write-write-read", "workload.messages=12"), "a")
    agrees(page, run_of("write-write-read", "workload.messages=12", "client.nodelay=true"), "b")


def test_lessons_lead_to_the_next_and_back(page: Page) -> None:
    page.open()
    page.click("[data-lesson='one-loss']")
    page.click("[data-guess='1']")
    assert "Yes." in page.text(".verdict")
    assert not page.all("#next-lesson")
    page.browser.back()
    page.ready()
    assert "lesson" not in page.said()
    page.click("[data-lesson='one-way']").click("[data-guess='0']").click("#next-lesson")
    assert page.said()["lesson"] == "lazy-reader"
    assert page.all("[data-guess]")


# ---- other ways to see it --------------------------------------------------------------------------------------------


def test_the_table_holds_the_same_trace(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12").click("#view")
    rows = page.all("#table tbody tr")
    assert len(rows) == 12
    cells = [cell.text for cell in rows[3].find_elements(By.TAG_NAME, "td")]
    latency, *causes = (round(float(cell) * 1e6) for cell in cells[3:] if cell)
    assert sum(causes) == latency
    page.click("#table tbody tr:nth-child(6) button")
    assert page.text("#story h2") == "Message 5"


def test_the_picture_can_be_taken_along(page: Page, tmp_path: Path) -> None:
    downloads(page.browser, tmp_path)
    page.open("?base=write-write-read&workload.messages=12&compare=1&b.client.nodelay=true").click("#svg")
    WebDriverWait(page, PATIENCE, 0.05).until(lambda _: list(tmp_path.glob("*.svg")))
    root = ElementTree.parse(tmp_path / "write-write-read.svg").getroot()
    named = [element.get("data-index") for element in root.iter() if element.get("data-index")]
    assert len(named) == 24
    words = "".join(root.itertext())
    assert "--d-ink" in words
    assert "delayed ACK" in words
    assert "tinygram run write-write-read --set workload.messages=12" in words


def test_the_files_and_commands_are_those_of_the_scenario(page: Page) -> None:
    page.open("?base=write-write-read&workload.messages=12&message=3")
    commands = [command.text for command in page.all("#takeaway pre")]
    assert "tinygram explain write-write-read --set workload.messages=12 --set warmup=0 --message 3" in commands
    assert len(page.all("#takeaway a[download]")) == 2


# ---- for everybody ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address", ["", "?lesson=two-writes", "?lesson=two-writes&guess=1", "?view=table&base=one-way-512"]
)
def test_a_narrow_screen_scrolls_down_only(page: Page, address: str) -> None:
    size(page.browser, 420, 800)
    page.open(address)
    assert page.browser.execute_script("return document.documentElement.scrollWidth") <= 420


NAMELESS = """
return [...document.querySelectorAll('input, select, button, a, [role=listbox], [role=img], [role=group]')]
  .filter((node) => !(node.labels?.length || node.getAttribute('aria-label') || node.textContent.trim()))
  .map((node) => node.outerHTML)
"""
FAINT = """
const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
const light = (rgb) => {
  const [r, g, b] = rgb.slice(0, 3).map(channel);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const rgb = (text) => text.match(/[0-9.]+/g).map(Number);
const ground = (node) => {
  for (; node; node = node.parentElement) {
    const found = rgb(getComputedStyle(node).backgroundColor);
    if (found.length < 4 || found[3] > 0.9) return found;
  }
  return [255, 255, 255];
};
const contrast = (node) => {
  const [a, b] = [light(rgb(getComputedStyle(node).color)), light(ground(node))];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
};
return [...document.querySelectorAll('p, h2, label, td, th, li, button, a, legend, small')]
  .filter((node) => node.checkVisibility() && node.textContent.trim() && contrast(node) < 4.5)
  .map((node) => [contrast(node), node.outerHTML.slice(0, 80)])
"""
"""Text with less contrast than WCAG 2.2 asks for (AA, 4.5 to 1)."""


@pytest.mark.parametrize(
    ("address", "scheme"),
    [("", "light"), ("", "dark"), ("?lesson=one-way", "light"), ("?lesson=one-way&guess=1", "dark")],
)
def test_everything_has_a_name_and_can_be_read(page: Page, address: str, scheme: str) -> None:
    colours(page.browser, scheme)
    page.open(address)
    assert page.browser.execute_script(NAMELESS) == []
    assert page.browser.execute_script(FAINT) == []
    colours(page.browser, "light")
