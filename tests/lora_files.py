"""Makes LoRA adapters for the embedded model: random, small, and the same every time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

from funland_server.models.formats.gguf import read_contents
from funland_server.models.installed.embedded import embedded_model

RANK = 4
CHANGED = ("attn_q.weight", "attn_v.weight", "ffn_down.weight")
"""The roles of the tensors that an adapter changes."""


def tensors(seed: int) -> dict[str, NDArray[np.float32]]:
    """Pairs of tensors, strong enough that another text comes out."""
    random = np.random.default_rng(seed)
    made: dict[str, NDArray[np.float32]] = {}
    for name, (inputs, outputs) in _changed_shapes().items():
        down = random.normal(0, inputs**-0.5, (RANK, inputs))
        up = random.normal(0, 0.5, (outputs, RANK))
        made[name + ".lora_a"] = down.astype(np.float32)
        made[name + ".lora_b"] = up.astype(np.float32)
    return made


def write(
    path: Path,
    seed: int = 1,
    *,
    architecture: str = "llama",
    kind: str = "adapter",
    adapter_type: str = "lora",
    alpha: float | str = float(RANK),
    weights: Mapping[str, NDArray[np.float32]] | None = None,
) -> Path:
    """Writes one as llama.cpp's converter does, but for what a test wants to be wrong."""
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_type(kind)
    writer.add_string("adapter.type", adapter_type)
    if isinstance(alpha, str):
        writer.add_string("adapter.lora.alpha", alpha)
    else:
        writer.add_float32("adapter.lora.alpha", alpha)
    for name, values in (tensors(seed) if weights is None else weights).items():
        writer.add_tensor(name, values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _changed_shapes() -> dict[str, tuple[int, int]]:
    shapes = read_contents(embedded_model().path).shapes
    return {
        name: (shape[0], shape[1])
        for name, shape in shapes.items()
        if name.startswith("blk.") and name.endswith(CHANGED)
    }
