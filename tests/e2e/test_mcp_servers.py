"""Chats use the tools of MCP servers of the settings, alike over gRPC and REST."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
from openai import NotFoundError, OpenAI

from funland.v1.inference_pb2 import (
    ChatRequest,
    Finish,
    Message,
    SamplingParameters,
    Tool,
    ToolChoice,
    ToolStep,
)
from funland.v1.mcp_pb2 import ListMcpServersRequest, McpServer
from funland.v1.responses_pb2 import CreateResponseRequest, GetResponseRequest
from funland.v1.sessions_pb2 import (
    CancelMessageRequest,
    CreateSessionRequest,
    ListMessagesRequest,
    McpServerNames,
    SendMessageRequest,
    SessionMessage,
    UpdateSessionRequest,
)
from funland_client import Funland
from tests.conftest import Stack, running
from tests.e2e.wires import Grpc, Refused, Rest, Wire

PROGRAM = Path(__file__).parents[1] / "mcp_servers" / "weather.py"
SETTINGS = f"""
[mcp.servers.weather]
command = ["{sys.executable}", "-I", "{PROGRAM}"]
env = {{ TOKEN = "s3cret-password" }}
tools = ["weather", "broken"]

[mcp.servers.odd]
command = ["{sys.executable}", "-I", "{PROGRAM}", "--odd"]
tools = ["weather", "odd"]

[mcp.servers.hangs]
command = ["{sys.executable}", "-I", "{PROGRAM}"]
tools = ["hang"]

