"""What the model of a session is asked, and what becomes of its events."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from operator import attrgetter
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Finish,
    GenerationEvent,
    GenerationOptions,
    Loading,
    Message,
    OutputFormat,
    Prefill,
    Queued,
    SamplingParameters,
    Start,
    Tool,
    ToolChoice,
    Usage,
)
from funland.v1.sessions_pb2 import SendMessageRequest, Session, SessionMessage
from funland_server.app import Server
from funland_server.chat.answer import Answer
from funland_server.chat.asking import Asking, chat_of, exceeded
from funland_server.chat.telling import Told
from funland_server.models.domain import Models
from funland_server.workers.errors import PromptTooLongError
from tests.server.chat.calls import create, running, send

TOLD = Told((Message(role=Message.USER, content="Hi"),), ("m1",), ("m0",))


def test_a_call_goes_before_the_session_and_both_are_passed_on() -> None:
    session = Session(
        model="m",
        system_message="Be brief.",
        sampling=SamplingParameters(temperature=0.5, max_tokens=9, stop=["a", "b"]),
        tools=[Tool(name="get")],
        reasoning=True,
    )
    request = SendMessageRequest(
        sampling=SamplingParameters(temperature=0, stop=["c"]),
        format=OutputFormat(regex="x"),
        tool_choice=ToolChoice(mode=ToolChoice.REQUIRED),
        reasoning=False,
        priority=GenerationOptions.HIGH,
    )

    bare = chat_of(Session(model="m", overflow=Session.FAIL), SendMessageRequest(), TOLD)
    full = chat_of(session, request, TOLD)

    assert [one.content for one in bare.messages] == ["Hi"]
    assert (bare.drop_oldest, bare.options.progress) == (False, True)
    assert not bare.HasField("format")
    assert not bare.HasField("tool_choice")
    assert not bare.HasField("reasoning")
    assert [one.content for one in full.messages] == ["Be brief.", "Hi"]
    assert full.sampling == SamplingParameters(temperature=0, max_tokens=9, stop=["c"])
    assert (full.model, full.drop_oldest) == ("m", True)
    assert full.format.regex == "x"
    assert full.tool_choice.mode == ToolChoice.REQUIRED
    assert full.HasField("reasoning")
    assert not full.reasoning
    assert full.options.priority == GenerationOptions.HIGH
    assert [tool.name for tool in full.tools] == ["get"]
    assert chat_of(session, SendMessageRequest(), TOLD).reasoning
    assert session.sampling.temperature == 0.5


@pytest.mark.parametrize(
    ("overflow", "words", "metadata", "limit"),
    [
        (Session.FAIL, "overflow", {"context_length": "64"}, "64"),
        (Session.DROP_OLDEST, "Say less", {"context_length": "64"}, "64"),
        (Session.FAIL, "takes 32", {"context_length": "64", "max_prompt_tokens": "32"}, "32"),
    ],
)
def test_what_does_not_fit_says_by_how_much(
    overflow: Session.Overflow.ValueType, words: str, metadata: dict[str, str], limit: str
) -> None:
    session = Session(session_id="s", model="deployed", overflow=overflow)
    told = exceeded(session, PromptTooLongError("", model="m", prompt_tokens="99", **metadata))

    assert words in told.message
    assert told.metadata == {
        "session_id": "s", "model": "m", "limit_tokens": limit, "prompt_tokens": "99",
    }  # fmt: skip


def ended(dropped: int) -> SessionMessage:
    """An answer of which the model's worker left out so many messages."""
    told = Told((), ("m1", "m2", "m3"), ("m0",))
    answer = Answer(SessionMessage(message_id="a", state=SessionMessage.IN_PROGRESS), told)
    usage = Usage(dropped_messages=dropped)
    for event in (
        GenerationEvent(start=Start(model="m", device_ids=["cpu_0"])),
        GenerationEvent(delta=Delta(text="Hi")),
        GenerationEvent(finish=Finish(reason=Finish.STOP, usage=usage)),
    ):
        answer.take(event, examples={"m": 2}.__getitem__)
    assert answer.message.state == SessionMessage.IN_PROGRESS
    assert not answer.message.HasField("usage"), "its end is not saved"
    answer.complete()
    return answer.tell_end(7).message


@pytest.mark.parametrize(
    ("dropped", "ids"),
    [(0, ["m0"]), (1, ["m0"]), (2, ["m0"]), (3, ["m0", "m1"]), (4, ["m0", "m1", "m2"])],
)
def test_the_publishers_own_messages_leave_first_and_are_none_of_the_session(
    dropped: int, ids: list[str]
) -> None:
    message = ended(dropped)

    assert list(message.dropped_message_ids) == ids
    assert message.usage.dropped_messages == len(ids)
    assert (message.model, list(message.device_ids)) == ("m", ["cpu_0"])
    assert message.state == SessionMessage.COMPLETED
    assert message.message.content == "Hi"


@pytest.mark.parametrize(
    "waits",
    [
        GenerationEvent(loading=Loading(total_bytes=1)),
        GenerationEvent(queued=Queued(position=2)),
        GenerationEvent(prefill=Prefill(done=3)),
    ],
    ids=lambda waits: waits.WhichOneof("event"),
)
def test_what_the_answer_waits_for_is_told(waits: GenerationEvent) -> None:
    answer = Answer(SessionMessage(message_id="a"), TOLD)

    told = answer.take(waits, examples=len)

    kind = waits.WhichOneof("event")
    assert told is not None
    assert kind is not None
    assert told.message_id == "a"
    assert getattr(told, kind) == getattr(waits, kind)


async def _no_answer(_: ChatRequest) -> AsyncGenerator[GenerationEvent]:
    raise AssertionError
    yield


def models_of(server: Server) -> Models:
    (models,) = [one for one in attrgetter("_domains")(server) if isinstance(one, Models)]
    return models


@pytest.mark.parametrize(
    ("overflow", "left_out"), [(Session.DROP_OLDEST, ("u1", "a1")), (Session.FAIL, ())]
)
async def test_what_left_stays_out_under_a_deployments_name_too(
    own_server: Server, overflow: Session.Overflow.ValueType, left_out: tuple[str, ...]
) -> None:
    models = models_of(own_server)
    models.served.serve("chat", lambda: models.loader.worker("funland-tiny"), "funland-tiny")
    answer = SessionMessage(
        message_id="a2",
        model="funland-tiny",
        state=SessionMessage.COMPLETED,
        dropped_message_ids=["u1", "a1"],
        message=Message(role=Message.ASSISTANT, content="Hi"),
    )

    session = Session(model="chat", overflow=overflow)
    told = Asking(models, _no_answer).told_of(session, [answer])

    assert told.left_out == left_out


async def test_a_session_has_its_model_loaded_where_it_wants_it(tmp_path: Path) -> None:
    async with running(tmp_path / "home") as server:
        session = await create(server, device_ids=["cpu_0"])
        answer = (await send(server, session, "Hi")).answer
        models = models_of(server)
        worker = models.pool.worker("funland-tiny")
        await send(server, await create(server), "Hi")

        assert worker is not None
        assert list(worker.spec.settings.device_ids) == list(answer.device_ids) == ["cpu_0"]
        assert models.pool.worker("funland-tiny") is worker
