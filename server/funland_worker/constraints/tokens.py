"""The tokens of a model as llguidance wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from llguidance import LLTokenizer, TokenizerWrapper

from funland_worker.constraints.grammar import SPECIAL
from funland_worker.engines.protocol import Engine, Vocabulary


@dataclass(frozen=True, slots=True)
class TokenTable:
    """Every token's bytes, by id, those of marks behind `SPECIAL`; and the marks that end a text,
    none of which is text here."""

    tokens: list[bytes]
    ends: list[int]


def token_table(engine: Engine) -> TokenTable:
    """The tokens of an engine's model. Reads the whole vocabulary: 0.4 s for 150,000 tokens."""
    vocabulary = engine.vocabulary
    tokens: list[bytes] = []
    ends: list[int] = []
    for token in range(engine.vocabulary_size):
        piece = vocabulary.piece(token)
        is_end = vocabulary.is_end(token)
        if is_end:
            ends.append(token)
        # What is a mark here is what the texts leave out.
        tokens.append(SPECIAL + piece if is_end or vocabulary.is_control(token) else piece)
    return TokenTable(tokens, ends)


def tokenizer(table: TokenTable, vocabulary: Vocabulary) -> LLTokenizer:
    """The table with llguidance's index over it; there must be at least one end."""
    tokens = _Tokens(table, vocabulary)
    result = LLTokenizer(TokenizerWrapper(tokens), n_vocab=len(table.tokens), eos_token=table.ends)
    tokens.by_longest = result.greedy_tokenize
    return result


class _Tokens:
    """What llguidance asks of a tokenizer."""

    def __init__(self, table: TokenTable, vocabulary: Vocabulary) -> None:
        self.tokens = table.tokens
        self.eos_token_id = table.ends[0]
        self.bos_token_id = None
        self.special_token_ids: list[int] = []
        self.by_longest: Callable[[str], list[int]] = lambda _: []
        """Cuts a text into the longest tokens, from its beginning on."""
        self._vocabulary = vocabulary

    def __call__(self, text: bytes) -> Sequence[int]:
        """The tokens that a model would write a text with, for where a grammar leaves no choice.

        Some tokenizers put a space in front of every text: they can't be asked for a part of one.
        """
        string = text.decode(errors="replace")
        tokens = self._vocabulary.tokenize(string, add_special=False, parse_special=False)
        same = b"".join(self.tokens[token] for token in tokens) == text
        return tokens if same else self.by_longest(string)
