"""OpenAI's response object, written."""

from __future__ import annotations

from typing import Any

from openai.types.responses import Response as OpenAIResponse
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage

from funland.v1.errors_pb2 import Error, ErrorReason
from funland.v1.inference_pb2 import (
    ChatRequest,
    Message,
    OutputFormat,
    SamplingParameters,
    TokenLogprob,
    Tool,
    ToolCall,
    ToolChoice,
)
from funland.v1.responses_pb2 import Response
from funland_gateway.dialects.openai.responses import create_response, retrieve_response
from tests.gateway.dialects.kept import ID, WEATHER, answer_of, complete, incoming, request_of


def got(response: Response) -> Any:
    return answer_of(retrieve_response(incoming()), response)


def test_an_answer_has_the_shape_that_the_official_client_parses() -> None:
    call = create_response(
        incoming(
            {
                "input": "Hello",
                "tools": [WEATHER],
                "temperature": 0.7,
                "text": {"verbosity": "low"},
                "user": "somebody",
            }
        )
    )

    answer = answer_of(call, complete(metadata={"topic": "test"}))

    parsed = OpenAIResponse.model_validate(answer)
    assert parsed.id == ID
    assert parsed.status == "completed"
    assert parsed.output_text == "Hi"
    assert parsed.usage is not None
    assert parsed.usage.input_tokens_details.cached_tokens == 3
    assert parsed.usage.output_tokens_details.reasoning_tokens == 2
    assert parsed.metadata == {"topic": "test"}
    assert answer["tools"] == [WEATHER]
    assert answer["text"] == {"format": {"type": "text"}, "verbosity": "low"}
    assert (answer["temperature"], answer["top_p"], answer["user"]) == (0.7, 0.95, "somebody")


def test_a_kept_response_tells_its_request_again() -> None:
    request = ChatRequest(
        sampling=SamplingParameters(temperature=0.7, max_tokens=5),
        tools=[Tool(name="f", parameters='{"type":"object"}')],
        tool_choice=ToolChoice(mode=ToolChoice.REQUIRED, name="f"),
        format=OutputFormat(json_schema='{"type":"null"}'),
        parallel_tool_calls=False,
        reasoning=False,
    )

    answer = got(complete(request=request))

    assert OpenAIResponse.model_validate(answer).tools
    assert (answer["temperature"], answer["max_output_tokens"]) == (0.7, 5)
    assert answer["tool_choice"] == {"type": "function", "name": "f"}
    assert answer["text"]["format"]["schema"] == {"type": "null"}
    assert answer["parallel_tool_calls"] is False
    assert answer["reasoning"]["effort"] == "none"


def test_how_much_thought_is_wanted_is_told_to_the_template() -> None:
    chat = request_of(reasoning={"effort": "high", "summary": "auto"}).chat

    assert chat.reasoning
    assert chat.template_arguments == '{"reasoning_effort":"high"}'
    kept = got(complete(request=chat))
    assert kept["reasoning"]["effort"] == "high"


def test_an_answer_is_thought_then_text_then_calls() -> None:
    call = ToolCall(id="c1", name="weather", arguments="{}")
    output = Message(reasoning="Hm", content="", tool_calls=[call])

    answer = got(complete(output=output))

    reasoning, message, function = OpenAIResponse.model_validate(answer).output
    assert reasoning.type == "reasoning"
    assert isinstance(message, ResponseOutputMessage)
    assert isinstance(function, ResponseFunctionToolCall)
    assert (function.call_id, function.name, function.arguments) == ("c1", "weather", "{}")


def test_an_answer_that_was_cut_off_is_incomplete() -> None:
    answer = got(complete(state=Response.INCOMPLETE))

    parsed = OpenAIResponse.model_validate(answer)
    assert parsed.status == "incomplete"
    assert parsed.incomplete_details is not None
    assert parsed.incomplete_details.reason == "max_output_tokens"
    assert answer["output"][-1]["status"] == "incomplete"


def test_logprobs_are_those_of_the_text() -> None:
    tokens = [b"<think>", b"Hm", b"</think>", "你".encode()[:2], "你".encode()[2:], b"!", b"<end>"]
    parts = [TokenLogprob.REASONING] * 3 + [TokenLogprob.CONTENT] * 3 + [TokenLogprob.END]
    response = complete(
        logprobs=[
            TokenLogprob(
                token_id=number,
                token=token,
                logprob=-0.5,
                part=parts[number],
                top=[TokenLogprob(token=token, logprob=-0.5)],
            )
            for number, token in enumerate(tokens)
        ]
    )
    response.output.content = "你!"

    answer = got(response)

    part = answer["output"][0]["content"][0]
    assert [bytes(token["bytes"]) for token in part["logprobs"]] == tokens[3:6]
    assert part["logprobs"][2] == {
        "token": "!",
        "bytes": [33],
        "logprob": -0.5,
        "top_logprobs": [{"token": "!", "bytes": [33], "logprob": -0.5}],
    }


