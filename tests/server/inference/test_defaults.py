"""What a model's publisher wants is put into calls that say nothing of it."""

from __future__ import annotations

import pytest

from funland.v1.inference_pb2 import GenerationOptions, Message, SamplingParameters
from funland.worker.v1.worker_pb2 import Conversation, Submit
from funland_server.inference.defaults import apply_defaults, begin_conversation
from funland_server.models.installed.defaults import Defaults

S, U, A = Message.SYSTEM, Message.USER, Message.ASSISTANT
Said = tuple[Message.Role.ValueType, str]


def messages(*said: Said) -> list[Message]:
    return [Message(role=role, content=content) for role, content in said]


@pytest.mark.parametrize(
    ("asked", "wanted", "told"),
    [
        ({}, {"temperature": 0, "stop": ["a"]}, {"temperature": 0, "stop": ["a"]}),
        ({"temperature": 1}, {"temperature": 0, "top_k": 1}, {"temperature": 1, "top_k": 1}),
        ({"temperature": 0}, {"temperature": 1}, {"temperature": 0}),
        ({"stop": ["b"]}, {"stop": ["a", "c"]}, {"stop": ["b"]}),
        ({"logit_bias": {1: 2.0}}, {"logit_bias": {3: 4.0}}, {"logit_bias": {1: 2.0}}),
        ({"min_tokens": 9}, {"max_tokens": 5}, {"min_tokens": 9}),
        ({"min_tokens": 9}, {"seed": 5}, {"min_tokens": 9, "seed": 5}),
        ({"max_tokens": 0}, {"max_tokens": 5}, {"max_tokens": 0}),
        ({"top_p": 0.5}, {}, {"top_p": 0.5}),
    ],
)
def test_what_is_asked_for_goes_before(
    asked: dict[str, object], wanted: dict[str, object], told: dict[str, object]
) -> None:
    submit = Submit(prompt="a", sampling=SamplingParameters(**asked))  # type: ignore[arg-type]  # fields of it
    defaults = Defaults(SamplingParameters(**wanted))  # type: ignore[arg-type]  # fields of it

    apply_defaults(submit, defaults, can_chat=True, adapters=())

    assert submit.sampling == SamplingParameters(**told)  # type: ignore[arg-type]  # fields of it
    assert submit.prompt == "a"


@pytest.mark.parametrize(
    ("said", "system", "begins", "told"),
    [
        ([(U, "a")], "s", [], [(S, "s"), (U, "a")]),
        ([(S, "t"), (U, "a")], "s", [], [(S, "t"), (U, "a")]),
        ([(U, "a"), (S, "t")], "s", [], [(U, "a"), (S, "t")]),
        ([(U, "a")], "", [(U, "x"), (A, "y")], [(U, "x"), (A, "y"), (U, "a")]),
        ([(S, "t"), (S, "u"), (U, "a")], "s", [(U, "x")], [(S, "t"), (S, "u"), (U, "x"), (U, "a")]),
        ([(U, "a")], "s", [(U, "x")], [(S, "s"), (U, "x"), (U, "a")]),
        ([(S, "t")], "", [], [(S, "t")]),
    ],
)
def test_a_conversation_begins_as_its_publisher_wants(
    said: list[Said], system: str, begins: list[Said], told: list[Said]
) -> None:
    conversation = Conversation(messages=messages(*said))
    defaults = Defaults(system_message=system, messages=tuple(messages(*begins)))

    begin_conversation(conversation, defaults)

    assert list(conversation.messages) == messages(*told)


def test_a_message_becomes_a_conversation_where_there_is_something_to_begin_with() -> None:
    defaults = Defaults(system_message="s")

    for wanted, can_chat, kind in (
        (defaults, True, "conversation"),
        (defaults, False, "message"),
        (Defaults(), True, "message"),
    ):
        submit = Submit(message="a")
        apply_defaults(submit, wanted, can_chat=can_chat, adapters=())
        assert submit.WhichOneof("input") == kind


def test_only_adapters_that_are_attached_act_and_only_unasked() -> None:
    defaults = Defaults(adapters=("one", "gone"))
    unasked, asked = Submit(prompt="a"), Submit(prompt="a", options=GenerationOptions())
    asked.options.adapters.add(adapter_id="other")

    for submit in (unasked, asked):
        apply_defaults(submit, defaults, can_chat=True, adapters=["one", "other"])

    assert [one.adapter_id for one in unasked.options.adapters] == ["one"]
    assert [one.adapter_id for one in asked.options.adapters] == ["other"]
