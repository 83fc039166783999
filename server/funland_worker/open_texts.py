"""The texts that were submitted and have not ended: how many there are, and how each is read."""

from __future__ import annotations

import math
from collections import deque
from time import monotonic
from typing import TYPE_CHECKING

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import Finish
from funland.worker.v1.worker_pb2 import SequenceEvent
from funland_worker.chat.stream import AnswerShape, AnswerStream
from funland_worker.chat.token_parts import CONTENT, Span, TokenParts
from funland_worker.engines.protocol import (
    Advance,
    EngineError,
    Outcome,
    StepReport,
    Vocabulary,
)
from funland_worker.wire import (
    failed_event,
    finish_to_wire,
    logprob_to_wire,
    prefill_event,
    prompt_event,
)

if TYPE_CHECKING:
    from google.protobuf.internal.containers import RepeatedCompositeFieldContainer

    Events = RepeatedCompositeFieldContainer[SequenceEvent]

_MOST_SHOWING = 64
"""How many texts with pictures or sounds may wait: their rows are in memory."""
_ENDS = 32
"""How many of the latest ends tell how fast texts end."""
_SHORTEST_WAIT, _LONGEST_WAIT = 1.0, 60.0


class _Text:
    """One text that is being written."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        shape: AnswerShape | None = None,
        dropped: int = 0,
        *,
        shows_control: bool = False,
    ) -> None:
        self._answer = None if shape is None or shape.plain else AnswerStream(shape)
        self._reasoning_tokens = 0
        self._dropped = dropped
        self._vocabulary = vocabulary
        self._shows_control = shows_control
        self._parts: TokenParts | None = None
        """There is one if likelihoods are told."""

    def tell(self, advance: Advance, event: SequenceEvent) -> None:
        """Writes what a step brought for it."""
        event.sequence_id = advance.sequence_id
        event.choice = advance.choice
        event.tokens = advance.tokens
        if advance.logprobs and self._parts is None:
            self._parts = TokenParts(self._vocabulary, shows_control=self._shows_control)
            if self._answer is not None:
                self._answer.trace()
        if self._answer is not None:
            self._part(self._answer, advance, event)
        elif advance.text:
            event.delta.text = advance.text
        if self._parts is not None:
            self._tell_logprobs(self._parts, advance, event)
        if advance.outcome is not None:
            self._finish(advance.outcome, event.finish)

    def _tell_logprobs(self, parts: TokenParts, advance: Advance, event: SequenceEvent) -> None:
        if self._answer is not None:
            spans = self._answer.spans()
        else:
            spans = [Span(CONTENT, len(advance.text))]
        ended = advance.outcome is not None
        for token, part in parts.take(advance.logprobs, spans, ended=ended):
            told = logprob_to_wire(token)
            told.part = part
            event.delta.logprobs.append(told)

    def _part(self, answer: AnswerStream, advance: Advance, event: SequenceEvent) -> None:
        thought = answer.thinking
        outcome = advance.outcome
        cut = outcome is not None and outcome.reason == Finish.LENGTH
        parts = answer.feed(advance.text, ended=outcome is not None, cut=cut)
        # The marks around the reasoning count too: one ends it, one has begun it.
        if thought or answer.thinking:
            self._reasoning_tokens += advance.tokens
        if parts.content:
            event.delta.text = parts.content
        if parts.reasoning:
            event.delta.reasoning = parts.reasoning
        if parts.tool_calls:
            event.delta.tool_calls.extend(parts.tool_calls)

    def _finish(self, outcome: Outcome, finish: Finish) -> None:
        finish.CopyFrom(finish_to_wire(outcome, self._reasoning_tokens))
        finish.usage.dropped_messages = self._dropped
        called = self._answer is not None and self._answer.called
        if called and finish.reason == Finish.STOP:
            finish.reason = Finish.TOOL_CALLS


class OpenTexts:
    """Counts the texts of a worker, and turns what the engine says of them into events."""

    def __init__(self, slots: int, queue_limit: int, vocabulary: Vocabulary) -> None:
        """`slots` texts run at once, and at most `queue_limit` wait."""
        self._vocabulary = vocabulary
        self._slots = slots
        self._queue_limit = queue_limit
        self._texts: dict[int, dict[int, _Text]] = {}
        self._count = 0
        self._showing: set[int] = set()
        """The sequences that show pictures or sounds."""
        self._ends: deque[float] = deque(maxlen=_ENDS)

    def has(self, sequence_id: int) -> bool:
        """Whether the sequence has not ended."""
        return sequence_id in self._texts

    def admit(self, sequence_id: int, texts: int, *, shows: bool = False) -> None:
        """Takes a sequence of that many texts in; one that `shows` pictures or sounds has more
        memory than others while it waits, so fewer of those may.

        Raises:
            EngineError: QUEUE_FULL, with when to try again.
        """
        if shows and len(self._showing) >= self._slots + _MOST_SHOWING:
            raise EngineError(
                ErrorReason.QUEUE_FULL,
                f"{len(self._showing)} texts with pictures or sounds run or wait for the model:"
                f" {_MOST_SHOWING} of them may wait. Try again later.",
                retry_seconds=self._wait(texts),
                queue_limit=str(_MOST_SHOWING),
            )
        if self._count and self._count + texts > self._slots + self._queue_limit:
            raise EngineError(
                ErrorReason.QUEUE_FULL,
                f"{self._count} texts run or wait for the model: {self._slots} can run at once and"
                f" {self._queue_limit} wait. Try again later.",
                retry_seconds=self._wait(texts),
                queue_limit=str(self._queue_limit),
            )
        self._texts[sequence_id] = {choice: _Text(self._vocabulary) for choice in range(texts)}
        self._count += texts
        if shows:
            self._showing.add(sequence_id)

    def shape(
        self,
        sequence_id: int,
        shape: AnswerShape,
        *,
        dropped: int = 0,
        shows_control: bool = False,
    ) -> None:
        """Says how the texts of a sequence are to be read, before the first of it comes; how many
        messages were left out of what they answer, and whether they show control tokens."""
        texts = self._texts.get(sequence_id, {})
        for choice in texts:
            texts[choice] = _Text(self._vocabulary, shape, dropped, shows_control=shows_control)

    def drop(self, sequence_id: int) -> None:
        """Lets a sequence go that failed or was cancelled; one that is not there is passed over."""
        self._count -= len(self._texts.pop(sequence_id, ()))
        self._showing.discard(sequence_id)

    def tell(self, report: StepReport, events: Events) -> None:
        """Adds what a step brought for the texts that are open; what is told of a prompt comes
        before its text."""
        for sequence_id, prefill in report.prefills:
            if sequence_id in self._texts:
                events.append(prefill_event(sequence_id, prefill))
        for sequence_id, tokens in report.prompt_logprobs:
            if sequence_id in self._texts:
                events.append(prompt_event(sequence_id, tokens))
        for advance in report.advances:
            text = self._texts.get(advance.sequence_id, {}).get(advance.choice)
            if text is None:  # cancelled while the step ran
                continue
            text.tell(advance, events.add())
            if advance.outcome is not None:
                self._end(advance.sequence_id, advance.choice)
        for sequence_id, position in report.positions:
            if sequence_id in self._texts:
                events.add(sequence_id=sequence_id, queue_position=position)
        for sequence_id, error in report.failures:
            if sequence_id in self._texts:
                self.drop(sequence_id)
                events.append(failed_event(sequence_id, error))

    def _end(self, sequence_id: int, choice: int) -> None:
        texts = self._texts[sequence_id]
        del texts[choice]
        self._count -= 1
        self._ends.append(monotonic())
        if not texts:
            del self._texts[sequence_id]
            self._showing.discard(sequence_id)

    def _wait(self, texts: int) -> float:
        """Seconds until that many of those that run will have ended, if all goes on as it went."""
        if len(self._ends) < 2:  # noqa: PLR2004 - between two ends there is a time
            return _SHORTEST_WAIT
        each = (monotonic() - self._ends[0]) / len(self._ends)
        return min(max(float(math.ceil(each * texts)), _SHORTEST_WAIT), _LONGEST_WAIT)
