"""The weights of a Llama-like network, by one set of names whatever file they come from."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

EMBEDDINGS, NORM, OUTPUT = "token_embd.weight", "output_norm.weight", "output.weight"
BLOCK = {
    "attention_norm": "attn_norm.weight",
    "query": "attn_q.weight",
    "key": "attn_k.weight",
    "value": "attn_v.weight",
    "query_bias": "attn_q.bias",
    "key_bias": "attn_k.bias",
    "value_bias": "attn_v.bias",
    "attention_output": "attn_output.weight",
    "ffn_norm": "ffn_norm.weight",
    "gate": "ffn_gate.weight",
    "up": "ffn_up.weight",
    "down": "ffn_down.weight",
}
"""A layer's tensors, by the name that GGUF gives them after `blk.N.`."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What the weights don't say of themselves."""

    layers: int
    heads: int
    key_value_heads: int
    head_size: int | None
    """None: the embedding's size by the number of heads."""
    norm_epsilon: float
    rope_base: float
    rope_interleaved: bool
    """Whether the pairs that are rotated lie side by side, as GGUF has them for `llama`."""


@dataclass(frozen=True, slots=True)
class Weights:
    """Tensors by GGUF's names; `read` gives one as float32, rows by columns."""

    shape: Shape
    names: Collection[str]
    read: Callable[[str], NDArray[np.float32]]


def block_tensor(layer: int, part: str) -> str:
    """The name of one of `BLOCK`'s tensors in a layer."""
    return f"blk.{layer}.{BLOCK[part]}"


def unknown_names(weights: Weights) -> list[str]:
    """The tensors that the network would be computed without: a model that has some is another."""
    known = {EMBEDDINGS, NORM, OUTPUT}
    known |= {block_tensor(layer, part) for layer in range(weights.shape.layers) for part in BLOCK}
    return sorted(set(weights.names) - known)
