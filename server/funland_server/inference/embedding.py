"""Embeddings on the wire of calls and on that of workers."""

from __future__ import annotations

from funland.v1.inference_pb2 import EmbedRequest, EmbedResponse, Usage
from funland.worker.v1.worker_pb2 import EmbeddedTexts, EmbedTexts, Tokens
from funland_server.identity import caller
from funland_server.workers.callee import Callee


def texts_to_embed(request: EmbedRequest) -> EmbedTexts:
    """What a worker is told."""
    return EmbedTexts(
        inputs=request.inputs,
        token_inputs=[Tokens(tokens=one.tokens) for one in request.token_inputs],
        pooling=request.pooling,
        dimensions=request.dimensions,
        raw=request.HasField("normalize") and not request.normalize,
    )


def embedded(worker: Callee, texts: EmbeddedTexts) -> EmbedResponse:
    """What a caller is answered, for whom its tokens are counted."""
    tokens = texts.prompt_tokens
    caller().count_tokens(tokens)
    return EmbedResponse(
        model=worker.model_id,
        embeddings=texts.embeddings,
        usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        device_ids=worker.device_ids,
    )
