"""JSON that does not fit its message is refused, and the field is named."""

from __future__ import annotations

import math
import sys
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland_gateway.failures import CallFailed
from funland_gateway.transcoding.decoder import decode, filler
from funland_gateway.transcoding.encoder import encode, encoder

CHAT: Descriptor = ChatRequest.DESCRIPTOR  # pyright: ignore[reportAssignmentType] - one of two stubs

INT32 = f"must be from {-(2**31)} to {2**31 - 1}"


def refusal(descriptor: Descriptor, value: object) -> tuple[str, str]:
    with pytest.raises(CallFailed) as raised:
        decode(descriptor, value)
    error = raised.value.error
    assert error.code == "INVALID_ARGUMENT"
    assert error.reason == ErrorReason.FIELD_INVALID
    (violation,) = error.field_violations
    assert error.message == f"{violation.field} {violation.description}."
    return violation.field, violation.description


def nested(levels: int) -> object:
    value: object = 1
    for _ in range(levels):
        value = [value]
    return value


WRONG: list[tuple[object, str, str]] = [
    ({"model": 5}, "model", "must be a string, not a number"),
    ({"model": "\ud800"}, "model", "must be valid Unicode"),
    ({"messages": {}}, "messages", "must be a list, not an object"),
    ({"messages": [None]}, "messages[0]", "must be an object, not null"),
    ({"messages": [{}, []]}, "messages[1]", "must be an object, not a list"),
    (
        {"messages": [{"role": "robot"}]},
        "messages[0].role",
        "must be one of SYSTEM, USER, ASSISTANT, TOOL",
    ),
    (
        {"messages": [{"role": 9}]},
        "messages[0].role",
        "must be one of SYSTEM, USER, ASSISTANT, TOOL",
    ),
    (
        {"messages": [{"role": True}]},
        "messages[0].role",
        "must be one of SYSTEM, USER, ASSISTANT, TOOL",
    ),
    ({"sampling": "hot"}, "sampling", "must be an object, not a string"),
    (
        {"sampling": {"temperature": "1"}},
        "sampling.temperature",
        "must be a number, not a string",
    ),
    (
        {"sampling": {"temperature": True}},
        "sampling.temperature",
        "must be a number, not a boolean",
    ),
    (
        {"sampling": {"temperature": float("nan")}},
        "sampling.temperature",
        "must be a finite number",
    ),
    (
        {"sampling": {"temperature": -(10**400)}},
        "sampling.temperature",
        "must be a finite number",
    ),
    (
        {"sampling": {"temperature": 1e39}},
        "sampling.temperature",
        "must be from -3.4028235e+38 to 3.4028235e+38",
    ),
    ({"sampling": {"top_k": 1.5}}, "sampling.top_k", "must be an integer"),
    ({"sampling": {"top_k": "1"}}, "sampling.top_k", "must be an integer, not a string"),
    ({"sampling": {"top_k": [1]}}, "sampling.top_k", "must be an integer, not a list"),
    (
        {"sampling": {"top_k": 2**31}},
        "sampling.top_k",
        INT32,
    ),
    (
        {"sampling": {"top_k": -(2**31) - 1}},
        "sampling.top_k",
        INT32,
    ),
    ({"sampling": {"seed": 2**63}}, "sampling.seed", f"must be from {-(2**63)} to {2**63 - 1}"),
    ({"sampling": {"seed": "1e3"}}, "sampling.seed", "must be an integer, not a string"),
    ({"sampling": {"stop": "a"}}, "sampling.stop", "must be a list, not a string"),
    ({"sampling": {"stop": ["a", 1]}}, "sampling.stop[1]", "must be a string, not a number"),
    (
        {"sampling": {"logit_bias": {"7": "x"}}},
        "sampling.logit_bias[7]",
        "must be a number, not a string",
    ),
    (
        {"sampling": {"logit_bias": {"x": 1}}},
        'sampling.logit_bias["x"]',
        "has a key that must be an integer, not a string",
    ),
    ({"sampling": {"logit_bias": []}}, "sampling.logit_bias", "must be an object, not a list"),
    (
        {"sampling": {"ignore_end": 1}},
        "sampling.ignore_end",
        "must be true or false, not a number",
    ),
    (
        {"sampling": {"temprature": 1}},
        "sampling.temprature",
        "is not a field of SamplingParameters; perhaps temperature is meant",
    ),
    ({"n": None}, "n", "is not a field of ChatRequest"),
    ({"a b": 1}, '["a b"]', "is not a field of ChatRequest"),
    ({"x" * 1000: 1}, "x" * 64, "is not a field of ChatRequest"),
    ({"sampling": {"top_p": 1, "topP": 1}}, "sampling.top_p", "is given twice"),
]


@pytest.mark.parametrize(("value", "field", "problem"), WRONG)
def test_a_wrong_field_is_named(value: object, field: str, problem: str) -> None:
    assert refusal(CHAT, value) == (field, problem)


