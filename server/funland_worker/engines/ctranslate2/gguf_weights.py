"""Reads the weights of a GGUF file for conversion."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.ctranslate2.weights import Shape, Weights

_INTERLEAVED = {"llama": True, "qwen2": False}
"""The architectures that can be converted, and how their files order what RoPE rotates."""


def read_gguf(path: Path) -> Weights:
    """The weights of a file, which are read when they are asked for.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for an architecture or a way to stretch the context that is
            not known here.
    """
    import gguf  # noqa: PLC0415 - only a worker that converts needs it

    reader: Any = gguf.GGUFReader(path)
    tensors = {tensor.name: tensor for tensor in reader.tensors}

    def value(key: str, default: Any = None) -> Any:
        field = reader.get_field(key)
        return default if field is None else field.contents()

    architecture = value("general.architecture")
    if architecture not in _INTERLEAVED:
        raise unsupported(
            f"architecture {architecture}",
            f"CTranslate2 can't run a GGUF file of architecture {architecture!r}; it runs"
            f" {' and '.join(_INTERLEAVED)}.",
        )
    if value(f"{architecture}.rope.scaling.type", "none") != "none":
        raise unsupported(
            "rope.scaling",
            "The GGUF file stretches its context (rope.scaling), which Funland can't convert for"
            " CTranslate2.",
        )
    heads = int(value(f"{architecture}.attention.head_count"))
    length = value(f"{architecture}.attention.key_length")

    def read(name: str) -> NDArray[np.float32]:
        tensor = tensors[name]
        return np.ascontiguousarray(
            gguf.quants.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32
        )

    return Weights(
        shape=Shape(
            layers=int(value(f"{architecture}.block_count")),
            heads=heads,
            key_value_heads=int(value(f"{architecture}.attention.head_count_kv", heads)),
            head_size=None if length is None else int(length),
            norm_epsilon=float(value(f"{architecture}.attention.layer_norm_rms_epsilon")),
            rope_base=float(value(f"{architecture}.rope.freq_base", 10000.0)),
            rope_interleaved=_INTERLEAVED[architecture],
        ),
        names=tensors.keys(),
        read=read,
    )
