"""OpenAI's embeddings, read and written."""

from __future__ import annotations

import base64
import re
import struct
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Embedding, EmbedRequest, EmbedResponse, TokenList, Usage
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


@pytest.mark.parametrize("value", ["a", ["a"]])
def test_a_text_or_a_list_is_read(value: Any) -> None:
    assert read(model="tiny", input=value).message == EmbedRequest(model="tiny", inputs=["a"])


def test_base64_holds_the_very_numbers_of_the_list() -> None:
    as_list = answer(encoding_format="float")["data"][0]["embedding"]
    as_base64 = answer(encoding_format="base64")["data"][0]["embedding"]

    assert list(struct.unpack("<2f", base64.b64decode(as_base64))) == singles(as_list)
    assert singles(as_list) == list(RESPONSE.embeddings[0].values)


@given(numbers=st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_have_the_fewest_digits_that_read_back_the_same(numbers: list[float]) -> None:
    reply = read(input="a").answer(EmbedResponse(embeddings=[Embedding(values=numbers)]))
    assert isinstance(reply, Reply)

    told = re.findall(rb'"embedding":\[([^\]]*)\]', reply.content)[0].split(b",")

    assert singles([float(each) for each in told]) == numbers
    for each, number in zip(told, numbers, strict=True):
        digits = len(re.sub(rb"[-.]|e.*", b"", each).strip(b"0"))
        assert digits <= len(str(np.float32(number)).partition("e")[0].replace(".", "").strip("-0"))


def singles(numbers: list[float]) -> list[float]:
    """The numbers as 32-bit floats hold them."""
    return [struct.unpack("f", struct.pack("f", number))[0] for number in numbers]


def test_vectors_keep_their_order_and_usage_has_no_completion() -> None:
    body = answer()

    assert [each["index"] for each in body["data"]] == [0, 1]
    assert body["data"][1]["embedding"] == [1.0, 0.0]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    assert body["model"] == "tiny"


def test_dimensions_are_the_servers_business() -> None:
    assert read(input="a", dimensions=1).message == EmbedRequest(inputs=["a"], dimensions=1)


@pytest.mark.parametrize(
    ("value", "texts", "tokens"),
    [
        ([1, 2], [], [[1, 2]]),
        ([[1, 2], [3]], [], [[1, 2], [3]]),
        (["a", [1], "b", [2, 3]], ["a", "b"], [[1], [2, 3]]),
        ({"prompt_string": "a"}, ["a"], []),
        ([{"prompt_string": "a"}, [0]], ["a"], [[0]]),
    ],
)
def test_tokens_are_read_beside_texts(value: Any, texts: list[str], tokens: list[Any]) -> None:
    assert read(input=value).message == EmbedRequest(
        inputs=texts, token_inputs=[TokenList(tokens=each) for each in tokens]
    )


def test_texts_and_tokens_come_back_in_the_callers_order() -> None:
    call = read(input=[[1], "a", [2, 3], "b"])
    # As the contract orders them: the texts, then the tokens.
    vectors = [Embedding(values=[float(ord(each))]) for each in "ab"]
    vectors += [Embedding(values=[1.0]), Embedding(values=[23.0])]

    reply = call.answer(EmbedResponse(embeddings=vectors))

    assert isinstance(reply, Reply)
    data = orjson.loads(reply.content)["data"]
    assert [(each["index"], each["embedding"]) for each in data] == [
        (0, [1.0]),
        (1, [97.0]),
        (2, [23.0]),
        (3, [98.0]),
    ]
    assert call.field_name("token_inputs[1].tokens[0]") == "input[2][0]"
    assert call.field_name("inputs[1]") == "input[3]"


def test_a_field_of_the_only_text_has_no_index() -> None:
    assert read(input="a").field_name("inputs[0]") == "input"
    assert read(input=[5, 6]).field_name("token_inputs[0].tokens[1]") == "input[1]"
    assert read(input=["a"]).field_name("dimensions") == "dimensions"


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ({"truncate_prompt_tokens": 3}, "truncate_prompt_tokens"),
        ({"truncation_side": "right"}, "truncation_side"),
        ({"add_special_tokens": False}, "add_special_tokens"),
        ({"embed_dtype": "float16"}, "embed_dtype"),
        ({"embd_normalize": -1}, "embd_normalize"),
        ({"input": {"prompt_string": "a", "multimodal_data": ["x"]}}, "input.multimodal_data"),
        ({"input": [{"content": [{"type": "text"}]}]}, "input[0].content"),
    ],
)
def test_what_would_give_other_vectors_is_refused(body: dict[str, Any], parameter: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**{"input": "a", **body})

    assert raised.value.error.reason == ErrorReason.PARAMETER_UNSUPPORTED
    assert raised.value.error.metadata["parameter"] == parameter


def test_a_text_that_is_too_long_is_blamed_on_what_allowed_to_cut_it() -> None:
    assert read(input="a").blames[ErrorReason.PROMPT_TOO_LONG] == "input"
    cut = read(input="a", truncate_prompt_tokens=-1)
    assert cut.blames[ErrorReason.PROMPT_TOO_LONG] == "truncate_prompt_tokens"


def test_vectors_keep_their_length_if_that_is_asked_for() -> None:
    assert read(input="a", normalize=False).message == EmbedRequest(inputs=["a"], normalize=False)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "input"),
        ({"input": {}}, "input.prompt_string"),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format"),
        ({"input": "a", "dimensions": "many"}, "dimensions"),
    ],
)
def test_a_wrong_field_is_named(body: dict[str, Any], field: str) -> None:
    with pytest.raises(CallFailed) as raised:
        read(**body)

    assert [each.field for each in raised.value.error.field_violations] == [field]