@pytest.mark.parametrize(
    ("value", "field", "problem"),
    [
        ({"data": "*"}, "data", "must be base64"),
        ({"data": "A"}, "data", "must be base64"),
        ({"data": 1}, "data", "must be a string, not a number"),
        ({"small_natural": -1}, "small_natural", f"must be from 0 to {2**32 - 1}"),
        ({"large_natural": str(2**64)}, "large_natural", f"must be from 0 to {2**64 - 1}"),
        ({"fixed_natural": 2**32}, "fixed_natural", f"must be from 0 to {2**32 - 1}"),
        ({"precise": "Infinity"}, "precise", "must be a number, not a string"),
        (
            {"cooked_time": "today"},
            "cooked_time",
            "must be a timestamp such as 2030-01-31T12:00:00Z",
        ),
        ({"cooked_time": 0}, "cooked_time", "must be a string, not a number"),
        ({"lasting": "soon"}, "lasting", "must be a duration such as 1.5s"),
        ({"times": ["x"]}, "times[0]", "must be a timestamp such as 2030-01-31T12:00:00Z"),
        (
            {"one_text": "", "one_large": 1},
            "one_large",
            "can't be set together with one_text",
        ),
        (
            {"colour_by_flag": {"yes": "RED"}},
            'colour_by_flag["yes"]',
            "has a key that must be true or false, not a string",
        ),
        (
            {"inner_by_natural": {"1": {"inners": [{"flag": 0}]}}},
            "inner_by_natural[1].inners[0].flag",
            "must be true or false, not a number",
        ),
        ({"nothing": {"x": 1}}, "nothing.x", "is not a field of Empty"),
        ({"anything": {"a": [1, math.inf]}}, 'anything["a"][1]', "must be a finite number"),
        ({"anything": [10**400]}, "anything[0]", "must be a finite number"),
        ({"anything": {"\ud800": 1}}, 'anything["\\ud800"]', "must be valid Unicode"),
        ({"anything": {"a": "\ud800"}}, 'anything["a"]', "must be valid Unicode"),
        (
            {"anything": nested(17)},
            "anything" + "[0]" * 16,
            "must not nest deeper than 16 levels",
        ),
    ],
)
def test_a_wrong_field_of_any_kind_is_named(
    kitchen: Descriptor, value: object, field: str, problem: str
) -> None:
    assert refusal(kitchen, value) == (field, problem)


@pytest.mark.parametrize("value", [None, [], "text", 5, True])
def test_a_body_that_is_no_object_is_malformed(value: object) -> None:
    with pytest.raises(CallFailed) as raised:
        decode(CHAT, value)

    assert raised.value.error.reason == ErrorReason.BODY_MALFORMED


def test_names_may_be_snake_case_or_camel_case_and_enums_in_any_case_or_numbers() -> None:
    chat = decode(
        CHAT,
        {
            "messages": [{"role": "user"}, {"role": "USER"}, {"role": 2}],
            "sampling": {"maxTokens": 3, "top_k": 4},
        },
    )

    assert chat == ChatRequest(
        messages=[Message(role=Message.USER)] * 3,
        sampling=SamplingParameters(max_tokens=3, top_k=4),
    )


@pytest.mark.parametrize("seed", [12, "12", 12.0])
def test_a_large_integer_may_be_a_number_or_a_string(seed: object) -> None:
    chat: Any = decode(CHAT, {"sampling": {"seed": seed}})

    assert chat.sampling.seed == 12


def test_null_is_unset() -> None:
    chat = decode(CHAT, {"model": None, "messages": None, "sampling": {"seed": None}})

    assert chat == ChatRequest(sampling=SamplingParameters())


def test_an_empty_object_is_a_message_that_is_there() -> None:
    chat: Any = decode(CHAT, {"sampling": {}})

    assert chat.HasField("sampling")


@pytest.mark.parametrize("text", ["+/8=", "+/8", "-_8=", "-_8"])
def test_bytes_are_base64_of_either_alphabet(kitchen: Descriptor, text: str) -> None:
    message: Any = decode(kitchen, {"data": text})

    assert message.data == b"\xfb\xff"


def test_the_largest_float_may_be_written_shortly() -> None:
    chat: Any = decode(CHAT, {"sampling": {"temperature": 3.4028235e38}})

    assert chat.sampling.temperature < sys.float_info.max


def test_a_well_known_type_without_a_form_is_found_at_the_start() -> None:
    from google.protobuf.struct_pb2 import Struct  # noqa: PLC0415 - only here to be refused

    struct: Any = Struct.DESCRIPTOR
    with pytest.raises(TypeError, match="Struct has no decoder"):
        filler(struct)
    with pytest.raises(TypeError, match="Struct has no encoder"):
        encoder(struct)


def test_null_is_a_value_of_what_may_be_anything(kitchen: Descriptor) -> None:
    message: Any = decode(kitchen, {"anything": None, "things": {"a": None, "b": []}})

    assert message.anything.WhichOneof("kind") == "null_value"
    assert message.things["a"].WhichOneof("kind") == "null_value"
    assert message.things["b"].WhichOneof("kind") == "list_value"
    assert encode(message)["things"] == {"a": None, "b": []}


def test_the_deepest_value_is_one_that_protobuf_reads(kitchen: Descriptor) -> None:
    value: object = 1
    for _ in range(16):
        value = {"a": value}

    message = decode(kitchen, {"things": {"a": value}})

    assert encode(type(message).FromString(message.SerializeToString()))["things"] == {"a": value}
