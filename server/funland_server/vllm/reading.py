"""Finds out what a vLLM that has just started serves."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from funland.worker.v1.worker_pb2 import Ready
from funland_server.vllm.arguments import Model
from funland_server.vllm.http import Http
from funland_server.vllm.requests import CHAT, COMPLETION, Served
from funland_server.vllm.tokens import Vocabulary, read_vocabulary

EMBED: Final = "/v1/embeddings"
RERANK: Final = "/rerank"


@dataclass(frozen=True, slots=True)
class Serving:
    """What there is to know of it."""

    served: Served
    vocabulary: Vocabulary
    ready: Ready
    can_embed: bool


async def find_out(http: Http, model: Model, *, slots: int, device: str) -> Serving:
    """Asks it, and reads the model's folder.

    Raises:
        RefusedError, WorkerLostError
    """
    cards = await http.get("/v1/models")
    routes: Mapping[str, Any] = (await http.get("/openapi.json")).get("paths") or {}
    vocabulary = await asyncio.to_thread(read_vocabulary, model.folder, model.chat_template)
    described = vocabulary.described
    context_length = int(cards["data"][0]["max_model_len"])
    can_generate = COMPLETION in routes
    served = Served(
        model_id=model.model_id,
        context_length=context_length,
        can_chat=bool(described.chat_template) and CHAT in routes,
        can_generate=can_generate,
        end_tokens=tuple(described.end_tokens),
        speech=model.speech,
    )
    ready = Ready(
        context_length=context_length,
        slots=slots,
        can_chat=served.can_chat,
        vocabulary_size=described.vocabulary_size,
        can_generate=can_generate,
        can_rank=RERANK in routes and EMBED not in routes,
        device=device,
        tokenizer=described,
    )
    return Serving(served, vocabulary, ready, can_embed=EMBED in routes)
