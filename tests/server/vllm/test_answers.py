from __future__ import annotations

from itertools import count
from typing import Any, cast

import pytest

from funland.v1.inference_pb2 import Finish, TokenLogprob
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_server.vllm.answers import Answer
from funland_server.vllm.http import RefusedError
from funland_server.vllm.refusals import refusal, too_long
from funland_server.vllm.requests import Request, Served
from funland_server.vllm.speech import Speech
from funland_server.workers.errors import (
    ConstraintInvalidError,
    EngineUnsupportedError,
    PromptTooLongError,
    QueueFullError,
    TemplateFailedError,
    TokenUnknownError,
)
from funland_server.workers.failures import WorkerDefectError
from tests.server.vllm.recorded import ANSWERS, body, path

END = 2
SERVED = Served("m", 1024, True, True, (END,), Speech())


def sent(name: str, **more: Any) -> Request:
    asked = body(name)
    of_chat = asked.get("top_logprobs") if asked.get("logprobs") is True else asked.get("logprobs")
    fields: dict[str, Any] = {
        "path": path(name),
        "body": asked,
        "texts": asked.get("n", 1),
        "top_logprobs": of_chat,
        "prompt_logprobs": asked.get("prompt_logprobs"),
        "makes_none": False,
        "formatted": "structured_outputs" in asked,
    }
    return Request(**{**fields, **more})


def events(name: str, **more: Any) -> list[SequenceEvent]:
    """What is told of a recorded answer; each look at the clock takes a second."""
    ticks = count()
    answer = Answer(
        sent(name, **more), lambda token: b"<%d>" % token, END.__eq__, lambda: float(next(ticks))
    )
    recorded = ANSWERS[name]
    parts = cast("list[dict[str, Any]]", recorded if isinstance(recorded, list) else [recorded])
    told = [event for part in parts for event in answer.take(part)]
    assert answer.over
    return told


def text(told: list[SequenceEvent], choice: int = 0) -> str:
    return "".join(event.delta.text for event in told if event.choice == choice)


def test_a_chat_is_told_as_it_comes_and_ends_with_what_it_took() -> None:
    told = events("chat")

    assert text(told) == "Hello! How can I"
    assert [event.HasField("finish") for event in told] == [False] * (len(told) - 1) + [True]
    finish = told[-1].finish
    assert finish.reason == Finish.LENGTH
    assert (finish.usage.prompt_tokens, finish.usage.completion_tokens) == (13, 5)
    assert finish.usage.total_tokens == 18
    assert sum(event.tokens for event in told) == 5
    assert finish.timings.prompt_ms == 1000
    assert finish.timings.decode_ms > 0


def test_a_text_that_ends_by_itself_counts_its_end_mark() -> None:
    told = events("chat that ends")

    finish = told[-1].finish
    assert finish.reason == Finish.STOP
    assert finish.usage.completion_tokens == sum(event.tokens for event in told) == 10
    assert text(told) == "Hello! How can I help you today?"


def test_likelihoods_have_tokens_their_bytes_and_the_likeliest() -> None:
    told = events("chat with logprobs")

    found = [one for event in told for one in event.delta.logprobs]
    assert [one.token_id for one in found] == [934, 3, 675, 556]
    assert found[0].token == b"<934>"
    assert found[0].part == TokenLogprob.CONTENT
    assert len(found[0].top) == 2
    assert found[0].top[0].token_id == 934
    assert found[0].logprob == found[0].top[0].logprob < 0
    assert found[0].top[0].logprob > found[0].top[1].logprob


def test_those_of_a_completion_are_told_alike() -> None:
    told = events("completion with logprobs")

    found = [one for event in told for one in event.delta.logprobs]
    assert [one.token_id for one in found] == [14, 260, 547]
    assert all(len(one.top) == 1 for one in found)


@pytest.mark.parametrize(
    "name", ["chat with the prompt's logprobs", "completion with the prompt's logprobs"]
)
def test_likelihoods_of_the_prompt_come_first(name: str) -> None:
    told = events(name)

    tokens = told[0].prompt_logprobs.tokens
    assert len(tokens) == told[-1].finish.usage.prompt_tokens
    assert not tokens[0].HasField("logprob")
    assert tokens[1].logprob < 0
    assert len(tokens[1].top) == 1
    assert text(told)


