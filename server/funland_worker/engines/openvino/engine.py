"""Continuous batching on OpenVINO: texts join and leave the running batch at any step."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.continuation import Continuation
from funland_worker.engines.openvino.blocks import BlockPool
from funland_worker.engines.openvino.embedding import Embedder
from funland_worker.engines.openvino.library import unsupported
from funland_worker.engines.openvino.network import Network, Row
from funland_worker.engines.prefill import PrefillBudget
from funland_worker.engines.protocol import Advance, EngineError, Prompt, StepReport, Vocabulary
from funland_worker.engines.sampling.sampler import TokenSampler
from funland_worker.engines.waiting import WaitingQueue


class _Text(Continuation):
    """A text, and what the cache holds of it."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        super().__init__(prompt, vocabulary, context_length)
        self.computed = 0
        self.blocks: list[int] = []
        self.sampler = TokenSampler(prompt, vocabulary.piece)

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being in the cache."""
        return self.made > 0 and self.lacking == 1


class OpenVinoEngine:
    """See `funland_worker.engines.protocol.Engine`."""

    kind = LoadSettings.OPENVINO
    can_generate = True
    can_rank = False

    def __init__(
        self,
        network: Network,
        vocabulary: Vocabulary,
        embedder: Embedder,
        *,
        context_length: int,
        slots: int,
        threads: int,
    ) -> None:
        """`network` must have blocks for a text of `context_length`."""
        self.device = network.device
        self.context_length = context_length
        self.slots = slots
        self.threads = threads
        self.vocabulary = vocabulary
        self.vocabulary_size = network.vocabulary_size
        self._network = network
        self._embedder = embedder
        self._pool = BlockPool(
            network.block_count, network.block_size, shares=network.shares_blocks
        )
        self._waiting: WaitingQueue[_Text] = WaitingQueue()
        self._prefill = PrefillBudget()
        self._running: list[_Text] = []
        """In order of admission."""

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`."""
        if prompt.adapters:
            raise unsupported(
                "adapters", "OpenVINO can't run this model with adapters; llama.cpp can."
            )
        self._waiting.add(_Text(prompt, self.vocabulary, self.context_length))

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`."""
        self._waiting.cancel(sequence_id)
        for text in [text for text in self._running if text.id == sequence_id]:
            self._end(text)

    @property
    def idle(self) -> bool:
        """See `Engine`."""
        return not self._running and not len(self._waiting)

    def step(self) -> StepReport:
        """See `Engine`."""
        self._admit()
        shares = self._shares()
        decoding = sum(text.decoding for text, _ in shares)
        prompt_tokens = sum(share for _, share in shares) - decoding
        begin = monotonic()
        scores = self._compute(shares)
        milliseconds = 1e3 * (monotonic() - begin)
        self._prefill.measured(prompt_tokens, milliseconds, writing=decoding)
        advances, failures = self._advance(shares, scores)
        return StepReport(
            advances=advances,
            decoded_sequences=decoding,
            prompt_tokens=prompt_tokens,
            active_sequences=len(self._running),
            waiting_sequences=len(self._waiting),
            cached_tokens=self._pool.held * self._pool.size,
            positions=self._waiting.moved(),
            failures=tuple(failures.items()),
        )

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`."""
        return [self._embedder.embed(tokens, pooling) for tokens in texts]

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        raise _no_ranking()

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        raise _no_ranking()

    def _admit(self) -> None:
        """Gives slots to those who wait, in order, as far as slots and blocks go."""
        for text in list(self._waiting):
            if len(self._running) >= self.slots:
                return
            # The texts of one sequence share its prompt: the first computes it for all.
            if self._pool.shares and any(
                other.id == text.id and not other.made for other in self._running
            ):
                continue
            shared = self._pool.find(text.tokens)
            rest = self._pool.take(self._pool.needed(len(text.tokens) + 1) - len(shared))
            if rest is None:
                self._pool.give_back(shared)
                return
            self._waiting.remove(text)
            text.blocks = shared + rest
            text.computed = len(shared) * self._pool.size
            text.begin()
            self._running.append(text)

    def _shares(self) -> list[tuple[_Text, int]]:
        """Who computes how many tokens in the next pass: one for each that decodes, and a budget
        for prompts, first come first served."""
        for text in tuple(self._running):
            if text in self._running:
                self._make_room(text)
        writing = sum(text.decoding for text in self._running)
        budget = self.context_length
        if self._network.parts_prompts:
            prompts = len(self._running) - writing
            budget = self._prefill.tokens(prompts=prompts, writing=writing)
        shares: list[tuple[_Text, int]] = []
        for text in self._running:
            share = 1 if text.decoding else min(text.lacking, budget)
            if not text.decoding:
                budget -= share
            if share:
                shares.append((text, share))
        return shares

    def _make_room(self, text: _Text) -> None:
        """Gets the block that the next token needs; if there is none, the youngest gives its blocks
        back and waits, to compute its tokens anew."""
        while self._pool.needed(len(text.tokens)) > len(text.blocks):
            if taken := self._pool.take(1):
                text.blocks += taken
                continue
            youngest = self._running[-1]
            if len(self._running) == 1:
                raise RuntimeError("the KV cache is too small for one sequence")
            self._end(youngest)
            youngest.computed = 0
            self._waiting.put_back(youngest)
            if youngest is text:
                return

    def _compute(self, shares: list[tuple[_Text, int]]) -> NDArray[np.float32]:
        """Runs the pass and gives the scores of those who lack no token after it."""
        rows = [
            Row(
                tokens=text.tokens[text.computed : text.computed + share],
                start=text.computed,
                blocks=text.blocks,
                output=share == text.lacking,
            )
            for text, share in shares
        ]
        return self._network.forward(rows) if rows else np.empty((0, 0), np.float32)

    def _advance(
        self, shares: list[tuple[_Text, int]], scores: NDArray[np.float32]
    ) -> tuple[list[Advance], dict[int, EngineError]]:
        """Chooses a token for each text that lacks none now; the errors are those of sequences that
        failed."""
        lines = iter(scores)
        advances: list[Advance] = []
        failures: dict[int, EngineError] = {}
        for text, share in shares:
            text.computed += share
            if not text.made:
                text.prompt_computed += share
            self._pool.learn(text.tokens, text.blocks, text.computed)
            if text.lacking:
                continue
            try:
                advance = text.take(text.sampler.sample(next(lines)))
            except EngineError as error:  # the text's format is too complex to follow
                failures[text.id] = error
                continue
            advances.append(advance)
            if advance.outcome is not None:
                self._end(text)
        for sequence_id in failures:
            self.cancel(sequence_id)
        return advances, failures

    def _end(self, text: _Text) -> None:
        self._running.remove(text)
        self._pool.give_back(text.blocks)
        text.blocks = []


def _no_ranking() -> EngineError:
    return unsupported("rank", "OpenVINO can't run ranking heads; llama.cpp can.")
