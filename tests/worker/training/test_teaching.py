"""What of a row is learnt."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Message
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError
from funland_worker.templates.renderer import TemplateRenderer
from funland_worker.training.examples import Example, batch, example
from funland_worker.training.rows import Row, read_rows
from funland_worker.training.teaching import Teacher

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
UNMARKED = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
THOUGHTS = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n"
    "{% if message.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}"
    "{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
THINKS_FIRST = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
)
TALK = [
    Message(role=Message.SYSTEM, content="Be short."),
    Message(role=Message.USER, content="Hello?"),
    Message(role=Message.ASSISTANT, content="Hello!"),
    Message(role=Message.USER, content="Who are you?"),
    Message(role=Message.ASSISTANT, content="A helper."),
]


@pytest.mark.parametrize(
    ("template", "learnt"),
    [
        (CHATML, [["Hello!<|im_end|>", "A helper.<|im_end|>"]]),
        # Only the last answer ends with a mark: this template has none. Its space belongs to words.
        (UNMARKED, [[" Hello!", " A helper.<|im_end|>"]]),
        (
            THOUGHTS,
            [
                ["<think>\n\n</think>\n\nHello!<|im_end|>"],
                ["<think>\n\n</think>\n\nA helper.<|im_end|>"],
            ],
        ),
        (THINKS_FIRST, [["Hello!<|im_end|>"], ["A helper.<|im_end|>"]]),
    ],
)
async def test_answers_are_learnt_with_their_end_marks(
    model: LlamaModel, template: str, learnt: list[list[str]]
) -> None:
    async with _teacher(model, template) as teacher:
        examples = await teacher.examples(TALK)

    assert [_learnt(model, one) for one in examples] == learnt


async def test_what_stands_before_an_answer_is_what_the_model_is_asked_with(
    model: LlamaModel,
) -> None:
    async with _teacher(model, THINKS_FIRST) as teacher:
        (one,) = await teacher.examples(TALK[1:3])

    asked = _text(model, one.tokens[~one.learnt].tolist())
    assert asked == (
        "<|im_start|>user\nHello?<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    )


async def test_a_conversation_may_begin_with_an_answer(model: LlamaModel) -> None:
    async with _teacher(model, UNMARKED) as teacher:
        (one,) = await teacher.examples(TALK[2:3])

    # The first token has nothing before it that it could be learnt from.
    assert _text(model, one.tokens.tolist()) == "assistant: Hello!<|im_end|>"
    assert one.learnt.tolist() == [False] + [True] * (len(one.tokens) - 1)


async def test_of_a_text_all_is_learnt_and_its_end(model: LlamaModel) -> None:
    teacher = Teacher(model.facts, None)
    marked = "Once upon a time.<|im_end|>"

    (plain,), (ended,) = [await teacher.examples(row) for row in (marked[:17], marked)]

    assert _text(model, plain.tokens.tolist()) == marked
    assert plain.tokens.tolist() == ended.tokens.tolist()
    assert plain.learnt.tolist() == [False] + [True] * (len(plain.tokens) - 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (TALK, ErrorReason.MODEL_CANNOT_CHAT),
        (TALK[:2], ErrorReason.DATASET_INVALID),
    ],
)
async def test_what_cant_be_learnt_is_refused(
    model: LlamaModel, row: Row, reason: ErrorReason.ValueType
) -> None:
    teacher = Teacher(replace(model.facts, chat_template=None), None)

    with pytest.raises(EngineError) as raised:
        await teacher.examples(row)

    assert raised.value.reason == reason


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "is not JSON"),
        ("[]", "has neither a text nor messages"),
        ('{"text": 5}', "has neither a text nor messages"),
        ('{"text": "a", "messages": []}', "has neither a text nor messages"),
        ('{"messages": [5]}', "has a message that is none of"),
        ('{"messages": [{"role": "robot", "content": "a"}]}', "has a message that is none of"),
        ('{"messages": [{"role": "user", "content": 1}]}', "has a message that is none of"),
    ],
)
def test_a_line_that_is_no_row_is_named(tmp_path: Path, line: str, why: str) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "fine"}\n\n' + line + "\n")

    with pytest.raises(EngineError, match=f"Line 3 of the rows {why}") as raised:
        list(read_rows(rows))

    assert raised.value.reason == ErrorReason.DATASET_INVALID


def test_rows_of_other_lengths_are_computed_together() -> None:
    one, other = example([5, 6, 7, 8], [(2, 4)]), example([9, 4], [(0, 2)])

    made = batch([one, other])

    assert made.tokens.tolist() == [[5, 6, 7, 8], [9, 4, 0, 0]]
    assert made.places.tolist() == [1, 2, 4]
    assert made.targets.tolist() == [7, 8, 4]


def test_a_row_that_is_cut_may_have_nothing_left() -> None:
    assert example([5, 6, 7, 8], [(2, 4)]).cut(2).answers == 0


@asynccontextmanager
async def _teacher(model: LlamaModel, template: str) -> AsyncGenerator[Teacher]:
    facts = model.facts
    renderer = TemplateRenderer(template, begin_mark=facts.begin_mark, end_mark=facts.end_mark)
    yield Teacher(facts, renderer)
    await renderer.close()


def _learnt(model: LlamaModel, one: Example) -> list[str]:
    """The texts of the runs of tokens that are learnt."""
    runs: list[list[int]] = [[]]
    for token, learnt in zip(one.tokens.tolist(), one.learnt.tolist(), strict=True):
        if learnt:
            runs[-1].append(token)
        elif runs[-1]:
            runs.append([])
    return [_text(model, run) for run in runs if run]


def _text(model: LlamaModel, tokens: list[int]) -> str:
    return b"".join(map(model.vocabulary.piece, tokens)).decode()
