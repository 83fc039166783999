"""The hubs as the server asks them, over a fake of all three."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from funland_server.config import ServerSettings
from funland_server.hub.hubs import Hubs, web_policy
from funland_server.live import Live
from funland_server.web.fetching import Web
from tests.hubs.server import FakeHub

MakeHubs = Callable[..., Hubs]


def pointed(hub: FakeHub, **settings: Any) -> dict[str, Any]:
    """Settings that lead to the fake hubs."""
    return {
        "modelscope_endpoint": hub.modelscope.url,
        "huggingface_endpoint": hub.huggingface.url,
        "ollama_endpoint": hub.ollama.url,
        "allowed_private_hosts": ("127.0.0.4",),  # the CDN
        **settings,
    }


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        yield hub


@pytest.fixture
async def make_hubs(hub: FakeHub, tmp_path: Path) -> AsyncIterator[MakeHubs]:
    """Makes hubs of settings: `make_hubs(huggingface_token="t")`."""
    webs: list[Web] = []

    def make(**changed: Any) -> Hubs:
        settings = ServerSettings(home=tmp_path, **pointed(hub, **changed))
        webs.append(Web(Live(web_policy(settings))))
        return Hubs(Live(settings), webs[-1])

    yield make
    for web in webs:
        await web.close()


@pytest.fixture
def hubs(make_hubs: MakeHubs) -> Hubs:
    return make_hubs()
