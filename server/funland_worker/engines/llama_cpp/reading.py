"""Reads whole texts with a context that does nothing else: for embeddings and for ranking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.binding import bind
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.passes import Part, plan
from funland_worker.engines.protocol import EngineError

ROWS = 256
"""How many tokens a pass has, unless one text needs more: a wider one is slower, and others
wait for the engine meanwhile."""
_LONG, _LONG_ROWS = 2048, 128
"""Without flash attention the scores of a pass take rows x tokens of memory."""
_SEQUENCES = 64


class TextReader:
    """A context with one way of pooling, as large as the longest text that it has read.

    A model that reads from left to right takes a long text in runs of at most `ROWS`: a run changes
    nothing of those before it. Any other model needs a text in one pass, with buffers of that size:
    flash attention keeps those small.
    """

    def __init__(
        self, model: LlamaModel, pooling_type: int, context_length: int, threads: int
    ) -> None:
        """Makes a context for short texts.

        Raises:
            EngineError: MODEL_LOAD_FAILED, for lack of memory.
        """
        self._model = model
        self._pooling_type = pooling_type
        self._context_length = context_length
        self._threads = threads
        self._sequences = 1 if model.memory.keeps_states else _SEQUENCES
        self._size = ROWS
        self.context: Any = self._open(self._size)
        self._batch = Batch(ROWS)

    def read(self, texts: Sequence[Sequence[int]]) -> Iterator[list[Part]]:
        """Runs the passes that the texts need, and gives the parts of each when it is computed.

        Raises:
            EngineError: MODEL_LOAD_FAILED, if the memory does not suffice for the longest.
        """
        lengths = [len(tokens) for tokens in texts]
        self._grow(max(lengths, default=0))
        for parts in plan(lengths, self._rows(self._size), self._sequences):
            if parts[0].start == 0:
                lib.llama_memory_clear(lib.llama_get_memory(self.context), False)
            self._batch.clear()
            for part in parts:
                tokens = texts[part.text][part.start : part.stop]
                self._batch.add(part.sequence, part.start, tokens, outputs=len(tokens))
            run = self._batch.encode if self._model.has_encoder else self._batch.decode
            if outcome := run(self.context):
                raise RuntimeError(f"llama.cpp can't read the texts: {outcome}")
            yield parts

    def _grow(self, tokens: int) -> None:
        """Makes room for a text of so many tokens."""
        if tokens <= self._size:
            return
        size = self._size
        while size < tokens:
            size *= 2
        size = max(min(size, self._context_length), tokens)
        context = self._open(size)
        lib.llama_free(self.context)
        self.context, self._size = context, size
        if self._batch.capacity < self._rows(size):
            self._batch = Batch(self._rows(size))

    def _rows(self, size: int) -> int:
        if not self._model.memory.remembers:
            return size
        return _LONG_ROWS if size > _LONG and self._model.attention.keeps_scores else ROWS

    def _open(self, tokens: int) -> Any:
        # Attention as in the context that writes: some models can't be computed with another.
        remembers = self._model.memory.remembers
        params = self._model.context_params() if remembers else lib.llama_context_default_params()
        params.n_ctx = tokens
        params.n_batch = params.n_ubatch = self._rows(tokens)
        params.n_seq_max = self._sequences
        params.n_threads = params.n_threads_batch = self._threads
        params.embeddings = True
        params.pooling_type = self._pooling_type
        params.kv_unified = True
        params.no_perf = True
        context = lib.llama_init_from_model(self._model.handle, params)
        if not context:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                f"There is not enough memory to read a text of {tokens} tokens at once.",
            )
        if self._model.offload.on_cpu:
            bind(context, self._threads)
        return context
