"""Packs conversations of the corpus into rows of token ids for training."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np
from tokenizers import Tokenizer

from tools.tiny_model.chat import Conversation
from tools.tiny_model.corpus import sample_conversation


@dataclass(frozen=True, slots=True)
class Rows:
    """Packed conversations, each array [rows, length + 1].

    `owners` numbers the conversation of every token (0: padding), so that attention can stay
    inside it. `weights` is what a token counts in the loss: an answer of n tokens counts as much as
    the root of n, so that stories do not drown sums; questions count nothing.
    """

    tokens: np.ndarray
    owners: np.ndarray
    weights: np.ndarray


def pack(tokenizer: Tokenizer, rng: random.Random, rows: int, length: int) -> Rows:
    """Fills `rows` rows with whole conversations; the last of a row is cut off at its end."""
    tokens = np.zeros((rows, length + 1), np.int16)
    owners = np.zeros((rows, length + 1), np.int16)
    weights = np.zeros((rows, length + 1), np.float32)
    for row in range(rows):
        filled, owner = 0, 0
        while filled < length + 1:
            owner += 1
            ids, shares = encode(tokenizer, sample_conversation(rng))
            span = slice(filled, min(filled + len(ids), length + 1))
            size = span.stop - span.start
            tokens[row, span] = ids[:size]
            owners[row, span] = owner
            weights[row, span] = shares[:size]
            filled = span.stop
    return Rows(tokens, owners, weights)


def encode(tokenizer: Tokenizer, conversation: Conversation) -> tuple[list[int], list[float]]:
    """The conversation's token ids and the weight of each in the loss."""
    ids: list[int] = []
    shares: list[float] = []
    for text, learned in conversation.segments():
        piece = tokenizer.encode(text, add_special_tokens=False).ids
        ids.extend(piece)
        shares.extend([len(piece) ** -0.5 if learned else 0.0] * len(piece))
    return ids, shares
