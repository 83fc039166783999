"""What llama.cpp computes, to hold training's network against."""

from __future__ import annotations

import ctypes
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.training.numbers import Numbers

POSITIONS = 256


class Reference:
    """A model in llama.cpp, with an adapter if one is given."""

    def __init__(self, path: Path, adapter: Path | None = None) -> None:
        library.start()
        self.model = LlamaModel(path)
        handles: list[Any] = []
        if adapter is not None:
            handles.append(lib.llama_adapter_lora_init(self.model.handle, str(adapter).encode()))
            assert handles[0]
        params = self.model.context_params()
        params.n_ctx = params.n_batch = params.n_ubatch = POSITIONS
        params.n_threads = params.n_threads_batch = 1
        params.type_k = params.type_v = 0  # F32: what is compared is no rounding of a cache
        self._context = lib.llama_init_from_model(self.model.handle, params)
        if handles:
            array = (lib.llama_adapter_lora_p_ctypes * 1)(*handles)
            assert not lib.llama_set_adapters_lora(
                self._context, array, 1, (ctypes.c_float * 1)(1.0)
            )

    def close(self) -> None:
        lib.llama_free(self._context)

    def logits(self, tokens: Sequence[int]) -> Numbers:
        """For each token, tokens x vocabulary."""
        lib.llama_memory_clear(lib.llama_get_memory(self._context), True)
        batch = lib.llama_batch_init(len(tokens), 0, 1)
        batch.n_tokens = len(tokens)
        for place, token in enumerate(tokens):
            batch.token[place] = token
            batch.pos[place] = place
            batch.n_seq_id[place] = 1
            batch.seq_id[place][0] = 0
            batch.logits[place] = True
        assert lib.llama_decode(self._context, batch) == 0
        size = self.model.vocabulary.size
        pointer: Any = lib.llama_get_logits(self._context)
        told = np.ctypeslib.as_array(pointer, (len(tokens), size)).copy()
        lib.llama_batch_free(batch)
        return told

    def greedy(self, prompt: Sequence[int], most: int) -> list[int]:
        """How it goes on, up to an end mark."""
        tokens = list(prompt)
        while len(tokens) - len(prompt) < most:
            token = int(self.logits(tokens)[-1].argmax())
            if self.model.vocabulary.is_end(token):
                break
            tokens.append(token)
        return tokens[len(prompt) :]


@contextmanager
def reference(path: Path, adapter: Path | None = None) -> Generator[Reference]:
    made = Reference(path, adapter)
    try:
        yield made
    finally:
        made.close()
