"""A token goes to its own hub alone, and is shown nowhere."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.models_pb2 import Origin
from funland_server.hub.clients.protocol import Wanted
from funland_server.hub.errors import HubAccessDeniedError, HubModelNotFoundError
from tests.hubs import kinds
from tests.hubs.server import FakeHub
from tests.server.hub.conftest import MakeHubs

TOKENS = {"modelscope_token": "ms-secret-1", "huggingface_token": "hf-secret-2"}


@pytest.mark.parametrize(
    ("kind", "own", "token"),
    [
        (Origin.MODELSCOPE, "modelscope", "ms-secret-1"),
        (Origin.HUGGINGFACE, "huggingface", "hf-secret-2"),
    ],
)
async def test_a_token_is_shown_to_its_hub_and_to_nobody_that_it_redirects_to(
    hub: FakeHub, make_hubs: MakeHubs, kind: Any, own: str, token: str
) -> None:
    (client,) = make_hubs(**TOKENS).asked(kind)
    shelf = hub.modelscope if kind == Origin.MODELSCOPE else hub.huggingface
    shelf.token = token
    shelf.add("o/n", {"README.md": "card", "a.gguf": "weights"}, private=True)
    listing = await client.details("o/n", "")
    hub.faults.add(kinds.redirected(f"{hub.cdn.url}/elsewhere"), path="*README.md", host=own)

    with pytest.raises(HubModelNotFoundError):
        await client.card(listing)

    assert hub.requests.of(host="cdn")
    assert {request.host for request in hub.requests.bearing(token)} == {own}
    assert not any(token in request.url for request in hub.requests)


async def test_mirrors_and_other_hosts_have_no_credential(
    hub: FakeHub, make_hubs: MakeHubs
) -> None:
    hubs = make_hubs(**TOKENS, huggingface_mirrors=("http://mirror.example",))

    for url in (
        "http://mirror.example/o/n/resolve/main/a.gguf",
        f"{hub.cdn.url}/signed/x",
        hub.huggingface.url.replace("http", "https") + "/o/n/resolve/main/a.gguf",
        hub.huggingface.url.rpartition(":")[0] + ":1/o/n/resolve/main/a.gguf",
    ):
        assert await hubs.credential(url, anew=False) is None
    shown = await hubs.credential(f"{hub.huggingface.url}/o/n/resolve/main/a.gguf", anew=False)
    assert shown is not None
    assert shown.headers == {"Authorization": "Bearer hf-secret-2"}
    assert "hf-secret-2" not in repr(shown)
    assert "hf-secret-2" not in repr(hubs)


async def test_what_is_hidden_is_not_there_for_those_without_a_token(
    hub: FakeHub, make_hubs: MakeHubs
) -> None:
    hub.huggingface.token = "another"  # noqa: S105 - a test's
    hub.huggingface.add("o/n", {"a.gguf": "weights"}, private=True)

    for tokens in ({}, {"huggingface_token": "wrong"}):
        (client,) = make_hubs(**tokens).asked(Origin.HUGGINGFACE)
        with pytest.raises(HubModelNotFoundError, match="o/n"):
            await client.details("o/n", "")


@pytest.mark.parametrize("code", [401, 403])
async def test_a_refusal_tells_what_to_do_and_not_the_token(
    hub: FakeHub, make_hubs: MakeHubs, code: int
) -> None:
    hub.faults.add(kinds.status(code))
    (client,) = make_hubs(**TOKENS).asked(Origin.MODELSCOPE)

    with pytest.raises(HubAccessDeniedError, match="token") as raised:
        await client.search(Wanted(), 10, "")

    assert "ms-secret-1" not in str(raised.value)
