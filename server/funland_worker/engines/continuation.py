"""One text on its way through an engine that keeps no texts itself."""

from __future__ import annotations

from time import monotonic

from funland.v1.inference_pb2 import Finish
from funland_worker.engines.protocol import Advance, Outcome, Prompt
from funland_worker.engines.sampling.sampler import Sampled
from funland_worker.engines.text import TextStream
from funland_worker.engines.vocabulary import Vocabulary


class Continuation:
    """A prompt, the tokens chosen so far, and how the text ends."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        self.prompt = prompt
        self.id = prompt.sequence_id
        self.tokens = list(prompt.tokens)
        self.cached_tokens = 0
        self.since = prompt.arrival
        """When it began to wait."""
        self.started: float | None = None
        self._vocabulary = vocabulary
        self._limit = context_length
        if prompt.sampling.max_tokens is not None:
            most = len(prompt.tokens) + prompt.sampling.max_tokens
            self._limit = min(context_length, most)
        self._text = TextStream(prompt.sampling.stop)
        self._first_token: float | None = None

    @property
    def made(self) -> int:
        """How many tokens were chosen."""
        return len(self.tokens) - len(self.prompt.tokens)

    @property
    def room(self) -> int:
        """How many tokens it may still get."""
        return self._limit - len(self.tokens)

    def start(self, cached_tokens: int) -> None:
        """Leaves the queue; `cached_tokens` of its prompt need not be computed. Only the first
        time counts, if it has to wait again."""
        if self.started is None:
            self.started = monotonic()
            self.cached_tokens = cached_tokens

    def take(self, sampled: Sampled) -> Advance:
        """Appends the token that was chosen and says what it brings."""
        token = sampled.token
        if self._first_token is None:
            self._first_token = monotonic()
        self.tokens.append(token)
        text = ""
        reason = Finish.REASON_UNSPECIFIED
        if self._vocabulary.is_end(token) and not self.prompt.sampling.ignore_end:
            reason = Finish.STOP
        else:
            shown = self.prompt.shows_control or not self._vocabulary.is_control(token)
            text = self._text.feed(self._vocabulary.piece(token) if shown else b"")
            if self._text.stopped:
                reason = Finish.STOP
            elif self.room <= 0:
                reason = Finish.LENGTH
        outcome = None
        if reason != Finish.REASON_UNSPECIFIED:
            text += self._text.finish()
            outcome = self._outcome(reason)
        return Advance(
            sequence_id=self.id,
            text=text,
            tokens=1,
            outcome=outcome,
            choice=self.prompt.choice,
            logprobs=() if sampled.logprob is None else (sampled.logprob,),
        )

    def _outcome(self, reason: Finish.Reason.ValueType) -> Outcome:
        now = monotonic()
        started = self.started or now
        first = self._first_token or now
        return Outcome(
            reason=reason,
            prompt_tokens=len(self.prompt.tokens),
            completion_tokens=self.made,
            cached_tokens=self.cached_tokens,
            queue_ms=1e3 * (started - self.prompt.arrival),
            prompt_ms=1e3 * (first - started),
            decode_ms=1e3 * (now - first),
        )
