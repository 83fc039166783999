"""Sessions on SQLite and PostgreSQL: found by words and tags, paged, branched and forgotten."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from funland.v1.inference_pb2 import Message
from funland.v1.sessions_pb2 import (
    ListMessagesRequest,
    ListSessionsRequest,
    SendMessageRequest,
    Session,
    SessionMessage,
)
from funland_server.chat import pages, reading, tables
from funland_server.chat.adding import BLOCK, Begun
from funland_server.chat.errors import MessageNotFoundError, SessionNotFoundError
from funland_server.chat.store import SessionStore, Written
from funland_server.errors import FieldInvalidError
from funland_server.storage.connections import AsyncConnection
from funland_server.storage.database import Database
from tests.server.storage.plans import plan


@pytest.fixture
async def store(place: Path | str) -> AsyncIterator[SessionStore]:
    database = Database(place)
    await database.open()
    yield SessionStore(database, "here")
    await database.close()


class Sessions:
    """Makes sessions, and says things in them."""

    def __init__(self, store: SessionStore) -> None:
        self.store = store
        self.numbers = itertools.count()

    async def make(self, name: str, **fields: Any) -> Session:
        session = Session(session_id=name, model=fields.pop("model", "m"), **fields)
        session.create_time.GetCurrentTime()
        session.update_time.CopyFrom(session.create_time)
        await self.store.create(session)
        return session

    async def say(self, where: str, content: str, last_event: int = 0, **fields: Any) -> Begun:
        request = SendMessageRequest(session_id=where, content=content, **fields)
        return await self.store.begin(request, lambda: f"{where}{next(self.numbers)}", last_event)

    async def end(self, begun: Begun, content: str, event: int = 10) -> SessionMessage:
        answer = begun.messages[-1]
        answer.message.content = content
        answer.state = SessionMessage.COMPLETED
        await self.store.save([Written(answer, event, gives_back=True)])
        return answer

    async def found(self, **fields: Any) -> list[str]:
        page = await self.store.page(ListSessionsRequest(**fields))
        assert page.total_size == len(page.sessions)
        return [session.session_id for session in page.sessions]


@pytest.fixture
def sessions(store: SessionStore) -> Sessions:
    return Sessions(store)


async def test_sessions_are_found_by_words_in_title_tags_and_what_was_said(
    sessions: Sessions,
) -> None:
    await sessions.make("a", title="Über Pferde", tags=["Tiere"])
    await sessions.make("b", tags=["Tiere", "100%"], model="n")
    await sessions.make("c")
    begun = await sessions.say("c", "Wie schnell ist ein PFERD?\x00 Sag_es!")
    await sessions.end(begun, "So schnell wie der Wind.")

    assert await sessions.found(query="pferd") == ["c", "a"]
    assert await sessions.found(query="uber PFERDE tiere") == ["a"]
    assert await sessions.found(query="wind schnell pferd") == ["c"]
    assert await sessions.found(query="wind nirgends") == []
    assert await sessions.found(query="100%") == ["b"]
    assert await sessions.found(query="0_%") == []
    assert await sessions.found(query="sag_es") == ["c"]
    assert await sessions.found(query="tiere", tags=["Tiere"], model="n") == ["b"]
    assert await sessions.found(tags=["Tiere", "100%"]) == ["b"]
    assert await sessions.found(tags=["tiere"]) == []
    assert await sessions.found(query="  ") == ["c", "b", "a"]


async def test_a_title_that_changes_is_what_a_session_is_found_by(sessions: Sessions) -> None:
    await sessions.make("a", title="Before", tags=["old"])
    await sessions.say("a", "What was said")

    def rename(session: Session) -> None:
        session.title, session.tags[:] = "After", ["new"]

    renamed = await sessions.store.update("a", rename, last_event=5)
    assert (renamed.title, list(renamed.tags), renamed.last_event) == ("After", ["new"], 5)
    assert await sessions.found(query="before") == []
    assert await sessions.found(query="after", tags=["new"]) == ["a"]
    assert await sessions.found(tags=["old"]) == []

    def unname(session: Session) -> None:
        session.ClearField("title")

    assert (await sessions.store.update("a", unname, last_event=None)).title == "What was said"
    assert (await sessions.store.get("a")).last_event == 5


async def test_pages_go_on_where_they_ended_whatever_happened_meanwhile(
    sessions: Sessions,
) -> None:
    for name in "abcdef":
        await sessions.make(name)
    first = await sessions.store.page(ListSessionsRequest(page_size=2))
    await sessions.say("e", "Now it is the first.")
    await sessions.store.remove("c")

    second = await sessions.store.page(
        ListSessionsRequest(page_size=2, page_token=first.next_page_token)
    )
    last = await sessions.store.page(
        ListSessionsRequest(page_size=2, page_token=second.next_page_token)
    )

    pages_ = [[one.session_id for one in page.sessions] for page in (first, second, last)]
    assert pages_ == [["f", "e"], ["d", "b"], ["a"]]
    assert (first.total_size, last.total_size, last.next_page_token) == (6, 5, "")


async def test_a_page_ends_before_it_is_too_large_to_be_sent(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "LARGEST_PAGE", 1000)
    for name in "abc":
        await sessions.make(name, system_message="x" * 600)

    page = await sessions.store.page(ListSessionsRequest())

    assert [one.session_id for one in page.sessions] == ["c"]
    assert page.next_page_token


@pytest.mark.parametrize("token", ["x", "1", "1.", "a.b", "1.\n", "-1.a", "9" * 19 + ".a"])
async def test_a_token_of_no_page_is_refused(store: SessionStore, token: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        await store.page(ListSessionsRequest(page_token=token))

    assert raised.value.violations[0].field == "page_token"


async def test_messages_are_paged_by_branch_and_by_arrival(
    sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sessions.make("s")
    first = await sessions.say("s", "one")
    await sessions.say("s", "two")
    other = await sessions.say("s", "other", edit_message_id=first.messages[0].message_id)

    async def pages_of(**fields: Any) -> list[list[str]]:
        found: list[list[str]] = []
        token = ""
        while token or not found:
            request = ListMessagesRequest(session_id="s", page_token=token, **fields)
            page = await sessions.store.messages(request)
            found.append([one.message_id for one in page.messages])
            token = page.next_page_token
            assert page.total_size == (2 if "message_id" not in fields and len(fields) == 1 else 6)
        return found

    assert await pages_of(page_size=1) == [["s4"], ["s5"]]
    assert await pages_of(page_size=4, all_branches=True) == [
        ["s0", "s1", "s2", "s3"],
        ["s4", "s5"],
    ]
    monkeypatch.setattr(reading, "LARGEST_PAGE", 1)
    assert await pages_of(page_size=9) == [["s4"], ["s5"]]
    roots = [other.messages[0].sibling_message_ids, first.messages[0].sibling_message_ids]
    assert [list(one) for one in roots] == [["s0", "s4"], ["s0"]]
    for token in ("x", "-1", "1" * 10):
        with pytest.raises(FieldInvalidError):
            await sessions.store.messages(ListMessagesRequest(session_id="s", page_token=token))


async def test_what_is_not_kept_is_not_found(sessions: Sessions) -> None:
    store = sessions.store
    await sessions.make("s")
    await sessions.make("t")
    elsewhere = (await sessions.say("t", "Hi")).messages[0].message_id

    for call in (
        store.get("x"), store.remove("x"), store.message("x", "y"), store.branch("x"),
        store.changed("x", 0), store.whole("x"), sessions.say("x", "Hi"),
        store.update("x", lambda session: None, last_event=None),
        store.messages(ListMessagesRequest(session_id="x")),
    ):  # fmt: skip
        with pytest.raises(SessionNotFoundError):
            await call

    def go_there(session: Session) -> None:
        session.head_message_id = elsewhere

    for call in (
        store.message("s", elsewhere), store.branch("s", elsewhere),
        store.update("s", go_there, last_event=None),
        store.messages(ListMessagesRequest(session_id="s", message_id=elsewhere)),
        sessions.say("s", "Hi", after_message_id=elsewhere),
    ):  # fmt: skip
        with pytest.raises(MessageNotFoundError):
            await call
    assert (await store.get("s")).message_count == 0


async def test_numbers_of_events_are_taken_with_the_beginning_and_given_back_with_the_end(
    sessions: Sessions,
) -> None:
    store = sessions.store
    await sessions.make("s")

    begun = await sessions.say("s", "Hi", last_event=7)
    taken = (await store.get("s")).last_event
    await sessions.end(begun, "Hello", event=20)

    assert (begun.first_event, taken) == (8, 9 + BLOCK)
    assert (await store.get("s")).last_event == 20
    _, changed = await store.changed("s", after=8)
    assert [one.message.content for one in changed] == ["Hello"]
    begun = await sessions.say("s", "Hi", last_event=20)
    begun.messages[-1].state = SessionMessage.FAILED
    await store.save([Written(begun.messages[-1], 25)])
    assert (await store.get("s")).last_event == 22 + BLOCK


async def test_what_an_earlier_server_was_writing_is_cut_off(sessions: Sessions) -> None:
    store = sessions.store
    for name in "st":
        await sessions.make(name)
    begun = await sessions.say("s", "Hi")
    answer = begun.messages[-1]
    answer.message.content = "As far as it GOT"
    await store.save([Written(answer)])
    await sessions.say("t", "Hi")
    assert await sessions.found(query="got") == []

    count = await store.cut_off(starts=True)

    assert (count, await store.cut_off(starts=True)) == (2, 0)
    session, (cut,) = await store.changed("s", after=1_000)
    assert (cut.state, cut.message.content) == (SessionMessage.CUT_OFF, "As far as it GOT")
    assert session.last_event == 2 + BLOCK + 1
    assert await sessions.found(query="got") == ["s"]


async def test_what_another_home_writes_goes_on_for_a_day(sessions: Sessions) -> None:
    store = sessions.store
    elsewhere = SessionStore(store.database, "elsewhere")
    for name in "st":
        await sessions.make(name)
        await sessions.say(name, "Hi")

    fresh = [await elsewhere.cut_off(starts=starts) for starts in (True, False)]
    await store.database.write(_age_s)
    own = await store.cut_off(starts=False)
    aged = await elsewhere.cut_off(starts=False)

    assert (fresh, own, aged) == ([0, 0], 0, 1)
    assert [each.state for each in (await store.changed("t", after=0))[1]][1:] == [
        SessionMessage.IN_PROGRESS
    ]


async def _age_s(connection: AsyncConnection) -> None:
    query = "UPDATE sessions SET update_time = update_time - 86500000000 WHERE session_id = 's'"
    await connection.execute(text(query))


async def test_a_removed_session_leaves_nothing(sessions: Sessions, place: Path | str) -> None:
    await sessions.make("s", tags=["a"])
    begun = await sessions.say("s", "Hi")

    await sessions.store.remove("s")
    await sessions.store.save([Written(begun.messages[-1], 9, gives_back=True)])

    async def count(connection: AsyncConnection) -> list[int]:
        return [
            (await connection.execute(text(f"SELECT count(*) FROM {table}"))).scalar_one()  # noqa: S608 - our own
            for table in ("sessions", "session_tags", "session_messages")
        ]

    assert await sessions.store.database.read(count) == [0, 0, 0]


async def test_indexes_find_what_is_asked_for(sessions: Sessions) -> None:
    await sessions.make("s")
    await sessions.say("s", "Hi")

    async def fill(connection: AsyncConnection) -> None:
        for table, key in ((tables.sessions, "session_id"), (tables.messages, "message_id")):
            (row,) = (await connection.execute(select(table).limit(1))).mappings()
            rows = [
                {**row, key: f"r{n}", "place": n, "update_time": n, "state": 2}
                for n in range(10, 3000)
            ]
            columns = {column.name for column in table.columns}
            rows = [{k: v for k, v in one.items() if k in columns} for one in rows]
            await connection.execute(insert(table), rows)

    database = sessions.store.database
    await database.write(fill)
    messages = tables.messages
    branch = select(messages.c.said).where(messages.c.message_id == "r5")
    for query, index in (
        (select(messages.c.said).where(tables.unfinished), "session_messages_unfinished"),
        (pages.chosen(ListSessionsRequest()), "sessions_by_time"),
        (pages.chosen(ListSessionsRequest(model="m")), "sessions_by_time"),
        (branch, "session_messages_pkey" if database.dialect == "postgresql" else None),
    ):
        found = await plan(database, query)
        assert not found.reads_all, query
        assert not found.sorts, query
        if index is not None:
            assert index in found.indexes


async def test_any_text_is_kept(sessions: Sessions) -> None:
    odd = "a\x00b\x01c\ud7ff\U0010ffff%_\\'\""
    await sessions.make("s", title=odd, tags=[odd])
    begun = await sessions.say("s", odd, name=odd, idempotency_key=odd)

    kept = await sessions.store.whole("s")

    assert (kept.session.title, list(kept.session.tags)) == (odd, [odd])
    assert kept.branch[0].message == Message(role=Message.USER, content=odd, name=odd)
    had = await sessions.store.had("s", odd)
    assert had is not None
    assert [one.message_id for one in had.messages] == [one.message_id for one in begun.messages]
