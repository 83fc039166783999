"""Turns a text into a vector with a model that was made for writing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError

_ROWS = 256


class Embedder:
    """A context of its own that gives each token's last hidden state; their mean is the vector.

    The tokens go through in runs of 256. Attention is causal, so a run changes nothing of those
    before it, and the buffers stay small whatever the text's length.
    """

    def __init__(self, model: LlamaModel, context_length: int, threads: int) -> None:
        params = lib.llama_context_default_params()
        params.n_ctx = context_length
        params.n_batch = params.n_ubatch = _ROWS
        params.n_seq_max = 1
        params.n_threads = params.n_threads_batch = threads
        params.embeddings = True
        params.pooling_type = lib.LLAMA_POOLING_TYPE_NONE
        params.no_perf = True
        self._context: Any = lib.llama_init_from_model(model.handle, params)
        if not self._context:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "There is not enough memory to embed with this model.",
            )
        self._length = model.embedding_length
        self._batch = Batch(_ROWS)

    def embed(self, tokens: Sequence[int]) -> list[float]:
        """The unit vector of a text."""
        lib.llama_memory_clear(lib.llama_get_memory(self._context), False)
        total: NDArray[np.float64] = np.zeros(self._length)
        for start in range(0, len(tokens), _ROWS):
            self._batch.clear()
            self._batch.add(0, start, tokens[start : start + _ROWS], output=True)
            self._batch.want_all_outputs()
            if outcome := self._batch.decode(self._context):
                raise RuntimeError(f"llama_decode failed with {outcome}")
            pointer = lib.llama_get_embeddings(self._context)
            states = np.ctypeslib.as_array(pointer, (self._batch.rows, self._length))
            total += states.sum(axis=0)
        length = float(np.linalg.norm(total))
        return (total / length if length > 0 else total).tolist()
