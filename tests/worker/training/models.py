"""Tiny networks of each family, their weights by chance: in memory, or as GGUF files that llama.cpp
runs, with the embedded model's tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import gguf
import numpy as np

from funland_worker.training.numbers import Numbers


@dataclass(frozen=True)
class Tiny:
    """A network in memory: what `GgufSource` tells of one in a file."""

    architecture: str
    tensors: dict[str, Numbers]
    values: Mapping[str, Any]

    def value(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def read(self, name: str) -> Numbers:
        return self.tensors[name]


@dataclass(frozen=True)
class Family:
    """How a tiny network of it is made."""

    architecture: str
    key_value_heads: int = 4
    head_size: int = 8
    biases: bool = False
    head_norms: bool = False
    tied: bool = True
    factors: bool = False
    layers: int = 2
    width: int = 32
    heads: int = 4
    feed_forward: int = 48
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further ones, and others; None: the file has none."""


CONVERTED: Mapping[str, Any] = {
    "rope.freq_base": 1_000_000.0, "attention.layer_norm_rms_epsilon": 1e-6,
}  # fmt: skip
UNSAID: Mapping[str, Any] = {
    "attention.key_length": None, "attention.value_length": None, "rope.dimension_count": None,
}  # fmt: skip
"""Left out where heads share the width."""

FAMILIES = {
    "llama": Family("llama"),
    "llama, few heads of keys": Family("llama", key_value_heads=2, tied=False),
    "llama, factors": Family("llama", factors=True),
    "llama, stretched": Family(
        "llama", values={"rope.scaling.type": "linear", "rope.scaling.factor": 2.0}
    ),
    "mistral": Family("llama", key_value_heads=2, head_size=16),
    "llama 3.2": Family(
        "llama", key_value_heads=2, factors=True, values={"rope.freq_base": 500_000.0}
    ),
    "qwen2": Family("qwen2", key_value_heads=2, biases=True),
    "qwen2.5, as it is converted": Family(
        "qwen2", key_value_heads=2, biases=True, tied=False, values={**CONVERTED, **UNSAID}
    ),
    "qwen3": Family("qwen3", key_value_heads=2, head_size=16, head_norms=True),
    "qwen3, as it is converted": Family(
        "qwen3", key_value_heads=1, head_size=16, head_norms=True, tied=False, values=CONVERTED
    ),
}
"""What real models combine: few heads of keys, heads that are wider than their part of the width,
biases, norms of heads, tied heads and others, factors of frequencies."""


def tiny(family: Family, *, vocabulary: int = 64, kind: Any = np.float32, seed: int = 3) -> Tiny:
    """A network of the family, whose numbers are of that kind."""
    random = np.random.default_rng(seed)

    def drawn(*sides: int) -> Numbers:
        return random.normal(0, sides[-1] ** -0.5, sides).astype(kind)

    def around_one(size: int) -> Numbers:
        return random.uniform(0.5, 1.5, size).astype(kind)

    width, heads, wide = family.width, family.heads * family.head_size, family.feed_forward
    keys = family.key_value_heads * family.head_size
    tensors = {
        "token_embd.weight": random.normal(0, 1, (vocabulary, width)).astype(kind),
        "output_norm.weight": around_one(width),
    }
    if not family.tied:
        tensors["output.weight"] = drawn(vocabulary, width)
    if family.factors:
        tensors["rope_freqs.weight"] = random.uniform(1, 4, family.head_size // 2).astype(kind)
    for layer in range(family.layers):
        block = {
            "attn_norm": around_one(width),
            "attn_q": drawn(heads, width),
            "attn_k": drawn(keys, width),
            "attn_v": drawn(keys, width),
            "attn_output": drawn(width, heads),
            "ffn_norm": around_one(width),
            "ffn_gate": drawn(wide, width),
            "ffn_up": drawn(wide, width),
            "ffn_down": drawn(width, wide),
        }
        if family.head_norms:
            block["attn_q_norm"] = around_one(family.head_size)
            block["attn_k_norm"] = around_one(family.head_size)
        tensors |= {f"blk.{layer}.{name}.weight": numbers for name, numbers in block.items()}
        if family.biases:
            for name, size in (("attn_q", heads), ("attn_k", keys), ("attn_v", keys)):
                tensors[f"blk.{layer}.{name}.bias"] = random.normal(0, 0.5, size).astype(kind)
    values = {
        "block_count": family.layers,
        "context_length": 256,
        "embedding_length": width,
        "feed_forward_length": wide,
        "attention.head_count": family.heads,
        "attention.head_count_kv": family.key_value_heads,
        "attention.key_length": family.head_size,
        "attention.value_length": family.head_size,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": family.head_size,
        "rope.freq_base": 10000.0,
        **family.values,
    }
    told = {key: value for key, value in values.items() if value is not None}
    return Tiny(family.architecture, tensors, told)


def write(
    path: Path, network: Tiny, embedded: Path, names: Mapping[str, str] | None = None
) -> Path:
    """Writes a network of the embedded model's vocabulary as a file, with its tokens; `names` are
    further texts of the metadata."""
    writer = gguf.GGUFWriter(path, network.architecture)
    for key, value in network.values.items():
        _add(writer, f"{network.architecture}.{key}", value)
    for key, value in (names or {}).items():
        writer.add_string(key, value)
    for key, (value, kind, sub) in _tokens(embedded).items():
        if key not in (names or {}):
            writer.add_key_value(key, value, kind, sub_type=sub)
    for name, numbers in network.tensors.items():
        writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@cache
def _tokens(embedded: Path) -> dict[str, tuple[Any, Any, Any]]:
    """Each value with its type, and that of its parts."""
    return {
        key: (entry.contents(), entry.types[0], entry.types[1] if len(entry.types) > 1 else None)
        for key, entry in gguf.GGUFReader(embedded).fields.items()
        if key.startswith("tokenizer.")
    }


def _add(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    if isinstance(value, bool):
        writer.add_bool(key, value)
    elif isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, float):
        writer.add_float32(key, value)
    else:
        writer.add_uint32(key, value)
