"""llama.cpp by itself, as the measure of what our engine makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.library import lib


def plain_logprobs(handle: Any, tokens: Sequence[int]) -> NDArray[np.float64]:
    """The logarithms of the probabilities of all tokens of the vocabulary behind each of a text's,
    in one pass of a context of its own."""
    params = lib.llama_context_default_params()
    params.n_ctx = params.n_batch = params.n_ubatch = max(32, len(tokens))
    params.n_threads = params.n_threads_batch = 1
    params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
    context = lib.llama_init_from_model(handle, params)
    batch = lib.llama_batch_init(len(tokens), 0, 1)
    batch.n_tokens = len(tokens)
    for place, token in enumerate(tokens):
        batch.token[place], batch.pos[place], batch.logits[place] = token, place, 1
        batch.n_seq_id[place], batch.seq_id[place][0] = 1, 0
    assert lib.llama_decode(context, batch) == 0
    size = lib.llama_vocab_n_tokens(lib.llama_model_get_vocab(handle))
    scores = np.array(
        [
            np.ctypeslib.as_array(lib.llama_get_logits_ith(context, place), (size,))
            for place in range(len(tokens))
        ],
        np.float64,
    )
    lib.llama_batch_free(batch)
    lib.llama_free(context)
    highest = scores.max(axis=1, keepdims=True)
    return scores - highest - np.log(np.exp(scores - highest).sum(axis=1, keepdims=True))