def test_each_of_several_texts_has_its_own_tokens_and_end() -> None:
    told = events("two chats")

    assert text(told, 0) == text(told, 1) == "Hello! How"
    ends = [event for event in told if event.HasField("finish")]
    assert [event.choice for event in ends] == [0, 1]
    assert [event.finish.usage.completion_tokens for event in ends] == [3, 3]


def test_nothing_is_told_of_a_token_that_was_not_wanted() -> None:
    told = events("completion with the prompt's logprobs", makes_none=True)

    assert text(told) == ""
    assert told[-1].finish.usage.completion_tokens == 0
    assert told[-1].finish.reason == Finish.LENGTH


def test_what_a_stop_string_ended_lacks_it() -> None:
    told = events("stop string")

    assert "w" not in text(told)
    assert told[-1].finish.reason == Finish.STOP


@pytest.mark.parametrize("name", ["function that must be called", "function that is named"])
def test_a_call_of_a_function_is_told_in_pieces(name: str) -> None:
    told = events(name)

    calls = [one for event in told for one in event.delta.tool_calls]
    assert [one.name for one in calls if one.name] == ["weather"]
    assert calls[0].id
    assert not any(one.id for one in calls[1:])
    assert "".join(one.arguments for one in calls).replace(" ", "") in (
        '{"city":"Paris"}',
        '{"city":"Rome"}',
    )
    assert told[-1].finish.reason == Finish.TOOL_CALLS


@pytest.mark.parametrize("reason", ["abort", "error"])
def test_a_text_that_it_broke_off_is_no_text(reason: str) -> None:
    part: dict[str, Any] = {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}

    with pytest.raises(RefusedError):
        list(Answer(sent("chat"), lambda _: b"", END.__eq__).take(part))


def test_thoughts_are_told_apart() -> None:
    part = {"choices": [{"index": 0, "delta": {"reasoning": "Hm."}, "token_ids": [5]}]}
    end: dict[str, Any] = {
        "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 1}},
    }
    answer = Answer(sent("chat"), lambda _: b"", END.__eq__)

    first, last = [*answer.take(part), *answer.take(end)]

    assert (first.delta.reasoning, first.delta.text) == ("Hm.", "")
    assert last.finish.usage.reasoning_tokens == 1


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("prompt too long", PromptTooLongError),
        ("chat too long", PromptTooLongError),
        ("prompt as long as the context", PromptTooLongError),
        ("unknown token", TokenUnknownError),
        ("unknown token of a bias", TokenUnknownError),
        ("unknown token that is allowed", TokenUnknownError),
        ("unknown token that stops", TokenUnknownError),
        ("bad schema", ConstraintInvalidError),
        ("bad regex", ConstraintInvalidError),
        ("bad grammar", ConstraintInvalidError),
        ("function whose schema is bad", ConstraintInvalidError),
        ("messages that the template refuses", TemplateFailedError),
        ("more tokens than the context", EngineUnsupportedError),
        ("another model", WorkerDefectError),
    ],
)
def test_its_refusals_have_the_contracts_reasons(name: str, expected: type[Exception]) -> None:
    recorded = ANSWERS[name]

    refused = RefusedError(recorded["status"], recorded["error"])
    error = refusal(refused, SERVED, sent(name))

    assert type(error) is expected
    assert too_long(refused) == (expected is PromptTooLongError)
    assert "(parameter=" not in str(error)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("unknown token", "prompt_tokens"),
        ("unknown token of a bias", "sampling.logit_bias"),
        ("unknown token that is allowed", "sampling.allowed_tokens"),
        ("unknown token that stops", "sampling.stop_tokens"),
    ],
)
def test_a_token_that_is_not_known_is_told_with_its_field(name: str, field: str) -> None:
    recorded = ANSWERS[name]

    error = refusal(RefusedError(recorded["status"], recorded["error"]), SERVED, sent(name))

    assert isinstance(error, TokenUnknownError)
    assert [one.field for one in error.violations] == [field]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (429, QueueFullError),
        (500, WorkerDefectError),
        (503, WorkerDefectError),
        (501, EngineUnsupportedError),
        (401, WorkerDefectError),
        (400, EngineUnsupportedError),
    ],
)
def test_what_it_does_not_explain_is_told_by_its_status(
    status: int, expected: type[Exception]
) -> None:
    assert type(refusal(RefusedError(status, {}), SERVED)) is expected
