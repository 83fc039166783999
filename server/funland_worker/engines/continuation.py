"""One text on its way through an engine."""

from __future__ import annotations

from time import monotonic

from funland.v1.inference_pb2 import Finish, GenerationOptions
from funland_worker.engines.prompt_scores import PromptScores
from funland_worker.engines.protocol import Advance, Outcome, Prefill, Prompt, Vocabulary
from funland_worker.engines.sampling.sampler import Sampled
from funland_worker.engines.text import TextStream


class Continuation:
    """A prompt, the tokens chosen so far, and how the text ends."""

    def __init__(self, prompt: Prompt, vocabulary: Vocabulary, context_length: int) -> None:
        self.prompt = prompt
        self.id = prompt.sequence_id
        self.background = prompt.priority == GenerationOptions.LOW
        """Whether nobody waits for it: see `background.py`."""
        self.tokens = list(prompt.tokens)
        self.made = 0
        """How many tokens were chosen."""
        self.prompt_computed = 0
        """How many tokens were computed for it before its first."""
        self.drafted_tokens = 0
        self.accepted_tokens = 0
        self.told_position = 0
        """Its place among those who wait, as it was last told; 0: it was not."""
        self._vocabulary = vocabulary
        self._limit = context_length
        sampling = prompt.sampling
        if sampling.max_tokens is not None:
            self._limit = min(context_length, len(prompt.tokens) + sampling.max_tokens)
        self.writes = self._limit > len(prompt.tokens)
        """Whether it is to have any token of its own."""
        self.scores: PromptScores | None = None
        """What is told of its prompt's tokens, if it wants to know."""
        if prompt.prompt_logprobs is not None:
            self.scores = PromptScores(prompt.tokens, prompt.prompt_logprobs, vocabulary.piece)
        self._ends = frozenset(sampling.stop_tokens)
        if not sampling.ignore_end:
            self._ends |= vocabulary.end_tokens
        self._text = TextStream(sampling.stop, include_stop=sampling.include_stop)
        self._started: float | None = None
        self._first_token: float | None = None

    @property
    def priority(self) -> GenerationOptions.Priority.ValueType:
        """How urgent it is; the more, the higher."""
        return self.prompt.priority or GenerationOptions.NORMAL

    @property
    def begun(self) -> bool:
        """Whether it has had a slot; it may have to wait again."""
        return self._started is not None

    @property
    def room(self) -> int:
        """How many tokens it may still get."""
        return self._limit - len(self.tokens)

    def begin(self) -> None:
        """Takes note that it has a slot."""
        if self._started is None:
            self._started = monotonic()

    @property
    def lacks_scores(self) -> bool:
        """Whether its prompt must be computed for what is told of its tokens."""
        return self.scores is not None and not self.scores.complete

    def prefill(self, done: int) -> Prefill:
        """How far its prompt is computed, `done` of its tokens being so."""
        now = monotonic()
        return Prefill(
            done,
            len(self.prompt.tokens),
            cached=max(0, done - self.prompt_computed),
            elapsed_ms=1e3 * (now - (self._started or now)),
        )

    def close(self) -> Advance:
        """Ends a text that is to have no token, its prompt being computed."""
        outcome = self._outcome(Finish.LENGTH)
        return Advance(self.id, "", 0, outcome, choice=self.prompt.choice)

    def take(self, sampled: Sampled) -> Advance:
        """Appends the token that was chosen and says what it brings."""
        token = sampled.token
        if self._first_token is None:
            self._first_token = monotonic()
        self.tokens.append(token)
        self.made += 1
        text = ""
        reason = Finish.REASON_UNSPECIFIED
        if token in self._ends:
            reason = Finish.STOP
        else:
            shown = self.prompt.shows_control or not self._vocabulary.is_control(token)
            text = self._text.feed(self._vocabulary.piece(token) if shown else b"")
            if self._text.stopped:
                reason = Finish.STOP
            elif len(self.tokens) >= self._limit:
                reason = Finish.LENGTH
        outcome = None
        if reason != Finish.REASON_UNSPECIFIED:
            text += self._text.finish()
            outcome = self._outcome(reason)
        logprobs = () if sampled.logprob is None else (sampled.logprob,)
        return Advance(self.id, text, 1, outcome, self.prompt.choice, logprobs)

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
            stop=self._text.stop or "",
        )
