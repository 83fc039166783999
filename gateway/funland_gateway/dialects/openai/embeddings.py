"""`/v1/embeddings`: OpenAI's embeddings as `Embed`."""

from __future__ import annotations

import base64
import struct
from collections.abc import Sequence
from functools import partial
from typing import Final

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.openai.parameters import texts
from funland_gateway.dialects.reading import invalid
from funland_gateway.dialects.rpcs import EMBED

ENCODINGS: Final = ("float", "base64")


def create_embedding(incoming: Incoming) -> Unary:
    """Reads an embedding request."""
    body = incoming.body
    inputs = texts(body, "input")
    encoding = body.optional_string("encoding_format") or "float"
    if encoding not in ENCODINGS:
        raise invalid(body.path_of("encoding_format"), f"must be one of {', '.join(ENCODINGS)}")
    request = inference_pb2.EmbedRequest(
        model=body.optional_string("model"), inputs=inputs, dimensions=body.integer("dimensions")
    )
    blames: Blames = {errors_pb2.PROMPT_TOO_LONG: "input"}
    return Unary(EMBED, request, partial(_embeddings, encoding), _field_name, blames)


def _field_name(path: str) -> str:
    return path.replace("inputs", "input", 1)


def _embeddings(encoding: str, response: inference_pb2.EmbedResponse) -> Reply:
    return json_reply(
        {
            "object": "list",
            "data": [
                {
                    "object": "embedding",
                    "index": index,
                    "embedding": _encoded(embedding.values, encoding),
                }
                for index, embedding in enumerate(response.embeddings)
            ],
            "model": response.model,
            "usage": {
                "prompt_tokens": response.usage.prompt_tokens,
                "total_tokens": response.usage.total_tokens,
            },
        }
    )


def _encoded(values: Sequence[float], encoding: str) -> list[float] | str:
    """The numbers, or their little-endian 32-bit floats in base64, a third of the size."""
    if encoding == "float":
        return list(values)
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode("ascii")
