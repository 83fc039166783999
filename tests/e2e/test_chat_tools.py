"""Calls of functions come through the whole service, streamed and at once."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import grpc.aio
import pytest

from funland.v1.inference_pb2 import (
    ApplyTemplateRequest,
    ChatRequest,
    Finish,
    Message,
    SamplingParameters,
    Tool,
    ToolChoice,
)
from funland.v1.inference_pb2_grpc import InferenceServiceStub

if TYPE_CHECKING:
    from funland.v1.inference_pb2_grpc import InferenceServiceAsyncStub
    from tests.conftest import Stack

SCHEMA = {
    "type": "object",
    "properties": {"city": {"enum": ["Paris", "Rome"]}, "days": {"type": "boolean"}},
    "required": ["city", "days"],
    "additionalProperties": False,
}
REQUEST = ChatRequest(
    messages=[Message(role=Message.USER, content="What is the weather in Paris?")],
    tools=[Tool(name="weather", description="Tells it.", parameters=json.dumps(SCHEMA))],
    tool_choice=ToolChoice(name="weather"),
    sampling=SamplingParameters(temperature=1, seed=1, max_tokens=200),
)


@pytest.fixture
async def inference(stack: Stack) -> AsyncIterator[InferenceServiceAsyncStub]:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        yield InferenceServiceStub(channel)


async def test_a_forced_call_has_arguments_that_fit(inference: InferenceServiceAsyncStub) -> None:
    answer = await inference.Chat(REQUEST)

    (call,) = answer.message.tool_calls
    assert call.name == "weather"
    assert call.id
    arguments = json.loads(call.arguments)
    assert arguments["city"] in ("Paris", "Rome")
    assert isinstance(arguments["days"], bool)
    assert answer.finish_reason == Finish.TOOL_CALLS
    assert not answer.message.content


async def test_a_streamed_call_is_the_same(inference: InferenceServiceAsyncStub) -> None:
    name = arguments = ""
    finish = Finish()

    async for event in inference.StreamChat(REQUEST):
        for delta in event.delta.tool_calls:
            name, arguments = name + delta.name, arguments + delta.arguments
        finish = event.finish

    whole = await inference.Chat(REQUEST)
    assert (name, arguments) == ("weather", whole.message.tool_calls[0].arguments)
    assert finish.reason == Finish.TOOL_CALLS


async def test_a_result_goes_back_into_the_conversation(
    inference: InferenceServiceAsyncStub,
) -> None:
    asked = ChatRequest()
    asked.CopyFrom(REQUEST)
    asked.messages.append((await inference.Chat(REQUEST)).message)
    call_id = asked.messages[-1].tool_calls[0].id
    asked.messages.append(Message(role=Message.TOOL, tool_call_id=call_id, content="Sunny."))

    told = await inference.ApplyTemplate(ApplyTemplateRequest(chat=asked))

    assert '"name":"weather","description":"Tells it."' in told.prompt
    assert "<tool_response>\nSunny.\n</tool_response>" in told.prompt
    assert told.tokens
