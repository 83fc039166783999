"""Answers are parted into reasoning, content and calls, however their text is cut."""

# ruff: noqa: RUF001 - the marks of DeepSeek have fullwidth bars

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland_worker.chat.formats import (
    DEEPSEEK,
    DEEPSEEK_R1,
    HERMES,
    LLAMA,
    MISTRAL,
    MISTRAL_ARRAY,
    ChatFormat,
)
from funland_worker.chat.reasoning import ReasoningMarks
from funland_worker.chat.stream import AnswerShape, AnswerStream

THINK = ReasoningMarks("<think>", "</think>")
FUNCTIONS = frozenset({"get", "get_all"})
FORMATS = (HERMES, LLAMA, MISTRAL, MISTRAL_ARRAY, DEEPSEEK_R1, DEEPSEEK)

CALLS: list[tuple[ChatFormat, str, str, list[tuple[str, str]]]] = [
    (HERMES, '<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>', "", [("get", "{}")]),
    (
        HERMES,
        'Let me look.\n\n<tool_call>{"name":"get","arguments":{"a": "}</tool_call>\\""}}'
        "</tool_call>\n"
        '<tool_call>\n{"name": "get_all", "arguments": {"b": [{}]}}\n</tool_call>',
        "Let me look.",
        [("get", '{"a": "}</tool_call>\\""}'), ("get_all", '{"b": [{}]}')],
    ),
    (
        LLAMA,
        '{"name": "get", "parameters": {"x": 1}}; {"name": "get_all", "parameters": {}}',
        "",
        [("get", '{"x": 1}'), ("get_all", "{}")],
    ),
    (LLAMA, '<|python_tag|>{"name": "get", "parameters": {}}', "", [("get", "{}")]),
    (
        MISTRAL,
        'Well. [TOOL_CALLS]get[ARGS]{"a": [1]}[TOOL_CALLS]get_all[CALL_ID]aB3456789[ARGS]{}',
        "Well.",
        [("get", '{"a": [1]}'), ("get_all", "{}")],
    ),
    (
        MISTRAL_ARRAY,
        '[TOOL_CALLS] [{"name": "get", "arguments": {"a": 1}, "id": "aB3456789"},'
        ' {"name": "get_all", "arguments": {}}]',
        "",
        [("get", '{"a": 1}'), ("get_all", "{}")],
    ),
    (
        DEEPSEEK_R1,
        "Hm.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get\n```json\n"
        '{"a": 1}\n```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>get_all\n'
        "```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "Hm.",
        [("get", '{"a": 1}'), ("get_all", "{}")],
    ),
    (
        DEEPSEEK,
        '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>get<｜tool▁sep｜>{"a": 1}<｜tool▁call▁end｜>'
        "<｜tool▁call▁begin｜>get_all<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
        "",
        [("get", '{"a": 1}'), ("get_all", "{}")],
    ),
]

CONTENT: list[tuple[ChatFormat, str]] = [
    (HERMES, "Two < three, and <tool_ is no mark. "),
    (HERMES, 'A <tool_call> without a call, {"name": "get", "arguments": {}}'),
    (HERMES, '<tool_call>{"name": "unknown", "arguments": {}}</tool_call>'),
    (HERMES, '<tool_call>{"name": "get", "arguments": "text"}</tool_call>'),
    (HERMES, '<tool_call>{"name": "ge'),
    (LLAMA, '{"name": "Ada", "age": 36}'),
    (LLAMA, 'It is {"name": "get", "parameters": {}}'),
    (MISTRAL, "[TOOL_CALLS] unknown[ARGS]{}"),
    (MISTRAL_ARRAY, "[TOOL_CALLS][]"),
    (DEEPSEEK, "<｜tool▁calls▁begin｜>nothing<｜tool▁calls▁end｜>"),
]


@dataclass
class Whole:
    """All parts of an answer."""

    content: str = ""
    reasoning: str = ""
    ids: list[str] = field(default_factory=list[str])
    calls: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    called: bool = False


def read(shape: AnswerShape, pieces: Sequence[str]) -> Whole:
    stream, whole = AnswerStream(shape), Whole()
    for place, piece in enumerate(pieces):
        parts = stream.feed(piece, ended=place == len(pieces) - 1)
        whole.content += parts.content
        whole.reasoning += parts.reasoning
        for delta in parts.tool_calls:
            if delta.index == len(whole.calls):
                assert delta.id
                whole.ids.append(delta.id)
                whole.calls.append((delta.name, ""))
            else:
                assert not delta.id
                assert not delta.name
            name, arguments = whole.calls[delta.index]
            whole.calls[delta.index] = (name, arguments + delta.arguments)
    whole.called = stream.called
    return whole


def shape_of(chat_format: ChatFormat, *, begun: bool = False) -> AnswerShape:
    return AnswerShape(chat_format, FUNCTIONS, THINK, begun)


@pytest.mark.parametrize(("chat_format", "text", "content", "calls"), CALLS)
def test_each_format_is_read(
    chat_format: ChatFormat, text: str, content: str, calls: list[tuple[str, str]]
) -> None:
    whole = read(shape_of(chat_format), [text])

    assert whole.content == content
    assert whole.calls == calls
    assert whole.called == bool(calls)


