"""A headless Chromium for tests, from the system's packages: `make test` installs it where it may."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
MISSING = "" if BROWSER and DRIVER else "needs Chromium and its driver: apt-get install chromium chromium-driver"

QUIET = (
    "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
)  # fmt: skip
"""Nothing but the page: no screen, and no talk with anybody's servers."""


@contextmanager
def chromium(width: int = 1400, height: int = 900) -> Iterator[Chrome]:
    """A browser with a profile of its own that logs its console and its requests."""
    options = ChromeOptions()
    options.binary_location = str(BROWSER)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    for argument in (*QUIET, *(["--no-sandbox"] if os.geteuid() == 0 else [])):
        options.add_argument(argument)
    with TemporaryDirectory() as profile:
        options.add_argument(f"--user-data-dir={profile}")
        driver = Chrome(options=options, service=Service(DRIVER))
        try:
            size(driver, width, height)
            yield driver
        finally:
            driver.quit()


def size(driver: Chrome, width: int, height: int) -> None:
    """Make the page that large, in CSS pixels."""
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def colours(driver: Chrome, scheme: str) -> None:
    """Light or dark, as the system of the reader asks for it."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def downloads(driver: Chrome, folder: Path) -> None:
    """Keep what is downloaded in `folder`."""
    behaviour = {"behavior": "allow", "downloadPath": str(folder)}
    driver.execute_cdp_cmd("Browser.setDownloadBehavior", behaviour)


def requested(driver: Chrome) -> list[str]:
    """Addresses asked for since the last call, in order."""
    entries = (json.loads(entry["message"])["message"] for entry in driver.get_log("performance"))
    return [e["params"]["request"]["url"] for e in entries if e["method"] == "Network.requestWillBeSent"]
