"""Says of each token of an answer which part of it it belongs to."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

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
    text: str = ""
    """The characters that it ends."""
    open: int = 0
    """How many bytes it has of one that it does not end."""

    def piece_of(self, begin: int, end: int) -> bytes:
        """The bytes of some of its characters."""
        piece = self.token.piece
        return piece[self._offset(begin) : len(piece) if end == self.end else self._offset(end)]

    def _offset(self, place: int) -> int:
        """Where a character begins. The first may have begun before the token."""
        if place == self.begin:
            return 0
        behind = self.text[place - self.begin :].encode()
        return len(self.token.piece) - self.open - len(behind)


class TokenParts:
    """The tokens of one text in, and out again with their parts, in their order.

    A token that has any of the content's bytes is the content's, and only those are told as its
    bytes: so the content's tokens are the content. What is no part of the text, as an end mark or a
    stop string, is END. A token whose part is not clear yet waits. How the text is cut
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
        """Parts of the text with where they begin and end, but for those that no token waits
        for."""
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
            first = self._waiting[0]
            part = self._part(first, ended=ended)
            if part is None:
                return
            self._waiting.popleft()
            yield (self._cut(first) if part == CONTENT else first.token), part

    def _placed(self, token: TokenLogprob, *, ended: bool) -> _Waiting:
        begin = self._decoded
        hidden = self._vocabulary.is_control(token.token) and not self._shows_control
        if hidden or (ended and self._vocabulary.is_end(token.token)):
            return _Waiting(token, begin, begin)
        text = self._decoder.decode(token.piece)
        self._decoded += len(text)
        pending = len(self._decoder.getstate()[0])
        return _Waiting(token, begin, self._decoded + bool(pending), text, pending)

    def _part(self, waiting: _Waiting, *, ended: bool) -> Part | None:
        if waiting.begin == waiting.end:
            return END
        while self._spans and self._spans[0][2] <= waiting.begin:
            self._spans.popleft()
        if waiting.end > self._clear and not ended:
            return None
        first: Part | None = None
        for part, begin, _ in self._spans:
            if begin >= waiting.end:
                break
            if part == CONTENT:
                return CONTENT
            first = first or part
        return first or END

    def _cut(self, waiting: _Waiting) -> TokenLogprob:
        """The token with those of its bytes alone that are the content's."""
        inside = [
            (max(begin, waiting.begin), min(end, waiting.end))
            for part, begin, end in self._spans
            if part == CONTENT and begin < waiting.end
        ]
        if inside == [(waiting.begin, waiting.end)] or "\ufffd" in waiting.text:
            return waiting.token
        kept = (waiting.piece_of(begin, end) for begin, end in inside)
        return replace(waiting.token, piece=b"".join(kept))
