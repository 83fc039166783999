"""What a generation's spans say, of what is known of it."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import Finish, Timings, Usage
from funland.worker.v1.worker_pb2 import Conversation, Submit, Tokens
from funland_server.tracing.phases import answered, asked, operation, phases, unfinished

MS = 1_000_000
BEGIN = 10_000 * MS


@pytest.mark.parametrize(
    ("choice", "timings", "end", "expected"),
    [
        (
            0, Timings(queue_ms=5, prompt_ms=20, decode_ms=70), 100,
            [("queue", 5, 10), ("prompt", 10, 30), ("decode", 30, 100)],
        ),
        # The worker's clock says that it took longer than we waited.
        (
            0, Timings(queue_ms=5, prompt_ms=50, decode_ms=70), 100,
            [("queue", 0, 0), ("prompt", 0, 30), ("decode", 30, 100)],
        ),
        (
            0, Timings(queue_ms=5, prompt_ms=50, decode_ms=700), 100,
            [("queue", 0, 0), ("prompt", 0, 0), ("decode", 0, 100)],
        ),
        (0, Timings(), 100, [("queue", 100, 100), ("prompt", 100, 100), ("decode", 100, 100)]),
        # The prompt is the first text's.
        (2, Timings(queue_ms=5, prompt_ms=20, decode_ms=70), 100, [("decode", 30, 100)]),
    ],
)  # fmt: skip
def test_timings_are_phases(
    choice: int, timings: Timings, end: int, expected: list[tuple[str, int, int]]
) -> None:
    told = phases(BEGIN, BEGIN + end * MS, choice, timings)

    assert [
        (one.name, (one.begin - BEGIN) // MS, (one.end - BEGIN) // MS) for one in told
    ] == expected
    assert told[-1].attributes == {"funland.choice": choice}


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        (None, [("queue and prompt", 0, 9)]),
        (BEGIN + 4, [("queue and prompt", 0, 4), ("decode", 4, 9)]),
    ],
)
def test_what_is_broken_off_has_the_phases_that_were_seen(
    first: int | None, expected: list[tuple[str, int, int]]
) -> None:
    told = unfinished(BEGIN, first, BEGIN + 9)

    assert [(one.name, one.begin - BEGIN, one.end - BEGIN) for one in told] == expected


@pytest.mark.parametrize(
    ("submit", "expected"),
    [
        (Submit(conversation=Conversation()), "chat"),
        (Submit(message="x"), "chat"),
        (Submit(prompt="x"), "text_completion"),
        (Submit(tokens=Tokens(tokens=[1])), "text_completion"),
    ],
)
def test_the_operation_is_what_is_continued(submit: Submit, expected: str) -> None:
    assert operation(submit) == expected


def test_what_was_asked_is_told_as_far_as_it_was() -> None:
    submit = Submit(prompt="secret")
    plain = asked("text_completion", "m", submit)
    submit.sampling.max_tokens = 5
    submit.options.n = 2

    assert plain == {
        "gen_ai.operation.name": "text_completion", "gen_ai.provider.name": "funland",
        "gen_ai.request.model": "m", "gen_ai.response.model": "m",
    }  # fmt: skip
    assert asked("text_completion", "m", submit) == {
        **plain, "gen_ai.request.max_tokens": 5, "gen_ai.request.choice.count": 2,
    }  # fmt: skip


def test_the_prompt_counts_once_for_all_texts() -> None:
    one = Finish(
        reason=Finish.STOP,
        usage=Usage(
            prompt_tokens=9, completion_tokens=4, cached_prompt_tokens=3, reasoning_tokens=2
        ),
    )
    other = Finish(reason=Finish.TOOL_CALLS, usage=Usage(prompt_tokens=9, completion_tokens=5))

    assert answered({1: other, 0: one}) == {
        "gen_ai.usage.input_tokens": 9, "gen_ai.usage.output_tokens": 9,
        "gen_ai.usage.cache_read.input_tokens": 3, "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.response.finish_reasons": ["stop", "tool_calls"],
    }  # fmt: skip
    assert answered({}) == {}
