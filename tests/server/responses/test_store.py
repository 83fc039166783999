"""Stored responses: chains, their limits, and what deletes and time take out of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from funland.v1.inference_pb2 import ChatRequest, Message, TokenLogprob
from funland.v1.responses_pb2 import ListResponsesRequest, Response
from funland_server.errors import FieldInvalidError
from funland_server.live import Live
from funland_server.responses import chains as limits
from funland_server.responses import pages as page_limits
from funland_server.responses.errors import ResponseNotFoundError
from funland_server.responses.store import ResponseStore
from funland_server.responses.tables import responses, unfinished
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from tests.server.storage.plans import Plan, plan


@pytest.fixture
async def store(place: Path | str) -> AsyncIterator[ResponseStore]:
    database = Database(place)
    await database.open()
    yield ResponseStore(database, keep_days=Live(30), home_id="here")
    await database.close()


async def add(
    store: ResponseStore,
    name: str,
    after: str = "",
    *,
    state: Response.State.ValueType = Response.COMPLETED,
    metadata: Mapping[str, str] = MappingProxyType({"topic": "test"}),
    **fields: Any,
) -> Response:
    response = Response(
        response_id=name,
        previous_response_id=after,
        state=state,
        output=Message(role=Message.ASSISTANT, content=f"answer {name}"),
        logprobs=[TokenLogprob(token_id=7, token=b"\xff")],
        metadata=dict(metadata),
        **fields,
    )
    response.create_time.GetCurrentTime()
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


@pytest.mark.parametrize(
    ("continued", "contents"),
    [(True, ["Hi", "Once upon a time"]), (False, ["Hi", "Once", " upon a time"])],
)
async def test_an_answer_that_went_on_with_a_message_is_one_with_it(
    store: ResponseStore, continued: bool, contents: list[str]
) -> None:
    begun = Message(role=Message.ASSISTANT, content="Once", reasoning="A story")
    response = Response(
        response_id="a",
        state=Response.COMPLETED,
        output=Message(role=Message.ASSISTANT, content=" upon a time"),
        request=ChatRequest(continue_last=continued),
    )
    response.create_time.GetCurrentTime()
    await store.add(response, [Message(role=Message.USER, content="Hi"), begun])

    messages = await store.history("a")

    assert [message.content for message in messages] == contents
    assert [message.reasoning for message in messages][1] == "A story"
    assert [message.content for message in (await store.input("a")).messages] == ["Hi", "Once"]


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


async def test_a_page_has_the_newest_first_and_names_the_next(store: ResponseStore) -> None:
    for name in "abcde":
        await add(store, name)

    assert await pages(store, page_size=2) == ["ed", "cb", "a"]
    assert await pages(store, page_size=5) == ["edcba"]
    assert await pages(store, page_size=2, ascending=True) == ["ab", "cd", "e"]


async def test_a_page_has_whole_responses(store: ResponseStore) -> None:
    kept = await add(store, "a", collection="notes", model="m")

    page = await store.page(ListResponsesRequest())

    assert list(page.responses) == [kept]


async def test_of_responses_of_the_same_time_none_is_left_out(store: ResponseStore) -> None:
    for name in "abcd":
        await add(store, name)
    await run(store, "UPDATE responses SET create_time = 7")

    assert await pages(store, page_size=1) == ["d", "c", "b", "a"]
    assert await pages(store, page_size=3, ascending=True) == ["abc", "d"]


async def test_a_page_has_what_all_the_filters_let_pass(store: ResponseStore) -> None:
    await add(store, "a", collection="notes", model="m")
    await add(store, "b", collection="notes", model="n", metadata={"topic": "test", "user": "x"})
    await add(store, "c", collection="other", model="m", metadata={"topic": "x", "user": "test"})
    await add(store, "d", model="m", metadata={})

    assert await pages(store) == ["dcba"]
    assert await pages(store, collection="notes") == ["ba"]
    assert await pages(store, model="m") == ["dca"]
    assert await pages(store, model="m", collection="other") == ["c"]
    assert await pages(store, metadata={"topic": "test"}) == ["ba"]
    assert await pages(store, metadata={"topic": "test", "user": "x"}) == ["b"]
    assert await pages(store, metadata={"topic": "nothing"}) == [""]
    assert await pages(store, model="m", page_size=1) == ["d", "c", "a"]


async def test_a_page_goes_on_from_a_response_that_the_filters_leave_out(
    store: ResponseStore,
) -> None:
    for name, model in (("a", "m"), ("b", "n"), ("c", "m")):
        await add(store, name, model=model)

    assert await pages(store, after="b", model="m") == ["a"]


async def test_a_page_token_that_is_no_response_is_refused(store: ResponseStore) -> None:
    await add(store, "a")

    with pytest.raises(FieldInvalidError) as raised:
        await pages(store, after="nobody")

    assert [violation.field for violation in raised.value.violations] == ["page_token"]


async def test_a_page_ends_before_it_is_too_large_to_be_sent(
    store: ResponseStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in "abc":
        await add(store, name)

    monkeypatch.setattr(page_limits, "LARGEST_PAGE", 1)

    assert await pages(store) == ["c", "b", "a"]


async def test_a_page_is_chosen_without_a_look_at_any_body(store: ResponseStore) -> None:
    """Each walks an index in the order of the page, and sorts nothing."""
    await fill(store)
    indexes: dict[str, list[dict[str, Any]]] = {
        "responses_by_time": [{}, {"model": "m"}],
        "responses_by_collection": [{"collection": "notes", "model": "m"}],
    }

    for index, requests in indexes.items():
        for filters in requests:
            query = page_limits.chosen(ListResponsesRequest(**filters), after=None).limit(20)
            assert await plan(store.database, query) == Plan(frozenset({index}))


async def test_what_is_unfinished_is_found_by_an_index_of_its_own(store: ResponseStore) -> None:
    await fill(store)

    assert await plan(store.database, select(responses.c.output).where(unfinished)) == Plan(
        frozenset({"responses_unfinished"})
    )


async def test_new_metadata_takes_the_place_of_the_old(store: ResponseStore) -> None:
    await add(store, "a", metadata={"old": "1", "both": "1"})

    updated = await store.update("a", {"new": "2", "both": "2"})

    assert updated.metadata == {"new": "2", "both": "2"}
    assert await store.get("a") == updated
    assert await pages(store, metadata={"both": "2", "new": "2"}) == ["a"]
    assert await pages(store, metadata={"both": "1"}) == [""]
    assert await pages(store, metadata={"old": "1"}) == [""]


async def test_a_response_that_is_written_anew_keeps_its_newest_metadata(
    store: ResponseStore,
) -> None:
    response = await add(store, "a", state=Response.QUEUED)
    await store.update("a", {"new": "2"})

    response.state = Response.COMPLETED
    await store.save([response])

    kept = await store.get("a")
    assert (kept.state, kept.metadata) == (Response.COMPLETED, {"new": "2"})


async def test_metadata_that_is_replaced_during_a_save_is_kept(store: ResponseStore) -> None:
    """Both read the row and write it: whichever is later must see what the other wrote."""
    kept = [await add(store, f"{number}", state=Response.QUEUED) for number in range(10)]
    for response in kept:
        response.state = Response.COMPLETED

    async with asyncio.TaskGroup() as group:
        group.create_task(store.save(kept))
        group.create_task(store.save(reversed(kept)))  # they may wait for each other
        for response in kept:
            group.create_task(store.update(response.response_id, {"new": "2"}))

    for response in kept:
        now = await store.get(response.response_id)
        assert (now.state, now.metadata) == (Response.COMPLETED, {"new": "2"})


async def test_a_chain_whose_middle_is_removed_at_once_holds_together(store: ResponseStore) -> None:
    names = [f"{number:02}" for number in range(20)]
    for before, name in zip(["", *names], names, strict=False):
        await add(store, name, after=before)

    async with asyncio.TaskGroup() as group:
        for name in names[1:-1]:
            group.create_task(store.remove(name))

    assert await said(store, "19") == ["question 00", "answer 00", "question 19", "answer 19"]


async def test_every_text_is_kept_and_found(store: ResponseStore) -> None:
    texts = ["\x00", "\x01", "\x01\x01", "\x01\x02", "\x00\x01\x02", "\U0001f600", "a"]
    for number, said_by_caller in enumerate(texts):
        name = f"{number}{said_by_caller}"
        fields: dict[str, Any] = {"collection": said_by_caller, "model": said_by_caller}
        await add(store, name, metadata={said_by_caller: said_by_caller}, **fields)

    for number, said_by_caller in enumerate(texts):
        name = f"{number}{said_by_caller}"
        assert (await store.get(name)).response_id == name
        for request in (
            ListResponsesRequest(collection=said_by_caller),
            ListResponsesRequest(model=said_by_caller),
            ListResponsesRequest(metadata={said_by_caller: said_by_caller}),
        ):
            page = await store.page(request)
            assert [response.response_id for response in page.responses] == [name]
    with pytest.raises(ResponseNotFoundError):
        await store.get("\x00")


async def test_a_response_that_was_removed_is_not_written_anew(store: ResponseStore) -> None:
    response = await add(store, "a", state=Response.QUEUED)
    await store.remove("a")

    await store.save([response])

    assert await pages(store) == [""]


async def test_metadata_goes_with_its_response(store: ResponseStore) -> None:
    await add(store, "a")
    await add(store, "old")
    await age(store, "old", days=31)

    await store.remove("a")
    await add(store, "new", metadata={})

    ((count,),) = await run(store, "SELECT count(*) FROM response_metadata")
    assert count == 0


async def test_only_what_is_being_made_is_unfinished(store: ResponseStore) -> None:
    for number in Response.State.values()[1:]:
        await add(store, Response.State.Name(number), state=number)

    left = await store.left(starts=True)

    assert {each.response_id for each in left} == {"QUEUED", "IN_PROGRESS"}
    assert await store.left(starts=False) == []


async def test_what_another_home_makes_is_left_after_a_day(store: ResponseStore) -> None:
    elsewhere = replace(store, home_id="elsewhere")
    for name in ("new", "old"):
        await add(elsewhere, name, state=Response.QUEUED)
    await add(store, "own", state=Response.QUEUED)
    await age(store, "old", days=2)
    await run(store, "UPDATE responses SET home_id = '' WHERE response_id = 'own'")

    at_start, later = [await store.left(starts=starts) for starts in (True, False)]

    assert {each.response_id for each in at_start} == {"old", "own"}
    assert [each.response_id for each in later] == ["old"]


@pytest.mark.parametrize(
    "state", [Response.QUEUED, Response.IN_PROGRESS, Response.FAILED, Response.CANCELLED]
)
async def test_a_response_without_an_answer_has_no_history(
    store: ResponseStore, state: Response.State.ValueType
) -> None:
    await add(store, "a", state=state)

    with pytest.raises(FieldInvalidError, match="previous_response_id: is"):
        await store.history("a")


async def pages(store: ResponseStore, after: str = "", **filters: Any) -> list[str]:
    """The ids on each page, one letter each, until the last."""
    found: list[str] = []
    request = ListResponsesRequest(page_token=after, **filters)
    while True:
        page = await store.page(request)
        found.append("".join(response.response_id for response in page.responses))
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def fill(store: ResponseStore) -> None:
    """Adds so many rows that an index is worth while."""
    rows = [
        {
            "response_id": f"{number:05}", "create_time": number, "state": Response.COMPLETED,
            "collection": "notes" if number % 10 == 0 else "other", "model": "m",
            "input": b"", "output": b"", "response": b"",
        }
        for number in range(5000)
    ]  # fmt: skip

    async def add_all(connection: AsyncConnection) -> None:
        await connection.execute(insert(responses), rows)

    await store.database.write(add_all)


async def stored_bytes(store: ResponseStore) -> int:
    query = "SELECT sum(length(input) + length(output)) FROM responses"
    ((total,),) = await run(store, query)
    return total


async def age(store: ResponseStore, name: str, days: int) -> None:
    span = days * 24 * 3600 * 10**6
    await run(
        store,
        "UPDATE responses SET create_time = create_time - :span WHERE response_id = :id",
        span=span,
        id=name,
    )


async def run(store: ResponseStore, statement: str, **values: Any) -> Sequence[Any]:
    """Runs a statement and gives the rows that it finds."""

    async def execute(connection: AsyncConnection) -> Sequence[Any]:
        found = await connection.execute(text(statement), values)
        return found.all() if found.returns_rows else ()

    return await store.database.write(execute)