[mcp.servers.gone]
command = ["false"]
"""
QUESTION = Message(role=Message.USER, content="What is the weather in Paris?")
SAMPLING = SamplingParameters(temperature=0, max_tokens=300)
OWN = Tool(name="own", parameters='{"type": "object", "properties": {"a": {"enum": [1]}}}')


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("mcp")
    (home / "funland.toml").write_text(SETTINGS)
    with running(home) as stack:
        yield stack


@pytest.fixture(params=["gRPC", "REST"])
async def wire(request: pytest.FixtureRequest, stack: Stack) -> AsyncIterator[Wire]:
    if request.param == "gRPC":
        async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
            yield Grpc(channel)
    else:
        async with aiohttp.ClientSession(stack.http_url) as session:
            yield Rest(session)


def chat(call: str = "weather", **fields: Any) -> ChatRequest:
    """A chat whose first message must call a tool; of what follows it is free."""
    given: dict[str, Any] = {
        "mcp_servers": ["weather"],
        "tool_choice": ToolChoice(name=call),
        "sampling": SAMPLING,
    }
    return ChatRequest(messages=[QUESTION], **(given | fields))


async def test_the_server_makes_the_calls_and_the_model_answers(wire: Wire) -> None:
    answer = await wire.call("Chat", chat())

    (step,) = answer.steps
    assert (step.server, step.tool, step.state) == ("weather", "weather", ToolStep.DONE)
    assert step.text in {"It is sunny in Paris.", "It is sunny in Rome."}
    asked, result = answer.step_messages
    assert (asked.role, result.role) == (Message.ASSISTANT, Message.TOOL)
    assert asked.tool_calls[0] == step.call
    assert (result.tool_call_id, result.content) == (step.call.id, step.text)
    assert answer.message.content
    assert not answer.message.tool_calls
    assert answer.finish_reason == Finish.STOP
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens

    # Who keeps the conversation goes on with it.
    on = chat(tool_choice=ToolChoice(mode=ToolChoice.NONE))
    on.messages.extend([*answer.step_messages, answer.message, QUESTION])
    assert (await wire.call("Chat", on)).message.content


async def test_a_stream_tells_each_step(wire: Wire) -> None:
    events = await wire.call("StreamChat", chat())

    kinds = [event.WhichOneof("event") for event in events]
    assert kinds.count("start") == kinds.count("finish") == 1
    assert kinds[-1] == "finish"
    steps = [event.tool_step for event in events if event.HasField("tool_step")]
    assert [step.state for step in steps] == [ToolStep.CALLING, ToolStep.DONE]
    assert steps[0].call == steps[1].call
    assert not any(event.delta.tool_calls for event in events)
    whole = await wire.call("Chat", chat())
    text = "".join(event.delta.text for event in events)
    assert text == whole.message.content
    assert events[-1].finish.usage.completion_tokens == whole.usage.completion_tokens


async def test_a_tool_that_fails_is_told_and_fails_nothing(wire: Wire) -> None:
    answer = await wire.call("Chat", chat("broken"))

    (step,) = answer.steps
    assert (step.state, step.text) == (ToolStep.FAILED, "Error: It is broken.")
    assert answer.step_messages[-1].content == "Error: It is broken."
    assert answer.message.content


async def test_the_callers_own_calls_are_the_callers(wire: Wire) -> None:
    answer = await wire.call("Chat", chat("own", tools=[OWN]))

    assert answer.finish_reason == Finish.TOOL_CALLS
    assert [call.name for call in answer.message.tool_calls] == ["own"]
    assert not answer.steps
    streamed = await wire.call("StreamChat", chat("own", tools=[OWN]))
    assert streamed[-1].finish.reason == Finish.TOOL_CALLS
    pieces = [piece for event in streamed for piece in event.delta.tool_calls]
    assert "".join(piece.name for piece in pieces) == "own"


async def test_tokens_are_counted_together(wire: Wire) -> None:
    cut = SamplingParameters(temperature=0, max_tokens=8)

    answer = await wire.call("Chat", chat(sampling=cut))

    assert answer.finish_reason == Finish.LENGTH
    assert answer.usage.completion_tokens <= 8
    assert not answer.steps


async def test_a_tool_whose_schema_no_grammar_is_made_of_can_be_called(wire: Wire) -> None:
    required = ToolChoice(mode=ToolChoice.REQUIRED)

    answer = await wire.call("Chat", chat(mcp_servers=["odd"], tool_choice=required))

    assert answer.id


async def test_a_session_keeps_the_calls_as_messages_of_its_branch(wire: Wire) -> None:
    session = await wire.call(
        "CreateSession", CreateSessionRequest(mcp_servers=["weather"], sampling=SAMPLING)
    )
    say = SendMessageRequest(
        session_id=session.session_id, content="What is the weather in Paris?",
        tool_choice=ToolChoice(name="weather"), idempotency_key="once",
    )  # fmt: skip

    sent = await wire.call("SendMessage", say)

    request = ListMessagesRequest(session_id=session.session_id)
    user, asked, result, answer = (await wire.call("ListMessages", request)).messages
    roles = [one.message.role for one in (user, asked, result, answer)]
    assert roles == [Message.USER, Message.ASSISTANT, Message.TOOL, Message.ASSISTANT]
    assert (sent.sent.message_id, sent.answer.message_id) == (user.message_id, answer.message_id)
    assert answer.message.content
    assert answer.finish_reason == Finish.STOP
    assert answer.model == asked.model == "funland-tiny"
    (step,) = asked.steps
    assert (step.server, step.state, step.text) == ("weather", ToolStep.DONE, "")
    assert asked.message.tool_calls[0] == step.call
    assert asked.finish_reason == Finish.TOOL_CALLS
    assert asked.state == answer.state == SessionMessage.COMPLETED
    assert result.message.tool_call_id == step.call.id
    assert result.message.content.startswith("It is sunny in ")
    # Said again, it says nothing again, and gets the last answer.
    again = await wire.call("SendMessage", say)
    assert again.answer.message_id == answer.message_id
    # The conversation goes on.
    more = SendMessageRequest(
        session_id=session.session_id,
        content="Thanks!",
        tool_choice=ToolChoice(mode=ToolChoice.NONE),
    )
    assert (await wire.call("SendMessage", more)).answer.message.content


async def test_the_stream_of_a_session_tells_the_calls_until_the_last_answer(wire: Wire) -> None:
    session = await wire.call("CreateSession", CreateSessionRequest(sampling=SAMPLING))
    names = McpServerNames(names=["weather"])
    update = UpdateSessionRequest(session_id=session.session_id, mcp_servers=names)
    assert (await wire.call("UpdateSession", update)).mcp_servers == ["weather"]

    events = await wire.call(
        "StreamMessage",
        SendMessageRequest(
            session_id=session.session_id, content="What is the weather in Paris?",
            tool_choice=ToolChoice(name="weather"),
        ),
    )  # fmt: skip

    told = [event.message for event in events if event.HasField("message")]
    assert [one.message.role for one in told] == [
        Message.USER, Message.ASSISTANT, Message.ASSISTANT, Message.TOOL, Message.ASSISTANT,
        Message.ASSISTANT,
    ]  # fmt: skip
    assert told[1].message_id == told[2].message_id
    assert told[4].message_id == told[5].message_id
    steps = [event for event in events if event.HasField("tool_step")]
    assert [event.tool_step.state for event in steps] == [ToolStep.CALLING, ToolStep.DONE]
    assert {event.message_id for event in steps} == {told[1].message_id}
    assert told[5].state == SessionMessage.COMPLETED
    numbers = [event.number for event in events]
    assert numbers == sorted(set(numbers))
    text = "".join(event.delta.text for event in events if event.message_id == told[5].message_id)
    assert text == told[5].message.content


async def test_an_answer_is_cancelled_amid_a_call_and_the_session_goes_on(wire: Wire) -> None:
    session = await wire.call(
        "CreateSession", CreateSessionRequest(mcp_servers=["hangs"], sampling=SAMPLING)
    )
    say = SendMessageRequest(
        session_id=session.session_id, content="Hi", tool_choice=ToolChoice(name="hang")
    )

    last = None
    async for event in wire.watch("StreamMessage", say):
        if event.HasField("tool_step"):
            cancel = CancelMessageRequest(
                session_id=session.session_id, message_id=event.message_id
            )
            await wire.call("CancelMessage", cancel)
        last = event

    assert last is not None
    cancelled = last.message
    assert cancelled.state == SessionMessage.CANCELLED
    assert [step.state for step in cancelled.steps] == [ToolStep.CALLING]
    more = SendMessageRequest(
        session_id=session.session_id,
        content="Thanks!",
        tool_choice=ToolChoice(mode=ToolChoice.NONE),
    )
    assert (await wire.call("SendMessage", more)).answer.state == SessionMessage.COMPLETED


async def test_a_response_knows_the_calls_and_so_does_the_next(wire: Wire) -> None:
    first = await wire.call("CreateResponse", CreateResponseRequest(chat=chat()))

    (step,) = first.steps
    assert step.state == ToolStep.DONE
    assert [one.role for one in first.step_messages] == [Message.ASSISTANT, Message.TOOL]
    assert first.output.content
    kept = await wire.call("GetResponse", GetResponseRequest(response_id=first.response_id))
    assert list(kept.step_messages) == list(first.step_messages)
    assert list(kept.steps) == [step]
    free = chat(mcp_servers=[], tool_choice=None)
    alone = await wire.call("CreateResponse", CreateResponseRequest(chat=free))
    second = await wire.call(
        "CreateResponse",
        CreateResponseRequest(chat=free, previous_response_id=first.response_id),
    )
    assert second.usage.prompt_tokens > alone.usage.prompt_tokens + 20

    events = await wire.call("StreamResponse", CreateResponseRequest(chat=chat()))
    states = [event.tool_step.state for event in events if event.HasField("tool_step")]
    assert states == [ToolStep.CALLING, ToolStep.DONE]
    assert events[-1].completed.output == first.output


@pytest.mark.parametrize(
    ("fields", "reason", "what"),
    [
        (
            {"mcp_servers": ["nowhere"]},
            "MCP_SERVER_NOT_FOUND",
            "gone, hangs, odd, weather",
        ),
        ({"mcp_servers": ["gone"]}, "MCP_SERVER_UNAVAILABLE", "its process has ended"),
        ({"mcp_servers": ["weather", "weather"]}, "FIELD_INVALID", "mcp_servers"),
        ({"max_tool_rounds": 0}, "FIELD_INVALID", "max_tool_rounds"),
    ],
)
async def test_what_can_not_be_done_is_refused(
    wire: Wire, fields: dict[str, Any], reason: str, what: str
) -> None:
    with pytest.raises(Refused) as raised:
        await wire.call("Chat", chat(**fields))

    assert raised.value.reason == reason
    assert what in str(raised.value)


async def test_several_answers_at_once_are_refused(wire: Wire) -> None:
    request = chat()
    request.options.n = 2

    with pytest.raises(Refused, match=r"must be 1 with mcp_servers"):
        await wire.call("Chat", request)


async def test_the_servers_are_listed_without_what_reaches_them(wire: Wire, stack: Stack) -> None:
    response = await wire.call("ListMcpServers", ListMcpServersRequest(connect=True))

    gone, _, _, weather = response.servers
    assert (gone.name, gone.state) == ("gone", McpServer.FAILED)
    assert gone.error.message.endswith("its process has ended.")
    assert (weather.name, weather.state) == ("weather", McpServer.READY)
    assert [tool.name for tool in weather.tools] == ["weather", "broken"]
    assert "s3cret-password" not in str(response) + stack.log()
    assert str(PROGRAM) not in str(response)


def test_openais_client_has_calls_made(stack: Stack) -> None:
    client = OpenAI(base_url=f"{stack.http_url}/v1", api_key="none", max_retries=0)
    create: Any = client.responses.create
    server: Any = {"type": "mcp", "server_label": "weather", "require_approval": "never"}
    asked: Any = {
        "model": "funland-tiny", "input": "What is the weather in Paris?", "temperature": 0,
        "tools": [server], "tool_choice": "required", "max_output_tokens": 300,
    }  # fmt: skip

    response = create(**asked)

    called, message = response.output[-2:]
    assert called.type == "mcp_call"
    assert called.server_label == "weather"
    assert called.output or called.error
    assert message.type == "message"
    assert response.output_text
    kept = client.responses.retrieve(response.id)
    assert [item.type for item in kept.output] == [item.type for item in response.output]
    events = list(create(**asked, stream=True))
    kinds = [event.type for event in events]
    assert kinds.count("response.mcp_call.in_progress") == 1
    assert kinds[-1] == "response.completed"
    with pytest.raises(NotFoundError) as raised:
        create(**{**asked, "tools": [{**server, "server_label": "nowhere"}]})
    assert raised.value.param == "tools"


def test_openais_chats_name_servers_too(stack: Stack) -> None:
    client = OpenAI(base_url=f"{stack.http_url}/v1", api_key="none", max_retries=0)

    answer = client.chat.completions.create(
        model="funland-tiny",
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        temperature=0,
        max_tokens=300,
        tool_choice="required",
        extra_body={"mcp_servers": ["weather"]},
    )

    assert answer.choices[0].finish_reason == "stop"
    assert answer.choices[0].message.content
    assert not answer.choices[0].message.tool_calls


def test_the_clients_streams_have_the_steps(stack: Stack) -> None:
    required: Any = {"temperature": 0, "max_tokens": 300, "tool_choice": "required"}
    with Funland(stack.grpc_address) as client:
        with client.stream_chat("Weather?", mcp_servers=["weather"], **required) as stream:
            list(stream)
        again = client.chat([*stream.step_messages, stream.message, QUESTION], temperature=0)
        session = client.sessions.create(mcp_servers=["weather"], temperature=0, max_tokens=300)
        with client.sessions.stream(
            session.session_id, "Weather?", tool_choice="required"
        ) as answering:
            list(answering)

        (step,) = stream.steps
        assert step.state in (ToolStep.DONE, ToolStep.FAILED)
        assert [message.role for message in stream.step_messages] == [
            Message.ASSISTANT, Message.TOOL,
        ]  # fmt: skip
        assert stream.message.content == stream.text
        assert again.message.content
        assert answering.complete
        assert answering.steps[0].server == "weather"
        assert answering.sent is not None
        assert answering.sent.message.content == "Weather?"
        assert answering.answer.message.content == answering.text


def test_the_terminal_shows_servers_and_has_calls_made(stack: Stack) -> None:
    def funland(*words: str) -> str:
        program = str(Path(sys.executable).parent / "funland")
        done = subprocess.run(
            [program, *words, "--server", stack.grpc_address],
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    listed = funland("mcp-servers")
    tools = funland("mcp-servers", "weather")
    events = [
        json.loads(line)
        for line in funland("chat", "Hi", "--mcp", "weather", "--json").splitlines()
    ]

    assert "weather" in listed
    assert "Tells the weather in a city." in tools
    assert "finish" in events[-1]
