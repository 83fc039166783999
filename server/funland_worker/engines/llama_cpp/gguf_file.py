"""A GGUF file as llama.cpp reads it: what it says of its model, and its tokens."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.last_words import hint, why
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.offload import Offload
from funland_worker.engines.llama_cpp.vocabulary import GgufVocabulary
from funland_worker.engines.loaded import ModelFacts
from funland_worker.engines.protocol import EngineError
from funland_worker.limits import room_bytes

_LARGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")


def load_mode() -> int:
    """How weights come into memory: read, where the system has large pages for them, else mapped.

    A file's pages are small, and reading all of them for each token takes up to a fifth longer
    (ADR 0036).
    """
    try:
        large = "[never]" not in _LARGE_PAGES.read_text()
    except OSError:  # another system
        large = False
    mode: int = lib.LLAMA_LOAD_MODE_NONE if large else lib.LLAMA_LOAD_MODE_AUTO
    return mode


def _progress_callback(read: Callable[[float], None]) -> Any:
    """What llama.cpp calls while it reads weights; it must live until they are there."""

    def told(fraction: float, _: ctypes.c_void_p) -> bool:
        read(fraction)
        return True  # else the load would end

    return lib.llama_progress_callback(told)


class GgufFile:
    """A file that llama.cpp has opened, for the life of the process. Its methods only read, so any
    thread may call them."""

    def __init__(
        self,
        path: Path,
        *,
        weights: bool,
        allocates: bool = True,
        offload: Offload | None = None,
        read: Callable[[float], None] | None = None,
    ) -> None:
        """Reads the file, without its weights where another engine computes with them, and without
        memory for them where nobody does.

        `read` is told how much of the weights is there, from 0 to 1, on this thread.

        Raises:
            EngineError: MODEL_LOAD_FAILED, with llama.cpp's reason.
        """
        params = lib.llama_model_default_params()
        self.offload = offload or Offload()
        """Where its layers are."""
        params.vocab_only = not weights
        params.no_alloc = not allocates
        # What goes to a device is read once and needs no memory of ours.
        params.load_mode = load_mode() if self.offload.on_cpu else lib.LLAMA_LOAD_MODE_AUTO
        if not allocates:  # llama.cpp can't map what it has no memory for
            params.load_mode = lib.LLAMA_LOAD_MODE_NONE
        kept = [*self.offload.apply(params)]
        if read is not None:
            params.progress_callback = _progress_callback(read)
            kept.append(params.progress_callback)
        library.errors.clear()
        self.handle = lib.llama_model_load_from_file(str(path).encode(), params)
        del kept
        if not self.handle:
            told = why(library.errors, str(path))
            place = "" if self.offload.on_cpu else f" on {self.offload.name}"
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                f"llama.cpp could not load the model{place}: {told or 'it did not say why'}."
                f"{hint(told, room_bytes())}",
            )
        self.vocabulary = GgufVocabulary(self.handle)
        self.architecture = self.metadata("general.architecture")

    @property
    def trained_context(self) -> int:
        """The longest context that the model was trained for; 0 if the file does not say."""
        length = self.metadata(f"{self.architecture}.context_length")
        return int(length) if length.isdigit() else 0

    @property
    def facts(self) -> ModelFacts:
        """What engines need to know of the file."""
        return ModelFacts(
            vocabulary=self.vocabulary,
            trained_context=self.trained_context,
            chat_template=self.template(),
            begin_mark=self.vocabulary.begin_mark,
            end_mark=self.vocabulary.end_mark,
            adds_begin_mark=self.vocabulary.adds_begin_mark,
        )

    def template(self, name: str | None = None) -> str | None:
        """A chat template that the file has: that of a name, or the one for any chat."""
        key = name.encode() if name is not None else None
        template: bytes | None = lib.llama_model_chat_template(self.handle, key)
        return template.decode(errors="replace") if template else None

    def head_length(self, what: str) -> int:
        """How many numbers the `key` or `value` of a head has, as the file says; 0: it has none."""
        told = self.metadata(f"{self.architecture}.attention.{what}_length")
        if told.isdigit():
            return int(told)
        heads: int = lib.llama_model_n_head(self.handle)
        return int(lib.llama_model_n_embd(self.handle)) // heads if heads else 0

    def metadata(self, key: str) -> str:
        """A value of the file's metadata as text, empty if there is none."""
        size = 128
        while True:
            buffer = ctypes.create_string_buffer(size)
            length: int = lib.llama_model_meta_val_str(self.handle, key.encode(), buffer, size)
            if length < size:
                return buffer.value.decode(errors="replace") if length > 0 else ""
            size = length + 1
