"""The tokens of a model as llguidance wants them."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llguidance import LLTokenizer, TokenizerWrapper

from funland_worker.constraints.grammar import SPECIAL
from funland_worker.engines.protocol import Engine

_LOOKS_LIKE_MARK = re.compile(rb"<.+>|\[.+\]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Every token's bytes, by id, those of marks behind `SPECIAL`; and the marks that end a text,
    none of which is text here."""

    tokens: list[bytes]
    ends: list[int]


def token_table(engine: Engine) -> TokenTable:
    """The tokens of an engine's model. Reads the whole vocabulary: 0.2 s for 150,000 tokens."""
    size = engine.vocabulary_size
    pieces = [engine.piece(token) for token in range(size)]
    ends = [token for token in range(size) if engine.is_end(token)]
    marks = {token for token, piece in enumerate(pieces) if _is_mark(engine, token, piece)}
    marks.update(ends)
    tokens = [SPECIAL + piece if token in marks else piece for token, piece in enumerate(pieces)]
    return TokenTable(tokens, ends)


def tokenizer(table: TokenTable, engine: Engine) -> LLTokenizer:
    """The table with llguidance's index over it; there must be at least one end."""
    tokens = _Tokens(table, engine)
    result = LLTokenizer(TokenizerWrapper(tokens), n_vocab=len(table.tokens), eos_token=table.ends)
    tokens.by_longest = result.greedy_tokenize
    return result


class _Tokens:
    """What llguidance asks of a tokenizer."""

    def __init__(self, table: TokenTable, engine: Engine) -> None:
        self.tokens = table.tokens
        self.eos_token_id = table.ends[0]
        self.bos_token_id = None
        self.special_token_ids: list[int] = []
        self.by_longest: Callable[[str], list[int]] = lambda _: []
        """Cuts a text into the longest tokens, from its beginning on."""
        self._engine = engine

    def __call__(self, text: bytes) -> Sequence[int]:
        """The tokens that a model would write a text with, for where a grammar leaves no choice.

        Some tokenizers put a space in front of every text: they can't be asked for a part of one.
        """
        string = text.decode(errors="replace")
        tokens = self._engine.tokenize(string, add_special=False, parse_special=False)
        same = b"".join(self.tokens[token] for token in tokens) == text
        return tokens if same else self.by_longest(string)


def _is_mark(engine: Engine, token: int, piece: bytes) -> bool:
    """Whether a token is a mark such as `<|im_start|>`: its text alone does not give it."""
    if not _LOOKS_LIKE_MARK.fullmatch(piece):
        return False
    return token not in engine.tokenize(
        piece.decode(errors="replace"), add_special=False, parse_special=False
    )
