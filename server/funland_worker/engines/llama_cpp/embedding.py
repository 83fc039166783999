"""Turns texts into vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.passes import Part
from funland_worker.engines.llama_cpp.reading import TextReader

_OWN_POOLING = {
    lib.LLAMA_POOLING_TYPE_CLS: EmbedRequest.CLS,
    lib.LLAMA_POOLING_TYPE_LAST: EmbedRequest.LAST,
}


class Embedder:
    """Reads texts for their tokens' last hidden states, and makes one vector of each text's.

    The pooling is done here and not by llama.cpp: so one context serves every way of pooling, and
    a mean may go over several passes.
    """

    def __init__(self, model: LlamaModel, context_length: int, threads: int) -> None:
        """Makes a context of its own; raises as `TextReader`."""
        none = lib.LLAMA_POOLING_TYPE_NONE
        self._reader = TextReader(model, none, context_length, threads)
        self._length = model.vector_length
        self._own_pooling = _OWN_POOLING.get(model.pooling_type, EmbedRequest.MEAN)

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """The vectors of tokenized texts, not normalized; zeros for a text without tokens.

        Raises:
            EngineError: MODEL_LOAD_FAILED, if the memory does not suffice for the longest.
        """
        pooling = pooling or self._own_pooling
        vectors = np.zeros((len(texts), self._length), np.float64)
        for parts in self._reader.read(texts):
            states = self._states(sum(part.stop - part.start for part in parts))
            for part in parts:
                rows = states[part.row : part.row + part.stop - part.start]
                _pool(vectors[part.text], rows, part, len(texts[part.text]), pooling)
        return vectors.tolist()

    def _states(self, rows: int) -> NDArray[np.float32]:
        """The last hidden states of the pass, a row for each token."""
        pointer: Any = lib.llama_get_embeddings(self._reader.context)
        return np.ctypeslib.as_array(pointer, (rows, self._length))


def _pool(
    vector: NDArray[np.float64],
    states: NDArray[np.float32],
    part: Part,
    length: int,
    pooling: EmbedRequest.Pooling.ValueType,
) -> None:
    """Adds to a text's vector what a part of its tokens has for it."""
    if pooling == EmbedRequest.MEAN:
        vector += states.sum(axis=0, dtype=np.float64) / length
    elif pooling == EmbedRequest.CLS and part.start == 0:
        vector += states[0]
    elif pooling == EmbedRequest.LAST and part.stop == length:
        vector += states[-1]
