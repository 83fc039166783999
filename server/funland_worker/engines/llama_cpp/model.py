"""The weights and the vocabulary of a GGUF model."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError


class LlamaModel:
    """A model in memory. Its methods only read, so any thread may call them."""

    def __init__(self, path: Path) -> None:
        """Loads the file.

        Raises:
            EngineError: MODEL_LOAD_FAILED; llama.cpp's reason is in the log.
        """
        self.handle = lib.llama_model_load_from_file(
            str(path).encode(), lib.llama_model_default_params()
        )
        if not self.handle:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "llama.cpp could not load the model: it may be damaged, or of an architecture that"
                " this version does not know. The server's log has llama.cpp's own words.",
            )
        self._vocabulary = lib.llama_model_get_vocab(self.handle)
        self.vocabulary_size: int = lib.llama_vocab_n_tokens(self._vocabulary)
        self.parameter_count: int = lib.llama_model_n_params(self.handle)
        # The file's number is unsigned, C's is not: one too large comes out negative.
        self.trained_context: int = max(lib.llama_model_n_ctx_train(self.handle), 0)
        self.embedding_length: int = lib.llama_model_n_embd(self.handle)
        if self.vocabulary_size <= 0 or not lib.llama_model_has_decoder(self.handle):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "The model is not one that generates text."
            )
        self._pieces: dict[int, bytes] = {}
        self._ends = frozenset(
            token
            for token in range(self.vocabulary_size)
            if lib.llama_vocab_is_eog(self._vocabulary, token)
        )

    @property
    def chat_template(self) -> str | None:
        """The file's own chat template."""
        template: bytes | None = lib.llama_model_chat_template(self.handle, None)
        return template.decode(errors="replace") if template else None

    @property
    def begin_mark(self) -> str:
        """The text of the token that begins a sequence, empty if there is none."""
        return self._token_text(lib.llama_vocab_bos(self._vocabulary))

    @property
    def end_mark(self) -> str:
        """The text of the token that ends a sequence, empty if there is none."""
        return self._token_text(lib.llama_vocab_eos(self._vocabulary))

    @property
    def adds_begin_mark(self) -> bool:
        """Whether tokenizing with `add_special` puts the begin mark in front."""
        return bool(lib.llama_vocab_get_add_bos(self._vocabulary))

    def is_end(self, token: int) -> bool:
        """Whether the model ends its text with this token."""
        return token in self._ends

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """The tokens of a text."""
        data = text.encode()
        capacity = len(data) + 4
        while True:
            tokens = (ctypes.c_int32 * capacity)()
            count: int = lib.llama_tokenize(
                self._vocabulary, data, len(data), tokens, capacity, add_special, parse_special
            )
            if count >= 0:
                return tokens[:count]
            capacity = -count

    def detokenize(self, tokens: Sequence[int]) -> str:
        """The text of tokens, control marks included.

        Raises:
            EngineError: TOKEN_UNKNOWN.
        """
        for token in tokens:
            if not 0 <= token < self.vocabulary_size:
                raise EngineError(
                    ErrorReason.TOKEN_UNKNOWN,
                    f"Token {token} is not in the vocabulary of {self.vocabulary_size} tokens.",
                    vocabulary_size=str(self.vocabulary_size),
                )
        pieces = (self._read_piece(token, special=True) for token in tokens)
        return b"".join(pieces).decode(errors="replace")

    def piece(self, token: int) -> bytes:
        """The bytes that a generated token stands for; none for a control token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token, special=False)
        return piece

    def _read_piece(self, token: int, *, special: bool) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = lib.llama_token_to_piece(
                self._vocabulary, token, buffer, size, 0, special
            )
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _token_text(self, token: int) -> str:
        return self._read_piece(token, special=True).decode(errors="replace") if token >= 0 else ""
