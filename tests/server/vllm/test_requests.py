from __future__ import annotations

from typing import Any

import orjson
import pytest
from google.protobuf.empty_pb2 import Empty

from funland.v1.inference_pb2 import (
    AdapterUse,
    GenerationOptions,
    Message,
    OutputFormat,
    SamplingParameters,
    Speculation,
    Tool,
    ToolCall,
    ToolChoice,
)
from funland.worker.v1.worker_pb2 import Conversation, Submit, Tokens
from funland_server.errors import FieldInvalidError, FunlandError
from funland_server.vllm.requests import CHAT, COMPLETION, Served, request
from funland_server.vllm.speech import Speech
from funland_server.workers.errors import (
    ConstraintInvalidError,
    EngineUnsupportedError,
    ModelCannotChatError,
    ModelCannotGenerateError,
)

SERVED = Served("m", 1024, True, True, (2,), Speech("hermes", "qwen3", True, True))
NO_CHAT = Served("m", 1024, False, True, (2,), Speech())
HELLO = Message(role=Message.USER, content="Hello")


def chat(**more: Any) -> Submit:
    return Submit(conversation=Conversation(messages=[HELLO], **more))


def body(submit: Submit, served: Served = SERVED) -> dict[str, Any]:
    return dict(request(submit, served).body)


def test_what_a_call_leaves_open_is_as_the_contract_has_it() -> None:
    told = body(Submit(prompt="Once"))

    assert told == {
        "model": "model",
        "prompt": "Once",
        "n": 1,
        "priority": 0,
        "temperature": 0.8,
        "top_p": 0.95,
        "top_k": 40,
        "min_p": 0.05,
        "frequency_penalty": 0.0,
        "presence_penalty": 0.0,
        "repetition_penalty": 1.0,
        "max_tokens": 1024,
        "return_token_ids": True,
        "return_tokens_as_token_ids": True,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        ({"temperature": 0.7}, {"temperature": 0.7}),
        ({"top_p": 0}, {"top_p": 1, "top_k": 1}),
        ({"top_k": 0}, {"top_k": 0}),
        ({"seed": 0}, {"seed": 0}),
        ({"stop": ["a", "b"], "include_stop": True}, {"stop": ["a", "b"],
                                                     "include_stop_str_in_output": True}),
        ({"max_tokens": 0}, {"max_tokens": 1}),
        ({"max_tokens": 7}, {"max_tokens": 7}),
        ({"max_tokens": 10_000}, {"max_tokens": 1024}),
        ({"logit_bias": {5: -100}}, {"logit_bias": {"5": -100}}),
        ({"ignore_end": True}, {"ignore_eos": True}),
        ({"min_tokens": 3}, {"min_tokens": 3}),
        ({"stop_tokens": [7]}, {"stop_token_ids": [7]}),
        ({"allowed_tokens": [9, 8]}, {"allowed_token_ids": [2, 8, 9]}),
        ({"banned_texts": ["no"]}, {"bad_words": ["no"]}),
        ({"penalty_window": 8}, {}),
    ],
)  # fmt: skip
def test_sampling_is_told_in_its_words(sampling: dict[str, Any], expected: dict[str, Any]) -> None:
    told = body(Submit(prompt="Once", sampling=SamplingParameters(**sampling)))

    assert expected.items() <= told.items()


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (GenerationOptions(n=3), {"n": 3, "temperature": 0.8}),
        (GenerationOptions(priority=GenerationOptions.HIGH), {"priority": -1}),
        (GenerationOptions(priority=GenerationOptions.LOW), {"priority": 1}),
        (GenerationOptions(last_prompt_tokens=5), {"truncate_prompt_tokens": 5,
                                                  "truncation_side": "left"}),
        (GenerationOptions(last_prompt_tokens=-1), {"truncate_prompt_tokens": 1023}),
        (GenerationOptions(last_prompt_tokens=5000), {"truncate_prompt_tokens": 1023}),
        (GenerationOptions(speculation=Speculation(method=Speculation.NONE)), {}),
    ],
)  # fmt: skip
def test_options_are_told_in_its_words(
    options: GenerationOptions, expected: dict[str, Any]
) -> None:
    assert expected.items() <= body(Submit(prompt="Once", options=options)).items()


def test_several_greedy_texts_are_asked_for_in_words_that_it_takes() -> None:
    greedy = SamplingParameters(temperature=0)

    told = body(Submit(prompt="Once", sampling=greedy, options=GenerationOptions(n=2)))

    assert (told["n"], told["temperature"], told["top_k"]) == (2, 1, 1)


def test_likelihoods_are_asked_for_as_each_route_has_them() -> None:
    options = GenerationOptions(top_logprobs=0)
    of_chat, of_text = chat(), Submit(prompt="Once")
    of_chat.options.CopyFrom(options)
    of_text.options.CopyFrom(options)

    assert {"logprobs": True, "top_logprobs": 0}.items() <= body(of_chat).items()
    assert body(of_text)["logprobs"] == 0


def test_likelihoods_of_the_prompt_come_in_whole_answers_alone() -> None:
    told = body(Submit(prompt="Once", options=GenerationOptions(prompt_logprobs=2)))

    assert told["prompt_logprobs"] == 2
    assert "stream" not in told
    assert "stream_options" not in told


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (OutputFormat(json_object=Empty()), {"json_object": True}),
        (OutputFormat(json_schema='{"type":"integer"}'), {"json": {"type": "integer"}}),
        (OutputFormat(grammar="root ::= [a]"), {"grammar": "root ::= [a]"}),
        (OutputFormat(regex="a+"), {"regex": "a+"}),
    ],
)
def test_a_format_is_a_structured_output(wanted: OutputFormat, expected: dict[str, Any]) -> None:
    assert body(Submit(prompt="Once", format=wanted))["structured_outputs"] == expected


