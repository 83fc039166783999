"""Formats become the contract's, and answers in them become instances of pydantic's classes."""

from __future__ import annotations

import json
from typing import Literal

import pytest
from google.protobuf.empty_pb2 import Empty
from pydantic import BaseModel, ConfigDict, ValidationError

from funland.v1.inference_pb2 import (
    AlternativeMessage,
    ChatResponse,
    Finish,
    GenerateResponse,
    Message,
    OutputFormat,
)
from funland.v1.responses_pb2 import Response
from funland_client import Format, Grammar, Parsed, Regex, parse
from funland_client.errors import AnswerCutOffError, AnswerInvalidError
from funland_client.formats import output_format


class Pet(BaseModel):
    kind: Literal["cat", "dog"]
    age: int


class Home(BaseModel):
    pets: list[Pet]


class Open(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str


def chat(content: str, reason: Finish.Reason.ValueType = Finish.STOP) -> ChatResponse:
    return ChatResponse(message=Message(content=content), finish_reason=reason)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        (None, None),
        ("json_object", OutputFormat(json_object=Empty())),
        ({"type": "string"}, OutputFormat(json_schema='{"type": "string"}')),
        ({}, OutputFormat(json_schema="{}")),
        (Grammar('root ::= "yes"'), OutputFormat(grammar='root ::= "yes"')),
        (Regex("[0-9]+"), OutputFormat(regex="[0-9]+")),
        (OutputFormat(regex="a"), OutputFormat(regex="a")),
    ],
)
def test_a_format_becomes_the_contracts(given: Format | None, made: OutputFormat | None) -> None:
    assert output_format(given) == made


def test_a_class_allows_no_keys_that_it_does_not_have() -> None:
    wanted = output_format(Home)
    assert wanted is not None
    schema = json.loads(wanted.json_schema)

    assert schema["additionalProperties"] is False
    assert schema["$defs"]["Pet"]["additionalProperties"] is False


def test_a_class_that_asks_for_more_keys_gets_them() -> None:
    wanted = output_format(Open)
    assert wanted is not None

    assert json.loads(wanted.json_schema)["additionalProperties"] is True


class Words(BaseModel):
    likes: dict[Literal["tea", "milk"], bool]
    counts: dict[str, int]
    colours: set[str]
    sizes: frozenset[int]


def test_what_the_server_can_not_hold_a_text_to_is_said_another_way() -> None:
    wanted = output_format(Words)
    assert wanted is not None
    fields = json.loads(wanted.json_schema)["properties"]

    assert "propertyNames" not in fields["likes"]
    assert set(fields["likes"]["properties"]) == {"tea", "milk"}
    assert fields["likes"]["additionalProperties"] is False
    assert fields["counts"]["additionalProperties"] == {"type": "integer"}
    assert "uniqueItems" not in fields["colours"]
    assert "uniqueItems" not in fields["sizes"]


PET = '{"kind": "cat", "age": 3}'


@pytest.mark.parametrize(
    "answer",
    [
        chat(PET),
        GenerateResponse(text=PET, finish_reason=Finish.STOP),
        Response(output=Message(content=PET), finish_reason=Finish.STOP),
    ],
)
def test_an_answer_is_read_as_its_class(
    answer: ChatResponse | GenerateResponse | Response,
) -> None:
    assert parse(answer, Pet) == Pet(kind="cat", age=3)


def test_several_answers_are_all_read() -> None:
    answer = chat(PET)
    answer.alternatives.append(
        AlternativeMessage(
            message=Message(content='{"kind": "dog", "age": 9}'), finish_reason=Finish.STOP
        )
    )

    assert [pet.age for pet in Parsed(answer, Pet).all_parsed] == [3, 9]


def test_an_answer_that_was_cut_off_says_so_and_has_its_text() -> None:
    with pytest.raises(AnswerCutOffError, match="raise max_tokens") as raised:
        parse(chat('{"kind": "c', Finish.LENGTH), Pet)

    assert raised.value.text == '{"kind": "c'


def test_an_answer_that_is_not_of_its_class_says_where() -> None:
    answer = Parsed(chat('{"kind": "cow", "age": 3}'), Pet)

    with pytest.raises(AnswerInvalidError, match="kind") as raised:
        _ = answer.parsed
    assert isinstance(raised.value.__cause__, ValidationError)
    assert answer.response.message.content == '{"kind": "cow", "age": 3}'


def test_calls_of_functions_are_no_answer() -> None:
    with pytest.raises(AnswerInvalidError, match="calls functions"):
        parse(chat("", Finish.TOOL_CALLS), Pet)
