"""`/api/embed`, and `/api/embeddings`, as it was called first: Ollama's vectors as `Embed`."""

from __future__ import annotations

from typing import Any, Final

import orjson

from funland.v1 import errors_pb2
from funland.v1.inference_pb2 import Embedding, EmbedRequest, EmbedResponse
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Step, Unary, json_reply
from funland_gateway.dialects.ollama.durations import Stopwatch
from funland_gateway.dialects.ollama.loading import in_memory, load_or_unload, read_stay
from funland_gateway.dialects.ollama.names import asked_name, plain
from funland_gateway.dialects.ollama.options import read_options
from funland_gateway.dialects.rpcs import EMBED

_BLAMES: Final[Blames] = {errors_pb2.PROMPT_TOO_LONG: "input"}
_OLDER_BLAMES: Final[Blames] = {errors_pb2.PROMPT_TOO_LONG: "prompt"}


def embed(incoming: Incoming) -> Step:
    """Reads a request for vectors of length 1. One without texts loads the model."""
    body = incoming.body
    name, watch = asked_name(body), Stopwatch()
    stay = read_stay(body, read_options(body))
    texts = body.strings("input")
    body.boolean("truncate")  # none is cut: one that is too long is refused
    if not any(texts):

        def nothing(_: str) -> Reply:
            return json_reply({"model": name, "embeddings": [], **watch.total()})

        return load_or_unload(name, stay, watch, nothing)
    request = EmbedRequest(
        model=plain(name), inputs=texts, dimensions=body.integer("dimensions") or None
    )

    def answer(response: EmbedResponse) -> Reply:
        return _reply(
            {
                "model": name,
                "embeddings": [_numbers(each) for each in response.embeddings],
                **watch.total(),
                "prompt_eval_count": response.usage.prompt_tokens,
            }
        )

    def call() -> Unary:
        return Unary(EMBED, request, answer, _field_name, _BLAMES)

    return in_memory(name, stay, watch, call)


def embeddings(incoming: Incoming) -> Step:
    """Reads a request for one vector of whatever length. One without a text loads the model."""
    body = incoming.body
    name, watch = asked_name(body), Stopwatch()
    stay = read_stay(body, read_options(body))
    text = body.optional_string("prompt")
    if not text:
        return load_or_unload(name, stay, watch, lambda _: json_reply({"embedding": []}))
    request = EmbedRequest(model=plain(name), inputs=[text], normalize=False)

    def answer(response: EmbedResponse) -> Reply:
        return _reply({"embedding": _numbers(response.embeddings[0])})

    def call() -> Unary:
        return Unary(EMBED, request, answer, _older_field_name, _OLDER_BLAMES)

    return in_memory(name, stay, watch, call)


def _field_name(path: str) -> str:
    return path.replace("inputs", "input", 1)


def _older_field_name(path: str) -> str:
    return path.replace("inputs[0]", "prompt", 1)


def _reply(value: dict[str, Any]) -> Reply:
    return Reply(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))


def _numbers(embedding: Embedding) -> Any:
    """In the fewest digits that read back the same."""
    import numpy as np  # noqa: PLC0415 - `Calls` says why

    return np.array(embedding.values, dtype="<f4")
