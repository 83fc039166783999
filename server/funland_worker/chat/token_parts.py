"""Says of each token of an answer which part of it it belongs to."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from funland.v1.inference_pb2 import TokenLogprob as WireLogprob
from funland_worker.engines.protocol import TokenLogprob, Vocabulary

Part = WireLogprob.Part.ValueType

CONTENT, REASONING, CALLS, END = (
    WireLogprob.CONTENT,
    WireLogprob.REASONING,
    WireLogprob.CALLS,
    WireLogprob.END,
)


@dataclass(frozen=True, slots=True)
class Span:
    """So many characters of an answer's text, one after the other, that belong to one part."""

    part: Part
    length: int


@dataclass(slots=True)
class _Waiting:
    """A token and the characters that have any of its bytes."""

    token: TokenLogprob
    begin: int
    end: int


class TokenParts:
    """The tokens of one text in, and out again with their parts, in their order.

    A token that has any of the content's bytes is the content's. What is no part of the text, as an
    end mark or a stop string, is END. A token whose part is not clear yet waits. How the text is cut
    makes no difference.
    """

    def __init__(self, vocabulary: Vocabulary, *, shows_control: bool) -> None:
        """`shows_control`: control tokens are written out in the text."""
        self._vocabulary = vocabulary
        self._shows_control = shows_control
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._decoded = 0
        """How many whole characters the tokens have."""
        self._waiting: deque[_Waiting] = deque()
        self._spans: deque[tuple[Part, int, int]] = deque()
        """Parts of the text with where they begin and end; those that no token waits for are gone."""
        self._clear = 0
        """How many characters' parts are known."""

    def take(
        self, tokens: Iterable[TokenLogprob], spans: Iterable[Span], *, ended: bool = False
    ) -> Iterator[tuple[TokenLogprob, Part]]:
        """Takes more tokens, and what is now known of the text; gives those whose part is clear.
        `ended`: no more comes, so all is."""
        for token in tokens:
            self._waiting.append(self._placed(token, ended=ended))
        for span in spans:
            if span.length:
                self._spans.append((span.part, self._clear, self._clear + span.length))
                self._clear += span.length
        while self._waiting:
            part = self._part(self._waiting[0], ended=ended)
            if part is None:
                return
            yield self._waiting.popleft().token, part

    def _placed(self, token: TokenLogprob, *, ended: bool) -> _Waiting:
        begin = self._decoded
        hidden = self._vocabulary.is_control(token.token) and not self._shows_control
        if hidden or (ended and self._vocabulary.is_end(token.token)):
            return _Waiting(token, begin, begin)
        self._decoded += len(self._decoder.decode(token.piece))
        cut = bool(self._decoder.getstate()[0])  # it ends within a character
        return _Waiting(token, begin, self._decoded + cut)

    def _part(self, waiting: _Waiting, *, ended: bool) -> Part | None:
        if waiting.begin == waiting.end:
            return END
        while self._spans and self._spans[0][2] <= waiting.begin:
            self._spans.popleft()
        first: Part | None = None
        for part, begin, _ in self._spans:
            if begin >= waiting.end:
                break
            if part == CONTENT:
                return CONTENT
            first = first or part
        if waiting.end > self._clear and not ended:
            return None
        return first or END
