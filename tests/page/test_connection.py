"""A line that breaks, a server that restarts, and what the server refuses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.conftest import Stack, running
from tests.page.conftest import Tab, open_tab
from tests.page.line import Line, line_to

LOST = "The connection to the server is lost"
STORY = "Tell me a story."


@pytest.fixture
def line(stack: Stack) -> Iterator[Line]:
    with line_to(stack.http_url) as line:
        yield line


def say(page: Page, text: str) -> None:
    page.get_by_label("Write a message").fill(text)
    page.get_by_label("Write a message").press("Enter")


def test_a_lost_connection_is_told_and_comes_back(
    context: BrowserContext, stack: Stack, line: Line
) -> None:
    page = open_tab(context, line.url).page
    page.goto(f"{line.url}/#/models")
    expect(page.get_by_role("row", name="funland-tiny")).to_be_visible()

    line.down()
    expect(page.get_by_text(LOST)).to_be_visible()
    line.up(stack.http_url)

    expect(page.get_by_text(LOST)).to_be_hidden()
    page.get_by_role("button", name="More for funland-tiny").click()
    page.get_by_role("menuitem", name="Pin in memory").click()
    expect(page.get_by_text("pinned")).to_be_visible()  # which the stream tells again
    page.get_by_role("button", name="More for funland-tiny").click()
    page.get_by_role("menuitem", name="Unpin").click()
    expect(page.get_by_text("pinned")).to_be_hidden()


def test_an_answer_amid_which_the_line_is_cut_is_whole(context: BrowserContext, line: Line) -> None:
    page = open_tab(context, line.url).page
    page.goto(f"{line.url}/")
    say(page, STORY)
    expect(page.locator(".answer .prose")).not_to_be_empty()

    line.cut()

    expect(page.locator(".took")).to_contain_text("tokens/s")
    text = page.locator(".answer .prose").inner_text()
    page.reload()
    expect(page.locator(".answer .prose")).to_have_text(text)


def test_what_is_said_while_nobody_answers_is_said_once(
    context: BrowserContext, stack: Stack, line: Line
) -> None:
    page = open_tab(context, line.url).page
    page.goto(f"{line.url}/")
    say(page, "Hello!")
    expect(page.locator(".took")).to_be_visible()

    line.down()
    expect(page.get_by_text(LOST)).to_be_visible()
    say(page, "What is the capital of France?")
    line.up(stack.http_url)

    expect(page.locator(".answer .prose").last).to_contain_text("Paris")
    expect(page.locator(".said")).to_have_count(2)


def test_a_chat_goes_on_after_a_restart_of_the_server(
    context: BrowserContext, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with running(home) as first, line_to(first.http_url) as line:
        page = open_tab(context, line.url).page
        page.goto(f"{line.url}/")
        say(page, "Hello!")
        expect(page.locator(".took")).to_be_visible()

        first.stop()
        expect(page.locator(".connection p")).to_be_visible()
        with running(home) as second:
            line.down()
            line.up(second.http_url)
            expect(page.locator(".connection p")).to_be_hidden()
            say(page, "What is the capital of France?")

            expect(page.locator(".answer .prose").last).to_contain_text("Paris")
            expect(page.locator(".said")).to_have_count(2)


def test_a_refusal_is_told_with_its_reason_and_its_request(tab: Tab) -> None:
    tab.go("downloads")
    tab.page.get_by_label("Model").fill("no model is called so")
    tab.page.get_by_role("button", name="Download").click()

    problem = tab.page.get_by_role("alert")
    expect(problem).to_contain_text("FIELD_INVALID")
    expect(problem).to_contain_text("request")
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    problem.get_by_role("button", name="Copy the error").click()
    expect(problem.get_by_role("button", name="Copied")).to_be_visible()
    copied: str = tab.page.evaluate("() => navigator.clipboard.readText()")
    assert "reason: FIELD_INVALID" in copied
    assert "request: " in copied
    tab.complaints.clear()  # the console has the status