def test_tools_and_calls_come_back_as_they_were_offered() -> None:
    tools = [
        WEATHER,
        {
            "type": "namespace",
            "name": "mcp",
            "description": "",
            "tools": [WEATHER, {"type": "custom", "name": "run", "description": None}],
        },
        {"type": "custom", "name": "patch", "description": None},
    ]
    body = {"input": "Hello", "tools": tools, "tool_choice": {"type": "custom", "name": "run"}}
    output = Message(role=Message.ASSISTANT)
    for name in ("weather", "mcp__weather", "mcp__run", "patch"):
        output.tool_calls.add(id=name[0], name=name, arguments='{"input":"x"}')
    made = complete(request=request_of(**body).chat, output=output)
    made.output.content = ""

    answer, kept = answer_of(create_response(incoming(body)), made), got(made)

    assert OpenAIResponse.model_validate(kept)
    assert kept["output"] == answer["output"]
    assert [
        (item["type"], item.get("namespace"), item["name"], item.get("input"))
        for item in kept["output"]
    ] == [
        ("function_call", None, "weather", None),
        ("function_call", "mcp", "weather", None),
        ("custom_tool_call", "mcp", "run", "x"),
        ("custom_tool_call", None, "patch", "x"),
    ]
    assert len({item["id"] for item in kept["output"]}) == 4
    assert answer["tools"] == tools
    text = {"format": {"type": "text"}}
    first, space, last = kept["tools"]
    assert (first, last) == (WEATHER, {**tools[2], **text})
    assert space["tools"] == [
        WEATHER,
        {"type": "custom", "name": "run", "description": None, **text},
    ]
    assert kept["tool_choice"] == {"type": "custom", "name": "run", "namespace": "mcp"}


def test_what_was_left_out_is_told_in_the_answer() -> None:
    call = create_response(incoming({"input": "Hello", "tools": [{"type": "mcp"}]}))

    (warning,) = answer_of(call, complete())["warnings"]

    assert warning["param"] == "tools[0]"
    assert "warnings" not in got(complete())


def test_whether_messages_may_be_left_out_is_told_again() -> None:
    for truncation in ("auto", "disabled"):
        body = {"input": "Hello", "truncation": truncation}
        made = complete(request=request_of(**body).chat)

        assert answer_of(create_response(incoming(body)), made)["truncation"] == truncation
        assert got(made)["truncation"] == truncation


def test_a_prompt_that_is_too_long_is_told_in_words_that_clients_know() -> None:
    error = Error(
        code="INVALID_ARGUMENT",
        reason=ErrorReason.PROMPT_TOO_LONG,
        metadata={"prompt_tokens": "1300", "context_length": "1024"},
    )

    failed = got(complete(state=Response.FAILED, error=error))["error"]

    assert "maximum context length is 1024 tokens" in failed["message"]
    assert "prompt is too long: 1300 tokens" in failed["message"]


def test_a_failed_response_tells_openais_codes() -> None:
    codes = {
        "RESOURCE_EXHAUSTED": "rate_limit_exceeded",
        "INTERNAL": "server_error",
        "INVALID_ARGUMENT": "invalid_prompt",
    }
    for code, theirs in codes.items():
        failed = complete(state=Response.FAILED, error=Error(code=code, message="Why."))

        answer = got(failed)

        assert OpenAIResponse.model_validate(answer).status == "failed"
        assert answer["error"] == {"code": theirs, "message": "Why."}
        assert answer["output"] == []


def test_a_response_in_the_background_tells_where_it_stands() -> None:
    for state, status in [(Response.QUEUED, "queued"), (Response.IN_PROGRESS, "in_progress")]:
        begun = Response(response_id=ID, state=state, model="tiny", background=True)

        answer = got(begun)

        parsed = OpenAIResponse.model_validate(answer)
        assert (parsed.status, parsed.background) == (status, True)
        assert (answer["output"], answer["usage"]) == ([], None)


def test_a_cancelled_response_has_what_was_written() -> None:
    cancelled = complete(state=Response.CANCELLED, background=True)

    answer = got(cancelled)

    assert OpenAIResponse.model_validate(answer).status == "cancelled"
    assert answer["output"][0]["content"][0]["text"] == "Hi"
    assert answer["output"][0]["status"] == "incomplete"
    assert answer["incomplete_details"] is None


def test_a_response_that_was_cancelled_before_its_first_word_has_no_items() -> None:
    assert got(Response(response_id=ID, state=Response.CANCELLED))["output"] == []