@pytest.mark.parametrize(("chat_format", "text"), CONTENT)
def test_what_is_no_call_is_content_and_not_lost(chat_format: ChatFormat, text: str) -> None:
    for pieces in ([text], list(text)):
        whole = read(shape_of(chat_format), pieces)

        assert (whole.content, whole.calls) == (text, [])


@pytest.mark.parametrize(("chat_format", "text", "content", "calls"), CALLS)
def test_reasoning_comes_before_calls(
    chat_format: ChatFormat, text: str, content: str, calls: list[tuple[str, str]]
) -> None:
    whole = read(shape_of(chat_format, begun=True), ["\nWhat to <tool_call>?\n</think>\n\n" + text])

    assert whole.reasoning == "What to <tool_call>?"
    assert (whole.content, whole.calls) == (content, calls)


@pytest.mark.parametrize(
    ("begun", "text", "reasoning", "content"),
    [
        (False, "<think>\na b\n\n</think>\n\nc\n", "a b", "c\n"),
        (False, "\n<think>a</think>b", "a", "b"),
        (False, " b <think>a</think>", "", " b <think>a</think>"),
        (False, "<thin", "", "<thin"),
        (True, "a </thin b", "a </thin b", ""),
        (True, "a\n</think>", "a", ""),
        (True, "</think>b", "", "b"),
    ],
)
def test_reasoning_is_parted_from_the_answer(
    begun: bool, text: str, reasoning: str, content: str
) -> None:
    shape = AnswerShape(HERMES, frozenset(), THINK, begun)
    for pieces in ([text], list(text)):
        whole = read(shape, pieces)

        assert (whole.reasoning, whole.content) == (reasoning, content)


def test_a_model_that_does_not_think_may_write_its_marks() -> None:
    whole = read(AnswerShape(HERMES), ["<think>a", "</think>"])

    assert (whole.reasoning, whole.content) == ("", "<think>a</think>")


def test_arguments_are_told_as_they_come() -> None:
    stream = AnswerStream(shape_of(HERMES))

    assert not stream.feed('<tool_call>{"name": "get').tool_calls
    (first,) = stream.feed('", "arguments": ').tool_calls or stream.feed("{").tool_calls[:1]
    (more,) = stream.feed('"city": "Par').tool_calls

    assert (first.name, first.arguments) == ("get", "")
    assert more.arguments == '"city": "Par'


def test_the_arguments_of_a_call_that_is_cut_off_are_told() -> None:
    whole = read(shape_of(HERMES), ['<tool_call>{"name": "get", "arguments": {"city": "Par'])

    assert whole.calls == [("get", '{"city": "Par')]
    assert not whole.called
    assert not whole.content


@pytest.mark.parametrize(("chat_format", "text", "content", "calls"), CALLS)
def test_an_answer_that_is_cut_off_has_nothing_of_a_calls_marks(
    chat_format: ChatFormat, text: str, content: str, calls: list[tuple[str, str]]
) -> None:
    names = [name for name, _ in calls]
    for length in range(1, len(text)):
        parts = AnswerStream(shape_of(chat_format)).feed(text[:length], ended=True, cut=True)

        assert content.startswith(parts.content.rstrip()), text[:length]
        told = [delta.name for delta in parts.tool_calls if delta.name]
        assert told == names[: len(told)]


def test_a_call_whose_end_is_missing_leaves_no_marks() -> None:
    whole = read(shape_of(HERMES), ['<tool_call>{"name": "get", "arguments": {}}'])

    assert whole.calls == [("get", "{}")]
    assert whole.called
    assert not whole.content


def test_calls_have_ids_that_their_templates_take() -> None:
    for chat_format, text, _, calls in CALLS:
        whole = read(shape_of(chat_format), [text])

        assert len(set(whole.ids)) == len(calls)
        for call_id in whole.ids:
            if chat_format.id_length:
                assert len(call_id) == chat_format.id_length
                assert call_id.isalnum()
            else:
                assert call_id.startswith("call_")


_PIECES = st.sampled_from(
    [
        *(mark for chat_format in FORMATS for mark in (*chat_format.marks, *chat_format.first)),
        *(text for _, text, _, _ in CALLS),
        *("get", '"name"', ":", "{", "}", '{"a": 1}', ",", '"arguments"', "</think>", "<think>"),
        *(" ", "\n\n", "Hello", "<", "[", '"', "\\", ";", "]"),
    ]
)


@given(
    st.sampled_from(FORMATS),
    st.booleans(),
    st.lists(_PIECES, max_size=8).map("".join),
    st.lists(st.integers(0, 400)),
)
def test_how_a_text_is_cut_makes_no_difference(
    chat_format: ChatFormat, begun: bool, text: str, cuts: list[int]
) -> None:
    places = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    pieces = [text[begin:end] for begin, end in pairwise(places)]
    shape = shape_of(chat_format, begun=begun)

    whole, cut = read(shape, [text]), read(shape, [*pieces, ""])

    assert (cut.content, cut.reasoning, cut.calls) == (whole.content, whole.reasoning, whole.calls)
