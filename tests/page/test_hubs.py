"""Models from a hub: found, looked at, downloaded, verified."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, expect

from funland_server.models.installed.embedded import embedded_model
from tests.conftest import running
from tests.hubs.kinds import rate
from tests.hubs.server import FakeHub
from tests.page.conftest import Tab, open_tab
from tests.page.test_places import violations

BYTES_A_SECOND = 1_500_000


@pytest.fixture
def hub_tab(context: BrowserContext, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab on a service whose hubs are on loopback, and slow."""
    with FakeHub() as hub:
        weights = embedded_model().path.read_bytes() + bytes(64)
        hub.modelscope.add("owner/tiny-chat", {"tiny-q8_0.gguf": weights}, tags=["gguf"])
        hub.modelscope.add("owner/other", {"other-q8_0.gguf": b"other"}, tags=["gguf"])
        hub.faults.add(rate(BYTES_A_SECOND), path="*.gguf")
        with running(
            tmp_path_factory.mktemp("home"),
            FUNLAND_SERVER__DOWNLOAD_CONNECTIONS="1",
            **hub.settings,
        ) as stack:
            yield open_tab(context, stack.http_url)


def test_a_model_is_found_downloaded_and_verified(hub_tab: Tab) -> None:
    page = hub_tab.page
    hub_tab.go("models/find")
    expect(page.get_by_role("button", name="owner/other")).to_be_visible()
    page.get_by_label("Search the hubs").fill("tiny")
    expect(page.get_by_role("button", name="owner/other")).to_be_hidden()
    page.get_by_role("button", name="owner/tiny-chat").click()
    dialog = page.get_by_role("dialog", name="owner/tiny-chat")
    expect(dialog).to_contain_text("fits")
    assert violations(hub_tab) == []
    dialog.get_by_role("button", name="Download").first.click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Downloads")
    download = page.get_by_role("listitem").filter(has_text="owner/tiny-chat")
    expect(download).to_contain_text("/s")
    expect(download).to_contain_text("left")
    assert violations(hub_tab) == []
    download.get_by_role("button", name="Pause").click()
    expect(download).to_contain_text("paused")
    download.get_by_role("button", name="Resume").click()

    expect(download).to_contain_text("verified")
    page.get_by_role("link", name="Models").click()
    expect(page.get_by_role("row", name="tiny-chat")).to_be_visible()
    assert hub_tab.complaints == []
