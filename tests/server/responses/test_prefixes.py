"""What was computed of kept conversations is there after a restart, and of others nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import ChatRequest
from funland.v1.models_pb2 import UnloadModelRequest
from funland.v1.responses_pb2 import Response
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call
from tests.server.responses.calls import GREEDY, create, user

LONG = "Tell me of the fox, the key and the forest. " * 12
"""More tokens than a state must have to be worth keeping."""

Run = Callable[..., AbstractAsyncContextManager[Server]]


@pytest.fixture
def run(settings: ServerSettings) -> Run:
    """Runs servers on one home, one after the other."""

    @asynccontextmanager
    async def run(**changes: object) -> AsyncGenerator[Server]:
        server = Server(settings.model_copy(update=changes))
        await server.start()
        try:
            yield server
        finally:
            await server.stop(0)

    return run


def prefixes(settings: ServerSettings) -> list[Path]:
    return [*(settings.home / "prefixes").rglob("*.state")]


async def cached_of_a_chat(server: Server) -> int:
    """How much of a chat that nobody keeps is there already."""
    chat = ChatRequest(messages=[user(LONG)], sampling=GREEDY)
    answer = await call(server, "Chat", chat)
    return answer.usage.cached_prompt_tokens


async def follow(server: Server, first: Response) -> Response:
    return await create(server, "Why?", previous_response_id=first.response_id)


async def test_the_next_turn_after_a_restart_computes_what_is_new_alone(
    run: Run, settings: ServerSettings
) -> None:
    async with run() as server:
        first = await create(server, LONG)
    kept = prefixes(settings)
    async with run() as server:
        second = await follow(server, first)

    assert len(kept) == 1
    assert second.usage.cached_prompt_tokens >= first.usage.prompt_tokens
    async with run(prefix_spill_bytes=0) as server:
        alone = await follow(server, first)
    assert alone.usage.cached_prompt_tokens == 0
    assert alone.output.content == second.output.content


async def test_the_next_turn_after_the_model_left_computes_what_is_new_alone(
    server: Server,
) -> None:
    first = await create(server, LONG)

    await call(server, "UnloadModel", UnloadModelRequest(model_id="funland-tiny"))

    second = await follow(server, first)
    assert second.usage.cached_prompt_tokens >= first.usage.prompt_tokens


@pytest.mark.parametrize(
    ("changes", "written"), [({}, False), ({"prefix_spill_bytes": 10_000_000}, True)]
)
async def test_chats_that_nobody_keeps_are_written_only_where_a_setting_asks_for_it(
    run: Run, settings: ServerSettings, changes: dict[str, int], written: bool
) -> None:
    async with run(**changes) as server:
        await create(server, LONG, store=False)
        await cached_of_a_chat(server)
    found = bool(prefixes(settings))
    async with run(**changes) as server:
        cached = await cached_of_a_chat(server)

    assert found == written
    assert bool(cached) == written


async def test_a_response_in_the_background_is_a_kept_conversation(
    run: Run, settings: ServerSettings
) -> None:
    async with run() as server:
        await create(server, LONG, background=True)
        await server.stop(20)  # which waits for it

    assert len(prefixes(settings)) == 1
