"""The picture of the page in the manual: `python -m tests.demo.screenshot FILE.png`."""

from __future__ import annotations

import sys
from pathlib import Path

from selenium.webdriver.support.wait import WebDriverWait

from tests.demo.browser import MISSING, chromium
from tests.demo.serving import serving

ADDRESS = "?lesson=two-writes&guess=1"
READY = "return document.body.dataset.shown === location.search"


def picture(path: Path) -> None:
    """The first lesson after a wrong guess, as a reader sees it."""
    with serving() as server, chromium(1400, 900) as browser:
        browser.get(server.address + ADDRESS)
        WebDriverWait(browser, 30, 0.05).until(lambda driver: driver.execute_script(READY))
        browser.execute_script("document.activeElement.blur()")
        browser.save_screenshot(str(path))


if __name__ == "__main__":
    if MISSING:
        sys.exit(MISSING)
    picture(Path(sys.argv[1]))
