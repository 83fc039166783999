"""What is asked of any engine's vocabulary."""

from __future__ import annotations

from collections.abc import Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, Vocabulary


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
