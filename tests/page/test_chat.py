"""Conversations, in a browser."""

from __future__ import annotations

import json
import re

from playwright.sync_api import Route, WebSocket, WebSocketRoute, expect

from funland.v1.inference_pb2 import Tool
from funland.v1.sessions_pb2 import Session
from funland_client import Funland
from tests.page.conftest import Tab
from tests.page.test_places import violations

WRITE = "Write a message"
WEATHER = Tool(
    name="get_weather",
    description="Tells the weather of a city.",
    parameters='{"type": "object", "properties": {"city": {"enum": ["Paris", "Rome"]}},'
    ' "required": ["city"]}',
)


def say(tab: Tab, text: str) -> None:
    """Writes a message and sends it."""
    tab.page.get_by_label(WRITE).fill(text)
    tab.page.get_by_label(WRITE).press("Enter")


def test_an_answer_comes_and_says_what_it_took(tab: Tab) -> None:
    tab.go("chat")
    say(tab, "What is the capital of France?")

    answer = tab.page.get_by_role("article", name="funland-tiny")
    expect(answer.locator(".prose")).to_contain_text("Paris")
    expect(answer.locator(".took")).to_contain_text("tokens/s")
    expect(tab.page.get_by_role("heading", level=2)).to_have_text("What is the capital of France?")
    expect(tab.page.get_by_role("meter")).to_be_visible()


def test_what_is_said_is_kept_over_a_reload(tab: Tab) -> None:
    tab.go("chat")
    say(tab, "Hello!")
    expect(tab.page.locator(".took")).to_be_visible()
    text = tab.page.locator(".answer .prose").inner_text()

    tab.page.reload()

    expect(tab.page.locator(".answer .prose")).to_have_text(text)


def test_an_edited_message_is_a_branch(tab: Tab) -> None:
    tab.go("chat")
    say(tab, "Hello!")
    expect(tab.page.locator(".took")).to_be_visible()

    tab.page.locator(".said").hover()
    tab.page.get_by_role("button", name="Edit").click()
    tab.page.locator("textarea[aria-label=Edit]").fill("What is the capital of France?")
    tab.page.locator(".edit").get_by_role("button", name="Send").click()
    expect(tab.page.locator(".answer .prose")).to_contain_text("Paris")
    expect(tab.page.locator(".branches")).to_have_text("2/2")
    tab.page.get_by_role("button", name="Previous version").click()

    expect(tab.page.locator(".bubble")).to_have_text("Hello!")
    expect(tab.page.locator(".branches")).to_have_text("1/2")


def test_an_answer_is_written_again_beside_the_first(tab: Tab) -> None:
    tab.go("chat")
    say(tab, "Tell me a story.")
    expect(tab.page.locator(".took")).to_be_visible()

    tab.page.get_by_role("button", name="Answer again").click()

    expect(tab.page.locator(".answer .branches")).to_have_text("2/2")


def test_while_an_answer_comes_its_pace_and_the_context_are_told(tab: Tab) -> None:
    held: list[str] = []
    shown_tokens: list[int] = []
    line: list[WebSocketRoute] = []
    released = False

    def between(browser: WebSocketRoute) -> None:
        """Lets all pass up to the first of the answer, and holds what comes after it."""
        line.append(browser)
        begun = False

        def told(frame: str | bytes) -> None:
            nonlocal begun
            if begun and (held or not released):
                held.append(str(frame))
                return
            browser.send(frame)
            if not begun and "delta" in (event := json.loads(frame)):
                begun = True
                shown_tokens.append(event["delta"]["tokens"])

        browser.connect_to_server().on_message(told)

    tab.page.route_web_socket("**:converse*", between)
    with Funland(tab.grpc) as client:
        session = client.sessions.create(ignore_end=True, max_tokens=200)
        tab.go(f"chat/{session.session_id}")
        say(tab, "Tell me a story.")
        expect(tab.page.locator(".pace")).to_be_visible()
        begun = tab.page.evaluate("() => performance.now()")
        while client.sessions.get(session.session_id).state != Session.IDLE:
            pass
    # What is shown changes four times a second.
    tab.page.wait_for_function("(begun) => performance.now() > begun + 300", arg=begun)
    deltas = [each for each in held if "delta" in json.loads(each)]
    made = sum([*shown_tokens, *(json.loads(each)["delta"]["tokens"] for each in deltas)])
    for each in deltas:
        line[-1].send(each)

    expect(tab.page.locator(".pace")).to_contain_text("tokens/s")
    shown = tab.page.locator(".pace").inner_text()
    gauge = tab.page.get_by_role("meter").get_attribute("aria-label") or ""
    told = int(re.findall(r"(\d+) tokens", shown)[0])
    assert 1 < told <= made
    assert told < int(re.findall(r"(\d+) of", gauge)[0]) < told + 100
    held[:] = [each for each in held if each not in deltas]
    released = True
    while held:
        line[-1].send(held.pop(0))
    expect(tab.page.locator(".took")).to_contain_text("200 tokens")


