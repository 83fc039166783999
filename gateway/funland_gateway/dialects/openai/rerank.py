"""`/v1/rerank`: ordering documents, in the shape that Cohere, Jina, llama-server and vLLM share."""

from __future__ import annotations

from functools import partial
from typing import Any, cast

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary, json_reply
from funland_gateway.dialects.reading import JsonObject, malformed, missing
from funland_gateway.dialects.rpcs import RERANK


def rerank(incoming: Incoming) -> Unary:
    """Reads a request. A document is a text, or an object with its `text`."""
    body = incoming.body
    documents = _documents(body)
    request = inference_pb2.RerankRequest(
        model=body.optional_string("model"),
        query=body.string("query"),
        documents=documents,
        top_n=body.integer("top_n") or 0,
    )
    shown = documents if body.boolean("return_documents") else None
    blames: Blames = {errors_pb2.PROMPT_TOO_LONG: "documents"}
    return Unary(RERANK, request, partial(_ranked, shown), blames=blames)


def _documents(body: JsonObject) -> list[str]:
    path = body.path_of("documents")
    value = body.raw("documents")
    if value is None:
        raise missing(path)
    if not isinstance(value, list):
        raise malformed(path, "a list of strings or objects")
    items = cast("list[object]", value)
    return [_document(item, f"{path}[{index}]") for index, item in enumerate(items)]


def _document(item: object, path: str) -> str:
    return item if isinstance(item, str) else JsonObject.read(item, path).string("text")


def _ranked(documents: list[str] | None, response: inference_pb2.RerankResponse) -> Reply:
    results: list[dict[str, Any]] = []
    for ranked in response.results:
        result: dict[str, Any] = {"index": ranked.index, "relevance_score": ranked.score}
        if documents is not None:
            result["document"] = {"text": documents[ranked.index]}
        results.append(result)
    return json_reply(
        {
            "object": "list",
            "model": response.model,
            "results": results,
            "usage": {
                "prompt_tokens": response.usage.prompt_tokens,
                "total_tokens": response.usage.total_tokens,
            },
        }
    )
