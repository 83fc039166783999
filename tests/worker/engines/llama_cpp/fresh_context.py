"""What llama.cpp itself writes, with a context that has seen nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel

_TIE = 0.01
"""Logits nearer than this may come in either order: a text that is computed beside others is
rounded otherwise."""


def check_greedy(model: LlamaModel, prompt: Sequence[int], made: Sequence[int]) -> None:
    """That the likeliest tokens after the prompt are these. Where two are as likely as each other,
    what follows tells nothing."""
    context = new_context(model, len(prompt) + len(made))
    batch = Batch(len(prompt))
    position, new = 0, prompt
    for token in made:
        batch.clear()
        batch.add(0, position, new, outputs=1)
        assert batch.decode(context) == 0
        position, new = position + len(new), [token]
        logits = last_logits(model, context)
        if logits.argmax() != token and logits.max() - logits[token] < _TIE:
            break
        assert logits.argmax() == token, f"less likely by {logits.max() - logits[token]}"
    lib.llama_free(context)


def new_context(model: LlamaModel, tokens: int, *, embeds: bool = False) -> Any:
    """A context for one text, computed in one pass; for its states with `embeds`."""
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = tokens
    params.n_threads = params.n_threads_batch = 1
    params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    params.embeddings = embeds
    params.pooling_type = lib.LLAMA_POOLING_TYPE_NONE
    return lib.llama_init_from_model(model.handle, params)


def last_logits(model: LlamaModel, context: Any) -> NDArray[np.float32]:
    """Of the latest token; valid until the next pass."""
    pointer: Any = lib.llama_get_logits_ith(context, -1)
    return np.ctypeslib.as_array(pointer, (model.vocabulary.size,))
