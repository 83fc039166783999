"""The bare loop of llama-batched-bench, and the likeliest token chosen: an engine's ceiling."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from time import perf_counter
from typing import Any

import numpy as np
from llama_cpp import llama_cpp

from funland_cli.bench_statistics import Call
from funland_worker.engines.llama_cpp.backends import accelerators
from funland_worker.engines.llama_cpp.gguf_file import load_mode
from funland_worker.engines.llama_cpp.offload import Offload
from tools.bench.prompts import chat_prompt

# The declarations are ctypes values that no type checker can follow.
lib: Any = llama_cpp

_BATCH = 512


class DecodeLoop:
    """One token for each sequence a pass, all sequences from begin to end together.

    No queue, no stop, no text: nothing but llama.cpp's work.
    """

    def __init__(
        self,
        path: str,
        *,
        context_length: int,
        slots: int,
        threads: int,
        device: str = "",
        flash: str = "",
    ) -> None:
        lib.llama_log_set(_silent, None)
        lib.llama_backend_init()
        loading = lib.llama_model_default_params()
        on_device = [each for each in accelerators() if each.name == device] if device else []
        if device and not on_device:
            raise ValueError(f"llama.cpp finds no device {device}")
        kept = Offload(tuple(on_device)).apply(loading)  # until the model is loaded
        if not device:
            loading.load_mode = load_mode()
        self._model = lib.llama_model_load_from_file(path.encode(), loading)
        del kept
        params = lib.llama_context_default_params()
        params.n_ctx = context_length * slots
        params.n_batch = params.n_ubatch = _BATCH
        params.n_seq_max = slots
        params.n_threads = params.n_threads_batch = threads
        # What is fastest there (on CPUs: ADR 0029), so that it is a ceiling.
        params.flash_attn_type = {
            "on": lib.LLAMA_FLASH_ATTN_TYPE_ENABLED,
            "off": lib.LLAMA_FLASH_ATTN_TYPE_DISABLED,
            "auto": lib.LLAMA_FLASH_ATTN_TYPE_AUTO,
        }[flash or ("auto" if device else "off")]
        params.no_perf = True
        self._context = lib.llama_init_from_model(self._model, params)
        self._vocabulary = lib.llama_model_get_vocab(self._model)
        self._size: int = lib.llama_vocab_n_tokens(self._vocabulary)
        self._batch = lib.llama_batch_init(_BATCH, 0, 1)

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Computes the prompts, then `tokens` tokens for each."""
        start = perf_counter()
        lib.llama_memory_clear(lib.llama_get_memory(self._context), False)
        prompts = [self._tokenize(chat_prompt(message)) for message in messages]
        newest = [self._prefill(sequence, prompt) for sequence, prompt in enumerate(prompts)]
        arrivals = [perf_counter()]
        for step in range(tokens - 1):
            for row, prompt in enumerate(prompts):
                self._fill(row, newest[row], len(prompt) + step, row, output=True)
            self._decode(len(prompts))
            newest = self._likeliest(len(prompts))
            arrivals.append(perf_counter())
        return [Call(start, tuple(arrivals), tokens)] * len(messages)

    def _tokenize(self, text: str) -> list[int]:
        data = text.encode()
        tokens = (ctypes.c_int32 * (len(data) + 1))()
        count = lib.llama_tokenize(
            self._vocabulary, data, len(data), tokens, len(tokens), False, True
        )
        return tokens[:count]

    def _prefill(self, sequence: int, prompt: Sequence[int]) -> int:
        for begin in range(0, len(prompt), _BATCH):
            part = prompt[begin : begin + _BATCH]
            for row, token in enumerate(part):
                self._fill(row, token, begin + row, sequence, output=row == len(part) - 1)
            self._decode(len(part))
        return self._likeliest(1)[0]

    def _fill(self, row: int, token: int, position: int, sequence: int, *, output: bool) -> None:
        batch = self._batch
        batch.token[row], batch.pos[row] = token, position
        batch.n_seq_id[row], batch.seq_id[row][0] = 1, sequence
        batch.logits[row] = output

    def _decode(self, rows: int) -> None:
        self._batch.n_tokens = rows
        if outcome := lib.llama_decode(self._context, self._batch):
            raise RuntimeError(f"llama_decode failed with {outcome}")

    def _likeliest(self, rows: int) -> list[int]:
        pointer = lib.llama_get_logits(self._context)
        logits = np.ctypeslib.as_array(pointer, (rows, self._size))
        return [int(logits[row].argmax()) for row in range(rows)]


@lib.llama_log_callback
def _silent(*_: object) -> None:
    """Drops llama.cpp's log."""
