"""Continuous batching on llama.cpp: texts join and leave the running batch at any step."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from time import monotonic
from typing import Any

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.cores import count, most_threads
from funland_worker.engines.background import Background, Crowd
from funland_worker.engines.llama_cpp.adapters import Adapters
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.cache.contexts import new_cache
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.interruption import INTERRUPTED, Interruption
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.row_batch import RowBatch
from funland_worker.engines.llama_cpp.scheduler import Scheduler
from funland_worker.engines.llama_cpp.share import Share
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.llama_cpp.speculation.rollback import guessed
from funland_worker.engines.llama_cpp.vectors import Vectors
from funland_worker.engines.loaded import CACHE_TOKENS
from funland_worker.engines.prefill import LARGEST_PASS
from funland_worker.engines.prompt_news import PromptNews
from funland_worker.engines.protocol import Advance, EngineError, Prompt, StepReport, Vocabulary
from funland_worker.engines.sampling.sampler import Rows, Sampled, sample_all
from funland_worker.engines.stand_ins import shift

_FEW_CHOOSERS = 4


class LlamaEngine:
    """See `funland_worker.engines.protocol.Engine`."""

    kind = LoadSettings.LLAMA_CPP

    def __init__(
        self,
        model: LlamaModel,
        context_length: int,
        slots: int,
        threads: int,
        *,
        fewer_slots: bool = False,
        held_texts: int = 0,
        cache: LoadSettings.KeyValueCache.ValueType = LoadSettings.STREAMS,
        kv_cells: int = CACHE_TOKENS,
        least_chunk: int = 0,
        adapters: Adapters | None = None,
        guesses: Guesses | None = None,
        store: StateStore | None = None,
    ) -> None:
        """Makes the cache, with `fewer_slots` for fewer texts if it must be; `held_texts` is how
        many may have a state, 0: as many as there is memory for. `kv_cells` bounds its memory, but
        for one full text; runs of `least_chunk` tokens are used elsewhere than where they were
        computed, if that isn't 0. `store` takes what leaves it, which is lost without one.

        Raises:
            EngineError: MODEL_LOAD_FAILED, most often for lack of memory.
        """
        self.context_length = context_length
        self.slots = slots
        self.threads = threads
        self._choosers = _choosers(threads, model)
        self.device = model.offload.name
        self.vocabulary: Vocabulary = model.vocabulary
        self.vocabulary_size = model.vocabulary.size
        self.can_generate = model.can_generate
        self.can_rank = model.can_rank
        self._model = model
        self._adapters = adapters or Adapters(model, {})
        self._guesses = guesses or Guesses()
        self._vectors = Vectors(model, context_length, threads)
        self.background = Background()
        self._interruption = Interruption()
        self._interruptible = False
        """Whether a pass runs that nobody waits for."""
        if not model.can_generate:
            return
        rows = slots + self._guesses.most
        memory = guessed(model, self._guesses.ahead, threads)
        self._undoes_passes, self._takes_back = memory.undoes_passes, memory.takes_back
        self._cache = new_cache(
            model,
            memory,
            cache,
            context_length=context_length,
            slots=slots,
            fewer_slots=fewer_slots,
            held_texts=held_texts,
            threads=threads,
            rows=rows,
            cells=kv_cells,
            least_chunk=least_chunk,
            store=store or StateStore(0),
            interruption=self._interruption,
        )
        self.slots = self._cache.slots
        self._scheduler = Scheduler(self._cache, rows, self.background, memory)
        self._batch = Batch(LARGEST_PASS + rows)
        self._row_batch: RowBatch | None = None
        """Made when the first picture or sound comes."""
        self._scores = Rows(np.empty((0, self.vocabulary_size), np.float32))
        """What the latest pass gave: a row for each of its tokens after which scores are wanted."""

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`."""
        if not self.can_generate:
            raise EngineError(
                ErrorReason.MODEL_CANNOT_GENERATE,
                "The model is made for embeddings or ranking, and writes no text.",
            )
        self._adapters.check(prompt.adapters)
        self._guesses.check(prompt)
        self._scheduler.add(Generation(prompt, self.vocabulary, self.context_length))

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`."""
        if not self.can_generate:
            return
        for generation in self._scheduler.running[:]:
            if generation.id == sequence_id:
                self._end(generation)
        for generation in self._scheduler.waiting.cancel(sequence_id):
            self._guesses.forget(generation)

    @property
    def context(self) -> Any:
        """llama.cpp's context, until the next step; only of a model that generates."""
        return self._cache.context

    @property
    def cache_tokens(self) -> int:
        """How many tokens all texts may have together; only of a model that generates."""
        return self._cache.cells

    @property
    def idle(self) -> bool:
        """See `Engine`."""
        return not self.can_generate or self._scheduler.idle

    def step(self) -> StepReport:
        """See `Engine`."""
        begin = monotonic()
        self._scheduler.admit()
        shares, prompt_tokens = self._compute()
        failures: dict[int, EngineError] = {}
        news = self._read_prompts(shares, failures) if prompt_tokens else None
        advances = self._sample(shares, failures)
        self._scheduler.measured(1e3 * (monotonic() - begin))
        return StepReport(
            advances=advances,
            decoded_sequences=len(advances),
            prompt_tokens=prompt_tokens,
            active_sequences=len(self._scheduler.running),
            waiting_sequences=len(self._scheduler.waiting),
            cached_tokens=self._cache.cached_tokens,
            positions=self._scheduler.waiting.moved(),
            failures=tuple(failures.items()),
            prefills=tuple(news.prefills) if news else (),
            prompt_logprobs=tuple(news.logprobs) if news else (),
        )

    @property
    def crowd(self) -> Crowd:
        """See `Engine`."""
        return self._scheduler.crowd if self.can_generate else Crowd(0, 0, 0)

    @property
    def only_background(self) -> bool:
        """See `Engine`."""
        return self.can_generate and self._scheduler.only_background

    def hurry(self) -> None:
        """See `Engine`."""
        if self._interruptible and self._undoes_passes:
            self._interruption.raise_flag()

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`."""
        return self._vectors.embed(texts, pooling)

    def put_away(self) -> None:
        """See `Engine`."""
        if self.can_generate:
            self._cache.put_away()

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        return self._vectors.rank(pairs)

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        return self._vectors.rank_pair(query, document)

    def _compute(self) -> tuple[list[Share], int]:
        """Runs one pass: who computed what, and how many prompt tokens there were."""
        guesses: dict[Generation, list[int]] = {}
        if self._takes_back:
            guesses = self._guesses.make(self._scheduler.guessable, self._takes_back)
        while True:
            uses, shares = self._scheduler.plan(guesses)
            context = self._cache.context
            self._adapters.apply(context, uses)
            batch = self._filled(shares)
            begin = monotonic()
            self._interruption.lower_flag()
            # Of a picture's rows some can't be taken back, as they may all have one position.
            self._interruptible = self._scheduler.interruptible and batch is self._batch
            outcome = batch.decode(context)
            self._interruptible = False
            if outcome == INTERRUPTED:
                for share in shares:
                    self._cache.trim(share.lease)
                return [], 0
            if outcome == 0:
                self._scores = self._read_scores(context, batch.outputs)
                milliseconds = 1e3 * (monotonic() - begin)
                prompts = [share for share in shares if not share.generation.decoding]
                prompt_tokens = sum(len(share.tokens) for share in prompts)
                self._scheduler.budget.measured(
                    prompt_tokens, milliseconds, writing=len(shares) - len(prompts)
                )
                for share in shares:
                    known = len(share.tokens) - share.guesses
                    share.lease.computed += known
                    if share.shown is not None:
                        share.lease.shift += shift(share.tokens)
                    if not share.generation.made:
                        share.generation.prompt_computed += known
                self._scheduler.keep_places(shares)
                return shares, prompt_tokens
            if outcome != 1:
                raise RuntimeError(f"llama_decode failed with {outcome}")
            self._scheduler.preempt()

    def _read_prompts(self, shares: list[Share], failures: dict[int, EngineError]) -> PromptNews:
        """What there is to tell of prompts, for those who want to know; adds to the failures."""
        news = PromptNews()
        row = 0
        for share in shares:
            generation = share.generation
            if not generation.made:
                try:
                    self._score(share, row)
                except EngineError as error:
                    failures[generation.id] = error
                else:
                    news.add(generation, share.lease.computed, whole=share.outputs > 0)
            row += share.rows
        return news

    def _filled(self, shares: Sequence[Share]) -> Batch | RowBatch:
        """The pass: all of its shares are tokens, or all are rows."""
        if shares[0].shown is None:
            self._batch.fill(shares)
            return self._batch
        if self._row_batch is None:
            width = int(lib.llama_model_n_embd_inp(self._model.handle))
            self._row_batch = RowBatch(self._batch.capacity, width)
        self._row_batch.fill(shares)
        return self._row_batch

    def _read_scores(self, context: Any, outputs: int) -> Rows:
        """Waits for the pass to end and gives its scores, which lie there until the next."""
        shape = (outputs, self.vocabulary_size)
        if not outputs:
            lib.llama_synchronize(context)
            return Rows(np.empty(shape, np.float32))
        pointer: Any = lib.llama_get_logits(context)
        known = self._scores
        if known.logits.shape == shape and known.address == ctypes.addressof(pointer.contents):
            return known
        return Rows(np.ctypeslib.as_array(pointer, shape))

    def _score(self, share: Share, row: int) -> None:
        """Takes what follows each token of a scored prompt; the first has this row of scores."""
        scores = share.generation.scores
        if scores is None or not share.scored:
            return
        first = share.lease.computed - len(share.tokens)
        for place in range(len(share.tokens)):
            scores.take(first + place, self._scores.logits[row + place])

    def _sample(self, shares: list[Share], failures: dict[int, EngineError]) -> list[Advance]:
        """Chooses the next tokens of all whose pass gave them logits, but for the sequences of
        `failures`; adds those that fail."""
        advances: list[Advance] = []
        ready: list[tuple[Share, int]] = []
        row = 0
        for share in shares:
            row += share.rows
            if not share.outputs or share.generation.id in failures:
                continue
            if share.generation.writes:
                ready.append((share, row - share.outputs))
            else:
                advances.append(self._closed(share))
        jobs = [(share.generation.sampler, first) for share, first in ready]
        chosen = sample_all(jobs, self._scores, self._choosers)
        for (share, first), sampled in zip(ready, chosen, strict=True):
            try:
                advances.append(self._advance(share, first, sampled))
            except EngineError as error:
                self._cache.trim(share.lease)
                failures[share.generation.id] = error
        for sequence_id in failures:
            self.cancel(sequence_id)
        return advances

    def _closed(self, share: Share) -> Advance:
        """Ends a text that wants no more than that its prompt is computed."""
        generation = share.generation
        self._cache.publish(share.lease, generation.tokens)
        advance = generation.close()
        self._end(generation)
        return advance

    def _advance(self, share: Share, row: int, sampled: Sampled | EngineError) -> Advance:
        """Takes the chosen token, and as many guesses as are what would be chosen; the scores of
        the first are in a row, those after each guess behind it.

        Raises:
            EngineError: The text's format can't be followed any more.
        """
        generation = share.generation
        if generation.made == 0:
            self._cache.publish(share.lease, generation.tokens)
        generation.drafted_tokens += share.guesses
        accepted = generation.accepted_tokens
        if isinstance(sampled, EngineError):
            raise sampled
        advance = generation.go_on(sampled)
        for guess in share.tokens[len(share.tokens) - share.guesses :]:
            if generation.tokens[share.lease.computed] != guess or advance.outcome is not None:
                break
            share.lease.computed += 1
            generation.accepted_tokens += 1
            row += 1
            if generation.lacking:
                continue  # what came behind is forced
            sampled = generation.sampler.sample(self._scores.logits[row])
            advance = advance.joined(generation.go_on(sampled))
        if share.guesses:
            self._cache.trim(share.lease)
            self._guesses.learn(generation, share.guesses, generation.accepted_tokens - accepted)
        if advance.outcome is not None:
            self._end(generation)
        return advance

    def _end(self, generation: Generation) -> None:
        self._scheduler.leave(generation)
        self._guesses.forget(generation)


def _choosers(threads: int, model: LlamaModel) -> int:
    """How many threads choose tokens: those that compute, or some if a device does that."""
    if not model.gpu_layers:
        return threads
    return max(threads, min(_FEW_CHOOSERS, most_threads(count())))
