"""The vocabulary of a GGUF file without its weights, for engines that compute them otherwise."""

from __future__ import annotations

import ctypes
from functools import lru_cache
from pathlib import Path

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError

_CACHED_PIECES = 262_144


class GgufVocabulary:
    """See `funland_worker.engines.vocabulary.Vocabulary`: the same tokens as llama.cpp's."""

    def __init__(self, path: Path) -> None:
        """Reads the file's header.

        Raises:
            EngineError: MODEL_LOAD_FAILED; llama.cpp's reason is in the log.
        """
        params = lib.llama_model_default_params()
        params.vocab_only = True
        self._model = lib.llama_model_load_from_file(str(path).encode(), params)
        if not self._model:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "llama.cpp could not read the model's vocabulary: the file may be damaged. The"
                " server's log has llama.cpp's own words.",
            )
        self._vocabulary = lib.llama_model_get_vocab(self._model)
        self.size: int = lib.llama_vocab_n_tokens(self._vocabulary)
        if self.size <= 0:
            raise EngineError(ErrorReason.MODEL_LOAD_FAILED, "The model has no vocabulary.")
        self.piece = lru_cache(_CACHED_PIECES)(self._read_piece)
        self._ends = frozenset(
            token for token in range(self.size) if lib.llama_vocab_is_eog(self._vocabulary, token)
        )

    @property
    def trained_context(self) -> int:
        """The longest context that the model was trained for; 0 if the file does not say."""
        architecture = self._metadata("general.architecture")
        length = self._metadata(f"{architecture}.context_length")
        return int(length) if length.isdigit() else 0

    @property
    def chat_template(self) -> str | None:
        """The file's own chat template."""
        template: bytes | None = lib.llama_model_chat_template(self._model, None)
        return template.decode(errors="replace") if template else None

    @property
    def begin_mark(self) -> str:
        """The text of the token that begins a sequence, empty if there is none."""
        return self._text(lib.llama_vocab_bos(self._vocabulary))

    @property
    def end_mark(self) -> str:
        """The text of the token that ends a sequence, empty if there is none."""
        return self._text(lib.llama_vocab_eos(self._vocabulary))

    @property
    def adds_begin_mark(self) -> bool:
        """Whether tokenizing with `add_special` puts the begin mark in front."""
        return bool(lib.llama_vocab_get_add_bos(self._vocabulary))

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        """See `Vocabulary`."""
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

    def is_control(self, token: int) -> bool:
        """See `Vocabulary`."""
        return bool(lib.llama_vocab_is_control(self._vocabulary, token))

    def is_end(self, token: int) -> bool:
        """See `Vocabulary`."""
        return token in self._ends

    def _read_piece(self, token: int) -> bytes:
        size = 64
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = lib.llama_token_to_piece(self._vocabulary, token, buffer, size, 0, True)
            if length >= 0:
                return buffer.raw[:length]
            size = -length

    def _text(self, token: int) -> str:
        return self._read_piece(token).decode(errors="replace") if token >= 0 else ""

    def _metadata(self, key: str) -> str:
        buffer = ctypes.create_string_buffer(128)
        length: int = lib.llama_model_meta_val_str(self._model, key.encode(), buffer, 128)
        return buffer.value.decode(errors="replace") if length > 0 else ""
