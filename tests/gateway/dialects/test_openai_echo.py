"""Completions that begin with their prompts, and how likely the prompts' tokens were."""

from __future__ import annotations

from itertools import chain
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from funland.v1.inference_pb2 import (
    AlternativeText,
    Delta,
    Finish,
    GenerateResponse,
    GenerationEvent,
    PromptLogprobs,
    Start,
    TokenLogprob,
)
from funland_gateway.dialects.dialect import Unary
from funland_gateway.dialects.openai.logprobs import TextLogprobs
from tests.gateway.dialects.completing import asked, choices, parts, read


@pytest.mark.parametrize(
    ("body", "prompt_logprobs"),
    [
        ({"prompt": "a"}, [None]),
        ({"prompt": "a", "logprobs": 2}, [None]),
        ({"prompt": "a", "echo": True}, [None]),
        ({"prompt": "a", "echo": True, "logprobs": 0}, [0]),
        ({"prompt": ["a", "b"], "echo": True, "logprobs": 2}, [2, 2]),
        # The text of tokens is theirs to tell, and so is what is left of a prompt that is cut.
        ({"prompt": [5], "echo": True}, [0]),
        ({"prompt": ["a", [5]], "echo": True}, [None, 0]),
        ({"prompt": "a", "echo": True, "truncate_prompt_tokens": 4}, [0]),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_an_echo_asks_for_the_prompts_tokens_where_it_needs_them(
    body: dict[str, Any], prompt_logprobs: list[int | None], stream: bool
) -> None:
    told = [
        each.options.prompt_logprobs if each.options.HasField("prompt_logprobs") else None
        for each in asked(read(**body, stream=stream))
    ]

    assert told == prompt_logprobs


PROMPT = [
    TokenLogprob(token=b"<s>"),
    TokenLogprob(token="吗".encode()[:1], logprob=-3),
    TokenLogprob(
        token="吗".encode()[1:], logprob=-2, top=[TokenLogprob(token=b"p", logprob=-0.125)]
    ),
    TokenLogprob(token=b"q", logprob=-4, top=[TokenLogprob(token=b"q", logprob=-0.25)]),
]
MADE = [
    TokenLogprob(token=b"a", logprob=-0.5, top=[TokenLogprob(token=b"b", logprob=-0.25)]),
    TokenLogprob(token=b"</s>", logprob=-6, part=TokenLogprob.END),
]
ECHOED: dict[str, Any] = {
    "tokens": ["<s>", r"\xe5", r"\x90\x97", "q", "a", ""],
    "token_logprobs": [None, -3.0, -2.0, -4.0, -0.5, -6.0],
    "top_logprobs": [
        None,
        {r"\xe5": -3.0},
        {"p": -0.125, r"\x90\x97": -2.0},
        {"q": -0.25},  # of two that are written alike, the likelier
        {"b": -0.25, "a": -0.5},
        {"</s>": -6.0},
    ],
}


@pytest.mark.parametrize(
    ("prompt", "text", "offsets"),
    [
        # A mark in front is no part of a text, but of tokens.
        ("吗q", "吗qa", [0, 0, 0, 1, 2, 3]),
        ([1, 8, 9, 3], "<s>吗qa", [0, 3, 3, 4, 5, 6]),
    ],
)
def test_an_echos_logprobs_are_those_of_prompt_and_text(
    prompt: Any, text: str, offsets: list[int]
) -> None:
    call = read(prompt=prompt, echo=True, logprobs=1, n=2)
    assert isinstance(call, Unary)
    made: dict[str, Any] = {"text": "a", "finish_reason": Finish.STOP, "logprobs": MADE}

    reply = call.answer(
        GenerateResponse(**made, prompt_logprobs=PROMPT, alternatives=[AlternativeText(**made)])
    )

    told = choices(reply)
    assert [choice["text"] for choice in told] == [text] * 2
    assert [choice["logprobs"] for choice in told] == [{**ECHOED, "text_offset": offsets}] * 2


@pytest.mark.parametrize("prompt", ["吗q", [1, 8, 9, 3]])
def test_a_streamed_echo_put_together_is_that_of_the_whole(prompt: Any) -> None:
    body: dict[str, Any] = {"prompt": prompt, "echo": True, "logprobs": 1, "n": 2}
    whole = read(**body)
    assert isinstance(whole, Unary)
    made: dict[str, Any] = {"text": "a", "finish_reason": Finish.STOP, "logprobs": MADE}
    response = GenerateResponse(
        **made, prompt_logprobs=PROMPT, alternatives=[AlternativeText(**made)]
    )
    expected = choices(whole.answer(response))

    [stream] = parts(read(**body, stream=True))
    events = [
        GenerationEvent(start=Start(id="7", model="tiny")),
        GenerationEvent(prompt_logprobs=PromptLogprobs(tokens=PROMPT)),
        GenerationEvent(choice=1, delta=Delta(text="a", logprobs=MADE[:1])),
        GenerationEvent(choice=0, delta=Delta(text="a", logprobs=MADE[:1])),
        GenerationEvent(choice=1, delta=Delta(logprobs=MADE[1:])),
        GenerationEvent(choice=0, delta=Delta(logprobs=MADE[1:])),
        GenerationEvent(choice=1, finish=Finish(reason=Finish.STOP)),
        GenerationEvent(choice=0, finish=Finish(reason=Finish.STOP)),
    ]
    data: list[Any] = [each for event in events for each in stream.events(event)]

    assert len(expected) == 2
    for choice in expected:
        pieces = [
            piece
            for chunk in map(orjson.loads, data[:-1])
            for piece in chunk["choices"]
            if piece["index"] == choice["index"]
        ]
        assert "".join(piece["text"] for piece in pieces) == choice["text"]
        for name, values in choice["logprobs"].items():
            told = [piece["logprobs"][name] for piece in pieces if piece["logprobs"]]
            assert [*chain.from_iterable(told)] == values


def test_a_streamed_echo_without_logprobs_is_told_once() -> None:
    first, second = parts(read(prompt=["x", [8]], echo=True, stream=True))
    events = [
        (second, GenerationEvent(start=Start(id="8", model="tiny"))),
        (first, GenerationEvent(start=Start(id="7", model="tiny"))),
        (
            second,
            GenerationEvent(prompt_logprobs=PromptLogprobs(tokens=[TokenLogprob(token=b"y")])),
        ),
    ]

    data: list[Any] = [each for part, event in events for each in part.events(event)]

    told = [orjson.loads(each)["choices"][0] for each in data]
    assert [(each["index"], each["text"], each["logprobs"]) for each in told] == [
        (0, "x", None),
        (1, "y", None),
    ]


@given(
    text=st.text(max_size=12),
    cuts=st.lists(st.integers(0, 48)),
    mark=st.sampled_from([b"", b"<s>", b"\xff"]),
    space=st.booleans(),
)
def test_offsets_of_a_prompt_are_where_its_tokens_begin(
    text: str, cuts: list[int], mark: bytes, space: bool
) -> None:
    assume(not text.encode().startswith((mark or b"-", b" ")))
    data = text.encode()
    ends = sorted({min(cut, len(data)) for cut in cuts} | {len(data)})
    pieces = [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False)]
    pieces = [piece for piece in pieces if piece] or [b""]
    tokens = [b" " + pieces[0] if space else pieces[0], *pieces[1:]]

    told = TextLogprobs().of_prompt(
        [TokenLogprob(token=token, logprob=-1) for token in (mark, *tokens)], text
    )

    begins = [sum(map(len, pieces[:index])) for index in range(len(pieces))]
    assert told["text_offset"] == [
        0,
        *(len(data[:begin].decode("utf-8", "ignore")) for begin in begins),
    ]
