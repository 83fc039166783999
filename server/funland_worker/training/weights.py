"""Makes a network of a file's weights, in float32."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from funland_worker.training.block import Block, BlockWeights
from funland_worker.training.layout import GROUPS, Layout, Pair
from funland_worker.training.linear import Linear
from funland_worker.training.network import Network
from funland_worker.training.rotation import Rotation
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import Source, Tensors, rotated_heads


def read_network(
    source: Source,
    shape: Shape,
    layout: Layout,
    *,
    alpha: float,
    positions: int,
    read: Callable[[float], None] = lambda fraction: None,
) -> Network:
    """The network with an adapter of that layout, for texts of at most so many tokens. `read` is
    told how much is there, from 0 to 1.

    Raises:
        EngineError: MODEL_LOAD_FAILED; a tensor is missing, or of another shape.
    """
    tensors = Tensors(source, shape)
    reader = _Reader(tensors, shape, tensors.read("output_norm.weight", shape.width).dtype)
    embeddings = tensors.read("token_embd.weight", None, shape.width)
    factors = tensors.optional("rope_freqs.weight", shape.head_size // 2)
    blocks: list[Block] = []
    for layer in range(shape.layers):
        read(layer / shape.layers)
        blocks.append(Block(shape, reader.block(layer, layout, alpha / layout.rank)))
    output = tensors.optional("output.weight", len(embeddings), shape.width)
    return Network(
        shape,
        layout,
        blocks=blocks,
        embeddings=embeddings,
        output_norm=tensors.read("output_norm.weight", shape.width),
        output=embeddings if output is None else output,
        rotation=Rotation(shape, positions, factors, embeddings),
    )


class _Reader:
    """Makes blocks of tensors."""

    def __init__(self, tensors: Tensors, shape: Shape, kind: np.dtype[Any]) -> None:
        self._tensors = tensors
        self._shape = shape
        self._kind = kind

    def block(self, layer: int, layout: Layout, scale: float) -> BlockWeights:
        """A block's weights."""
        tensors, width, size = self._tensors, self._shape.width, self._shape.head_size
        prefix = f"blk.{layer}."
        query_norm = key_norm = None
        if self._shape.head_norms:
            query_norm = tensors.arranged(prefix + "attn_q_norm.weight", 1, size)
            key_norm = tensors.arranged(prefix + "attn_k_norm.weight", 1, size)
        first, second, third, fourth = (
            self._linear(layout.group(layer, group), scale) for group in GROUPS
        )
        return BlockWeights(
            tensors.read(prefix + "attn_norm.weight", width),
            tensors.read(prefix + "ffn_norm.weight", width),
            (first, second, third, fourth),
            query_norm,
            key_norm,
        )

    def _linear(self, pairs: tuple[Pair, ...], scale: float) -> Linear:
        linear, tensors = Linear(pairs, scale, self._kind), self._tensors
        for number, pair in enumerate(pairs):
            heads = rotated_heads(self._shape, pair.linear)
            linear.set_weight(number, tensors.arranged(pair.name, heads, pair.outputs, pair.inputs))
            bias = pair.name.removesuffix("weight") + "bias"
            if tensors.has(bias):
                linear.set_bias(number, tensors.arranged(bias, heads, pair.outputs))
        return linear
