"""Makes networks in PyTorch: of a file's weights with an adapter beside them, or of numbers that
are all of a model's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from funland_worker.training.layout import Layout, Pair
from funland_worker.training.numbers import Numbers
from funland_worker.training.pytorch.block import Block
from funland_worker.training.pytorch.library import Tensor, torch
from funland_worker.training.pytorch.linear import Adapted, Plain, Quantized
from funland_worker.training.pytorch.network import Network
from funland_worker.training.pytorch.whole import LINEARS, Whole
from funland_worker.training.rotation import turns_of
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import Tensors, rotated_heads


@dataclass(frozen=True, slots=True)
class Learnt:
    """Numbers that learn, and where what is to be done to them is added up; both one vector."""

    numbers: Tensor
    gradients: Tensor

    def part(self, view: Callable[[Any], Any]) -> Tensor:
        """A part of them that learns."""
        part = view(self.numbers).detach().requires_grad_()
        part.grad = view(self.gradients)
        return part


@dataclass(frozen=True, slots=True)
class Making:
    """What all networks are made with."""

    shape: Shape
    tensors: Tensors
    device: str
    positions: int
    read: Callable[[float], None]

    def adapted(self, layout: Layout, alpha: float, learnt: Learnt, *, quantized: bool) -> Network:
        """The file's network with an adapter; raises as `Tensors`."""
        tensors, width = self.tensors, self.shape.width
        pairs = {(pair.layer, pair.linear): pair for pair in layout.pairs}
        scale = alpha / layout.rank
        blocks: list[Block] = []
        for layer in range(self.shape.layers):
            self.read(layer / self.shape.layers)
            linears = {
                linear: Adapted(
                    self._linear(pair, quantized=quantized),
                    learnt.part(pair.down_of),
                    learnt.part(pair.up_of),
                    scale,
                )
                for (at, linear), pair in pairs.items()
                if at == layer
            }
            blocks.append(self._block(linears, layer, self._frozen))
        embeddings = self._moved(tensors.read("token_embd.weight", None, width))
        output = tensors.optional("output.weight", len(embeddings), width)
        return self._network(
            layout.rank,
            blocks,
            embeddings,
            self._frozen("output_norm.weight", 0, width),
            embeddings if output is None else self._moved(output),
        )

    def whole(self, parts: Whole, learnt: Learnt) -> Network:
        """The network of a model's own numbers."""
        found = {one.name: learnt.part(one.of) for one in parts.parts}

        def part(name: str, heads: int, size: int) -> Tensor:
            return found[name]

        blocks: list[Block] = []
        for layer in range(self.shape.layers):
            prefix = f"blk.{layer}."
            linears = {
                linear: Plain(
                    found[f"{prefix}{linear}.weight"], found.get(f"{prefix}{linear}.bias")
                )
                for linear in LINEARS
            }
            blocks.append(self._block(linears, layer, part))
        embeddings = found["token_embd.weight"]
        output = found.get("output.weight", embeddings)
        return self._network(0, blocks, embeddings, found["output_norm.weight"], output)

    def _block(
        self, linears: Mapping[str, Any], layer: int, part: Callable[[str, int, int], Tensor]
    ) -> Block:
        prefix, width, size = f"blk.{layer}.", self.shape.width, self.shape.head_size
        query_norm = key_norm = None
        if self.shape.head_norms:
            query_norm = part(prefix + "attn_q_norm.weight", 1, size)
            key_norm = part(prefix + "attn_k_norm.weight", 1, size)
        return Block(
            self.shape,
            part(prefix + "attn_norm.weight", 0, width),
            part(prefix + "ffn_norm.weight", 0, width),
            linears,
            query_norm,
            key_norm,
        )

    def _linear(self, pair: Pair, *, quantized: bool) -> Plain | Quantized:
        heads = rotated_heads(self.shape, pair.linear)
        weight = self.tensors.arranged(pair.name, heads, pair.outputs, pair.inputs)
        name, bias = pair.name.removesuffix("weight") + "bias", None
        if self.tensors.has(name):
            bias = self._frozen(name, heads, pair.outputs)
        return (Quantized if quantized else Plain)(self._moved(weight), bias)

    def _frozen(self, name: str, heads: int, size: int) -> Tensor:
        return self._moved(self.tensors.arranged(name, heads, size))

    def _network(
        self, rank: int, blocks: list[Block], embeddings: Tensor, norm: Tensor, output: Tensor
    ) -> Network:
        factors = self.tensors.optional("rope_freqs.weight", self.shape.head_size // 2)
        turns = turns_of(self.shape, self.positions, factors)
        return Network(
            self.shape,
            rank=rank,
            blocks=blocks,
            embeddings=embeddings,
            output_norm=norm,
            output=output,
            turns=self._moved(np.stack([turns.real, turns.imag]).astype(np.float32)),
        )

    def _moved(self, numbers: Numbers) -> Tensor:
        return torch.from_numpy(numbers).to(self.device)
