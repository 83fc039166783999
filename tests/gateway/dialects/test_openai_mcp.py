"""Tools of type `mcp` in OpenAI's requests, and the calls that the server made in its answers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Message,
    ToolCall,
    ToolChoice,
    ToolStep,
)
from funland.v1.responses_pb2 import Response, ResponseEvent
from funland_gateway.dialects.openai.chat import create_chat_completion
from funland_gateway.dialects.openai.responses_answer import response_object
from funland_gateway.dialects.openai.responses_items import output_items
from funland_gateway.dialects.openai.responses_request import ResponseRequest, read_request
from funland_gateway.dialects.openai.responses_stream import ResponseStream
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.kept import incoming

FILES = {"type": "mcp", "server_label": "files", "require_approval": "never"}
CALL = ToolCall(id="c1", name="read", arguments='{"path": "a"}')
OTHER = ToolCall(id="c2", name="write", arguments="{}")
DONE = ToolStep(call=CALL, server="files", tool="read", state=ToolStep.DONE, text="text", round=1)
FAILED = ToolStep(call=OTHER, server="files", tool="write", state=ToolStep.FAILED, round=1)
FAILED.text = "Error: no"


def read(**body: Any) -> ResponseRequest:
    return read_request(JsonObject({"input": "Hi", **body}))


def whole() -> Response:
    said = Message(role=Message.ASSISTANT, content="Let me see.", tool_calls=[CALL, OTHER])
    return Response(
        response_id="resp_1",
        state=Response.COMPLETED,
        output=Message(role=Message.ASSISTANT, content="Here."),
        steps=[DONE, FAILED],
        step_messages=[
            said,
            Message(role=Message.TOOL, tool_call_id="c1", content="text"),
            Message(role=Message.TOOL, tool_call_id="c2", content="Error: no"),
        ],
        request=ChatRequest(mcp_servers=["files"]),
    )


def test_servers_of_the_settings_are_named_by_their_labels() -> None:
    request = read(tools=[FILES, FILES, {**FILES, "server_label": "web"}], tool_choice="required")

    chat = request.message.chat
    assert list(chat.mcp_servers) == ["files", "web"]
    assert not chat.tools
    assert chat.tool_choice.mode == ToolChoice.REQUIRED
    assert request.field_name("chat.mcp_servers[1]") == "tools"
    assert request.blames[ErrorReason.MCP_SERVER_NOT_FOUND] == "tools"


@pytest.mark.parametrize(
    "more",
    [
        {"server_url": "https://elsewhere.example"},
        {"connector_id": "connector_gmail"},
        {"authorization": "secret"},
        {"headers": {"a": "b"}},
    ],
)
def test_servers_that_the_settings_do_not_have_are_left_out(more: dict[str, Any]) -> None:
    request = read(tools=[{**FILES, **more}])

    (warned,) = request.tools.warnings
    assert next(iter(more)) in warned.message
    assert "secret" not in warned.message
    assert not request.message.chat.mcp_servers


@pytest.mark.parametrize(
    ("tool", "more", "field"),
    [
        ({"require_approval": "always"}, {}, "tools[0].require_approval"),
        ({"require_approval": None}, {}, "tools[0].require_approval"),
        ({"require_approval": {"never": {"tool_names": ["a"]}}}, {}, "tools[0].require_approval"),
        ({"allowed_tools": ["read"]}, {}, "tools[0].allowed_tools"),
        ({}, {"max_tool_calls": 3}, "max_tool_calls"),
    ],
)
def test_what_would_be_done_otherwise_is_refused(
    tool: dict[str, Any], more: dict[str, Any], field: str
) -> None:
    with pytest.raises(CallFailed) as raised:
        read(tools=[{**FILES, **tool}], **more)

    assert raised.value.error.metadata["parameter"] == field


def test_chat_completions_name_them_beside_the_tools() -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}], "mcp_servers": ["files"]}

    call: Any = create_chat_completion(incoming(body))

    assert list(call.message.mcp_servers) == ["files"]


def test_calls_are_items_before_the_answer() -> None:
    items = output_items(whole())

    assert [item["type"] for item in items] == ["message", "mcp_call", "mcp_call", "message"]
    _, done, failed, _ = items
    assert done == {
        "id": "mcp_1_0", "type": "mcp_call", "status": "completed", "server_label": "files",
        "name": "read", "arguments": '{"path": "a"}', "output": "text", "error": None,
        "approval_request_id": None,
    }  # fmt: skip
    assert (failed["status"], failed["output"]) == ("failed", None)
    assert failed["error"] == {"type": "mcp_tool_execution_error", "content": "Error: no"}
    (told,) = response_object(whole(), {})["tools"]
    assert told == FILES


def test_a_stream_has_the_same_items() -> None:
    stream = ResponseStream({})
    begun = Response(response_id="resp_1", state=Response.IN_PROGRESS, request=whole().request)
    calling = [
        ToolStep(call=one, server="files", state=ToolStep.CALLING, round=1) for one in (CALL, OTHER)
    ]
    given = [
        ResponseEvent(created=begun),
        ResponseEvent(delta=Delta(text="Let me see.")),
        *(ResponseEvent(tool_step=one) for one in (*calling, FAILED, DONE)),
        ResponseEvent(delta=Delta(text="Here.")),
        ResponseEvent(completed=whole()),
    ]

    events = [orjson.loads(named.data) for one in given for named in stream.events_of(one)]

    kinds = [event["type"] for event in events if "mcp" in event["type"]]
    one = ["in_progress", "arguments.delta", "arguments.done"]
    assert [kind.removeprefix("response.mcp_call").strip("._") for kind in kinds] == [
        *one, *one, "failed", "completed",
    ]  # fmt: skip
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    ended = {
        event["output_index"]: event["item"]
        for event in events
        if event["type"] == "response.output_item.done"
    }
    assert [ended[index] for index in sorted(ended)] == output_items(whole())
    assert events[-1]["response"]["output"] == output_items(whole())


def test_calls_that_come_back_are_told_to_the_model() -> None:
    items = [
        {"role": "user", "content": "Hi"},
        {"type": "mcp_list_tools", "id": "x"},
        *output_items(whole()),
    ]

    messages = read(input=items).message.chat.messages

    roles = [Message.Role.Name(message.role) for message in messages]
    assert roles == ["USER", "ASSISTANT", "TOOL", "ASSISTANT", "TOOL", "ASSISTANT"]
    assert messages[1].content == "Let me see."
    assert messages[1].tool_calls[0].name == "read"
    assert (messages[2].tool_call_id, messages[2].content) == ("mcp_1_0", "text")
    assert messages[4].content == "Error: no"
