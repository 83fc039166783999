"""What the gateway writes and reads is protobuf's own JSON, but for the documented differences."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    errors_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland_gateway.transcoding.decoder import decode
from funland_gateway.transcoding.encoder import encode

F = FieldDescriptor
DEEPEST = 2
INTEGERS = {
    F.CPPTYPE_INT32: st.integers(-(2**31), 2**31 - 1),
    F.CPPTYPE_INT64: st.integers(-(2**63), 2**63 - 1),
    F.CPPTYPE_UINT32: st.integers(0, 2**32 - 1),
    F.CPPTYPE_UINT64: st.integers(0, 2**64 - 1),
}
# A few of each are enough to find a field that is written wrongly, and keep examples small.
few = settings(
    max_examples=8,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def contract_types() -> list[Descriptor]:
    """The requests and responses of every public RPC, but for the one that answers raw text."""
    rpcs = [
        rpc
        for module in (
            auth_pb2,
            batches_pb2,
            datasets_pb2,
            deployments_pb2,
            downloads_pb2,
            files_pb2,
            hardware_pb2,
            hub_pb2,
            images_pb2,
            inference_pb2,
            mcp_pb2,
            models_pb2,
            nodes_pb2,
            plugins_pb2,
            projects_pb2,
            responses_pb2,
            sessions_pb2,
            speech_pb2,
            system_pb2,
            tasks_pb2,
            training_pb2,
            uploads_pb2,
        )
        for service in module.DESCRIPTOR.services_by_name.values()
        for rpc in service.methods
    ]
    types = {t.full_name: t for rpc in rpcs for t in (rpc.input_type, rpc.output_type)}
    types.pop("google.api.HttpBody")
    types[errors_pb2.Error.DESCRIPTOR.full_name] = errors_pb2.Error.DESCRIPTOR
    return list(types.values())


every_type = pytest.mark.parametrize("descriptor", contract_types(), ids=lambda d: d.full_name)


@st.composite
def messages(draw: st.DrawFn, descriptor: Descriptor, *, finite: bool, depth: int = 0) -> Message:
    """Messages of a type, from its descriptor, with any of its fields set."""
    message: Any = GetMessageClass(descriptor)()
    if descriptor.full_name == "google.protobuf.Timestamp":
        message.FromMilliseconds(draw(st.integers(-62135596800000, 253402300799999)))
        message.nanos += draw(st.sampled_from([0, 1, 999, 1000, 999_999]))
        return message
    if descriptor.full_name == "google.protobuf.Duration":
        message.FromNanoseconds(draw(st.integers(-(2**62), 2**62)))
        return message
    if descriptor.full_name == "google.protobuf.Value":
        return json_format.ParseDict(draw(any_json()), message)
    for field in descriptor.fields:
        inside = field.message_type
        if draw(st.booleans()) or (inside is not None and depth >= DEEPEST):
            continue
        if inside is not None and inside.GetOptions().map_entry:
            key, value = inside.fields_by_name["key"], inside.fields_by_name["value"]
            items = getattr(message, field.name)
            for at in draw(st.lists(scalars(key, finite=finite), max_size=2)):
                made = draw(values(value, finite=finite, depth=depth))
                if value.message_type is None:
                    items[at] = made
                else:
                    items[at].CopyFrom(made)
        elif field.is_repeated:
            each = values(field, finite=finite, depth=depth)
            getattr(message, field.name).extend(draw(st.lists(each, max_size=3)))
        elif inside is not None:
            part = getattr(message, field.name)
            part.SetInParent()
            part.CopyFrom(draw(values(field, finite=finite, depth=depth)))
        else:
            setattr(message, field.name, draw(scalars(field, finite=finite)))
    return message


def any_json() -> st.SearchStrategy[Any]:
    plain = st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
    return st.recursive(
        plain | st.text(max_size=6),
        lambda inside: (
            st.lists(inside, max_size=2) | st.dictionaries(st.text(max_size=4), inside, max_size=2)
        ),
        max_leaves=4,
    )


def values(field: FieldDescriptor, *, finite: bool, depth: int) -> st.SearchStrategy[Any]:
    if field.message_type is None:
        return scalars(field, finite=finite)
    return messages(field.message_type, finite=finite, depth=depth + 1)


def scalars(field: FieldDescriptor, *, finite: bool) -> st.SearchStrategy[Any]:
    if field.cpp_type in INTEGERS:
        return INTEGERS[field.cpp_type]
    if field.enum_type is not None:
        return st.sampled_from([value.number for value in field.enum_type.values])
    if field.type == F.TYPE_BYTES:
        return st.binary(max_size=6)
    width = 32 if field.cpp_type == F.CPPTYPE_FLOAT else 64
    real = st.floats(width=width, allow_nan=not finite, allow_infinity=not finite)
    return {
        F.CPPTYPE_BOOL: st.booleans(),
        F.CPPTYPE_STRING: st.text(max_size=6),
        F.CPPTYPE_FLOAT: real,
        F.CPPTYPE_DOUBLE: real,
    }[field.cpp_type]


def protobufs_json(message: Message) -> dict[str, Any]:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )


def assert_same(ours: Any, theirs: Any, where: str = "") -> None:
    """Equal, but for 64-bit integers, and for float32 compared as what they are."""
    kinds: Any = (type(ours), type(theirs))
    if kinds == (dict, dict):
        assert ours.keys() == theirs.keys(), where
        for key in ours:
            assert_same(ours[key], theirs[key], f"{where}.{key}")
    elif kinds == (list, list):
        assert len(ours) == len(theirs), where
        for index, (one, other) in enumerate(zip(ours, theirs, strict=True)):
            assert_same(one, other, f"{where}[{index}]")
    elif kinds == (int, str):
        assert str(ours) == theirs, where
    elif kinds == (float, float) and ours != theirs:
        with np.errstate(over="ignore"):
            assert np.float32(ours) == np.float32(theirs), where
        # Below float32's normal numbers json_format writes more digits than are needed.
        assert len(repr(ours)) <= len(repr(theirs)), where
    else:
        assert ours == theirs, where
        assert kinds[0] is kinds[1] or kinds in ((int, float), (float, int)), where


@every_type
@few
@given(data=st.data())
def test_a_message_is_written_and_read_as_json_format_does(
    descriptor: Descriptor, data: Any
) -> None:
    # All promises by one example: to make it takes longer than to try them.
    message = data.draw(messages(descriptor, finite=True))
    snake_case = json_format.MessageToJson(message, preserving_proto_field_name=True)
    camel_case = json_format.MessageToJson(message)
    written, sparse = encode(message), encode(message, sparse=True)

    assert_same(written, protobufs_json(message))
    assert decode(descriptor, json.loads(snake_case)) == message
    assert decode(descriptor, json.loads(camel_case)) == message
    assert decode(descriptor, orjson.loads(orjson.dumps(written))) == message
    assert decode(descriptor, orjson.loads(orjson.dumps(sparse))) == message


@pytest.mark.parametrize(
    "descriptor",
    [inference_pb2.SamplingParameters.DESCRIPTOR, system_pb2.Load.DESCRIPTOR],
    ids=lambda d: d.full_name,
)
@few
@given(data=st.data())
def test_numbers_that_json_lacks_are_written_as_json_format_does(
    descriptor: Descriptor, data: Any
) -> None:
    message = data.draw(messages(descriptor, finite=False))

    assert_same(encode(message), protobufs_json(message))


def test_a_stream_leaves_out_what_is_empty_but_no_number_and_nothing_that_is_set() -> None:
    delta = inference_pb2.Delta(text="a", tool_calls=[inference_pb2.ToolCallDelta(id="c")])
    event = inference_pb2.GenerationEvent(delta=delta)
    empty = responses_pb2.ResponseEvent(delta=inference_pb2.Delta())

    assert encode(event, sparse=True) == {
        "choice": 0,
        "delta": {"text": "a", "tool_calls": [{"index": 0, "id": "c"}]},
    }
    assert encode(empty, sparse=True) == {"delta": {}, "number": 0}


@few
@given(data=st.data())
def test_every_kind_of_field_is_written_and_read(kitchen: Descriptor, data: Any) -> None:
    message = data.draw(messages(kitchen, finite=True))

    written = encode(message)

    assert_same(written, protobufs_json(message))
    assert decode(kitchen, orjson.loads(orjson.dumps(written))) == message
    assert decode(kitchen, json.loads(json_format.MessageToJson(message))) == message


@pytest.mark.parametrize("value", [0.1, 0.8, 0.95, 1.1, 3.4028235e38, 1e-40])
def test_a_float32_is_written_with_the_digits_that_it_was_given(value: float) -> None:
    written = encode(inference_pb2.SamplingParameters(temperature=value))

    assert orjson.dumps(written["temperature"]) == orjson.dumps(value)


def test_a_float_that_json_lacks_is_written_by_name() -> None:
    vector = inference_pb2.Embedding(values=[math.nan, math.inf, -math.inf, 0.5])

    assert encode(vector) == {"values": ["NaN", "Infinity", "-Infinity", 0.5]}


def test_no_value_of_any_kind_is_a_number_that_json_lacks() -> None:
    configuration = system_pb2.Configuration(settings=[system_pb2.Setting()])
    configuration.settings[0].value.number_value = math.nan

    with pytest.raises(json_format.SerializeToJsonError):
        json_format.MessageToDict(configuration)
    with pytest.raises(ValueError, match="JSON"):
        encode(configuration)


def test_a_large_integer_is_a_number() -> None:
    assert encode(models_pb2.Model(size_bytes=2**63 - 1))["size_bytes"] == 2**63 - 1
