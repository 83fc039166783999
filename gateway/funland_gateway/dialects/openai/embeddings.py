"""`/v1/embeddings`: OpenAI's embeddings as `Embed`."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

import orjson

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary
from funland_gateway.dialects.openai.fates import unless, unless_empty
from funland_gateway.dialects.openai.inputs import Input, read_inputs
from funland_gateway.dialects.openai.parameters import Refusals, refuse
from funland_gateway.dialects.openai.timings import devices_of
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.rpcs import EMBED

ENCODINGS: Final = ("float", "base64")
MOST_INPUTS: Final = 2048
"""OpenAI's own bound, and the contract's."""

_TRUNCATE: Final = "truncate_prompt_tokens"

REFUSALS: Final[Refusals] = {
    # vLLM's. -1 asks for the context's length, which most texts have room in.
    _TRUNCATE: unless(-1).asks,
    "truncation_side": unless("left").asks,
    "add_special_tokens": unless(True).asks,
    "embed_dtype": unless("float32").asks,
    "messages": unless_empty().asks,
    # llama-server's.
    "embd_normalize": unless(2).asks,
}
"""What would give other vectors."""


def create_embedding(incoming: Incoming) -> Unary:
    """Reads an embedding request."""
    body = incoming.body
    refuse(body, REFUSALS)
    inputs = read_inputs(body, "input", MOST_INPUTS)
    wanted = body.raw("encoding_format") is not None
    encoding = body.string("encoding_format") if wanted else "float"
    if encoding not in ENCODINGS:
        raise invalid(body.path_of("encoding_format"), f"must be one of {', '.join(ENCODINGS)}")
    # The contract has texts before tokens.
    texts = [place for place, each in enumerate(inputs) if each.text]
    tokens = [place for place, each in enumerate(inputs) if not each.text]
    request = inference_pb2.EmbedRequest(
        model=body.optional_string("model"),
        inputs=[inputs[place].text for place in texts],
        token_inputs=[inference_pb2.TokenList(tokens=inputs[place].tokens) for place in tokens],
        dimensions=body.integer("dimensions"),
        normalize=body.boolean("normalize"),
    )
    blames: Blames = {
        errors_pb2.PROMPT_TOO_LONG: "input" if body.raw(_TRUNCATE) is None else _TRUNCATE,
        errors_pb2.TOKEN_UNKNOWN: "input",
    }
    return Unary(
        EMBED,
        request,
        partial(_embeddings, encoding, [*texts, *tokens]),
        partial(_field_name, inputs, texts, tokens),
        blames,
    )


def _field_name(
    inputs: Sequence[Input], texts: Sequence[int], tokens: Sequence[int], path: str
) -> str:
    """`token_inputs[0].tokens[2]` is `input[1][2]` where a text came first."""
    match = re.fullmatch(r"(inputs|token_inputs)\[(\d+)\](?:\.tokens)?(.*)", path)
    if match is None:
        return path.replace("inputs", "input", 1)
    places = texts if match[1] == "inputs" else tokens
    return inputs[places[int(match[2])]].path + match[3]


def _embeddings(
    encoding: str, places: Sequence[int], response: inference_pb2.EmbedResponse
) -> Reply:
    """`places` are those of the vectors in the request, as the contract orders them."""
    data = [
        {
            "object": "embedding",
            "index": place,
            "embedding": _encoded(embedding.values, encoding),
        }
        for place, embedding in sorted(
            zip(places, response.embeddings, strict=True), key=lambda each: each[0]
        )
    ]
    body = {
        "object": "list",
        "data": data,
        "model": response.model,
        "usage": {
            "prompt_tokens": response.usage.prompt_tokens,
            "total_tokens": response.usage.total_tokens,
        },
        **devices_of(response.device_ids),
    }
    return Reply(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))


def _encoded(values: Sequence[float], encoding: str) -> Any:
    """The numbers, in the fewest digits that read back the same; or their little-endian 32-bit
    floats in base64, a third of the size."""
    import numpy as np  # noqa: PLC0415 - `Calls` says why

    numbers = np.array(values, dtype="<f4")
    return numbers if encoding == "float" else base64.b64encode(numbers.tobytes()).decode("ascii")
