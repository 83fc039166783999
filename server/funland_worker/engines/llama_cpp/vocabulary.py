"""The tokens of a GGUF file, as llama.cpp has them."""

from __future__ import annotations

import ctypes
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError, InfillMarks

_MARKS = lib.LLAMA_TOKEN_ATTR_CONTROL | lib.LLAMA_TOKEN_ATTR_UNKNOWN


class GgufVocabulary:
    """See `funland_worker.engines.protocol.Vocabulary`."""

    def __init__(self, model: Any) -> None:
        """Of llama.cpp's `model`, which must live as long as this.

        Raises:
            EngineError: MODEL_LOAD_FAILED, if it has no tokens.
        """
        self._handle = lib.llama_model_get_vocab(model)
        self.size: int = lib.llama_vocab_n_tokens(self._handle)
        if self.size <= 0:
            raise EngineError(ErrorReason.MODEL_LOAD_FAILED, "The model has no vocabulary.")
        self._pieces: dict[int, bytes] = {}
        self._marks: dict[int, bool] = {}
        self.infill = self._infill()
        self.end_tokens = frozenset(
            token for token in range(self.size) if lib.llama_vocab_is_eog(self._handle, token)
        )

    @property
    def begin_mark(self) -> str:
        """The text of the token that begins a sequence, empty if there is none."""
        return self._text(lib.llama_vocab_bos(self._handle))

    @property
    def end_mark(self) -> str:
        """The text of the token that ends a sequence, empty if there is none."""
        return self._text(lib.llama_vocab_eos(self._handle))

    @property
    def adds_begin_mark(self) -> bool:
        """Whether tokenizing with `add_special` puts the begin mark in front."""
        return bool(lib.llama_vocab_get_add_bos(self._handle))

    @property
    def adds_end_mark(self) -> bool:
        """Whether the file says that a text has a mark at its end."""
        return bool(lib.llama_vocab_get_add_eos(self._handle))

    @property
    def separator(self) -> list[int]:
        """The mark that the model wants between two texts, if it wants one more."""
        mark: int = lib.llama_vocab_sep(self._handle)
        return [mark] if lib.llama_vocab_get_add_sep(self._handle) and mark >= 0 else []

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See `Vocabulary`."""
        data = text.encode()
        capacity = len(data) + 4
        while True:
            tokens = (ctypes.c_int32 * capacity)()
            count: int = lib.llama_tokenize(
                self._handle, data, len(data), tokens, capacity, add_special, parse_special
            )
            if count >= 0:
                return tokens[:count]
            capacity = -count

    def piece(self, token: int) -> bytes:
        """See `Vocabulary`."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token)
        return piece

    def is_control(self, token: int) -> bool:
        """See `Vocabulary`. llama.cpp writes neither control tokens nor the unknown one."""
        is_mark = self._marks.get(token)
        if is_mark is None:
            is_mark = token < self.size and bool(
                lib.llama_vocab_get_attr(self._handle, token) & _MARKS
            )
            self._marks[token] = is_mark
        return is_mark

    def is_end(self, token: int) -> bool:
        """See `Vocabulary`."""
        return token in self.end_tokens

    def _infill(self) -> InfillMarks | None:
        # By the file's metadata, or by names that llama.cpp knows.
        marks = InfillMarks(
            lib.llama_vocab_fim_pre(self._handle),
            lib.llama_vocab_fim_suf(self._handle),
            lib.llama_vocab_fim_mid(self._handle),
        )
        return marks if min(marks) >= 0 else None

    def _read_piece(self, token: int) -> bytes:
        if token >= self.size:  # another engine's network may have more rows; llama.cpp aborts
            return b""
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = lib.llama_token_to_piece(self._handle, token, buffer, size, 0, True)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _text(self, token: int) -> str:
        return self.piece(token).decode(errors="replace") if token >= 0 else ""
