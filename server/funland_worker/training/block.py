"""A block of the network: attention, then SwiGLU, each behind a norm and added to what came."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from funland_worker.training.attention import Mixed, attend, attend_backward
from funland_worker.training.feed_forward import gated, gated_backward
from funland_worker.training.linear import Linear
from funland_worker.training.norm import norm, norm_backward
from funland_worker.training.numbers import Indices, Numbers
from funland_worker.training.rotation import Rotation
from funland_worker.training.shape import Shape


@dataclass(frozen=True, slots=True)
class BlockWeights:
    """A block's parts; `linears` are those of `layout.GROUPS`."""

    attention_norm: Numbers
    feed_forward_norm: Numbers
    linears: tuple[Linear, Linear, Linear, Linear]
    query_norm: Numbers | None = None
    key_norm: Numbers | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """What a pass leaves for the way back."""

    inputs: Numbers
    middle: Numbers
    """What lies between attention and SwiGLU."""
    rooms: tuple[Numbers, Numbers, Numbers, Numbers]
    """The inputs of the linear layers; see `Linear.room`."""
    mixed: Mixed
    both: Numbers
    """Gates and what they let through."""
    factors: tuple[Numbers, Numbers]
    """Of the two norms."""
    heads: tuple[Numbers, Numbers, Numbers, Numbers] | None
    """Queries and keys before their norms, and the factors of those."""
    places: Indices | None
    """Of the tokens that something comes out of; None: of all."""


class Block:
    """One of the network's blocks."""

    def __init__(self, shape: Shape, weights: BlockWeights) -> None:
        self._shape = shape
        self._weights = weights

    @property
    def linears(self) -> tuple[Linear, ...]:
        """Its linear layers."""
        return self._weights.linears

    def forward(
        self, inputs: Numbers, rows: int, rotation: Rotation, places: Indices | None = None
    ) -> tuple[Numbers, Kept]:
        """What comes out, tokens x width; the tokens are those of so many rows, of equal lengths.
        If nothing but some of them is wanted of it, what comes out is of those `places` alone."""
        weights, shape = self._weights, self._shape
        attention, output, feed_forward, down = weights.linears
        count = len(inputs) if places is None else len(places)
        first, second = attention.room(len(inputs)), output.room(len(inputs))
        third, fourth = feed_forward.room(count), down.room(count)
        epsilon, width = shape.norm_epsilon, shape.width

        factors = norm(inputs, weights.attention_norm, epsilon, first[:, :width])
        mixed = self._mixed(attention.forward(first), second[:, : output.inputs], rows)
        heads = self._norm_heads(mixed)
        rotation.turn(mixed.queries, mixed.keys)
        attend(mixed)
        if places is not None:
            second = second[places]
        middle = output.forward(second)
        middle += inputs if places is None else inputs[places]

        more = norm(middle, weights.feed_forward_norm, epsilon, third[:, :width])
        both = feed_forward.forward(third)
        gated(both, fourth[:, : down.inputs])
        outputs = down.forward(fourth)
        outputs += middle
        kept = (first, second, third, fourth)
        return outputs, Kept(inputs, middle, kept, mixed, both, (factors, more), heads, places)

    def backward(self, outputs: Numbers, kept: Kept, rotation: Rotation) -> Numbers:
        """The inputs' gradient, given the outputs'."""
        weights = self._weights
        attention, output, feed_forward, down = weights.linears
        first, second, third, fourth = kept.rooms

        both = gated_backward(down.backward(outputs, fourth), kept.both)
        middle = norm_backward(
            feed_forward.backward(both, third), kept.middle, kept.factors[1],
            weights.feed_forward_norm,
        )  # fmt: skip
        middle += outputs

        out = output.backward(middle, second)
        if kept.places is not None:
            out = _spread(out, kept.places, len(kept.inputs))
            middle = _spread(middle, kept.places, len(kept.inputs))
        rows = len(kept.mixed.queries)
        joined = np.empty((len(out), attention.outputs), outputs.dtype)
        gradients = self._mixed(joined, out, rows)
        attend_backward(kept.mixed, gradients)
        rotation.turn_back(gradients.queries, gradients.keys)
        self._norm_heads_backward(gradients, kept)
        inputs = norm_backward(
            attention.backward(joined, first), kept.inputs, kept.factors[0],
            weights.attention_norm,
        )  # fmt: skip
        inputs += middle
        return inputs

    def _mixed(self, joined: Numbers, out: Numbers, rows: int) -> Mixed:
        """Views of queries, keys and values that lie side by side, and of `out`."""
        shape = self._shape
        query, key = shape.outputs("attn_q"), shape.outputs("attn_k")
        parts = joined[:, :query], joined[:, query : query + key], joined[:, query + key :], out
        return Mixed(*(part.reshape(rows, -1, part.shape[1] // shape.head_size, shape.head_size)
                       for part in parts))  # fmt: skip

    def _norm_heads(self, mixed: Mixed) -> tuple[Numbers, Numbers, Numbers, Numbers] | None:
        weights = self._weights
        if weights.query_norm is None or weights.key_norm is None:
            return None
        queries, keys, epsilon = mixed.queries.copy(), mixed.keys.copy(), self._shape.norm_epsilon
        query_factors = norm(queries, weights.query_norm, epsilon, mixed.queries)
        return queries, keys, query_factors, norm(keys, weights.key_norm, epsilon, mixed.keys)

    def _norm_heads_backward(self, gradients: Mixed, kept: Kept) -> None:
        weights = self._weights
        if kept.heads is None or weights.query_norm is None or weights.key_norm is None:
            return
        queries, keys, query_factors, key_factors = kept.heads
        gradients.queries[:] = norm_backward(
            gradients.queries, queries, query_factors, weights.query_norm
        )
        gradients.keys[:] = norm_backward(gradients.keys, keys, key_factors, weights.key_norm)


def _spread(numbers: Numbers, places: Indices, count: int) -> Numbers:
    """Rows at their places among so many, the others zeros."""
    spread = np.zeros((count, numbers.shape[1]), numbers.dtype)
    spread[places] = numbers
    return spread
