"""The TypeScript client in a real browser, in a page of another origin, makes the common steps."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.clients.languages import scenario
from tests.clients.languages.toolchains import ROOT, need, run
from tests.conftest import running

TYPESCRIPT = ROOT / "clients" / "typescript"
MAKE = """async ([url, step]) => {
    const { connect } = await import("/dist/src/rest.js");
    const { make, SECONDS } = await import("/dist/test/steps.js");
    const funland = connect({ url, timeoutSeconds: SECONDS, retries: 0 });
    await make(funland, step).finally(() => funland.close());
}"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page that is open, and the service that it calls."""

    page: Page
    url: str


_STOP_WHEN_IT_BEGINS = """() => {
    const output = document.querySelector("output");
    new MutationObserver((_, observer) => {
        if (!output.textContent.startsWith("Once")) return;
        observer.disconnect();
        document.querySelector("form").stop.click();
    }).observe(output, { childList: true });
}"""
"""A story has ended before a hand has found the button, on a busy machine."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its base's name
        """Says nothing."""


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """The example's page, before a service that lets pages of its origin call."""
    need("typescript", "npm", "node")
    run(["tools/typescript/build.sh"], ROOT)
    files = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(TYPESCRIPT)))
    origin = f"http://127.0.0.1:{files.server_port}"
    settings = {**scenario.server(), "FUNLAND_GATEWAY__ALLOWED_ORIGINS": origin}
    thread = threading.Thread(target=files.serve_forever)
    thread.start()
    try:
        with (
            running(tmp_path_factory.mktemp("funland"), **settings) as stack,
            browser.new_page() as page,
        ):
            page.goto(f"{origin}/examples/page.html?url={stack.http_url}")
            yield Shown(page, stack.http_url)
    finally:
        files.shutdown()
        thread.join()
        files.server_close()


@pytest.mark.parametrize("step", scenario.steps(), ids=lambda step: step["name"])
def test_a_page_makes_the_step(shown: Shown, step: scenario.Step) -> None:
    shown.page.evaluate(MAKE, [shown.url, step])


def test_the_example_answers_and_stops(shown: Shown) -> None:
    question, output = shown.page.get_by_label("Question"), shown.page.locator("output")
    question.fill("What is the capital of France?")
    shown.page.get_by_role("button", name="Ask").click()
    expect(output).to_have_text("The capital of France is Paris.")

    question.fill("Tell me a story.")
    shown.page.evaluate(_STOP_WHEN_IT_BEGINS)
    shown.page.get_by_role("button", name="Ask").click()

    expect(output).to_contain_text("Once")
    expect(shown.page.get_by_role("button", name="Ask")).to_be_enabled()
