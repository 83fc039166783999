"""A model's tokens: from text and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError


class Vocabulary(Protocol):
    """What engines need to know of tokens. Its methods only read, so any thread may call them."""

    size: int

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text."""
        ...

    def piece(self, token: int) -> bytes:
        """The bytes of a token, control tokens as they are written."""
        ...

    def is_control(self, token: int) -> bool:
        """Whether a token is a mark, which is no part of the text."""
        ...

    def is_end(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        ...


def detokenize(vocabulary: Vocabulary, tokens: Sequence[int]) -> str:
    """The text of tokens, control marks included.

    Raises:
        EngineError: TOKEN_UNKNOWN.
    """
    for token in tokens:
        if not 0 <= token < vocabulary.size:
            raise EngineError(
                ErrorReason.TOKEN_UNKNOWN,
                f"Token {token} is not in the vocabulary of {vocabulary.size} tokens.",
                vocabulary_size=str(vocabulary.size),
            )
    return b"".join(map(vocabulary.piece, tokens)).decode(errors="replace")


def check_vocabulary(vocabulary: Vocabulary, rows: int) -> None:
    """Refuses a tokenizer whose tokens the network has no rows for: they would be read from beyond
    its end.

    Raises:
        EngineError: MODEL_LOAD_FAILED.
    """
    if vocabulary.size > rows:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED,
            f"The model's tokenizer has {vocabulary.size} tokens, but its network only {rows}: they"
            " are not of one model.",
        )
