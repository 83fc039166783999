"""OpenAI's embeddings, read and written."""

from __future__ import annotations

import base64
import struct
from typing import Any

import orjson
import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Embedding, EmbedRequest, EmbedResponse, Usage
from funland_gateway.dialects.dialect import Incoming, Reply, Unary
from funland_gateway.dialects.openai.embeddings import create_embedding
from funland_gateway.dialects.reading import JsonObject
from funland_gateway.failures import CallFailed

RESPONSE = EmbedResponse(
    model="tiny",
    embeddings=[Embedding(values=[0.1, -0.5]), Embedding(values=[1.0, 0.0])],
    usage=Usage(prompt_tokens=4, total_tokens=4),
)


def read(**body: Any) -> Unary:
    return create_embedding(Incoming(JsonObject(body), {}, 0))


def answer(**body: Any) -> Any:
    reply = read(input=["a", "b"], **body).answer(RESPONSE)
    assert isinstance(reply, Reply)
    return orjson.loads(reply.content)


@pytest.mark.parametrize("given", ["a", ["a"]])
def test_a_text_or_a_list_is_read(given: Any) -> None:
    assert read(model="tiny", input=given).message == EmbedRequest(model="tiny", inputs=["a"])


def test_base64_holds_the_very_numbers_of_the_list() -> None:
    as_list = answer(encoding_format="float")["data"][0]["embedding"]
    as_base64 = answer(encoding_format="base64")["data"][0]["embedding"]

    assert list(struct.unpack("<2f", base64.b64decode(as_base64))) == as_list
    assert as_list == list(RESPONSE.embeddings[0].values)


def test_vectors_keep_their_order_and_usage_has_no_completion() -> None:
    body = answer()

    assert [each["index"] for each in body["data"]] == [0, 1]
    assert body["data"][1]["embedding"] == [1.0, 0.0]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert body["model"] == "tiny"


def test_dimensions_are_the_servers_business() -> None:
    assert read(input="a", dimensions=1).message == EmbedRequest(inputs=["a"], dimensions=1)


@pytest.mark.parametrize("tokens", [[1, 2], [[1, 2]]])
def test_tokens_are_refused(tokens: Any) -> None:
    with pytest.raises(CallFailed) as raised:
        read(input=tokens)

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == "input"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": {}}, "input"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]


def test_the_contracts_inputs_are_called_input() -> None:
    assert read(input="").field_name("inputs[0]") == "input[0]"
