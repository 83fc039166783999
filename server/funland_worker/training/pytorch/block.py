"""A block of the network in PyTorch: what `training.block` computes, and its gradients come by
themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from funland_worker.training.pytorch.library import Tensor, functional, torch
from funland_worker.training.pytorch.linear import Product
from funland_worker.training.shape import Shape


@dataclass(frozen=True, slots=True)
class Block:
    """One of the network's blocks."""

    shape: Shape
    attention_norm: Tensor
    feed_forward_norm: Tensor
    linears: Mapping[str, Product]
    """By GGUF's names."""
    query_norm: Tensor | None = None
    key_norm: Tensor | None = None

    def __call__(
        self, inputs: Tensor, rows: int, turns: Tensor, places: Tensor | None = None
    ) -> Tensor:
        """What comes out, tokens x width; the tokens are those of so many rows, of equal lengths.
        `turns` are cosines and sines of their positions. With `places`, what comes out is of those
        tokens alone."""
        linears = self.linears
        normed = self.norm(inputs, self.attention_norm)
        queries = self._heads(linears["attn_q"](normed), rows, self.query_norm)
        keys = self._heads(linears["attn_k"](normed), rows, self.key_norm)
        values = self._heads(linears["attn_v"](normed), rows, None)
        mixed = self._attended(_turned(queries, turns), _turned(keys, turns), values)
        if places is not None:
            mixed, inputs = mixed[places], inputs[places]
        middle = inputs + linears["attn_output"](mixed)
        normed = self.norm(middle, self.feed_forward_norm)
        gates = functional.silu(linears["ffn_gate"](normed))
        return middle + linears["ffn_down"](gates * linears["ffn_up"](normed))

    def norm(self, inputs: Tensor, weight: Tensor) -> Tensor:
        """The RMS norm of the last axis."""
        epsilon = self.shape.norm_epsilon
        return functional.rms_norm(inputs, (inputs.shape[-1],), weight, epsilon)

    def _heads(self, joined: Tensor, rows: int, weight: Tensor | None) -> Tensor:
        """Rows x positions x heads x size."""
        heads = joined.view(rows, len(joined) // rows, -1, self.shape.head_size)
        return heads if weight is None else self.norm(heads, weight)

    def _attended(self, queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        """What each token takes of the values: tokens x width of all heads."""
        group = self.shape.heads // self.shape.key_value_heads
        if group > 1:
            keys, values = (one.repeat_interleave(group, dim=2) for one in (keys, values))
        mixed = functional.scaled_dot_product_attention(
            *(one.transpose(1, 2) for one in (queries, keys, values)), is_causal=True
        )
        return mixed.transpose(1, 2).reshape(-1, self.shape.outputs("attn_q"))


def _turned(heads: Tensor, turns: Tensor) -> Tensor:
    """Numbers that are rotated together lie side by side."""
    cosines, sines = turns[:, : heads.shape[1]].unsqueeze(2)
    first, second = heads.unflatten(-1, (-1, 2)).unbind(-1)
    turned = (first * cosines - second * sines, first * sines + second * cosines)
    return torch.stack(turned, -1).flatten(-2)
