"""Ordering documents, in the shape that Cohere, Jina, llama-server and vLLM share, and in another.

That of text-embeddings-inference is known by its `texts`, as llama-server knows it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from funland.v1 import errors_pb2, inference_pb2
from funland_gateway.dialects.dialect import Blames, Incoming, Reply, Unary
from funland_gateway.dialects.openai.fates import unless, unless_empty
from funland_gateway.dialects.openai.parameters import Refusals, refuse
from funland_gateway.dialects.reading import JsonObject, malformed, missing
from funland_gateway.dialects.rpcs import RERANK

if TYPE_CHECKING:
    import numpy as np

REFUSALS: Final[Refusals] = {
    "truncate_prompt_tokens": unless(-1).asks,  # vLLM's
    "max_tokens_per_doc": unless_empty().asks,  # Cohere's
    "truncation_direction": unless("right", "Right").asks,  # text-embeddings-inference's
}
"""What would rank other texts than those that are sent."""

_CUTS: Final = ("truncate", "truncate_prompt_tokens")
"""What allows a text that is too long to be cut. None is: it is refused, and blamed on this."""


@dataclass(frozen=True, slots=True)
class _Ranking:
    """What the answer needs to know of the request."""

    documents: Sequence[str]
    shown: bool
    """Whether the documents are sent back."""
    raw: bool
    """Whether scores are to be the model's own, not within 0 and 1."""

    def score(self, ranked: inference_pb2.RankedDocument) -> np.float32:
        import numpy as np  # noqa: PLC0415 - `Calls` says why

        return np.float32(ranked.raw_score if self.raw else ranked.score)


def rerank(incoming: Incoming) -> Unary:
    """Reads a request. A document is a text, or an object with its `text`."""
    if incoming.body.raw("texts") is not None:
        incoming.body.boolean("truncate")
        return _ask(incoming.body, "texts", "return_text", _ranked_texts)
    return _ask(incoming.body, "documents", "return_documents", _ranked)


def rerank_as_cohere(incoming: Incoming) -> Unary:
    """Reads a request to Cohere's second version, whose answer has no `object` and no `usage`."""
    return _ask(incoming.body, "documents", "return_documents", _ranked_as_cohere)


def _ask(
    body: JsonObject,
    name: str,
    shown: str,
    answer: Callable[[_Ranking, inference_pb2.RerankResponse], Reply],
) -> Unary:
    refuse(body, REFUSALS)
    ranking = _Ranking(
        documents=_documents(body, name),
        shown=bool(body.boolean(shown)),
        raw=bool(body.boolean("raw_scores")),
    )
    request = inference_pb2.RerankRequest(
        model=body.optional_string("model"),
        query=body.string("query"),
        documents=ranking.documents,
        top_n=body.integer("top_n") or 0,
    )
    blamed = next((cut for cut in _CUTS if body.raw(cut)), name)
    blames: Blames = {errors_pb2.PROMPT_TOO_LONG: blamed}
    return Unary(
        RERANK,
        request,
        partial(answer, ranking),
        lambda path: path.replace("documents", name, 1),
        blames,
    )


def _documents(body: JsonObject, name: str) -> list[str]:
    path = body.path_of(name)
    value = body.raw(name)
    if value is None:
        raise missing(path)
    if not isinstance(value, list):
        raise malformed(path, "a list of strings or objects")
    items = cast("list[object]", value)
    return [_document(item, f"{path}[{index}]") for index, item in enumerate(items)]


def _document(item: object, path: str) -> str:
    return item if isinstance(item, str) else JsonObject.read(item, path).string("text")


def _ranked(ranking: _Ranking, response: inference_pb2.RerankResponse) -> Reply:
    return _reply(
        {
            "object": "list",
            "model": response.model,
            "results": _results(ranking, response),
            "usage": {
                "prompt_tokens": response.usage.prompt_tokens,
                "total_tokens": response.usage.total_tokens,
            },
        }
    )


def _ranked_as_cohere(ranking: _Ranking, response: inference_pb2.RerankResponse) -> Reply:
    meta = {
        "api_version": {"version": "2"},
        "tokens": {"input_tokens": response.usage.prompt_tokens},
    }
    return _reply({"results": _results(ranking, response), "meta": meta})


def _ranked_texts(ranking: _Ranking, response: inference_pb2.RerankResponse) -> Reply:
    return _reply(
        [
            {
                "index": ranked.index,
                "score": ranking.score(ranked),
                **({"text": ranking.documents[ranked.index]} if ranking.shown else {}),
            }
            for ranked in response.results
        ]
    )


def _results(ranking: _Ranking, response: inference_pb2.RerankResponse) -> list[dict[str, Any]]:
    results: list[dict[str, Any]] = []
    for ranked in response.results:
        result: dict[str, Any] = {"index": ranked.index, "relevance_score": ranking.score(ranked)}
        if ranking.shown:
            result["document"] = {"text": ranking.documents[ranked.index]}
        results.append(result)
    return results


def _reply(value: object) -> Reply:
    """With 32-bit scores in the fewest digits that read back the same."""
    return Reply(orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY))
