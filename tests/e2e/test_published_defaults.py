"""What a model's publisher wants holds over every API, and what a request says goes before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from funland_server.blobs.store import Blobs
from funland_server.live import Live
from funland_server.models.adapters.store import Adapters
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.installing import Installing
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.store import ModelStore
from tests.conftest import Stack, running
from tests.ollama_files import LAYERS, plan_of, without_template

MODEL = "tiny:6m"
MESSAGES = [{"role": "user", "content": "What?"}]
WHOLE = 4
"""How many tokens the publisher lets an answer have."""


async def let_go(_: InstalledModel) -> None:
    """Nothing is loaded yet."""


async def prepare(home: Path) -> None:
    """Installs the model in a home whose server does not run."""
    blobs = Blobs(home / "blobs")
    catalog = ModelCatalog(ModelStore(home / "models", blobs), Live(""), lambda _: None)
    adapters = Adapters(home / "adapters", catalog.all(), blobs)
    bare = without_template(embedded_model().path, home / "bare.gguf")
    layers = {"model.gguf": bare, **LAYERS, "params": b'{"num_predict": 4, "temperature": 0}'}
    plan = plan_of(layers)
    for file in plan.files:
        (home / "partial").write_bytes(layers[file.path])
        blobs.adopt(home / "partial", file.sha256)
    digests = {file.path: file.sha256 for file in plan.files}
    installing = Installing(catalog, blobs, adapters, lambda _: None, let_go)
    await installing.install(plan, plan.model_id, (), digests)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("home")
    asyncio.run(prepare(home))
    with running(home) as stack:
        yield stack


@pytest.fixture
async def http(own_stack: Stack) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(own_stack.http_url) as http:
        yield http


async def post(http: aiohttp.ClientSession, path: str, body: Mapping[str, Any]) -> Any:
    async with http.post(path, json=body) as response:
        assert response.status == 200, await response.text()
        return await response.json()


async def native(http: aiohttp.ClientSession, **asked: Any) -> tuple[str, int]:
    chat = {"model": MODEL, "messages": [{"role": "USER", "content": "What?"}], "sampling": asked}
    told = await post(http, "/funland/v1/chat", chat)
    return told["message"]["content"], told["usage"]["completion_tokens"]


async def generated(http: aiohttp.ClientSession, **asked: Any) -> tuple[str, int]:
    body = {"model": MODEL, "prompt": "What?", "as_message": True, "sampling": asked}
    told = await post(http, "/funland/v1/generate", body)
    return told["text"], told["usage"]["completion_tokens"]


async def chats(http: aiohttp.ClientSession, **asked: Any) -> tuple[str, int]:
    body = {"model": MODEL, "messages": MESSAGES, **asked}
    told = await post(http, "/v1/chat/completions", body)
    return told["choices"][0]["message"]["content"], told["usage"]["completion_tokens"]


async def responses(http: aiohttp.ClientSession, **asked: Any) -> tuple[str, int]:
    renamed = {"max_output_tokens" if name == "max_tokens" else name: asked[name] for name in asked}
    told = await post(http, "/v1/responses", {"model": MODEL, "input": "What?", **renamed})
    return told["output"][0]["content"][0]["text"], told["usage"]["output_tokens"]


@pytest.mark.parametrize("api", [native, generated, chats, responses])
async def test_the_publishers_defaults_hold_unless_a_call_says_another(
    http: aiohttp.ClientSession, api: Callable[..., Awaitable[tuple[str, int]]]
) -> None:
    text, tokens = await api(http)

    assert tokens == WHOLE
    assert (await api(http))[0] == text, "the temperature is 0"
    assert (await api(http, max_tokens=3))[1] == 3
    free = {(await api(http, temperature=2, max_tokens=40))[0] for _ in range(12)}
    assert len(free) > 1, "two may be the same by chance, and twelve are not"


async def test_the_inference_api_has_them_too(http: aiohttp.ClientSession) -> None:
    body = {"model": MODEL, "prompt": "Once upon a time", "max_tokens": 40}

    first, second = [(await post(http, "/api/v1/generate", body))["text"] for _ in range(2)]
    free = await post(http, "/api/v1/generate", {**body, "temperature": 2})

    assert first == second, "the temperature is 0"
    assert free["text"] != first
