"""Writes an adapter as llama.cpp reads it: https://github.com/ggml-org/llama.cpp/pull/8332"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from funland_worker.training.files import written_whole
from funland_worker.training.layout import Layout, Pair
from funland_worker.training.numbers import Numbers
from funland_worker.training.rotation import half_apart
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import rotated_heads


def write_adapter(
    path: Path, numbers: Numbers, *, shape: Shape, layout: Layout, alpha: float
) -> None:
    """Writes it in float32, whole or not at all.

    Raises:
        EngineError: STORAGE_FULL.
        OSError: It can't be written.
    """
    import gguf  # noqa: PLC0415 - only needed at a run's end

    # It would log each file's place.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    with written_whole(path) as partial:
        writer = gguf.GGUFWriter(partial, shape.architecture)
        try:
            writer.add_type("adapter")
            writer.add_string("adapter.type", "lora")
            writer.add_float32("adapter.lora.alpha", alpha)
            for pair in layout.pairs:
                writer.add_tensor(pair.name + ".lora_a", pair.down_of(numbers))
                writer.add_tensor(pair.name + ".lora_b", _up(pair, numbers, shape))
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
        finally:
            writer.close()


def _up(pair: Pair, numbers: Numbers, shape: Shape) -> Numbers:
    """Its rows in the order of the model's file."""
    up = pair.up_of(numbers)
    heads = rotated_heads(shape, pair.linear)
    return half_apart(up, heads) if heads and not shape.interleaved else np.ascontiguousarray(up)
