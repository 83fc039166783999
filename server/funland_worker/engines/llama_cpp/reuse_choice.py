"""Whether a model's keys and values may be used elsewhere than where they were computed."""

from __future__ import annotations

from typing import Final

from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.llama_cpp.attention import invalid
from funland_worker.engines.llama_cpp.cache.grafting import moves_rightly
from funland_worker.engines.llama_cpp.cache.state import Transfer
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel

_TRIED: Final = 8
"""Tokens that are moved to see whether they are right there."""
_CELLS: Final = 32


def least_chunk(settings: LoadSettings, model: LlamaModel, threads: int) -> int:
    """From how many tokens on runs are used again anywhere; 0: never.

    Raises:
        EngineError: FIELD_INVALID, if that is asked of what can't be moved.
    """
    if not settings.HasField("cache_reuse_tokens"):
        return 0
    if (why := _obstacle(settings, model, threads)) is not None:
        raise invalid("cache_reuse_tokens", f"{why}; leave it out.")
    return settings.cache_reuse_tokens


def _obstacle(settings: LoadSettings, model: LlamaModel, threads: int) -> str | None:
    """What is in the way, in words."""
    if not model.can_generate:
        return "this model reads a text as a whole, and keeps nothing of it"
    if not model.memory.shifts:
        return "what llama.cpp keeps of this model's texts can't be moved"
    if settings.cache == LoadSettings.UNIFIED:
        return "texts that share one cache have nothing that can be moved"
    if model.attention.key_type != LoadSettings.F16:
        return "only keys that are kept as F16 can be moved"
    if not _right(model, threads):
        return "llama.cpp moves this model's keys wrongly"
    return None


def _right(model: LlamaModel, threads: int) -> bool:
    """Whether moved keys are as they must be: some forty tokens are computed."""
    params = model.context_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _CELLS
    params.n_threads = params.n_threads_batch = threads
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        return False
    try:
        return moves_rightly(Transfer(context, 1, model.memory), _TRIED)
    finally:
        lib.llama_free(context)
