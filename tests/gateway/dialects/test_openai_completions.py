"""OpenAI's text completions, read and written."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from openai.types import Completion

from funland.v1.errors_pb2 import Error, ErrorReason, FieldViolation
from funland.v1.inference_pb2 import (
    AlternativeText,
    BatchGenerateResponse,
    BatchResult,
    Delta,
    Finish,
    GenerateRequest,
    GenerateResponse,
    GenerationEvent,
    SamplingParameters,
    Start,
    TokenLogprob,
    Usage,
)
from funland_gateway.dialects.dialect import Reply, Step, Streaming, Together, Unary
from funland_gateway.failures import CallFailed
from tests.gateway.dialects.completing import asked, parts, read


def response(text: str) -> GenerateResponse:
    return GenerateResponse(
        id=f"id-{text}",
        model="tiny",
        text=text,
        finish_reason=Finish.STOP,
        usage=Usage(prompt_tokens=2, completion_tokens=1, total_tokens=3, cached_prompt_tokens=1),
    )


def completion(reply: Step) -> Completion:
    assert isinstance(reply, Reply)
    return Completion.model_validate_json(reply.content, strict=True)


def test_one_prompt_is_one_generation() -> None:
    call = read(model="tiny", prompt="Once", max_tokens=5)

    assert isinstance(call, Unary)
    assert call.message == GenerateRequest(
        model="tiny", prompt="Once", sampling=SamplingParameters(max_tokens=5)
    )
    answer = completion(call.answer(response("upon")))
    assert answer.id == "cmpl-id-upon"
    assert answer.object == "text_completion"
    assert answer.choices[0].text == "upon"
    assert answer.usage is not None
    assert answer.usage.total_tokens == 3


@pytest.mark.parametrize("prompt", ["Once", ""])
def test_what_comes_after_the_text_goes_along(prompt: str) -> None:
    call = read(prompt=prompt, suffix="end", max_tokens=5)

    assert isinstance(call, Unary)
    assert call.message == GenerateRequest(
        prompt=prompt, suffix="end", sampling=SamplingParameters(max_tokens=5)
    )


def test_max_tokens_defaults_to_openais_sixteen() -> None:
    call = read(prompt="Once")
    assert isinstance(call, Unary)
    message: Any = call.message

    assert message.sampling.max_tokens == 16


def test_several_prompts_are_one_batch_with_usage_added_up() -> None:
    call = read(prompt=["a", "b"], max_tokens=5)

    assert isinstance(call, Unary)
    assert call.rpc.name == "BatchGenerate"
    answer = completion(
        call.answer(
            BatchGenerateResponse(results=[BatchResult(response=response(t)) for t in ("x", "y")])
        )
    )
    assert [(each.index, each.text) for each in answer.choices] == [(0, "x"), (1, "y")]
    assert answer.usage is not None
    assert answer.usage.total_tokens == 6
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 2


def test_one_failed_prompt_fails_the_call() -> None:
    call = read(prompt=["a", "b"])
    assert isinstance(call, Unary)
    error = Error(code="INVALID_ARGUMENT", reason=ErrorReason.PROMPT_TOO_LONG, message="Too long.")

    with pytest.raises(CallFailed) as raised:
        call.answer(
            BatchGenerateResponse(
                results=[BatchResult(response=response("x")), BatchResult(error=error)]
            )
        )

    assert raised.value.error == error


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("requests", "prompt"),
        ("requests[1].prompt", "prompt[1]"),
        ("requests[0].sampling.stop_tokens[2]", "stop_token_ids[2]"),
        ("requests[0].options.last_prompt_tokens", "truncate_prompt_tokens"),
        ("requests[0].sampling.temperature", "temperature"),
        ("requests[0].sampling.max_tokens", "max_completion_tokens"),
        ("requests[0].model", "model"),
    ],
)
def test_a_batchs_field_is_called_as_the_request_called_it(path: str, name: str) -> None:
    call = read(prompt=["a", "b"], max_completion_tokens=4, stop_token_ids=[1, 2, 3])

    assert isinstance(call, Unary)
    assert call.field_name(path) == name


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("prompt", "requests"),
    [
        ([5, 6], [GenerateRequest(prompt_tokens=[5, 6])]),
        ([[5, 6]], [GenerateRequest(prompt_tokens=[5, 6])]),
        ([[5], "a"], [GenerateRequest(prompt_tokens=[5]), GenerateRequest(prompt="a")]),
        (["a", [7, 8]], [GenerateRequest(prompt="a"), GenerateRequest(prompt_tokens=[7, 8])]),
    ],
)
def test_prompts_are_texts_or_tokens(
    prompt: Any, requests: list[GenerateRequest], stream: bool
) -> None:
    for request in requests:
        request.sampling.max_tokens = 16
        if stream:
            request.options.progress = True

    assert asked(read(prompt=prompt, stream=stream)) == requests


@pytest.mark.parametrize(
    ("prompt", "request_", "path", "name"),
    [
        ([5, 6], 0, "prompt_tokens[1]", "prompt[1]"),
        ([[5, 6]], 0, "prompt_tokens[1]", "prompt[0][1]"),
        (["a", [5, 6]], 1, "prompt_tokens[1]", "prompt[1][1]"),
        (["a", [5, 6]], 0, "prompt", "prompt[0]"),
        ("a", 0, "prompt", "prompt"),
        ({"prompt_string": "a"}, 0, "prompt", "prompt.prompt_string"),
    ],
)
def test_a_prompt_is_called_by_its_place(prompt: Any, request_: int, path: str, name: str) -> None:
    whole = read(prompt=prompt)
    assert isinstance(whole, Unary)
    inside = f"requests[{request_}].{path}" if whole.rpc.name == "BatchGenerate" else path

    assert whole.field_name(inside) == name
    assert parts(read(prompt=prompt, stream=True))[request_].field_name(path) == name


def test_a_failed_prompts_field_has_the_prompts_place() -> None:
    call = read(prompt=[[5], [6]])
    assert isinstance(call, Unary)
    violation = FieldViolation(field="prompt_tokens[0]", description="is not in the vocabulary")
    error = Error(reason=ErrorReason.TOKEN_UNKNOWN, field_violations=[violation])

    with pytest.raises(CallFailed) as raised:
        call.answer(
            BatchGenerateResponse(
                results=[BatchResult(response=response("x")), BatchResult(error=error)]
            )
        )

    [named] = raised.value.error.field_violations
    assert call.field_name(named.field) == "prompt[1][0]"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, 16),
        ({"max_tokens": 0}, 0),
        ({"n_predict": 3}, 3),
        ({"max_tokens": -1}, None),
        ({"n_predict": -1}, None),
    ],
)
def test_a_limit_is_given_or_openais(body: dict[str, Any], expected: int | None) -> None:
    [request] = asked(read(prompt="a", **body))

    sampling = request.sampling
    assert (sampling.max_tokens if sampling.HasField("max_tokens") else None) == expected


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_a_stream_is_chunks_of_text_then_the_reason_then_done(prompt: Any) -> None:
    call = read(prompt=prompt, stream=True)
    assert isinstance(call, Streaming)
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(delta=Delta(text="upon")),
        GenerationEvent(finish=Finish(reason=Finish.STOP)),
    ]

    sent: list[Any] = [data for event in events for data in call.events(event)]
    *data, done = sent

    chunks = [orjson.loads(each) for each in data]
    assert {(chunk["id"], chunk["object"]) for chunk in chunks} == {("cmpl-7", "text_completion")}
    told = [chunk["choices"][0] for chunk in chunks]
    assert [(choice["text"], choice["finish_reason"]) for choice in told] == [
        ("upon", None),
        ("", "stop"),
    ]
    assert done == b"[DONE]"


def test_several_texts_of_several_prompts_are_numbered_through() -> None:
    call = read(prompt=["a", "b"], n=2, echo=True)
    assert isinstance(call, Unary)
    results = [
        GenerateResponse(
            text=f"{text}0",
            finish_reason=Finish.STOP,
            alternatives=[AlternativeText(text=f"{text}1", finish_reason=Finish.LENGTH)],
        )
        for text in ("x", "y")
    ]

    answer = completion(
        call.answer(BatchGenerateResponse(results=[BatchResult(response=r) for r in results]))
    )

    assert [(each.index, each.text, each.finish_reason) for each in answer.choices] == [
        (0, "ax0", "stop"),
        (1, "ax1", "length"),
        (2, "by0", "stop"),
        (3, "by1", "length"),
    ]


def test_a_stream_of_several_prompts_is_one_answer_that_ends_once() -> None:
    call = read(
        prompt=["a", "b"], n=2, echo=True, stream=True, stream_options={"include_usage": True}
    )
    assert isinstance(call, Together)
    first, second = call.parts
    usage = Usage(prompt_tokens=5, completion_tokens=1, total_tokens=6, cached_prompt_tokens=2)
    finish = Finish(reason=Finish.LENGTH, usage=usage)
    events = [
        (second, GenerationEvent(start=Start(id="8", model="tiny"))),
        (first, GenerationEvent(start=Start(id="7", model="tiny"))),
        (second, GenerationEvent(choice=1, delta=Delta(text="y1"))),
        (first, GenerationEvent(choice=0, delta=Delta(text="x0"))),
        (second, GenerationEvent(choice=1, finish=finish)),
        (second, GenerationEvent(choice=0, finish=finish)),
        (first, GenerationEvent(choice=1, finish=finish)),
        (first, GenerationEvent(choice=0, finish=finish)),
    ]

    data: list[Any] = []
    whole: list[bool] = []
    for part, event in events:
        data += part.events(event)
        whole.append(part.is_last(event))

    *chunks, last, done = data
    parsed = [orjson.loads(chunk) for chunk in chunks]
    texts = [(chunk["choices"][0]["index"], chunk["choices"][0]["text"]) for chunk in parsed]
    assert texts[:6] == [(2, "b"), (3, "b"), (0, "a"), (1, "a"), (3, "y1"), (0, "x0")]
    assert {chunk["id"] for chunk in parsed} == {"cmpl-8"}
    assert [chunk["choices"][0]["index"] for chunk in parsed[6:]] == [3, 2, 1, 0]
    assert whole == [False] * 5 + [True, False, True]
    told = orjson.loads(last)["usage"]
    assert (told["prompt_tokens"], told["completion_tokens"], told["total_tokens"]) == (10, 4, 14)
    assert told["prompt_tokens_details"] == {"cached_tokens": 4}
    assert done == b"[DONE]"
    assert (first.field_name("prompt"), second.field_name("prompt")) == ("prompt[0]", "prompt[1]")


TOKENS = [
    TokenLogprob(token=b"a", logprob=-0.5, top=[TokenLogprob(token=b"b", logprob=-0.25)]),
    TokenLogprob(token="你".encode()[:2], logprob=float("-inf")),
    TokenLogprob(token="你".encode()[2:], logprob=0),
    TokenLogprob(token=b"c", logprob=-1),
]
LOGPROBS: dict[str, Any] = {
    "tokens": ["a", r"\xe4\xbd", r"\xa0", "c"],
    "token_logprobs": [-0.5, -9999.0, 0.0, -1.0],
    "top_logprobs": [
        {"b": -0.25, "a": -0.5},
        {r"\xe4\xbd": -9999.0},
        {r"\xa0": 0.0},
        {"c": -1.0},
    ],
    "text_offset": [0, 1, 1, 2],
}


def test_logprobs_are_lists_with_the_places_of_the_tokens() -> None:
    call = read(prompt="x", logprobs=1)
    assert isinstance(call, Unary)
    text = GenerateResponse(text="a你c", finish_reason=Finish.STOP, logprobs=TOKENS)

    answer = completion(call.answer(text))

    assert answer.choices[0].logprobs is not None
    assert answer.choices[0].logprobs.model_dump() == LOGPROBS


def test_a_streams_logprobs_put_together_are_those_of_the_whole() -> None:
    call = read(prompt="x", logprobs=1, stream=True)
    assert isinstance(call, Streaming)

    joined: dict[str, list[Any]] = {name: [] for name in LOGPROBS}
    for text, tokens in (("a", TOKENS[:1]), ("", TOKENS[1:2]), ("你c", TOKENS[2:])):
        [data] = call.events(GenerationEvent(delta=Delta(text=text, logprobs=tokens)))
        assert isinstance(data, bytes)
        for name, values in orjson.loads(data)["choices"][0]["logprobs"].items():
            joined[name] += values

    assert joined == LOGPROBS


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"prompt": {"prompt_string": "a", "multimodal_data": ["x"]}}, "prompt.multimodal_data"),
        ({"prompt": "a", "suffix": "z", "echo": True, "logprobs": 1}, "logprobs"),
        ({"prompt": "a", "best_of": 2}, "best_of"),
        ({"prompt": "a", "best_of": 4, "n": 3}, "best_of"),
    ],
)
def test_what_would_change_the_answer_is_refused(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ["a"] * 257}, "prompt"),
        ({"prompt": ["a"] * 257, "stream": True}, "prompt"),
        ({"prompt": "a", "logprobs": True}, "logprobs"),
        ({"prompt": "", "suffix": ""}, "prompt"),
        ({"prompt": ["a", [1]], "suffix": "b"}, "prompt[1]"),
        ({"prompt": "a", "suffix": ["b"]}, "suffix"),
        ({"prompt": "a", "grammar": "root ::= x", "guided_regex": "x"}, "guided_regex"),
    ],
)
def test_a_wrong_prompt_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]
