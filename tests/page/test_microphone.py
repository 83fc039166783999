"""What is said into the microphone, in a browser whose microphone plays a recording."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from funland_client import Funland
from tests.page.conftest import Tab
from tests.page.test_places import violations

SECONDS_TO_HEAR = 120
"""The recording is played again and again; a busy machine hears it more slowly than it is said."""


def test_what_is_said_is_written_while_it_is_said(tab: Tab, spoken: Path) -> None:
    with Funland(tab.grpc) as client:
        said = client.speech.speak("The kettle is on. Dinner is ready.", format="wav")
    spoken.write_bytes(said.audio)
    tab.page.context.grant_permissions(["microphone"])
    tab.go("speech")
    tab.page.get_by_role("button", name="Listen", exact=True).click()

    heard = tab.page.get_by_role("list", name="What was said", exact=True)
    expect(heard).to_contain_text("kettle", timeout=SECONDS_TO_HEAR * 1000)
    expect(tab.page.get_by_role("button", name="Stop listening", exact=True)).to_be_enabled()
    assert violations(tab) == []
    tab.page.get_by_role("button", name="Stop listening", exact=True).click()

    listen = tab.page.get_by_role("button", name="Listen", exact=True)
    expect(listen).to_be_visible(timeout=SECONDS_TO_HEAR * 1000)
    expect(heard).to_contain_text("kettle")


def test_who_is_not_let_to_the_microphone_is_told_what_to_do(tab: Tab) -> None:
    tab.page.context.clear_permissions()
    tab.go("speech")

    tab.page.get_by_role("button", name="Listen", exact=True).click()

    expect(tab.page.get_by_role("alert")).to_contain_text("Allow it for this page")
    expect(tab.page.get_by_role("button", name="Listen", exact=True)).to_be_enabled()
