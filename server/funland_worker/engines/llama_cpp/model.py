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
        if self.vocabulary_size <= 0 or lib.llama_model_has_encoder(self.handle):
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "The model has no vocabulary, or an encoder beside its decoder: Funland can't run"
                " it.",
            )
        self.architecture = self._metadata("general.architecture")
        self.is_recurrent: bool = lib.llama_model_is_recurrent(
            self.handle
        ) or lib.llama_model_is_hybrid(self.handle)
        self.is_causal = self._reads_from_left_to_right()
        self._pieces: dict[int, bytes] = {}
        self._written: dict[int, bytes] = {}
        self._ends = frozenset(
            token
            for token in range(self.vocabulary_size)
            if lib.llama_vocab_is_eog(self._vocabulary, token)
        )

    @property
    def can_generate(self) -> bool:
        """Whether the model writes text; one that reads a text as a whole can't."""
        return self.is_causal

    @property
    def has_plain_cache(self) -> bool:
        """Whether all it remembers of a text is the keys and values of each token."""
        return not self.is_recurrent and not self.window

    @property
    def window(self) -> int:
        """How many of the latest tokens some layers see; 0: all layers see all."""
        return int(lib.llama_model_n_swa(self.handle))

    @property
    def pooling_type(self) -> int:
        """llama.cpp's number for how the file wants tokens' vectors to become one; NONE if it does
        not say."""
        text = self._metadata(f"{self.architecture}.pooling_type")
        return int(text) if text.isdigit() else lib.LLAMA_POOLING_TYPE_NONE

    @property
    def can_rank(self) -> bool:
        """Whether the model has a ranking head."""
        return self.pooling_type == lib.LLAMA_POOLING_TYPE_RANK

    @property
    def vector_length(self) -> int:
        """The size of an embedding, after what some models do to the last hidden state."""
        return int(lib.llama_model_n_embd_out(self.handle))

    @property
    def chat_template(self) -> str | None:
        """The file's own chat template."""
        template: bytes | None = lib.llama_model_chat_template(self.handle, None)
        return template.decode(errors="replace") if template else None

    @property
    def rank_template(self) -> str | None:
        """How the file wants `{query}` and `{document}` to be put to its ranking head."""
        template: bytes | None = lib.llama_model_chat_template(self.handle, b"rerank")
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

    @property
    def adds_end_mark(self) -> bool:
        """Whether the file says that a text has a mark at its end."""
        return bool(lib.llama_vocab_get_add_eos(self._vocabulary))

    @property
    def separator(self) -> list[int]:
        """The mark that the model wants between two texts, if it wants one more."""
        mark: int = lib.llama_vocab_sep(self._vocabulary)
        return [mark] if lib.llama_vocab_get_add_sep(self._vocabulary) and mark >= 0 else []

    def is_control(self, token: int) -> bool:
        """Whether the token is a mark and no text."""
        return bool(lib.llama_vocab_is_control(self._vocabulary, token))

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

    def written_piece(self, token: int) -> bytes:
        """The bytes of a token, control tokens as they are written."""
        piece = self._written.get(token)
        if piece is None:
            piece = self._written[token] = self._read_piece(token, special=True)
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

    def _metadata(self, key: str) -> str:
        """A value of the file's metadata as text, empty if there is none."""
        size = 128
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
            if length < size:
                return buffer.value.decode(errors="replace") if length > 0 else ""
            size = length + 1

    def _reads_from_left_to_right(self) -> bool:
        """Whether a token sees only those before it, so that a text can grow at its end.

        llama.cpp has no function for it; it gives no memory to the contexts of most of those that
        don't, and the files of the others say so.

        Raises:
            EngineError: MODEL_LOAD_FAILED, for lack of memory.
        """
        if self._metadata(f"{self.architecture}.attention.causal") == "false":
            return False
        params = lib.llama_context_default_params()
        params.n_ctx = params.n_batch = params.n_ubatch = 32
        params.n_threads = params.n_threads_batch = 1
        context = lib.llama_init_from_model(self.handle, params)
        if not context:
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "There is not enough memory to run the model."
            )
        has_memory = bool(lib.llama_get_memory(context))
        lib.llama_free(context)
        return has_memory

    def _token_text(self, token: int) -> str:
        return self._read_piece(token, special=True).decode(errors="replace") if token >= 0 else ""
