"""Stored responses: chains, their limits, and what deletes and time take out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from funland.v1.inference_pb2 import Message, TokenLogprob
from funland.v1.responses_pb2 import Response
from funland_server.errors import FieldInvalidError, ResponseNotFoundError
from funland_server.responses import store as limits
from funland_server.responses.store import ResponseStore
from funland_server.storage.database import Database


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[ResponseStore]:
    database = Database(tmp_path / "funland.sqlite3")
    await database.open()
    yield ResponseStore(database, keep_days=30)
    await database.close()


async def add(store: ResponseStore, name: str, after: str = "") -> Response:
    response = Response(
        response_id=name,
        previous_response_id=after,
        state=Response.COMPLETED,
        output=Message(role=Message.ASSISTANT, content=f"answer {name}"),
        logprobs=[TokenLogprob(token_id=7, token=b"\xff")],
        metadata={"topic": "test"},
    )
    await store.add(response, [Message(role=Message.USER, content=f"question {name}")])
    return response


async def said(store: ResponseStore, name: str) -> list[str]:
    return [message.content for message in await store.history(name)]


async def test_a_response_comes_back_as_it_was(store: ResponseStore) -> None:
    kept = await add(store, "a")

    assert await store.get("a") == kept
    assert [m.content for m in (await store.input("a")).messages] == ["question a"]


async def test_a_history_is_every_turn_from_the_first(store: ResponseStore) -> None:
    await add(store, "a")
    await add(store, "b", after="a")
    await add(store, "c", after="b")
    await add(store, "other", after="a")

    assert await said(store, "c") == [
        "question a", "answer a", "question b", "answer b", "question c", "answer c",
    ]  # fmt: skip


async def test_those_after_a_deleted_response_lose_what_it_said_and_no_more(
    store: ResponseStore,
) -> None:
    await add(store, "a")
    await add(store, "b", after="a")
    await add(store, "c", after="b")

    await store.remove("b")

    assert await said(store, "c") == ["question a", "answer a", "question c", "answer c"]
    assert (await store.get("c")).previous_response_id == "b"


@pytest.mark.parametrize("method", ["get", "input", "history", "remove"])
async def test_a_response_that_is_not_kept_is_not_found(store: ResponseStore, method: str) -> None:
    with pytest.raises(ResponseNotFoundError) as raised:
        await getattr(store, method)("nobody")

    assert raised.value.metadata == {"response_id": "nobody"}


async def test_a_response_is_forgotten_after_its_days(store: ResponseStore) -> None:
    await add(store, "old")
    await add(store, "young", after="old")
    await age(store, "old", days=31)
    await age(store, "young", days=29)

    await add(store, "new", after="young")

    with pytest.raises(ResponseNotFoundError):
        await store.get("old")
    assert await said(store, "new") == [
        "question young", "answer young", "question new", "answer new",
    ]  # fmt: skip


async def test_a_chain_may_be_as_long_as_the_limit_and_no_longer(
    store: ResponseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "LONGEST_CHAIN", 3)
    for name, after in (("a", ""), ("b", "a"), ("c", "b"), ("d", "c"), ("e", "d")):
        await add(store, name, after)

    assert len(await said(store, "c")) == 6
    for name in ("d", "e"):
        with pytest.raises(FieldInvalidError, match="previous_response_id: follows more than 3"):
            await store.history(name)


async def test_a_chain_may_be_as_large_as_the_limit_and_no_larger(
    store: ResponseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await add(store, "a")
    await add(store, "b", after="a")
    size = await stored_bytes(store)

    monkeypatch.setattr(limits, "LARGEST_CHAIN", size)
    assert len(await said(store, "b")) == 4
    monkeypatch.setattr(limits, "LARGEST_CHAIN", size - 1)
    with pytest.raises(FieldInvalidError, match="previous_response_id: follows responses of more"):
        await store.history("b")


async def stored_bytes(store: ResponseStore) -> int:
    async with store.database.reading() as connection:
        found = await connection.execute(
            text("SELECT sum(length(input) + length(output)) FROM responses")
        )
        return found.scalar_one()


async def age(store: ResponseStore, name: str, days: int) -> None:
    async with store.database.writing() as connection:
        await connection.execute(
            text("UPDATE responses SET create_time = create_time - :span WHERE response_id = :id"),
            {"span": days * 24 * 3600 * 10**6, "id": name},
        )
