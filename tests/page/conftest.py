"""The web page in a real browser, before a real service."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import Stack

_CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WAIT_MS = 120_000
"""So long may something take, on a machine that others use too."""
expect.set_options(timeout=WAIT_MS)


@dataclass
class Tab:
    """A tab of the browser, and all that went wrong in it."""

    page: Page
    url: str
    grpc: str = ""
    """Where the service's other clients call it."""
    complaints: list[str] = field(default_factory=list[str])
    """What its console had of warnings and errors, broken rules of the content policy included."""

    def go(self, place: str) -> None:
        """Goes to `#/place`, whether the page is there or not yet."""
        self.page.goto(f"{self.url}/#/{place}")


@pytest.fixture(scope="module")
def spoken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording that the browser's microphone hears again and again, for a test to write."""
    return tmp_path_factory.mktemp("spoken") / "said.wav"


@pytest.fixture(scope="module")
def browser(spoken: Path) -> Iterator[Browser]:
    """A file's browser: Debian's, or whichever is called so. While it is there a loop runs in this
    thread, in which no test of another file's could run its own."""
    if _CHROMIUM is None:
        assert not os.environ.get("REQUIRE_CHROMIUM"), "Install Chromium: apt install chromium"
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=_CHROMIUM,
            args=[
                "--use-fake-device-for-media-stream",
                f"--use-file-for-fake-audio-capture={spoken}",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A profile of a test's own: nothing kept, English, light."""
    with browser.new_context(
        locale="en-US", color_scheme="light", viewport={"width": 1280, "height": 800}
    ) as context:
        context.set_default_timeout(WAIT_MS)
        yield context


@pytest.fixture
def tab(context: BrowserContext, stack: Stack) -> Iterator[Tab]:
    """A tab on the service that tests share. Nothing may have gone wrong in it at the end."""
    tab = open_tab(context, stack.http_url, stack.grpc_address)
    yield tab
    assert tab.complaints == []


def open_tab(context: BrowserContext, url: str, grpc: str = "") -> Tab:
    """A tab that is nowhere yet."""
    tab = Tab(context.new_page(), url, grpc)

    def console(kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            tab.complaints.append(text)

    tab.page.on("console", lambda message: console(message.type, message.text))
    tab.page.on("pageerror", lambda error: tab.complaints.append(str(error)))
    return tab