def test_what_other_clients_begin_and_delete_is_seen(tab: Tab) -> None:
    tab.go("chat")
    expect(tab.page.locator(".session-list")).to_be_attached()
    with Funland(tab.grpc) as client:
        session = client.sessions.create(title="Begun elsewhere")
        link = tab.page.get_by_role("link", name="Begun elsewhere", exact=True)
        expect(link).to_be_visible()

        client.sessions.delete(session.session_id)

        expect(link).to_have_count(0)


def test_an_answer_that_is_stopped_says_so(tab: Tab) -> None:
    with Funland(tab.grpc) as client:
        session = client.sessions.create(ignore_end=True, max_tokens=900)
    tab.go(f"chat/{session.session_id}")
    expect(tab.page.get_by_role("button", name="Send")).to_be_visible()
    tab.page.evaluate(
        """() => new MutationObserver((_, all) => {
          const stop = document.querySelector("button[aria-label=Stop]");
          if (!stop) return;
          all.disconnect();
          stop.click();
        }).observe(document, { childList: true, subtree: true, attributes: true })"""
    )
    say(tab, "Tell me a story.")

    expect(tab.page.locator(".took")).to_contain_text("stopped")
    expect(tab.page.get_by_role("button", name="Send")).to_be_visible()


def test_messages_that_are_read_after_they_were_told_are_shown(tab: Tab) -> None:
    held: list[Route] = []
    told = False
    frames: list[str | bytes] = []

    def hold(route: Route) -> None:
        if told:
            route.continue_()
        else:
            held.append(route)

    def keep(frame: str | bytes) -> None:
        frames.append(frame)

    def watched(socket: WebSocket) -> bool:
        socket.on("framereceived", keep)
        return True

    def ends(frame: str | bytes) -> bool:
        return '"COMPLETED"' in str(frame)

    tab.page.route("**/messages?*", hold)
    with tab.page.expect_request("**/messages?*"), tab.page.expect_websocket(watched) as socket:
        tab.go("chat")
        say(tab, "What is the capital of France?")
    if not any(ends(frame) for frame in frames):
        socket.value.wait_for_event("framereceived", ends)
    with tab.page.expect_response("**/messages?*"):
        told = True
        for route in held:
            route.continue_()

    expect(tab.page.locator(".answer .prose")).to_contain_text("Paris")
    expect(tab.page.locator(".said")).to_have_count(1)


def test_of_a_long_chat_a_window_is_in_the_document(tab: Tab) -> None:
    turns = 50
    with Funland(tab.grpc) as client:
        session = client.sessions.create(max_tokens=1)
        for number in range(turns):
            client.sessions.send(session.session_id, f"Number {number}")
    tab.go(f"chat/{session.session_id}")
    rows = tab.page.locator(".message-row")
    said = tab.page.locator(".bubble")
    expect(said.last).to_have_text(f"Number {turns - 1}")
    expect(rows).to_have_count(80)

    column = tab.page.locator(".messages-column")
    while (shown := column.get_attribute("data-first")) != "0":
        assert shown is not None
        column.evaluate("(column) => { column.parentElement.scrollTop = 0; }")
        expect(column).not_to_have_attribute("data-first", shown)
    expect(said.first).to_have_text("Number 0")
    expect(rows).to_have_count(80)
    tab.page.get_by_role("button", name="To the end").click()

    expect(said.last).to_have_text(f"Number {turns - 1}")
    expect(said.last).to_be_in_viewport()


def test_calls_of_functions_are_shown_and_their_results_sent(tab: Tab) -> None:
    with Funland(tab.grpc) as client:
        session = client.sessions.create(tools=[WEATHER], temperature=0)
        client.sessions.send(session.session_id, "Weather in Paris?", tool_choice="required")
    tab.go(f"chat/{session.session_id}")

    expect(tab.page.locator(".answer .call")).to_contain_text("get_weather")
    assert violations(tab) == []
    tab.page.get_by_label("Result of get_weather").fill('{"degrees": 21}')
    tab.page.get_by_role("button", name="Send the results").click()

    expect(tab.page.get_by_role("article", name="Result")).to_contain_text('"degrees": 21')
    expect(tab.page.locator(".answer .took")).to_have_count(2)


def test_a_changed_setting_leaves_the_others(tab: Tab) -> None:
    with Funland(tab.grpc) as client:
        session = client.sessions.create(max_tokens=7, stop=["!"], title="To be changed")
        tab.go(f"chat/{session.session_id}")
        tab.page.get_by_role("button", name="More for this chat").click()
        tab.page.get_by_role("menuitem", name="Chat settings").click()
        expect(tab.page.get_by_label("Most tokens")).to_have_value("7")
        tab.page.get_by_label("Temperature").fill("0.5")
        tab.page.get_by_role("button", name="Save").click()
        expect(tab.page.get_by_role("dialog")).to_be_hidden()
        tab.page.get_by_role("button", name="More for this chat").click()
        tab.page.get_by_role("menuitem", name="Rename").click()
        tab.page.get_by_label("Title").fill("Changed")
        tab.page.get_by_role("button", name="Save").click()
        expect(tab.page.get_by_role("heading", name="Changed", exact=True)).to_be_visible()

        kept = client.sessions.get(session.session_id)

    assert (kept.title, kept.sampling.temperature) == ("Changed", 0.5)
    assert (kept.sampling.max_tokens, list(kept.sampling.stop)) == (7, ["!"])
