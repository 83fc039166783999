"""What llama.cpp itself makes of a prompt with pictures, by the helpers of its `mtmd` library."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp.batch import Batch
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel

_TIE = 0.01
_ROWS = 512

Piece = str | NDArray[np.uint8] | NDArray[np.float32]
"""A text, the pixels of a picture or the samples of a sound."""


class ShownContext:
    """A projector of its own, and contexts that have seen nothing else."""

    def __init__(self, model: LlamaModel, projector: Path) -> None:
        import llama_cpp.mtmd_cpp as mtmd  # noqa: PLC0415 - as where it is used

        self._mtmd: Any = mtmd
        self._model = model
        params = mtmd.mtmd_context_params_default()
        params.use_gpu, params.n_threads = False, 1
        self._projector: Any = self._mtmd.mtmd_init_from_file(
            str(projector).encode(), model.handle, params
        )
        assert self._projector

    def check_greedy(self, pieces: Sequence[Piece], made: Sequence[int]) -> int:
        """That the likeliest tokens behind the pieces are these; gives how many rows and tokens
        those are."""
        context = self._context()
        position, count = self._read(context, pieces)
        batch = Batch(1)
        for token in made:
            pointer: Any = lib.llama_get_logits_ith(context, -1)
            logits = np.ctypeslib.as_array(pointer, (self._model.vocabulary.size,))
            if logits.argmax() != token and logits.max() - logits[token] < _TIE:
                break
            assert logits.argmax() == token, f"less likely by {logits.max() - logits[token]}"
            batch.clear()
            batch.add(0, position, [token], outputs=1)
            assert batch.decode(context) == 0
            position += 1
        lib.llama_free(context)
        return count

    def _context(self) -> Any:
        params = lib.llama_context_default_params()
        params.n_ctx, params.n_batch, params.n_ubatch = 1024, _ROWS, _ROWS
        params.n_threads = params.n_threads_batch = 1
        params.flash_attn_type = lib.LLAMA_FLASH_ATTN_TYPE_DISABLED
        return lib.llama_init_from_model(self._model.handle, params)

    def _read(self, context: Any, pieces: Sequence[Piece]) -> tuple[int, int]:
        mtmd = self._mtmd
        bitmaps = [self._bitmap(piece) for piece in pieces if not isinstance(piece, str)]
        marker = mtmd.mtmd_default_marker()
        told = b"".join(piece.encode() if isinstance(piece, str) else marker for piece in pieces)
        text = mtmd.mtmd_input_text(told, len(told), True, True)
        chunks = mtmd.mtmd_input_chunks_init()
        array = (ctypes.c_void_p * len(bitmaps))(*bitmaps)
        assert not mtmd.mtmd_tokenize(
            self._projector, chunks, ctypes.byref(text), array, len(bitmaps)
        )
        end = ctypes.c_int32(0)
        assert not mtmd.mtmd_helper_eval_chunks(
            self._projector, context, chunks, 0, 0, _ROWS, True, ctypes.byref(end)
        )
        count: int = mtmd.mtmd_helper_get_n_tokens(chunks)
        mtmd.mtmd_input_chunks_free(chunks)
        for bitmap in bitmaps:
            mtmd.mtmd_bitmap_free(bitmap)
        return end.value, count

    def _bitmap(self, piece: NDArray[np.uint8] | NDArray[np.float32]) -> Any:
        kind = ctypes.c_uint8 if piece.ndim > 1 else ctypes.c_float
        pointer = piece.ctypes.data_as(ctypes.POINTER(kind))
        if piece.ndim == 1:
            return self._mtmd.mtmd_bitmap_init_from_audio(len(piece), pointer)
        height, width, _ = piece.shape
        return self._mtmd.mtmd_bitmap_init(width, height, pointer)
