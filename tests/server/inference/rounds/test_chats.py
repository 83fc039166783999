"""Whole chats in rounds, with a model that says what it is told to, and a real MCP server."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Finish,
    GenerationEvent,
    Message,
    SamplingParameters,
    Start,
    Tool,
    ToolCallDelta,
    ToolStep,
    Usage,
)
from funland_server.config import ServerSettings
from funland_server.inference.answers import chat_response
from funland_server.inference.rounds.chats import Rounds
from funland_server.inference.texts import Texts
from funland_server.live import Live
from funland_server.mcp.domain import Mcp
from funland_server.mcp.settings import McpSettings

PROGRAM = Path(__file__).parents[3] / "mcp_servers" / "weather.py"
ROME = '{"city": "Rome"}'


@pytest.fixture
async def mcp() -> AsyncIterator[Mcp]:
    one = {"command": [sys.executable, "-I", str(PROGRAM)]}
    mcp = Mcp(McpSettings.model_validate({"servers": {"one": one}}), Live(ServerSettings()))
    yield mcp
    await mcp.stop()


class Script:
    """A model: each of its messages is a text and the names of the functions that it calls."""

    def __init__(self, *messages: tuple[str, Sequence[str]]) -> None:
        self._messages = list(messages)
        self.asked: list[ChatRequest] = []

    async def answer(self, chat: ChatRequest) -> AsyncGenerator[GenerationEvent]:
        self.asked.append(chat)
        number = len(self.asked)
        text, calls = self._messages[min(number, len(self._messages)) - 1]
        yield GenerationEvent(start=Start(id=f"gen-{number}", model="tiny"))
        if text:
            yield GenerationEvent(delta=Delta(text=text))
        for index, name in enumerate(calls):
            for piece in (
                ToolCallDelta(index=index, id=f"c{number}-{index}", name=name),
                ToolCallDelta(index=index, arguments=ROME),
            ):
                yield GenerationEvent(delta=Delta(tool_calls=[piece]))
        usage = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
        reason = Finish.TOOL_CALLS if calls else Finish.STOP
        yield GenerationEvent(finish=Finish(reason=reason, usage=usage))


async def events_of(mcp: Mcp, script: Script, **fields: object) -> list[GenerationEvent]:
    request = ChatRequest(
        messages=[Message(role=Message.USER, content="Hi")],
        tools=[Tool(name="own")],
        mcp_servers=["one"],
        **fields,  # type: ignore[arg-type]  # fields of the message
    )
    toolbox = await mcp.toolbox(request.mcp_servers, ["own"])
    return [event async for event in Rounds(request, toolbox).events(script.answer)]


async def test_a_message_for_both_is_parted(mcp: Mcp) -> None:
    script = Script(("Let me see.", ["own", "weather", "broken"]))

    events = await events_of(mcp, script)

    texts = Texts()
    for event in events:
        texts.add(event)
    answer = chat_response(texts.completed())
    assert [call.name for call in answer.message.tool_calls] == ["own"]
    assert answer.message.content == ""
    assert answer.finish_reason == Finish.TOOL_CALLS
    assert [(step.tool, step.state) for step in answer.steps] == [
        ("weather", ToolStep.DONE), ("broken", ToolStep.FAILED),
    ]  # fmt: skip
    asked, *results = answer.step_messages
    assert asked.content == "Let me see."
    assert [call.name for call in asked.tool_calls] == ["weather", "broken"]
    assert [one.tool_call_id for one in results] == ["c1-1", "c1-2"]
    assert len(script.asked) == 1


async def test_after_the_last_round_the_model_has_no_such_tools(mcp: Mcp) -> None:
    script = Script(("", ["weather"]), ("", ["weather"]), ("It is sunny.", []))

    events = await events_of(mcp, script, max_tool_rounds=2)

    told = [[tool.name for tool in chat.tools] for chat in script.asked]
    assert told[0] == told[1] == ["own", "weather", "broken", "hang", "end"]
    assert told[2] == ["own"]
    finish = events[-1].finish
    assert (finish.reason, finish.usage.total_tokens) == (Finish.STOP, 45)
    assert sum(event.HasField("start") for event in events) == 1
    rounds = [event.tool_step.round for event in events if event.HasField("tool_step")]
    assert rounds == [1, 1, 2, 2]
    roles = [Message.Role.Name(message.role) for message in script.asked[2].messages]
    assert roles == ["USER", "ASSISTANT", "TOOL", "ASSISTANT", "TOOL"]


async def test_a_call_that_nobody_may_make_any_more_is_the_callers_to_see(mcp: Mcp) -> None:
    script = Script(("", ["weather"]))

    events = await events_of(mcp, script, max_tool_rounds=1)

    (piece,) = [piece for event in events for piece in event.delta.tool_calls]
    assert (piece.name, piece.arguments, piece.id) == ("weather", ROME, "c2-0")
    assert events[-1].finish.reason == Finish.TOOL_CALLS


async def test_no_calls_are_made_for_an_answer_that_may_not_come(mcp: Mcp) -> None:
    script = Script(("", ["weather"]))

    events = await events_of(mcp, script, sampling=SamplingParameters(max_tokens=5))

    assert not any(event.HasField("tool_step") for event in events)
    assert events[-1].finish.reason == Finish.LENGTH
    assert len(script.asked) == 1
