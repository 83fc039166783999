"""Finds out what kind of memory llama.cpp gives the contexts of a model (ADR 0049)."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library, telling
from funland_worker.engines.llama_cpp.attention import Attention
from funland_worker.engines.llama_cpp.cache.state import EMPTY_SIZE
from funland_worker.engines.llama_cpp.last_words import why
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError

_TOKENS = 32


class MemoryKind(Enum):
    """What is kept of a text while it grows."""

    NONE = auto()
    """Nothing: it is read as a whole."""
    PLAIN = auto()
    """The keys and values of each token, in one cache: `cache.state.Transfer` can move them between
    contexts of any number of parts."""
    OTHER = auto()
    """Something else, or more: several caches, or a state."""


def probe(model: Any, attention: Attention) -> tuple[MemoryKind, Attention]:
    """The kind of a model, given llama.cpp's handle of it, and how its devices compute attention if
    that was left to them. Computes nothing with the weights.

    The state of a text without tokens shows it: all that a memory consists of says there how much
    of it follows, so that it is longer of several caches than of one.

    Raises:
        EngineError: MODEL_LOAD_FAILED, for lack of memory.
    """
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = _TOKENS
    params.n_threads = params.n_threads_batch = 1
    params.no_perf = True
    attention.apply(params)
    library.errors.clear()
    context = lib.llama_init_from_model(model, params)
    if not context:
        told = why(library.errors, "") or "there is not enough memory"
        raise EngineError(ErrorReason.MODEL_LOAD_FAILED, f"llama.cpp can't run the model: {told}.")
    try:
        if not lib.llama_get_memory(context):
            return MemoryKind.NONE, attention
        if attention.flash is None and (flash := telling.flash_attention(context)) is not None:
            attention = attention.resolved(flash=flash)
        size: int = lib.llama_state_seq_get_size(context, 0)
        return MemoryKind.PLAIN if size == EMPTY_SIZE else MemoryKind.OTHER, attention
    finally:
        lib.llama_free(context)
