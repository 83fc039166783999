"""What the client says of kept conversations on the wire, and how it speaks in them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Literal

import grpc
import pytest
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message as AnyMessage
from pydantic import BaseModel

from funland.v1.errors_pb2 import Error
from funland.v1.inference_pb2 import (
    Delta,
    Finish,
    GenerationOptions,
    Loading,
    Message,
    OutputFormat,
    Prefill,
    Queued,
    SamplingParameters,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
)
from funland.v1.sessions_pb2 import (
    CancelMessageRequest,
    ConverseRequest,
    CreateSessionRequest,
    DeleteSessionRequest,
    ExportSessionRequest,
    ForkSessionRequest,
    GetMessageRequest,
    GetSessionRequest,
    ListMessagesRequest,
    ListMessagesResponse,
    ListSessionsRequest,
    ListSessionsResponse,
    SendMessageRequest,
    SendMessageResponse,
    Session,
    SessionEvent,
    SessionMessage,
    Tags,
    ToolResult,
    UpdateSessionRequest,
    WatchSessionRequest,
)
from funland_client import AsyncFunland, Funland
from funland_client.errors import (
    AnswerCutOffError,
    InvalidRequestError,
    ServerStoppingError,
    SessionBusyError,
    SessionNotFoundError,
    StreamBrokenError,
)
from tests.scripted_server import Refusal, serving

SECONDS = 120
SESSION = Session(session_id="s", last_event=4)


def message(
    name: str,
    role: Message.Role.ValueType = Message.ASSISTANT,
    content: str = "",
    state: SessionMessage.State.ValueType = SessionMessage.COMPLETED,
    parent: str = "",
) -> SessionMessage:
    return SessionMessage(
        message_id=name, session_id="s", parent_message_id=parent, state=state,
        message=Message(role=role, content=content), finish_reason=Finish.STOP,
    )  # fmt: skip


SAID = message("u1", Message.USER, "Hello")
BEGUN = message("a1", state=SessionMessage.IN_PROGRESS, parent="u1")
ANSWER = message("a1", content="Hi, you.", parent="u1")
BOTH = SendMessageResponse(sent=SAID, answer=ANSWER)

CALLS: list[tuple[str, Callable[[Any], Any], AnyMessage, AnyMessage, Any]] = [
    (
        "CreateSession",
        lambda client: client.sessions.create(
            "m", tools=[{"name": "time", "description": "Tells it."}], temperature=0, stop="\n",
            device_ids=["gpu_0"], system_message="Be brief.", reasoning=False, overflow="fail",
            when_busy="refuse", title="T", tags=["a", "b"], metadata={"k": "v"},
        ),
        CreateSessionRequest(
            model="m", tools=[Tool(name="time", description="Tells it.", parameters="{}")],
            sampling=SamplingParameters(temperature=0, stop=["\n"]), device_ids=["gpu_0"],
            system_message="Be brief.", reasoning=False, overflow=Session.FAIL,
            when_busy=Session.REFUSE, title="T", tags=["a", "b"], metadata={"k": "v"},
        ),
        SESSION,
        SESSION,
    ),
    (
        "GetSession",
        lambda client: client.sessions.get("s"),
        GetSessionRequest(session_id="s"),
        SESSION,
        SESSION,
    ),
    (
        "ListSessions",
        lambda client: client.sessions.list(
            "blue whale", tags=["sea"], model="m", page_size=5,
            page_token="2",  # noqa: S106 - a page's
        ),
        ListSessionsRequest(
            query="blue whale", tags=["sea"], model="m", page_size=5,
            page_token="2",  # noqa: S106 - a page's
        ),
        ListSessionsResponse(total_size=7),
        ListSessionsResponse(total_size=7),
    ),
    (
        "UpdateSession",
        lambda client: client.sessions.update(
            "s", title="", tags=[], model="m", system_message="", sampling={"top_k": 1},
            reasoning=True, overflow="drop_oldest", when_busy="wait", head_message_id="a1",
            metadata={"k": ""},
        ),
        UpdateSessionRequest(
            session_id="s", title="", tags=Tags(), model="m", system_message="",
            sampling=SamplingParameters(top_k=1), reasoning=True, overflow=Session.DROP_OLDEST,
            when_busy=Session.WAIT, head_message_id="a1", metadata={"k": ""},
        ),
        SESSION,
        SESSION,
    ),
    (
        "DeleteSession",
        lambda client: client.sessions.delete("s"),
        DeleteSessionRequest(session_id="s"),
        Empty(),
        None,
    ),
    (
        "ForkSession",
        lambda client: client.sessions.fork("s", "a1", title="T"),
        ForkSessionRequest(session_id="s", message_id="a1", title="T"),
        SESSION,
        SESSION,
    ),
    (
        "ExportSession",
        lambda client: client.sessions.export("s", "markdown", message_id="a1"),
        ExportSessionRequest(
            session_id="s", format=ExportSessionRequest.MARKDOWN, message_id="a1"
        ),
        HttpBody(content_type="text/markdown", data="# Größe".encode()),
        "# Größe",
    ),
    (
        "ListMessages",
        lambda client: client.sessions.messages("s", "a1", all_branches=True),
        ListMessagesRequest(session_id="s", message_id="a1", all_branches=True),
        ListMessagesResponse(messages=[SAID]),
        [SAID],
    ),
    (
        "GetMessage",
        lambda client: client.sessions.message("s", "a1"),
        GetMessageRequest(session_id="s", message_id="a1"),
        ANSWER,
        ANSWER,
    ),
    (
        "SendMessage",
        lambda client: client.sessions.send(
            "s", "Hello", max_tokens=5, format="json_object", tool_choice="none", reasoning=True,
            priority="high", name="Anna", edit_message_id="u0", idempotency_key="k",
            metadata={"k": "v"},
        ),
        SendMessageRequest(
            session_id="s", content="Hello", sampling=SamplingParameters(max_tokens=5),
            format=OutputFormat(json_object=Empty()), tool_choice=ToolChoice(mode=ToolChoice.NONE),
            reasoning=True, priority=GenerationOptions.HIGH, name="Anna", edit_message_id="u0",
            idempotency_key="k", metadata={"k": "v"},
        ),
        BOTH,
        BOTH,
    ),
    (
        "CancelMessage",
        lambda client: client.sessions.cancel("s", "a1"),
        CancelMessageRequest(session_id="s", message_id="a1"),
        ANSWER,
        ANSWER,
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("rpc", "call", "request_", "answer", "result"), CALLS, ids=[call[0] for call in CALLS]
)
async def test_a_call_is_its_rpc_in_both_clients(
    rpc: str, call: Callable[[Any], Any], request_: AnyMessage, answer: AnyMessage, result: Any
) -> None:
    with serving(**{rpc: answer}) as server:
        with Funland(server.address) as blocking:
            assert call(blocking) == result
        async with AsyncFunland(server.address) as asynchronous:
            assert await call(asynchronous) == result

    assert server.requests == [request_, request_]


def test_all_messages_are_read_to_their_last_page() -> None:
    def messages(request: ListMessagesRequest) -> ListMessagesResponse:
        if not request.page_token:
            return ListMessagesResponse(messages=[SAID], next_page_token=SAID.message_id)
        return ListMessagesResponse(messages=[ANSWER])

    with serving(ListMessages=messages) as server, Funland(server.address) as client:
        assert client.sessions.messages("s") == [SAID, ANSWER]


def test_results_of_tools_and_answers_to_write_again_are_sent_without_a_text() -> None:
    results = [ToolResult(tool_call_id="1", content="Sunny.")]

    with serving(SendMessage=BOTH) as server, Funland(server.address) as client:
        client.sessions.send("s", tool_results=results)
        client.sessions.send("s", regenerate_message_id="a1", after_message_id="")

    told, again = server.requests
    assert isinstance(told, SendMessageRequest)
    assert isinstance(again, SendMessageRequest)
    assert (list(told.tool_results), told.content) == (results, "")
    assert again.regenerate_message_id == "a1"


def test_a_message_has_a_word_of_its_own_so_that_it_is_said_once() -> None:
    lost = iter([True, False, False])

    def answer(_: SendMessageRequest) -> SendMessageResponse:
        if next(lost):
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")
        return BOTH

    with serving(SendMessage=answer) as server, Funland(server.address, retries=1) as client:
        assert client.sessions.send("s", "Hello") == BOTH
        client.sessions.send("s", "Hello")

    sent = (request for request in server.requests if isinstance(request, SendMessageRequest))
    words = [request.idempotency_key for request in sent]
    assert words[0] == words[1]
    assert words[0] not in {"", words[2]}


def test_a_session_that_is_begun_is_begun_once() -> None:
    def refuse(_: CreateSessionRequest) -> Session:
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")

    with (
        serving(CreateSession=refuse, ForkSession=refuse) as server,
        Funland(server.address) as client,
    ):
        with pytest.raises(ServerStoppingError):
            client.sessions.create()
        with pytest.raises(ServerStoppingError):
            client.sessions.fork("s")

    assert len(server.requests) == 2


@pytest.mark.parametrize(
    ("code", "reason", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, "SESSION_NOT_FOUND", SessionNotFoundError),
        (grpc.StatusCode.ABORTED, "SESSION_BUSY", SessionBusyError),
    ],
)
def test_a_session_that_can_not_answer_says_why(
    code: grpc.StatusCode, reason: str, kind: type[Exception]
) -> None:
    def refuse(_: Any) -> Any:
        raise Refusal(code, reason, "It can not be.")

    with (
        serving(SendMessage=refuse, StreamMessage=refuse) as server,
        Funland(server.address, retries=0) as client,
    ):
        with pytest.raises(kind, match="It can not be"):
            client.sessions.send("s", "Hello")
        with pytest.raises(kind, match="It can not be"), client.sessions.stream("s", "Hi") as text:
            next(text)


def test_a_word_that_the_contract_does_not_know_names_its_field() -> None:
    wrong: Any = "soon"

    with Funland("127.0.0.1:1") as client:
        with pytest.raises(InvalidRequestError, match=r"^overflow: "):
            client.sessions.create(overflow=wrong)
        with pytest.raises(InvalidRequestError, match=r"^sampling\.top_k: "):
            client.sessions.update("s", sampling={"top_k": 1 << 40})
        with pytest.raises(InvalidRequestError, match=r"^format: "):
            client.sessions.export("s", wrong)
        with pytest.raises(TypeError, match="did you mean 'metadata'"):
            client.sessions.send("s", "Hi", **{"metadat": wrong})


class Pet(BaseModel):
    kind: Literal["cat", "dog"]


def test_an_answer_is_read_as_a_class() -> None:
    answer = message("a1", content='{"kind": "dog"}')
    cut = message("a1", content='{"ki')
    cut.finish_reason = Finish.LENGTH

    with serving(SendMessage=SendMessageResponse(answer=answer)) as server:
        with Funland(server.address) as client:
            assert client.sessions.send("s", "Hi", format=Pet).parsed == Pet(kind="dog")
            server.answers["SendMessage"] = SendMessageResponse(answer=cut)
            with pytest.raises(AnswerCutOffError):
                _ = client.sessions.send("s", "Hi", format=Pet).parsed
        request = server.requests[0]
    assert isinstance(request, SendMessageRequest)
    assert '"dog"' in request.format.json_schema


def told(*, whole: bool = True) -> list[SessionEvent]:
    """What happens until an answer is complete."""
    events = [
        SessionEvent(number=5, message=SAID),
        SessionEvent(number=6, message=BEGUN),
        SessionEvent(number=7, message_id="a1", loading=Loading(fraction=0.5)),
        SessionEvent(number=8, message_id="a1", queued=Queued(position=2)),
        SessionEvent(number=9, message_id="a1", prefill=Prefill(done=1, total=2)),
        SessionEvent(number=10, message_id="a1", delta=Delta(text="Hi,", reasoning="Hm.")),
        SessionEvent(number=11, message_id="a1", delta=Delta(text=" you.")),
        SessionEvent(number=12, message=ANSWER),
    ]
    return events if whole else events[:-1]


async def test_a_streamed_answer_is_text_and_then_the_whole_message() -> None:
    with serving(StreamMessage=lambda _: told()) as server:
        with Funland(server.address) as client, client.sessions.stream("s", "Hello") as blocking:
            assert list(blocking) == ["Hi,", " you."]
        async with AsyncFunland(server.address) as client:
            stream = client.sessions.stream("s", "Hello")
            seen = [event async for event in stream.events()]

    assert seen == told()
    for each in (blocking, stream):
        assert (each.text, each.answer, each.sent) == ("Hi, you.", ANSWER, SAID)
        assert each.complete
        assert each.event_number == 12


def test_what_is_waited_for_is_told() -> None:
    standings: list[tuple[bool, int, bool]] = []

    with serving(StreamMessage=lambda _: told()) as server, Funland(server.address) as client:
        stream = client.sessions.stream("s", "Hello")
        for _ in stream.events():
            standing = (
                stream.loading is not None,
                stream.queue_position,
                stream.prefill is not None,
            )
            standings.append(standing)

    assert standings[2:6] == [
        (True, 0, False), (False, 2, False), (False, 0, True), (False, 0, True)
    ]  # fmt: skip
    assert stream.reasoning == ""  # the whole message has none


def test_a_stream_that_breaks_says_so_and_where_to_go_on() -> None:
    with (
        serving(
            StreamMessage=lambda _: told(whole=False),
            WatchSession=lambda _: [SessionEvent(session=SESSION)],
        ) as server,
        Funland(server.address) as client,
    ):
        stream = client.sessions.stream("s", "Hello")
        with pytest.raises(StreamBrokenError):
            list(stream)
        with client.sessions.watch("s", after=stream.event_number) as events:
            assert next(events).session == SESSION

    assert (stream.text, stream.complete) == ("Hi, you.", False)
    assert server.requests[-1] == WatchSessionRequest(session_id="s", after=11)


def test_an_answer_that_was_there_already_is_given_whole() -> None:
    halfway = message("a1", content="Hi,", state=SessionMessage.IN_PROGRESS, parent="u1")
    calls = [ToolCall(id="1", name="time", arguments='{"a')]
    halfway.message.tool_calls.extend(calls)
    more = Delta(text=" you.", tool_calls=[ToolCallDelta(index=0, arguments='": 1}')])
    replayed = [SessionEvent(message=SAID), SessionEvent(message=halfway)]

    with serving(StreamMessage=lambda _: [*replayed, SessionEvent(message=ANSWER)]) as server:
        with Funland(server.address) as client:
            assert list(client.sessions.stream("s", "Hello")) == ["Hi,", " you."]
        server.answers["StreamMessage"] = lambda _: [*replayed, SessionEvent(delta=more)]
        with Funland(server.address) as client:
            stream = client.sessions.stream("s", "Hello")
            assert [next(stream), next(stream)] == ["Hi,", " you."]

    assert [call.arguments for call in stream.tool_calls] == ['{"a": 1}']


Said = Iterable[ConverseRequest]


def echo(requests: Said) -> Iterator[SessionEvent]:
    """Answers each message with two words, and ends when nothing more is said."""
    number = 4
    for request in requests:
        match request.WhichOneof("command"):
            case "open":
                yield SessionEvent(session=SESSION)
            case "send":
                name = f"a{number}"
                sent = message(f"u{number}", Message.USER, request.send.content)
                began = message(name, state=SessionMessage.IN_PROGRESS, parent=sent.message_id)
                yield SessionEvent(number=number + 1, message=sent, reference=request.reference)
                yield SessionEvent(number=number + 2, message=began)
                yield SessionEvent(number=number + 3, message_id=name, delta=Delta(text="Well, "))
                whole = message(name, content="Well, yes.", parent=sent.message_id)
                yield SessionEvent(number=number + 4, message=whole)
                number += 4
            case "ping":
                yield SessionEvent(reference=request.reference, pong=Empty())
            case _:
                raise AssertionError(request)


async def test_a_conversation_is_held_over_one_stream() -> None:
    with serving(Converse=echo) as server:
        with Funland(server.address) as client, client.sessions.converse("s") as blocking:
            pinged = blocking.ping()
            said = blocking.send("Well?", max_tokens=3)
            assert blocking.send("Really?", reference="mine") == "mine"
            blocking.done()
            events = list(blocking)
        async with (
            AsyncFunland(server.address) as client,
            client.sessions.converse("s", after=4) as conversation,
        ):
            conversation.ping()
            conversation.send("Well?", max_tokens=3)
            conversation.send("Really?", reference="mine")
            conversation.done()
            seen = [event async for event in conversation]

    assert [event.number for event in seen] == [event.number for event in events]
    assert [event.reference for event in events if event.reference] == [pinged, said, "mine"]
    assert events[-1].message.message.content == "Well, yes."
    assert blocking.session == SESSION
    assert blocking.last_event == conversation.last_event == 12
    opened, _, sent, *_ = server.requests
    assert opened == ConverseRequest(session_id="s", open=ConverseRequest.Open())
    assert isinstance(sent, ConverseRequest)
    assert (sent.send.content, sent.send.sampling.max_tokens) == ("Well?", 3)
    assert server.requests[4] == ConverseRequest(session_id="s", open=ConverseRequest.Open(after=4))


async def test_an_answer_under_way_is_shown_and_can_be_ended() -> None:
    ended = message("a1", content="Hi,", state=SessionMessage.CANCELLED, parent="u1")

    def answer(requests: Said) -> Iterator[SessionEvent]:
        asked = iter(requests)
        next(asked)
        yield from [SessionEvent(session=SESSION), *told()[1:6]]
        command = next(asked)
        assert command.cancel.message_id == "a1"
        yield SessionEvent(number=11, message=ended)

    with serving(Converse=answer) as server:
        async with (
            AsyncFunland(server.address) as client,
            client.sessions.converse("s") as conversation,
        ):
            shown = [await anext(conversation) for _ in range(6)]
            assert conversation.writing["a1"].text == "Hi,"
            conversation.cancel()
            assert (await anext(conversation)).message == ended

    assert shown[-1].delta.text == "Hi,"
    assert not conversation.writing


class Breaking:
    """Loses the connection again and again, always after something else was told."""

    def __init__(self) -> None:
        self.opened: list[list[ConverseRequest]] = []

    def __call__(self, requests: Said) -> Iterator[SessionEvent]:
        asked = iter(requests)
        said = [next(asked)]
        self.opened.append(said)
        yield SessionEvent(session=SESSION)
        said.append(next(asked))
        match len(self.opened):
            case 1:
                pass  # Nobody knows whether it was said.
            case 2:
                reference = said[1].reference
                yield SessionEvent(number=5, message=SAID, reference=reference)
                yield SessionEvent(number=6, message=BEGUN)
                yield SessionEvent(number=7, message_id="a1", delta=Delta(text="Hi,"))
            case _:
                # The events since were not kept.
                more = message("a1", content="Hi, you", state=SessionMessage.IN_PROGRESS)
                more.parent_message_id = "u1"
                yield SessionEvent(message=more)
                yield SessionEvent(number=9, message_id="a1", delta=Delta(text="."))
                yield SessionEvent(number=10, message=ANSWER)
                assert list(asked) == []
                return
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")


async def hold(server: Breaking, address: str) -> list[str]:
    """Says something and reads on until it is answered; gives the text after each delta."""
    texts: list[str] = []
    async with (
        AsyncFunland(address, retries=1) as client,
        client.sessions.converse("s") as conversation,
    ):
        conversation.send("Hello")
        async for event in conversation:
            if event.HasField("delta"):
                texts.append(conversation.writing["a1"].text)
                if len(server.opened) == 2:
                    conversation.ping()  # Not said again: what it asks is answered by the events.
                    conversation.cancel("a9")
            if event.number == 10:
                conversation.done()
    return texts


async def test_a_broken_connection_is_made_again_and_nothing_is_said_twice_or_lost() -> None:
    breaking = Breaking()

    with serving(Converse=breaking) as server:
        texts = await hold(breaking, server.address)

    assert texts == ["Hi,", "Hi, you."]
    first, second, third = breaking.opened
    assert (first[0].open.after, second[0].open.after, third[0].open.after) == (0, 4, 7)
    assert first[1] == second[1]
    assert first[1].send.idempotency_key
    assert third[1].cancel.message_id == "a9"


@pytest.mark.parametrize("cancelled", ["", "a0"])
async def test_what_is_said_last_is_answered_after_a_broken_connection_too(cancelled: str) -> None:
    opened: list[list[ConverseRequest]] = []

    def answer(requests: Said) -> Iterator[SessionEvent]:
        said: list[ConverseRequest] = []
        opened.append(said)
        asked = iter(requests)
        said.append(next(asked))
        yield SessionEvent(session=SESSION)
        if len(opened) == 1:
            said.extend(asked)  # It says no more.
            reference = said[1].reference
            yield SessionEvent(number=5, message=SAID, reference=reference)
            raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")
        yield SessionEvent(number=6, message=BEGUN)
        yield SessionEvent(number=7, message=ANSWER)
        said.extend(asked)  # Only now there is nothing to wait for.

    with serving(Converse=answer) as server:
        async with (
            AsyncFunland(server.address) as client,
            client.sessions.converse("s") as conversation,
        ):
            conversation.send("Hello")
            if cancelled:  # It has ended long ago, so that nothing is told of it.
                conversation.cancel(cancelled)
            conversation.done()
            with pytest.raises(RuntimeError, match="over"):
                conversation.send("More")
            async with asyncio.timeout(120):
                events = [event async for event in conversation]

    assert events[-1].message == ANSWER
    assert [[one.cancel.message_id for one in said] for said in opened] == [
        ["", "", *filter(None, [cancelled])], ["", *filter(None, [cancelled])],
    ]  # fmt: skip


async def test_a_server_that_stays_away_ends_a_conversation() -> None:
    def refuse(requests: Said) -> Iterator[SessionEvent]:
        next(iter(requests))
        raise Refusal(grpc.StatusCode.UNAVAILABLE, "SERVER_STOPPING", "The server stops.")
        yield

    with serving(Converse=refuse) as server:
        with Funland(server.address, retries=1) as client:
            conversation = client.sessions.converse("s")
            with pytest.raises(ServerStoppingError):
                next(conversation)
            assert list(conversation) == []
        async with (
            AsyncFunland(server.address, retries=0) as client,
            client.sessions.converse("s") as asynchronous,
        ):
            with pytest.raises(ServerStoppingError):
                await anext(asynchronous)

    assert len(server.requests) == 3


async def test_what_is_refused_is_told_and_the_conversation_goes_on() -> None:
    def answer(requests: Said) -> Iterator[SessionEvent]:
        asked = iter(requests)
        next(asked)
        yield SessionEvent(session=SESSION)
        for request in asked:
            yield SessionEvent(reference=request.reference, rejected=Error(message="It is busy."))

    with serving(Converse=answer) as server:
        async with (
            AsyncFunland(server.address) as client,
            client.sessions.converse("s") as conversation,
        ):
            word = conversation.send("Hello")
            await anext(conversation)
            rejected = await anext(conversation)
            assert (rejected.reference, rejected.rejected.message) == (word, "It is busy.")
            conversation.done()
            assert [event async for event in conversation] == []


def test_a_thread_that_waits_for_events_ends_when_another_closes_the_conversation() -> None:
    listens, over = threading.Event(), threading.Event()

    def answer(requests: Said) -> Iterator[SessionEvent]:
        yield SessionEvent(session=SESSION)
        listens.set()  # A call that ends before would not come to what follows.
        try:
            list(requests)
        finally:
            over.set()

    with serving(Converse=answer) as server, Funland(server.address) as client:
        conversation = client.sessions.converse("s")
        next(conversation)
        assert listens.wait(SECONDS)
        rest: list[SessionEvent] = []
        reader = threading.Thread(target=lambda: rest.extend(conversation))
        reader.start()

        conversation.close()

        reader.join(SECONDS)
        assert not reader.is_alive()
        assert over.wait(SECONDS)
    assert rest == []


async def test_a_task_that_waits_for_events_ends_when_another_closes_the_stream() -> None:
    over = threading.Event()

    def answer(_: Any) -> Iterator[SessionEvent]:
        yield SessionEvent(session=SESSION)
        over.wait(SECONDS)

    async def read(stream: AsyncIterator[SessionEvent]) -> list[SessionEvent]:
        return [event async for event in stream]

    with serving(Converse=answer, WatchSession=answer) as server:
        async with AsyncFunland(server.address) as client:
            for stream in (client.sessions.converse("s"), client.sessions.watch("s")):
                await anext(stream)
                reader = asyncio.create_task(read(stream))
                await asyncio.sleep(0)  # Now it waits.

                await stream.close()

                async with asyncio.timeout(SECONDS):
                    assert await reader == []
        over.set()


async def test_a_task_that_is_cancelled_while_it_waits_for_events_is_cancelled() -> None:
    over = threading.Event()

    def answer(_: Any) -> Iterator[SessionEvent]:
        yield SessionEvent(session=SESSION)
        over.wait(SECONDS)

    with serving(Converse=answer) as server:
        async with AsyncFunland(server.address) as client:
            stream = client.sessions.converse("s")
            await anext(stream)
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await anext(stream)
            await stream.close()
        over.set()
