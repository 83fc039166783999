"""Holds one text to its grammar."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from llguidance import LLMatcher
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

_NO_WAY_ON = "NoExtension"
_MINUS_INFINITY = np.float32(-np.inf).view(np.int32)


class GrammarMatcher:
    """See `funland_worker.engines.protocol.Matcher`. Any of the model's end marks ends a text.

    When nothing but the end is left, all ends are allowed, also after one of them, so that a text
    that goes on after its end for a measurement stays as it is.

    All methods raise `EngineError`: CONSTRAINT_LIMIT if the grammar takes too long to follow,
    CONSTRAINT_INVALID if it has led where nothing is allowed.
    """

    def __init__(self, state: LLMatcher, is_end: Callable[[int], bool]) -> None:
        """`state` becomes this matcher's own."""
        self._state = state
        self._is_end = is_end

    def allows(self, token: int) -> bool:
        """See `Matcher`."""
        if self._state.is_stopped():
            self._check()
            return self._is_end(token)
        return self._state.validate_tokens([token]) == 1

    def mask(self, logits: NDArray[np.float32]) -> None:
        """See `Matcher`."""
        if self._state.is_stopped():
            self._check()
            allowed = np.fromiter(map(self._is_end, range(len(logits))), np.uint8, len(logits))
        else:
            bits = np.frombuffer(self._state.compute_bitmask(), np.uint8)
            self._check()
            allowed = np.unpackbits(bits, count=len(logits), bitorder="little")
        keep_allowed(logits, allowed)

    def accept(self, token: int) -> None:
        """See `Matcher`."""
        if self._state.is_stopped() and self._is_end(token):
            return
        self._state.consume_token(token)
        self._check()

    def forced(self) -> Sequence[int]:
        """See `Matcher`. They are those that the model's tokenizer makes of the bytes that must
        come, as far as these end where a token does."""
        tokens: Sequence[int] = self._state.compute_ff_tokens()
        self._check()
        return tokens

    @property
    def ended(self) -> bool:
        """See `Matcher`."""
        return self._state.is_stopped()

    def _check(self) -> None:
        if self._state.is_error():
            if self._state.get_error().startswith(_NO_WAY_ON):
                raise EngineError(
                    ErrorReason.CONSTRAINT_INVALID,
                    "The format contradicts itself: no text can go on from here and match it.",
                )
            raise EngineError(
                ErrorReason.CONSTRAINT_LIMIT,
                "The format became too complex to follow in the middle of the text:"
                f" {first_line(self._state.get_error())}",
            )


def keep_allowed(logits: NDArray[np.float32], allowed: NDArray[np.uint8]) -> None:
    """Sets the scores where `allowed` is 0, not 1, to minus infinity.

    By the bits of the numbers: choosing by a condition takes ten times as long.
    """
    words = logits.view(np.int32)
    keep = -allowed.astype(np.int32)
    words &= keep
    words |= ~keep & _MINUS_INFINITY


def first_line(error: str) -> str:
    """The part of an error of llguidance that is for its user."""
    return error.strip().partition("\n")[0][:200]
