"""The network with its adapter: its losses, and the adapter's gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from funland_worker.training.block import Block, Kept
from funland_worker.training.head import losses, losses_backward
from funland_worker.training.layout import Layout
from funland_worker.training.norm import norm, norm_backward
from funland_worker.training.numbers import Indices, Numbers, Tokens
from funland_worker.training.rotation import Rotation
from funland_worker.training.shape import Shape

KEPT_BYTES: Final = 512 * 1024**2
"""What passes leave for the way back at most: beyond it, all but the inputs of blocks is computed
anew, which takes a third longer."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows that are computed together."""

    tokens: Tokens
    """Rows x positions; what is behind a row's end is never looked at."""
    places: Indices
    """Of the tokens that are followed by one to learn, counted through all rows."""
    targets: Indices
    """The tokens that follow those."""


class Network:
    """The weights of a model, and an adapter that learns."""

    def __init__(
        self,
        shape: Shape,
        layout: Layout,
        *,
        blocks: Sequence[Block],
        embeddings: Numbers,
        output_norm: Numbers,
        output: Numbers,
        rotation: Rotation,
    ) -> None:
        """`embeddings` and `output` are vocabulary x width, and may be the same."""
        self.shape = shape
        self.layout = layout
        self._blocks = tuple(blocks)
        self._embeddings = embeddings
        self._output_norm = output_norm
        self._output = output
        self._rotation = rotation

    @property
    def vocabulary(self) -> int:
        """How many tokens it knows."""
        return len(self._embeddings)

    def bind(self, numbers: Numbers, gradients: Numbers) -> None:
        """Takes the adapter from `numbers`, and adds to `gradients`, from now on."""
        for block in self._blocks:
            for linear in block.linears:
                linear.bind(numbers, gradients)

    def take(self, numbers: Numbers) -> None:
        """Takes over what the adapter has become."""
        for block in self._blocks:
            for linear in block.linears:
                linear.take(numbers)

    def learn(self, batch: Batch, scale: float, on: Callable[[], None]) -> float:
        """The sum of the losses; adds the gradients of that times `scale`. Calls `on` at each
        block; what it raises ends the pass."""
        rows = len(batch.tokens)
        keeps = kept_bytes(self.shape, self.layout.rank, batch.tokens.size) <= KEPT_BYTES
        outputs = self._embeddings[batch.tokens.reshape(-1)]
        kept: list[Kept | Numbers] = []
        for block, places in self._with_places(batch.places):
            on()
            inputs = outputs
            outputs, left = block.forward(inputs, rows, self._rotation, places)
            kept.append(left if keeps else inputs)
        loss, gradient = self._losses_backward(outputs, batch, scale)
        for block, places in reversed(self._with_places(batch.places)):
            on()
            left = kept.pop()
            if not isinstance(left, Kept):
                left = block.forward(left, rows, self._rotation, places)[1]
            gradient = block.backward(gradient, left, self._rotation)
        return loss

    def losses(self, batch: Batch, on: Callable[[], None]) -> float:
        """The sum of the losses. Calls `on` at each block; what it raises ends the pass."""
        hidden, _ = self._normed(self._passed(batch.tokens, batch.places, on))
        return losses(hidden, batch.targets, self._output)

    def logits(self, tokens: Tokens) -> Numbers:
        """What it says comes next at each place: rows x positions x vocabulary."""
        hidden, _ = self._normed(self._passed(tokens, None, lambda: None))
        return (hidden @ self._output.T).reshape(*tokens.shape, -1)

    def _passed(self, tokens: Tokens, places: Indices | None, on: Callable[[], None]) -> Numbers:
        outputs = self._embeddings[tokens.reshape(-1)]
        for block, wanted in self._with_places(places):
            on()
            outputs, _ = block.forward(outputs, len(tokens), self._rotation, wanted)
        return outputs

    def _with_places(self, places: Indices | None) -> list[tuple[Block, Indices | None]]:
        """The blocks, and what is wanted of each: of the last only what is looked at."""
        return [(block, None) for block in self._blocks[:-1]] + [(self._blocks[-1], places)]

    def _losses_backward(
        self, outputs: Numbers, batch: Batch, scale: float
    ) -> tuple[float, Numbers]:
        hidden, factors = self._normed(outputs)
        loss, gradient = losses_backward(hidden, batch.targets, self._output, scale)
        return loss, norm_backward(gradient, outputs, factors, self._output_norm)

    def _normed(self, outputs: Numbers) -> tuple[Numbers, Numbers]:
        """What the output takes, and the factors of its norm."""
        hidden = np.empty_like(outputs)
        factors = norm(outputs, self._output_norm, self.shape.norm_epsilon, hidden)
        return hidden, factors


def kept_bytes(shape: Shape, rank: int, tokens: int) -> int:
    """What the blocks' passes over so many tokens leave for the way back."""
    attention = shape.outputs("attn_q") + 2 * shape.outputs("attn_k")
    normed = shape.outputs("attn_q") + shape.outputs("attn_k") if shape.head_norms else 0
    wide = shape.outputs("attn_q") + 4 * shape.width + 3 * shape.feed_forward
    return 4 * tokens * shape.layers * (attention + normed + wide + 7 * rank)