@pytest.mark.parametrize(
    ("submit", "served", "path", "field"),
    [
        (Submit(prompt="Once"), SERVED, COMPLETION, "prompt"),
        (Submit(tokens=Tokens(tokens=[1, 2])), SERVED, COMPLETION, "prompt"),
        (Submit(message="Hello"), SERVED, CHAT, "messages"),
        (Submit(message="Hello"), NO_CHAT, COMPLETION, "prompt"),
        (chat(), SERVED, CHAT, "messages"),
    ],
)
def test_each_input_goes_where_it_belongs(
    submit: Submit, served: Served, path: str, field: str
) -> None:
    sent = request(submit, served)

    assert sent.path == path
    assert field in sent.body


def test_a_conversation_is_told_whole() -> None:
    conversation = Conversation(
        messages=[
            Message(role=Message.SYSTEM, content="Be kind."),
            Message(role=Message.USER, content="Weather?", name="Anna"),
            Message(
                role=Message.ASSISTANT,
                reasoning="Hm.",
                tool_calls=[ToolCall(id="1", name="weather", arguments='{"city":"Rome"}')],
            ),
            Message(role=Message.TOOL, content="Sun", tool_call_id="1", name="weather"),
        ],
        tools=[
            Tool(name="weather", description="Tells it.", parameters='{"type":"object"}'),
            Tool(name="note", free_form=True),
        ],
        tool_choice=ToolChoice(name="weather"),
        parallel_tool_calls=False,
        reasoning=True,
        template_arguments='{"mood": "good"}',
    )

    told = body(Submit(conversation=conversation))

    assert told["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Weather?", "name": "Anna"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {
                    "id": "1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": '{"city":"Rome"}'},
                }
            ],
            "reasoning": "Hm.",
        },
        {"role": "tool", "content": "Sun", "tool_call_id": "1", "name": "weather"},
    ]
    weather, note = (one["function"] for one in told["tools"])
    assert weather == {
        "name": "weather",
        "parameters": {"type": "object"},
        "strict": True,
        "description": "Tells it.",
    }
    assert note["parameters"]["required"] == ["input"]
    assert told["tool_choice"] == {"type": "function", "function": {"name": "weather"}}
    assert told["parallel_tool_calls"] is False
    assert told["chat_template_kwargs"] == {
        "enable_thinking": True,
        "thinking": True,
        "mood": "good",
    }
    assert orjson.dumps(told)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ToolChoice.MODE_UNSPECIFIED, "auto"),
        (ToolChoice.AUTO, "auto"),
        (ToolChoice.REQUIRED, "required"),
        (ToolChoice.NONE, None),
    ],
)
def test_a_choice_of_functions_is_told_and_none_hides_them(
    mode: ToolChoice.Mode.ValueType, expected: str | None
) -> None:
    told = body(chat(tools=[Tool(name="f")], tool_choice=ToolChoice(mode=mode)))

    assert told.get("tool_choice") == expected
    assert ("tools" in told) == (expected is not None)


def test_a_message_that_is_gone_on_with_is_not_answered() -> None:
    told = body(chat(continue_last=True))

    assert (told["continue_final_message"], told["add_generation_prompt"]) == (True, False)


NO_SWITCH = Served("m", 1024, True, True, (2,), Speech("hermes", "deepseek_r1", False, True))


@pytest.mark.parametrize(
    ("submit", "served", "feature"),
    [
        (
            Submit(prompt="a", options=GenerationOptions(adapters=[AdapterUse(adapter_id="a")])),
            SERVED,
            "options.adapters",
        ),
        (
            Submit(
                prompt="a",
                options=GenerationOptions(
                    speculation=Speculation(method=Speculation.PROMPT_LOOKUP)
                ),
            ),
            SERVED,
            "options.speculation",
        ),
        (
            Submit(
                prompt="a",
                sampling=SamplingParameters(presence_penalty=1, penalty_window=8),
            ),
            SERVED,
            "sampling.penalty_window",
        ),
        (
            Submit(
                conversation=Conversation(messages=[HELLO], continue_last=True),
                format=OutputFormat(regex="a"),
            ),
            SERVED,
            "format",
        ),
        (Submit(prompt="a", suffix="b"), SERVED, "suffix"),
        (chat(tools=[Tool(name="f")]), Served("m", 9, True, True, (), Speech()), "tools"),
        (chat(reasoning=False), NO_SWITCH, "reasoning"),
    ],
)
def test_what_it_can_not_do_is_refused_by_name(
    submit: Submit, served: Served, feature: str
) -> None:
    with pytest.raises(EngineUnsupportedError) as raised:
        request(submit, served)

    assert raised.value.metadata["feature"] == feature
    assert raised.value.metadata["engine"] == "VLLM"
    assert feature in raised.value.message


@pytest.mark.parametrize(
    ("submit", "served", "error"),
    [
        (chat(), NO_CHAT, ModelCannotChatError),
        (Submit(prompt="a"), Served("m", 9, True, False, (), Speech()), ModelCannotGenerateError),
        (chat(template_arguments="[1]"), SERVED, FieldInvalidError),
        (chat(template_arguments="{"), SERVED, FieldInvalidError),
        (chat(tools=[Tool(name="f", parameters="{")]), SERVED, ConstraintInvalidError),
        (Submit(prompt="a", format=OutputFormat(json_schema="{")), SERVED, ConstraintInvalidError),
    ],
)
def test_what_is_not_as_it_must_be_is_refused_before_it_is_sent(
    submit: Submit, served: Served, error: type[FunlandError]
) -> None:
    with pytest.raises(error):
        request(submit, served)
