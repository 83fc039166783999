"""One text on its way through the engine."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from funland.v1.inference_pb2 import Finish, GenerationOptions
from funland_worker.engines.llama_cpp.cache.protocol import Lease
from funland_worker.engines.protocol import Advance, Outcome, Prompt, TokenLogprob
from funland_worker.engines.sampling.sampler import Sampled, TokenSampler
from funland_worker.engines.text import TextStream


class Generation:
    """A prompt, the tokens made so far, and how many of both the KV cache holds.

    Prefill and decode are one thing here: whatever tokens the cache lacks must be computed, and
    when none is lacking the last one's logits give the next. So a generation that lost its cells
    (preemption) just computes more.
    """

    def __init__(self, prompt: Prompt, piece: Callable[[int], bytes]) -> None:
        self.prompt = prompt
        self.tokens = list(prompt.tokens)
        self.lease: Lease | None = None
        self.leader: Generation | None = None
        """Who computes tokens that this one begins with too, and waits for."""
        self.leader_tokens = 0
        """How many of them."""
        self.sampler = TokenSampler(prompt, piece)
        self.told_position = 0
        self.prompt_computed = 0
        """How many tokens were computed for it before its first."""
        self.drafted_tokens = 0
        self.accepted_tokens = 0
        self._text = TextStream(prompt.sampling.stop)
        self._started: float | None = None
        self._first_token: float | None = None

    @property
    def priority(self) -> GenerationOptions.Priority.ValueType:
        """How urgent it is; the more, the higher."""
        return self.prompt.priority or GenerationOptions.NORMAL

    @property
    def begun(self) -> bool:
        """Whether it has had a part of the cache."""
        return self._started is not None

    @property
    def computed(self) -> int:
        """How many of its tokens the cache holds."""
        return self.lease.computed if self.lease else 0

    @property
    def lacking(self) -> int:
        """How many tokens must be computed before the next can be chosen."""
        return len(self.tokens) - self.computed

    @property
    def decoding(self) -> bool:
        """Whether it advances by one token a step, its prompt being in the cache."""
        return self._first_token is not None and self.lacking == 1

    @property
    def room(self) -> int | None:
        """How many tokens it may still make by `max_tokens`; None: any number."""
        limit = self.prompt.sampling.max_tokens
        return None if limit is None else limit - self.made

    @property
    def made(self) -> int:
        """How many tokens were made."""
        return len(self.tokens) - len(self.prompt.tokens)

    def start(self, lease: Lease) -> None:
        """Takes a part of the cache, which has the first `lease.computed` of its tokens."""
        self.lease = lease
        if self._started is None:
            self._started = monotonic()

    def append(
        self, sampled: Sampled, piece: bytes, context_length: int, *, is_end: bool
    ) -> Advance:
        """Takes the token that was chosen and says what it brings."""
        if self._first_token is None:
            self._first_token = monotonic()
        self.tokens.append(sampled.token)
        reason = Finish.REASON_UNSPECIFIED
        text = ""
        if is_end and not self.prompt.sampling.ignore_end:
            reason = Finish.STOP
        else:
            text = self._text.feed(piece)
            if self._text.stopped:
                reason = Finish.STOP
            elif len(self.tokens) >= context_length or self.room == 0:
                reason = Finish.LENGTH
        logprobs = () if sampled.logprob is None else (sampled.logprob,)
        if reason == Finish.REASON_UNSPECIFIED:
            return self._advance(text, None, logprobs)
        return self._advance(text + self._text.finish(), self._outcome(reason), logprobs)

    def _advance(
        self, text: str, outcome: Outcome | None, logprobs: tuple[TokenLogprob, ...]
    ) -> Advance:
        prompt = self.prompt
        return Advance(prompt.sequence_id, text, 1, outcome, prompt.choice, logprobs)

    def _outcome(self, reason: Finish.Reason.ValueType) -> Outcome:
        now = monotonic()
        started = self._started or now
        first = self._first_token or now
        return Outcome(
            reason=reason,
            prompt_tokens=len(self.prompt.tokens),
            completion_tokens=self.made,
            cached_tokens=max(0, len(self.prompt.tokens) - self.prompt_computed),
            queue_ms=1e3 * (started - self.prompt.arrival),
            prompt_ms=1e3 * (first - started),
            decode_ms=1e3 * (now - first),
            drafted_tokens=self.drafted_tokens,
            accepted_tokens=self.accepted_tokens,
        )
