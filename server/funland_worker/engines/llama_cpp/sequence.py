"""One sequence on its way through the engine."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from funland.v1.inference_pb2 import Finish
from funland_worker.engines.llama_cpp.sampling import TokenSampler
from funland_worker.engines.protocol import Advance, Outcome, Prompt
from funland_worker.engines.text import TextStream


class Generation:
    """A prompt, the tokens made so far, and how many of both the KV cache holds.

    Prefill and decode are one thing here: whatever tokens the cache lacks must be computed, and
    when none is lacking the last one's logits give the next. So a generation that lost its cells
    (preemption) just computes more.
    """

    def __init__(self, prompt: Prompt, sampler: TokenSampler) -> None:
        self.id = prompt.sequence_id
        self.tokens = list(prompt.tokens)
        self.computed = 0
        self.slot = -1
        self.sampler = sampler
        self.cached_tokens = 0
        self._sampling = prompt.sampling
        self._prompt_length = len(prompt.tokens)
        self._text = TextStream(prompt.sampling.stop)
        self._arrival = prompt.arrival
        self._started: float | None = None
        self._first_token: float | None = None

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being in the cache."""
        return self._first_token is not None and self.lacking == 1

    def start(self, slot: int, cached_tokens: int) -> None:
        """Takes a slot whose cells hold the first `cached_tokens` of its tokens."""
        self.slot = slot
        self.computed = cached_tokens
        if self._started is None:
            self._started = monotonic()
            self.cached_tokens = cached_tokens

    def append(
        self, token: int, piece: bytes, context_length: int, *, ends: Callable[[int], bool]
    ) -> Advance:
        """Takes the token that was chosen and says what it brings."""
        if self._first_token is None:
            self._first_token = monotonic()
        self.tokens.append(token)
        reason = Finish.REASON_UNSPECIFIED
        text = ""
        if ends(token) and not self._sampling.ignore_end:
            reason = Finish.STOP
        else:
            text = self._text.feed(piece)
            if self._text.stopped:
                reason = Finish.STOP
            elif self._is_full(context_length):
                reason = Finish.LENGTH
        if reason == Finish.REASON_UNSPECIFIED:
            return Advance(self.id, text, 1)
        text += self._text.finish()
        return Advance(self.id, text, 1, self._outcome(reason))

    def _is_full(self, context_length: int) -> bool:
        limit = self._sampling.max_tokens
        made = len(self.tokens) - self._prompt_length
        return len(self.tokens) >= context_length or (limit is not None and made >= limit)

    def _outcome(self, reason: Finish.Reason.ValueType) -> Outcome:
        now = monotonic()
        started = self._started or now
        first = self._first_token or now
        return Outcome(
            reason=reason,
            prompt_tokens=self._prompt_length,
            completion_tokens=len(self.tokens) - self._prompt_length,
            cached_tokens=self.cached_tokens,
            queue_ms=1e3 * (started - self._arrival),
            prompt_ms=1e3 * (first - started),
            decode_ms=1e3 * (now - first),
        )
