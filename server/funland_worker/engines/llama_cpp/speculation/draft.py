"""Guesses with a smaller model of the same vocabulary."""

from __future__ import annotations

from typing import Any

import numpy as np

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.cache.contexts import new_context
from funland_worker.engines.llama_cpp.cache.prefix_tree import common_length
from funland_worker.engines.llama_cpp.generation import Generation
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.prefill import LARGEST_PASS
from funland_worker.engines.protocol import EngineError, Vocabulary

_TEXTS = 4
"""How many texts it guesses: with more, the large model's passes are full without guesses."""

_LONGEST = 8192
"""Tokens of a text that it guesses: its cache is made for all of them."""


class DraftModel:
    """A small model and what it has read of a few texts. It guesses the likeliest tokens.

    What it guessed it drops again; where tails can't be dropped, it guesses on with a copy.
    """

    def __init__(
        self, model: LlamaModel, target: LlamaModel, context_length: int, threads: int
    ) -> None:
        """Makes its context.

        Raises:
            EngineError: MODEL_LOAD_FAILED, if its vocabulary is not the large model's, or for lack
                of memory.
        """
        if not same_vocabulary(model.vocabulary, target.vocabulary):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "The draft model has another vocabulary than the model: it can't guess for it.",
            )
        if not (model.can_generate and model.memory.branches):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "The draft model can't take back what it has read: it can't guess.",
            )
        self._vocabulary = model.vocabulary
        # Behind what it was trained for it guesses badly, and a table of positions ends there.
        self._longest = min(context_length, model.trained_context or _LONGEST, _LONGEST)
        self._drops_tails = model.memory.drops_tails
        sequences, cells = (_TEXTS, self._longest)
        if not self._drops_tails:  # a copy shares the cells of its text
            sequences, cells = 2 * _TEXTS, _TEXTS * self._longest
        self.context: Any = new_context(
            model, sequences, cells, threads, _TEXTS, unified=not self._drops_tails
        )
        self._memory = lib.llama_get_memory(self.context)
        self._batch = Batch(LARGEST_PASS)
        self._read: dict[Generation, list[int]] = {}
        """The tokens of each text that its part of the cache holds."""
        self._slots: dict[Generation, int] = {}

    def guess(self, wanted: dict[Generation, int]) -> dict[Generation, list[int]]:
        """At most so many next tokens of each text; none for texts that there is no room for, and
        for those of which it has not read enough yet: a call reads at most one pass of each."""
        texts = [text for text, most in wanted.items() if self._has_room(text, most)]
        texts.sort(key=lambda text: self._slots[text])
        guesses: dict[Generation, list[int]] = {text: [] for text in texts}
        while texts:
            found = self._read_on({text: guesses[text] for text in texts})
            for text, token in found.items():
                guesses[text].append(token)
            texts = [text for text in found if len(guesses[text]) < wanted[text]]
        return guesses

    def forget(self, text: Generation) -> None:
        """Lets go of a text."""
        slot = self._slots.pop(text, None)
        if slot is not None:
            del self._read[text]
            lib.llama_memory_seq_rm(self._memory, slot, -1, -1)
            if not self._drops_tails:
                lib.llama_memory_seq_rm(self._memory, slot + _TEXTS, -1, -1)

    def _has_room(self, text: Generation, most: int) -> bool:
        """Whether a text has a part of the cache, or gets one."""
        if len(text.tokens) + most > self._longest:
            return False
        if text not in self._slots:
            free = set(range(_TEXTS)) - set(self._slots.values())
            if not free:
                return False
            self._slots[text], self._read[text] = min(free), []
        return True

    def _read_on(self, texts: dict[Generation, list[int]]) -> dict[Generation, int]:
        """Reads texts and their guesses, in one pass, and gives the likeliest next tokens of those
        that it has read to their end."""
        self._batch.clear()
        rows: dict[Generation, int] = {}
        for text, guessed in texts.items():
            tokens = [*text.tokens, *guessed]
            apart = bool(guessed) and not self._drops_tails
            if apart:
                slot, known = self._copied(text, again=len(guessed) == 1), len(tokens) - 1
            else:
                slot, known = self._slots[text], self._known(text, tokens)
            end = min(len(tokens), known + LARGEST_PASS // len(texts))
            whole = end == len(tokens)
            self._batch.add(slot, known, tokens[known:end], outputs=int(whole))
            if not apart:
                self._read[text] = tokens[:end]
            if whole:
                rows[text] = self._batch.rows - 1
        if outcome := self._batch.decode(self.context):
            raise RuntimeError(f"llama_decode of the draft model failed with {outcome}")
        return {text: self._likeliest(row) for text, row in rows.items()}

    def _known(self, text: Generation, tokens: list[int]) -> int:
        """How many of the tokens its part of the cache has, and no others."""
        read, slot = self._read[text], self._slots[text]
        known = min(common_length(read, tokens), len(tokens) - 1)
        if known < len(read):
            known = known if self._drops_tails else 0
            lib.llama_memory_seq_rm(self._memory, slot, known, -1)
        return known

    def _copied(self, text: Generation, *, again: bool) -> int:
        """The sequence that has a copy of a text to guess on with: `again` if one that has nothing
        but the text."""
        slot, copy = self._slots[text], self._slots[text] + _TEXTS
        if again:
            lib.llama_memory_seq_rm(self._memory, copy, -1, -1)
            lib.llama_memory_seq_cp(self._memory, slot, copy, -1, -1)
        return copy

    def _likeliest(self, row: int) -> int:
        pointer: Any = lib.llama_get_logits_ith(self.context, row)
        return int(np.ctypeslib.as_array(pointer, (self._vocabulary.size,)).argmax())


def same_vocabulary(one: Vocabulary, other: Vocabulary) -> bool:
    """Whether two models write their tokens alike."""
    return one.size == other.size and all(
        one.piece(token) == other.piece(token) for token in range(one.size)
    )
