"""Which messages a call makes, and where they hang: a table."""

from __future__ import annotations

from typing import Any

import pytest

from funland.v1.inference_pb2 import Message, ToolCall
from funland.v1.sessions_pb2 import SendMessageRequest, SessionMessage, ToolResult
from funland_server.chat.errors import MessageNotFoundError
from funland_server.chat.saying import check, named, said
from funland_server.errors import FieldInvalidError


def message(name: str, after: str, role: Message.Role.ValueType, *calls: str) -> SessionMessage:
    return SessionMessage(
        message_id=name,
        parent_message_id=after,
        message=Message(role=role, tool_calls=[ToolCall(id=one) for one in calls]),
    )


KNOWN = {
    one.message_id: one
    for one in (
        message("u1", "", Message.USER),
        message("a1", "u1", Message.ASSISTANT),
        message("u2", "a1", Message.USER),
        message("a2", "u2", Message.ASSISTANT, "x", "y"),
        message("t1", "a2", Message.TOOL),
        message("t2", "t1", Message.TOOL),
        message("a3", "t2", Message.ASSISTANT),
    )
}
USER, TOOL = Message.USER, Message.TOOL


def results(*ids: str) -> list[ToolResult]:
    return [ToolResult(tool_call_id=one, content=f"is {one}") for one in ids]


@pytest.mark.parametrize(
    ("fields", "head", "parent", "roles"),
    [
        ({"content": "Hi"}, "", "", [USER]),
        ({"content": "Hi"}, "a3", "a3", [USER]),
        ({"content": "Hi", "after_message_id": "a1"}, "a3", "a1", [USER]),
        ({"content": "Hi", "after_message_id": "u1"}, "a3", "u1", [USER]),
        ({"content": "Hi", "edit_message_id": "u2"}, "a3", "a1", [USER]),
        ({"content": "Hi", "edit_message_id": "u1"}, "a3", "", [USER]),
        ({"regenerate_message_id": "a1"}, "a3", "u1", []),
        ({"regenerate_message_id": "a3"}, "a3", "t2", []),
        ({"tool_results": results("y", "x")}, "a2", "a2", [TOOL, TOOL]),
        ({"tool_results": results("x", "y"), "after_message_id": "a2"}, "a3", "a2", [TOOL, TOOL]),
        ({"tool_results": results("x", "y"), "edit_message_id": "t1"}, "a3", "a2", [TOOL, TOOL]),
    ],
)
def test_what_is_said_hangs_where_the_call_says(
    fields: dict[str, Any], head: str, parent: str, roles: list[Message.Role.ValueType]
) -> None:
    request = SendMessageRequest(**fields)

    check(request)
    adds = said(request, head, KNOWN)

    assert adds.parent == parent
    assert [one.role for one in adds.messages] == roles
    assert [one.content for one in adds.messages] == (
        [request.content] if request.content else [one.content for one in request.tool_results]
    )
    assert [one.tool_call_id for one in adds.messages if one.role == TOOL] == [
        one.tool_call_id for one in request.tool_results
    ]


def test_who_speaks_is_kept_with_what_is_said() -> None:
    (spoken,) = said(SendMessageRequest(content="Hi", name="Ann"), "", {}).messages

    assert spoken == Message(role=USER, content="Hi", name="Ann")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "content"),
        ({"edit_message_id": "u1"}, "content"),
        ({"content": "a", "regenerate_message_id": "a1"}, "regenerate_message_id"),
        ({"content": "a", "tool_results": results("x")}, "tool_results"),
        ({"regenerate_message_id": "a1", "edit_message_id": "u1"}, "edit_message_id"),
        ({"regenerate_message_id": "a1", "after_message_id": "u1"}, "after_message_id"),
        ({"content": "a", "edit_message_id": "u1", "after_message_id": "u1"}, "after_message_id"),
        ({"regenerate_message_id": "a1", "name": "Ann"}, "name"),
    ],
)
def test_what_contradicts_itself_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        check(SendMessageRequest(**fields))

    assert [one.field for one in raised.value.violations] == [field]


@pytest.mark.parametrize(
    ("fields", "head", "field"),
    [
        ({"regenerate_message_id": "u1"}, "a3", "regenerate_message_id"),
        ({"content": "a", "edit_message_id": "a1"}, "a3", "edit_message_id"),
        ({"tool_results": results("x")}, "", "tool_results"),
        ({"tool_results": results("x")}, "a3", "tool_results"),
        ({"tool_results": results("x")}, "a2", "tool_results"),
        ({"tool_results": results("x", "y", "z")}, "a2", "tool_results[2].tool_call_id"),
        ({"tool_results": results("x", "x")}, "a2", "tool_results[1].tool_call_id"),
        ({"tool_results": results("y"), "edit_message_id": "t2"}, "a3", "tool_results"),
    ],
)
def test_what_does_not_fit_the_message_before_is_named(
    fields: dict[str, Any], head: str, field: str
) -> None:
    request = SendMessageRequest(**fields)
    check(request)

    with pytest.raises(FieldInvalidError) as raised:
        said(request, head, KNOWN)

    assert [one.field for one in raised.value.violations] == [field]


@pytest.mark.parametrize("field", ["regenerate_message_id", "edit_message_id", "after_message_id"])
def test_a_message_that_is_not_there_is_not_found(field: str) -> None:
    request = SendMessageRequest(session_id="s", **{field: "nowhere"})  # type: ignore[arg-type]  # ids are texts
    if field != "regenerate_message_id":
        request.content = "Hi"

    with pytest.raises(MessageNotFoundError) as raised:
        said(request, "a3", KNOWN)

    assert raised.value.metadata == {"session_id": "s", "message_id": "nowhere"}
    assert named(request, "a3") == ["nowhere"]
