"""Continuous batching on OpenVINO: texts join and leave the running batch at any step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import EmbedRequest
from funland.v1.models_pb2 import LoadSettings
from funland_worker.engines.background import (
    Background,
    Crowd,
    Part,
    beside_live,
    crowd_of,
    taking_part,
    youngest_background,
)
from funland_worker.engines.continuation import Continuation
from funland_worker.engines.openvino.blocks import BlockPool
from funland_worker.engines.openvino.embedding import Embedder
from funland_worker.engines.openvino.library import unsupported
from funland_worker.engines.openvino.network import Network, Row
from funland_worker.engines.prefill import PrefillBudget
from funland_worker.engines.prompt_news import PromptNews
from funland_worker.engines.protocol import Advance, EngineError, Prompt, StepReport, Vocabulary
from funland_worker.engines.sampling.sampler import Rows, TokenSampler, sample_all
from funland_worker.engines.waiting import WaitingQueue

SCORED_ROWS = 64
"""Of how many prompt tokens a pass gives scores: those of a large vocabulary take half a megabyte
each."""


class _Text(Continuation):
    """A text, and what the cache holds of it."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        super().__init__(prompt, vocabulary, context_length)
        self.computed = 0
        self.blocks: list[int] = []
        self.sampler = TokenSampler(prompt, vocabulary)

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being in the cache."""
        return self.made > 0 and self.lacking == 1


@dataclass(frozen=True, slots=True)
class _Share:
    """A text's part of a pass."""

    text: _Text
    tokens: int
    """How many of its tokens are computed."""
    outputs: int
    """After how many of the last of them scores are wanted."""


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
        self.background = Background()
        self._crowd = Crowd(0, 0, 0)
        self._part = Part.ALL
        """Who takes part in the pass that is made now."""

    def submit(self, prompt: Prompt) -> None:
        """See `Engine`."""
        if prompt.adapters:
            raise unsupported(
                "adapters", "OpenVINO can't run this model with adapters; llama.cpp can."
            )
        if prompt.prompt_logprobs is not None and not self._network.scores_prompts:
            raise unsupported(
                "prompt_logprobs",
                f"OpenVINO gives no scores of a prompt on {self.device}; on a CPU it does.",
            )
        self._check_length(prompt)
        self._waiting.add(_Text(prompt, self.vocabulary, self.context_length))

    def _check_length(self, prompt: Prompt) -> None:
        """Past its limit an NPU computes something else, without a word."""
        limit = self._network.max_prompt_tokens
        if limit is None or len(prompt.tokens) <= limit:
            return
        raise EngineError(
            ErrorReason.PROMPT_TOO_LONG,
            f"The prompt has {len(prompt.tokens)} tokens, and {self.device} takes {limit}. Shorten"
            " it, or load the model on another device.",
            prompt_tokens=str(len(prompt.tokens)),
            context_length=str(self.context_length),
            max_prompt_tokens=str(limit),
        )

    def cancel(self, sequence_id: int) -> None:
        """See `Engine`."""
        self._waiting.cancel(sequence_id)
        for text in [text for text in self._running if text.id == sequence_id]:
            self._end(text)

    @property
    def idle(self) -> bool:
        """See `Engine`."""
        return not self._running and not len(self._waiting)

    @property
    def crowd(self) -> Crowd:
        """See `Engine`."""
        return crowd_of(self._running, self._waiting.background, self.background)

    @property
    def only_background(self) -> bool:
        """See `Engine`."""
        return (
            not self.idle
            and len(self._waiting) == self._waiting.background
            and all(text.background for text in self._running)
        )

    def hurry(self) -> None:
        """See `Engine`. OpenVINO's passes can't be taken back."""

    def step(self) -> StepReport:
        """See `Engine`."""
        start = monotonic()
        self._admit()
        shares = self._shares()
        decoding = sum(share.text.decoding for share in shares)
        prompt_tokens = sum(share.tokens for share in shares) - decoding
        begin = monotonic()
        scores = self._compute(shares)
        milliseconds = 1e3 * (monotonic() - begin)
        self._prefill.measured(prompt_tokens, milliseconds, writing=decoding)
        news = PromptNews()
        advances, failures = self._advance(shares, scores, news)
        self.background.measured(self._part, self._crowd, 1e3 * (monotonic() - start))
        return StepReport(
            advances=advances,
            decoded_sequences=decoding,
            prompt_tokens=prompt_tokens,
            active_sequences=len(self._running),
            waiting_sequences=len(self._waiting),
            cached_tokens=self._pool.held * self._pool.size,
            positions=self._waiting.moved(),
            failures=tuple(failures.items()),
            prefills=tuple(news.prefills),
            prompt_logprobs=tuple(news.logprobs),
        )

    def embed(
        self, texts: Sequence[Sequence[int]], pooling: EmbedRequest.Pooling.ValueType
    ) -> list[list[float]]:
        """See `Engine`."""
        return [self._embedder.embed(tokens, pooling) for tokens in texts]

    def put_away(self) -> None:
        """See `Engine`. There is no such place."""

    def rank_pair(self, query: str, document: str) -> list[int]:
        """See `Engine`."""
        raise _no_ranking()

    def rank(self, pairs: Sequence[Sequence[int]]) -> list[float]:
        """See `Engine`."""
        raise _no_ranking()

    def _admit(self) -> None:
        """Gives slots to those who wait, and decides who takes part in the next pass."""
        self._begin(background=False)
        self._crowd = self.crowd
        self._part = self.background.part(self._crowd)
        if self._crowd.background:
            kept = self.background.kept_slots(self._crowd, monotonic())
            if self._part is not Part.LIVE:
                self._begin(background=True, kept=kept)
        if not self._taking_part:  # there is no room for any of them
            self._part = Part.ALL

    @property
    def _taking_part(self) -> list[_Text]:
        """Those who run and take part in the pass that is made now."""
        return taking_part(self._running, self._part)

    def _begin(self, *, background: bool, kept: int = 0) -> None:
        """Gives slots to those who wait, in order, as far as slots and blocks go: to those that
        nobody waits for, which leave `kept` slots free, or to all before them."""
        for text in list(self._waiting):
            if text.background != background:
                return
            if kept and len(self._running) >= max(1, self.slots - kept):
                return
            while len(self._running) >= self.slots:
                if background or not self._displace():
                    return
            # The texts of one sequence share its prompt: the first computes it for all.
            if self._pool.shares and any(
                other.id == text.id and not other.made for other in self._running
            ):
                continue
            while True:
                shared = [] if text.lacks_scores else self._pool.find(text.tokens)
                rest = self._pool.take(self._pool.needed(len(text.tokens) + 1) - len(shared))
                if rest is not None:
                    break
                self._pool.give_back(shared)
                if background or not self._displace():
                    return
            self._waiting.remove(text)
            text.blocks = shared + rest
            text.computed = len(shared) * self._pool.size
            text.begin()
            self._running.append(text)

    def _shares(self) -> list[_Share]:
        """Who computes how many tokens in the next pass: one for each that decodes, and a budget
        for prompts, first come first served."""
        for text in tuple(self._taking_part):
            if text in self._running:
                self._make_room(text)
        running = self._taking_part
        writing = sum(text.decoding for text in running)
        budget = self.context_length
        if self._network.parts_prompts:
            prompts = len(running) - writing
            budget = self._prefill.tokens(prompts=prompts, writing=writing)
            if beside_live(self._part, self._crowd):
                budget = min(budget, self._prefill.beside(self._crowd.writing))
        scored = SCORED_ROWS
        shares: list[_Share] = []
        for text in running:
            lacking = text.lacking
            share = 1 if text.decoding else min(lacking, budget)
            if text.lacks_scores:
                share = min(share, scored)
                scored -= share
            if not text.decoding:
                budget -= share
            if share:
                outputs = share if text.lacks_scores else int(share == lacking)
                shares.append(_Share(text, share, outputs))
        return shares

    def _make_room(self, text: _Text) -> None:
        """Gets the block that the next token needs; if there is none, the youngest gives its blocks
        back and waits, to compute its tokens anew."""
        while self._pool.needed(len(text.tokens)) > len(text.blocks):
            if taken := self._pool.take(1):
                text.blocks += taken
                continue
            if len(self._running) == 1:
                raise RuntimeError("the KV cache is too small for one sequence")
            youngest = youngest_background(self._running) or self._running[-1]
            self._put_back(youngest)
            if youngest is text:
                return

    def _displace(self) -> bool:
        """Takes the blocks of the youngest that nobody waits for, if there is any."""
        text = youngest_background(self._running)
        if text is not None:
            self._put_back(text)
        return text is not None

    def _put_back(self, text: _Text) -> None:
        """Has a text wait once more, to compute its tokens anew."""
        self._end(text)
        text.computed = 0
        self._waiting.put_back(text)

    def _compute(self, shares: list[_Share]) -> NDArray[np.float32]:
        """Runs the pass and gives the scores that are wanted."""
        rows = [
            Row(
                tokens=share.text.tokens[share.text.computed : share.text.computed + share.tokens],
                start=share.text.computed,
                blocks=share.text.blocks,
                outputs=share.outputs,
            )
            for share in shares
        ]
        return self._network.forward(rows) if rows else np.empty((0, 0), np.float32)

    def _advance(
        self, shares: list[_Share], scores: NDArray[np.float32], news: PromptNews
    ) -> tuple[list[Advance], dict[int, EngineError]]:
        """Chooses a token for each text that lacks none now, and takes note of what there is to
        tell of prompts; the errors are those of sequences that failed."""
        advances: list[Advance] = []
        failures: dict[int, EngineError] = {}
        ready: list[tuple[_Text, int]] = []
        begin = 0
        for share in shares:
            text = share.text
            text.computed += share.tokens
            if not text.made:
                text.prompt_computed += share.tokens
            self._pool.learn(text.tokens, text.blocks, text.computed)
            rows = scores[begin : begin + share.outputs]
            begin += share.outputs
            try:
                if not text.made:
                    self._read_prompt(text, rows, news)
            except EngineError as error:
                failures[text.id] = error
                continue
            if text.lacking:
                continue
            if text.writes:
                ready.append((text, begin - 1))
            else:
                advances.append(text.close())
                self._end(text)
        chosen = sample_all([(text.sampler, row) for text, row in ready], Rows(scores))
        for (text, _), sampled in zip(ready, chosen, strict=True):
            if isinstance(sampled, EngineError):
                failures[text.id] = sampled
                continue
            advances.append(text.take(sampled))
            if advances[-1].outcome is not None:
                self._end(text)
        for sequence_id in failures:
            self.cancel(sequence_id)
        return advances, failures

    def _read_prompt(self, text: _Text, rows: NDArray[np.float32], news: PromptNews) -> None:
        """Takes note of what there is to tell of a prompt of which some was computed."""
        if text.lacks_scores and text.scores is not None:
            first = text.computed - len(rows)
            for place, row in enumerate(rows):
                text.scores.take(first + place, row)
        news.add(text, text.computed, whole=not text.lacking)

    def _end(self, text: _Text) -> None:
        self._running.remove(text)
        self._pool.give_back(text.blocks)
        text.blocks = []


def _no_ranking() -> EngineError:
    return unsupported("rank", "OpenVINO can't run ranking heads; llama.cpp can.")
