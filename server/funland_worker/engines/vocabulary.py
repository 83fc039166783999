"""What is asked of any engine's vocabulary."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError, Vocabulary

_APART = "\n"
"""What no tokenizer joins with the word behind it."""


def detokenize(vocabulary: Vocabulary, tokens: Sequence[int]) -> str:
    """The text of tokens, control marks included.

    Raises:
        EngineError: TOKEN_UNKNOWN.
    """
    check_tokens(tokens, vocabulary.size, "tokens")
    return b"".join(map(vocabulary.piece, tokens)).decode(errors="replace")


def check_tokens(tokens: Collection[int], size: int, field: str) -> None:
    """Refuses tokens that are not below `size`, with the place of the first in `field`.

    Raises:
        EngineError: TOKEN_UNKNOWN.
    """
    if not tokens or (min(tokens) >= 0 and max(tokens) < size):
        return
    index, token = next(
        (index, token) for index, token in enumerate(tokens) if not 0 <= token < size
    )
    raise EngineError(
        ErrorReason.TOKEN_UNKNOWN,
        f"token {token} is not in the vocabulary of {size} tokens",
        vocabulary_size=str(size),
        field=f"{field}[{index}]",
    )


def banned_runs(vocabulary: Vocabulary, texts: Sequence[str]) -> tuple[tuple[int, ...], ...]:
    """The tokens of each text as a word of its own and as a part of one: with a space in front and
    without.

    Some tokenizers put a space in front of whatever they are given, so a text is also cut behind
    something else.
    """
    runs: dict[tuple[int, ...], None] = {}
    for text in texts:
        for form in (text, f" {text}"):
            for tokens in (_tokens(vocabulary, form), _behind(vocabulary, form)):
                written = b"".join(map(vocabulary.piece, tokens))
                if tokens and written in (text.encode(), f" {text}".encode()):
                    runs[tokens] = None
    return tuple(runs)


def _tokens(vocabulary: Vocabulary, text: str) -> tuple[int, ...]:
    return tuple(vocabulary.tokenize(text, add_special=False, parse_special=False))


def _behind(vocabulary: Vocabulary, text: str) -> tuple[int, ...]:
    """A text's tokens where it stands behind others; none where they can't be told apart."""
    front, tokens = _tokens(vocabulary, _APART), _tokens(vocabulary, _APART + text)
    return tokens[len(front) :] if tokens[: len(front)] == front else ()


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
