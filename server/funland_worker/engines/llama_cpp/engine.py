"""Continuous batching on llama.cpp: sequences join and leave the running batch at any step."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.embedding import Embedder
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.prefill import LARGEST, PrefillBudget
from funland_worker.engines.llama_cpp.sampling import TokenSampler
from funland_worker.engines.llama_cpp.sequence import Generation
from funland_worker.engines.llama_cpp.slots import Slots
from funland_worker.engines.protocol import Advance, EngineError, Prompt, StepReport

KV_CELLS = 32768
"""How many tokens all sequences together may hold, unless one alone may hold more. The cache is
unified: any sequence takes any cells."""


class LlamaEngine:
    """See `funland_worker.engines.protocol.Engine`."""

    def __init__(
        self,
        model: LlamaModel,
        context_length: int,
        slots: int,
        threads: int,
        *,
        kv_cells: int = KV_CELLS,
    ) -> None:
        """Makes the context. `kv_cells` bounds its memory, but for one full sequence.

        Raises:
            EngineError: MODEL_LOAD_FAILED, most often for lack of memory.
        """
        self.context_length = context_length
        self.slots = slots
        self.threads = threads
        self.vocabulary_size = model.vocabulary_size
        self._model = model
        cells = min(slots * context_length, max(context_length, kv_cells))
        self._context = _new_context(model, cells, slots, threads)
        self._slots = Slots(lib.llama_get_memory(self._context), slots, cells)
        self._batch = Batch(LARGEST + slots)
        self._prefill = PrefillBudget()
        self._waiting: deque[Generation] = deque()
        self._running: list[Generation] = []
        """In order of arrival."""
        self._embedder: Embedder | None = None

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`."""
        sampler = TokenSampler(prompt.sampling, self.vocabulary_size, prompt.tokens)
        self._waiting.append(Generation(prompt, sampler))

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`."""
        for generation in self._running:
            if generation.id == sequence_id:
                self._end(generation)
                return
        for generation in self._waiting:
            if generation.id == sequence_id:
                self._waiting.remove(generation)
                generation.sampler.close()
                return

    @property
    def idle(self) -> bool:
        """See `Engine`."""
        return not self._running and not self._waiting

    def step(self) -> StepReport:
        """See `Engine`."""
        self._admit()
        shares, decoding, prompt_tokens = self._compute()
        advances = self._sample(shares)
        return StepReport(
            advances=advances,
            decoded_sequences=decoding,
            prompt_tokens=prompt_tokens,
            active_sequences=len(self._running),
            waiting_sequences=len(self._waiting),
        )

    def embed(self, texts: Sequence[Sequence[int]]) -> list[list[float]]:
        """See `Engine`."""
        if self._embedder is None:
            self._embedder = Embedder(self._model, self.context_length, self.threads)
        return [self._embedder.embed(tokens) for tokens in texts]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See `Engine`."""
        return self._model.tokenize(text, add_special=add_special, parse_special=parse_special)

    def detokenize(self, tokens: Sequence[int]) -> str:
        """See `Engine`."""
        return self._model.detokenize(tokens)

    def _admit(self) -> None:
        """Gives slots to those who wait, in order, as far as slots and cells go."""
        while self._waiting and self._slots.available:
            generation = self._waiting[0]
            # Those admitted need cells for all their tokens, computed or not yet.
            needed = sum(len(running.tokens) for running in self._running)
            if not self._slots.make_room(needed, len(generation.tokens) + 1):
                return
            self._waiting.popleft()
            slot, cached = self._slots.take(generation.tokens)
            generation.start(slot, cached)
            self._running.append(generation)

    def _compute(self) -> tuple[list[tuple[Generation, int]], int, int]:
        """Runs one pass: who computed how many tokens, how many sequences decoded, and how many
        prompt tokens there were."""
        while True:
            shares = self._share_out()
            decoding = sum(generation.decoding for generation, _ in shares)
            wanted = sum(share for _, share in shares)
            if self._slots.make_room(self._held_cells(), wanted):
                self._fill(shares)
                begin = monotonic()
                outcome = self._batch.decode(self._context)
                if outcome == 0:
                    lib.llama_synchronize(self._context)
                    prompt_tokens = wanted - decoding
                    self._prefill.measured(prompt_tokens, 1e3 * (monotonic() - begin))
                    for generation, share in shares:
                        generation.computed += share
                    return shares, decoding, prompt_tokens
                if outcome != 1:
                    raise RuntimeError(f"llama_decode failed with {outcome}")
            self._preempt()

    def _share_out(self) -> list[tuple[Generation, int]]:
        """Who computes how many tokens in the next pass, by slot: one for each that decodes, and
        the budget for prompts, first come first served."""
        others_decode = any(generation.decoding for generation in self._running)
        budget = self._prefill.tokens(others_decode=others_decode)
        shares: list[tuple[Generation, int]] = []
        for generation in self._running:
            if generation.decoding:
                shares.append((generation, 1))
            elif budget > 0:
                share = min(generation.lacking, budget)
                budget -= share
                shares.append((generation, share))
        # Rows in the order of their slots keep llama.cpp from splitting the batch.
        return sorted(shares, key=lambda share: share[0].slot)

    def _fill(self, shares: list[tuple[Generation, int]]) -> None:
        self._batch.clear()
        for generation, share in shares:
            start = generation.computed
            self._batch.add(
                generation.slot,
                start,
                generation.tokens[start : start + share],
                output=share == generation.lacking,
            )

    def _sample(self, shares: list[tuple[Generation, int]]) -> list[Advance]:
        advances: list[Advance] = []
        row = -1
        for generation, share in shares:
            row += share
            if generation.lacking:
                continue
            token = generation.sampler.sample(self._context, row, self._logits(row))
            advance = generation.append(
                token, self._model.piece(token), self.context_length, ends=self._model.is_end
            )
            advances.append(advance)
            if advance.outcome is not None:
                self._end(generation)
        return advances

    def _logits(self, row: int) -> NDArray[np.float32]:
        pointer = lib.llama_get_logits_ith(self._context, row)
        return np.ctypeslib.as_array(pointer, (self.vocabulary_size,))

    def _end(self, generation: Generation) -> None:
        self._running.remove(generation)
        self._slots.give_back(generation.slot, generation.tokens[: generation.computed])
        generation.sampler.close()

    def _preempt(self) -> None:
        """Takes the cells of the youngest, which computes its tokens anew when there is room."""
        if len(self._running) == 1:
            if self._slots.kept_cells == 0:
                raise RuntimeError("the KV cache is too small for one sequence")
            self._slots.empty_all()
            return
        generation = self._running.pop()
        self._slots.drop(generation.slot)
        generation.computed = 0
        self._waiting.appendleft(generation)

    def _held_cells(self) -> int:
        return sum(generation.computed for generation in self._running)


def _new_context(model: LlamaModel, cells: int, slots: int, threads: int) -> Any:
    params = lib.llama_context_default_params()
    params.n_ctx = cells
    params.n_batch = LARGEST + slots
    params.n_ubatch = LARGEST
    params.n_seq_max = slots
    params.n_outputs_max = slots
    params.n_threads = threads
    params.n_threads_batch = threads
    params.kv_unified = True
    params.no_perf = True
    context = lib.llama_init_from_model(model.handle, params)
    if not context:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"There is not enough memory for a context of {cells} tokens; ask for fewer slots or a"
            " shorter context_length.",
        )
    return context
