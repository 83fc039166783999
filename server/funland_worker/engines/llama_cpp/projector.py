"""The file beside a GGUF model that shows it pictures and sounds, by llama.cpp's `mtmd` library."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.last_words import why
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.media import MediaChunk, MediaKind, ReadMedia
from funland_worker.engines.prefill import LARGEST_PASS
from funland_worker.engines.protocol import EngineError, ModelOutputError
from funland_worker.engines.stand_ins import stand_ins

_TEXT: Final = 0
_AUDIO: Final = 2
_AXES: Final = 4
_SAYS_NOTHING: Final = "Failed to load CLIP model"
"""Follows each reason."""
_DONE: Final = 0
_PLAIN: Final = False
"""No marks of begin and end: those are the prompt's."""
_MARKER: Final = b"<__funland_media__>"
"""What `mtmd` would look for in texts. It is given none."""


class Projector:
    """A projector in memory, for the life of the process. Its methods are for one thread at a
    time."""

    def __init__(self, path: Path, model: LlamaModel, threads: int) -> None:
        """Loads the file for a model.

        Raises:
            EngineError: MODEL_LOAD_FAILED, with llama.cpp's reason; ENGINE_UNAVAILABLE, if
                llama.cpp was built without what reads it.
        """
        self._mtmd = _library()
        # llama.cpp keeps the callback's address.
        self._mtmd.mtmd_helper_log_set(library.log_callback, None)
        params = self._mtmd.mtmd_context_params_default()
        params.use_gpu = not model.offload.on_cpu
        if model.offload.devices:
            params.device = model.offload.devices[-1].handle
        params.n_threads = threads
        params.print_timings = False
        params.warmup = True  # so that it shows now if the memory does not suffice
        params.media_marker = _MARKER
        self._model = model
        library.errors.clear()
        self._context = self._mtmd.mtmd_init_from_file(str(path).encode(), model.handle, params)
        if not self._context:
            told = why((line for line in library.errors if _SAYS_NOTHING not in line), str(path))
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED,
                "llama.cpp could not load the model's projector, which shows it pictures and"
                f" sounds: {told or 'it did not say why'}.",
            )
        kinds = {
            MediaKind.IMAGE: self._mtmd.mtmd_support_vision(self._context),
            MediaKind.AUDIO: self._mtmd.mtmd_support_audio(self._context),
        }
        self.kinds = frozenset(kind for kind, has in kinds.items() if has)
        """What it shows."""
        self.sample_rate: int = self._mtmd.mtmd_get_audio_sample_rate(self._context)
        """Of the sound that it takes, in hertz; negative: it takes none."""
        self.flat: bool = self._mtmd.mtmd_decode_use_mrope(self._context)
        """Whether the rows of a picture lie beside each other, not one behind the other."""
        self.at_once: bool = self._mtmd.mtmd_decode_use_non_causal(self._context, None)
        """Whether all rows of a picture see each other."""
        self.width: int = library.lib.llama_model_n_embd_inp(model.handle)
        """Numbers of a row."""

    def read_image(self, pixels: NDArray[np.uint8], digest: bytes, field: str) -> ReadMedia:
        """What a picture is in a prompt: height x width x 3 of red, green and blue. `digest` tells
        it from all others.

        Raises:
            EngineError: IMAGE_INVALID, if the model can't be shown it; it names `field`.
        """
        height, width, _ = pixels.shape
        data = np.ascontiguousarray(pixels)
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
        bitmap = self._mtmd.mtmd_bitmap_init(width, height, pointer)
        with self._chunks(bitmap, ErrorReason.IMAGE_INVALID, field) as chunks:
            return self._made(chunks, digest)

    def read_audio(self, samples: NDArray[np.float32], digest: bytes, field: str) -> ReadMedia:
        """What a sound is in a prompt: mono, of `sample_rate`.

        Raises:
            EngineError: AUDIO_INVALID, if the model can't be played it; it names `field`.
        """
        data = np.ascontiguousarray(samples)
        pointer = data.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        bitmap = self._mtmd.mtmd_bitmap_init_from_audio(len(data), pointer)
        with self._chunks(bitmap, ErrorReason.AUDIO_INVALID, field) as chunks:
            return self._made(chunks, digest)

    def compute(self, chunk: MediaChunk) -> None:
        """Computes the rows of a chunk that `read_image` or `read_audio` gave.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID.
        """
        source = chunk.source
        assert isinstance(source, _Owned)  # noqa: S101 - no others are made here
        if self._mtmd.mtmd_encode_chunk(self._context, source.pointer) != _DONE:
            raise RuntimeError(f"mtmd_encode_chunk failed: {why(library.errors, '')}")
        shape = (len(chunk.stand_ins), self.width)
        pointer = self._mtmd.mtmd_get_output_embd(self._context)
        rows = np.ctypeslib.as_array(pointer, shape).copy()
        if not np.isfinite(rows).all():
            raise ModelOutputError
        chunk.rows, chunk.source = rows, None

    def _made(self, chunks: Any, digest: bytes) -> ReadMedia:
        tokens: list[int] = []
        made: list[MediaChunk] = []
        for index in range(self._mtmd.mtmd_input_chunks_size(chunks)):
            native = self._mtmd.mtmd_input_chunks_get(chunks, index)
            kind = self._mtmd.mtmd_input_chunk_get_type(native)
            if kind == _TEXT:
                tokens += self._text(native)
                continue
            made.append(self._chunk(native, kind, digest, len(made)))
            tokens += made[-1].stand_ins
        return ReadMedia(tokens, tuple(made), digest)

    def _text(self, native: Any) -> list[int]:
        count = ctypes.c_size_t()
        pointer = self._mtmd.mtmd_input_chunk_get_tokens_text(native, ctypes.byref(count))
        return list(pointer[: count.value])

    def _chunk(self, native: Any, kind: int, digest: bytes, number: int) -> MediaChunk:
        mtmd = self._mtmd
        rows: int = mtmd.mtmd_input_chunk_get_n_tokens(native)
        positions: int = mtmd.mtmd_input_chunk_get_n_pos(native)
        at_once: bool = mtmd.mtmd_decode_use_non_causal(self._context, native)
        if at_once and rows > LARGEST_PASS:
            raise EngineError(
                ErrorReason.ENGINE_UNSUPPORTED,
                f"The model reads {rows} rows of a picture at once, and Funland computes"
                f" {LARGEST_PASS} at most.",
                engine="LLAMA_CPP",
                feature="parts",
            )
        return MediaChunk(
            stand_ins(digest, number, rows, positions),
            positions,
            at_once=at_once,
            places=self._places(native, kind, rows) if self.flat else None,
            moves=(1, 1, 1, int(kind == _AUDIO)),
            source=_Owned(mtmd.mtmd_input_chunk_copy(native), mtmd.mtmd_input_chunk_free),
        )

    def _places(self, native: Any, kind: int, rows: int) -> NDArray[np.int32]:
        """Where the rows of a chunk lie, in the order in which llama.cpp takes it."""
        if kind == _AUDIO:
            return np.tile(np.arange(rows, dtype=np.int32), (_AXES, 1))
        tokens = self._mtmd.mtmd_input_chunk_get_tokens_image(native)
        place = self._mtmd.mtmd_image_tokens_get_decoder_pos
        found = [place(tokens, 0, row) for row in range(rows)]
        return np.array([[at.t, at.y, at.x, at.z] for at in found], np.int32).T.copy()

    @contextmanager
    def _chunks(self, bitmap: Any, reason: ErrorReason.ValueType, field: str) -> Generator[Any]:
        """What `mtmd` makes of a picture or sound, which is freed."""
        mtmd = self._mtmd
        part = mtmd.mtmd_input_part(None, bitmap)
        parts: Any = ctypes.pointer(ctypes.pointer(part))
        chunks = mtmd.mtmd_input_chunks_init()
        try:
            if mtmd.mtmd_tokenize_from_parts(self._context, chunks, parts, 1, _PLAIN) != _DONE:
                raise EngineError(
                    reason,
                    f"`{field}` can't be used: the model can't be shown it; the server's log has"
                    " llama.cpp's own words.",
                    field=field,
                )
            yield chunks
        finally:
            mtmd.mtmd_input_chunks_free(chunks)
            mtmd.mtmd_bitmap_free(bitmap)


class _Owned:
    """A pointer that is freed when nobody has it any more."""

    def __init__(self, pointer: Any, free: Any) -> None:
        self.pointer = pointer
        weakref.finalize(self, free, pointer).atexit = False


def _library() -> Any:
    """`mtmd`'s functions.

    Raises:
        EngineError: ENGINE_UNAVAILABLE.
    """
    try:
        return library.multimodal()
    except (ImportError, OSError, RuntimeError) as error:
        raise EngineError(
            ErrorReason.ENGINE_UNAVAILABLE,
            "llama.cpp was built without its multimodal library, which models that see and hear"
            f" need: `make serve` builds it anew ({error}).",
            engine="LLAMA_CPP",
        ) from error
