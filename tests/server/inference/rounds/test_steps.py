"""What follows from a model's message that asks for calls, as tables."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    Delta,
    Finish,
    Message,
    SamplingParameters,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolChoice,
    Usage,
)
from funland_server.inference.rounds.handing import Handing
from funland_server.inference.rounds.step import (
    End,
    MakeCalls,
    Step,
    asked_again,
    first_request,
    loosened,
    next_step,
    results,
)
from funland_server.inference.rounds.total import Total

STOP, LENGTH, CALLS = Finish.STOP, Finish.LENGTH, Finish.TOOL_CALLS
MCP = ToolCall(id="1", name="mcp")
MCP2 = ToolCall(id="2", name="mcp2")
OWN = ToolCall(id="3", name="own")


def is_servers(name: str) -> bool:
    return name.startswith("mcp")


@pytest.mark.parametrize(
    ("reason", "calls", "rounds_left", "tokens_left", "step"),
    [
        (STOP, [], 8, None, End(STOP)),
        (LENGTH, [], 8, None, End(LENGTH)),
        (CALLS, [OWN], 8, None, End(CALLS, (OWN,))),
        (CALLS, [MCP], 8, None, MakeCalls((MCP,))),
        (CALLS, [MCP], 1, None, MakeCalls((MCP,))),
        (CALLS, [MCP, MCP2], 8, None, MakeCalls((MCP, MCP2))),
        (CALLS, [OWN, MCP], 8, None, MakeCalls((MCP,), (OWN,))),
        (CALLS, [MCP], 8, 1, MakeCalls((MCP,))),
        (CALLS, [MCP], 8, 0, End(LENGTH, (MCP,))),
        (CALLS, [MCP], 0, None, End(CALLS, (MCP,))),
        (LENGTH, [MCP], 8, 0, End(LENGTH, (MCP,))),
    ],
)
def test_what_is_done_next(
    reason: Finish.Reason.ValueType,
    calls: list[ToolCall],
    rounds_left: int,
    tokens_left: int | None,
    step: Step,
) -> None:
    assert (
        next_step(reason, calls, is_servers, rounds_left=rounds_left, tokens_left=tokens_left)
        == step
    )


def chat(**fields: object) -> ChatRequest:
    return ChatRequest(
        messages=[Message(role=Message.USER, content="Hi")],
        tools=[Tool(name="own")],
        mcp_servers=["one"],
        **fields,  # type: ignore[arg-type]  # fields of the message
    )


SAID = Message(role=Message.ASSISTANT, content="Let me see.", tool_calls=[MCP])


def again(
    request: ChatRequest, rounds_left: int = 7, tokens_left: int | None = None
) -> ChatRequest:
    first = first_request(request, [Tool(name="mcp", parameters="{}")])
    return asked_again(
        first,
        [SAID, *results([MCP], ["hot"])],
        request.tools,
        model="tiny",
        rounds_left=rounds_left,
        tokens_left=tokens_left,
    )


def test_the_model_is_told_its_calls_and_what_came_of_them() -> None:
    request = again(chat())

    assert [message.role for message in request.messages] == [
        Message.USER, Message.ASSISTANT, Message.TOOL,
    ]  # fmt: skip
    result = request.messages[-1]
    assert (result.tool_call_id, result.name, result.content) == ("1", "mcp", "hot")
    assert [tool.name for tool in request.tools] == ["own", "mcp"]
    assert request.model == "tiny"
    assert not request.mcp_servers


def test_what_had_to_be_called_is_called_once() -> None:
    forced = ToolChoice(name="mcp")
    assert not again(chat(tool_choice=forced)).HasField("tool_choice")
    none = ToolChoice(mode=ToolChoice.NONE)
    assert again(chat(tool_choice=none)).tool_choice.mode == ToolChoice.NONE


def test_after_the_last_round_only_the_callers_tools_are_told() -> None:
    assert [tool.name for tool in again(chat(), rounds_left=0).tools] == ["own"]


def test_the_tokens_of_all_messages_are_counted_together() -> None:
    request = chat(sampling=SamplingParameters(max_tokens=100))
    assert again(request, tokens_left=60).sampling.max_tokens == 60


def test_a_message_that_was_gone_on_with_is_one() -> None:
    request = chat(continue_last=True)
    request.messages.append(Message(role=Message.ASSISTANT, content="Well. "))

    asked = again(request)

    assert [message.content for message in asked.messages] == ["Hi", "Well. Let me see.", "hot"]
    assert not asked.continue_last


def test_only_the_schema_that_is_to_blame_is_loosened() -> None:
    tools = [Tool(name="mcp", parameters='{"a":1}'), Tool(name="mcp2", parameters='{"b":2}')]
    first = first_request(chat(), tools)

    one = loosened(first, is_servers, "The parameters of tool 'mcp2' can't be used.")
    assert one is not None
    assert [tool.parameters for tool in one.tools][:2] == ["", '{"a":1}']
    assert '{"b":2}' in one.tools[2].description
    every = loosened(one, is_servers, "Something is wrong.")
    assert every is not None
    assert every.tools[1].parameters == every.tools[2].parameters
    assert loosened(every, is_servers, "Something is wrong.") is None


def piece(index: int, name: str = "", arguments: str = "") -> ToolCallDelta:
    return ToolCallDelta(index=index, name=name, id=name and f"id-{name}", arguments=arguments)


def test_the_caller_is_told_of_its_own_calls_alone() -> None:
    handing = Handing(is_servers)

    assert handing.told(Delta(text="a")) == Delta(text="a")
    assert handing.told(Delta(tool_calls=[piece(0, "mcp")])) is None
    assert handing.told(Delta(tool_calls=[piece(0, arguments="{}")])) is None
    assert handing.told(Delta(tool_calls=[piece(1, "own"), piece(2, "mcp2")])) == Delta(
        tool_calls=[piece(0, "own")]
    )
    assert handing.told(Delta(text="b", tool_calls=[piece(2, arguments="x")])) == Delta(text="b")
    assert handing.told(Delta(tool_calls=[piece(1, arguments="{")])) == Delta(
        tool_calls=[piece(0, arguments="{")]
    )
    assert handing.handed([OWN, MCP2]) == Delta(
        tool_calls=[ToolCallDelta(index=1, id="2", name="mcp2")]
    )
    assert handing.handed([OWN]) is None


def test_the_tokens_of_the_servers_calls_are_told_with_what_comes_after() -> None:
    handing = Handing(is_servers)

    assert handing.told(Delta(tool_calls=[piece(0, "mcp")], tokens=5)) is None
    assert handing.told(Delta(text="a", tokens=1)) == Delta(text="a", tokens=6)
    assert handing.told(Delta(text="b", tokens=2)) == Delta(text="b", tokens=2)
    assert handing.told(Delta(tool_calls=[piece(1, "own")], tokens=3)) == Delta(
        tool_calls=[piece(0, "own")], tokens=3
    )


def test_what_all_messages_took_is_added_up() -> None:
    total = Total()
    for prompt, made, dropped in ((10, 5, 3), (20, 7, 2)):
        total.add(
            Finish(
                usage=Usage(
                    prompt_tokens=prompt,
                    completion_tokens=made,
                    dropped_messages=dropped,
                    total_tokens=prompt + made,
                )
            )
        )

    assert total.usage == Usage(
        prompt_tokens=30, completion_tokens=12, total_tokens=42, dropped_messages=3
    )
    assert total.tokens_left(20) == 8
    assert total.tokens_left(3) == 0
    assert total.tokens_left(None) is None
