"""Where which of an adapter's numbers are: all of them lie in one vector, so that an optimizer's
step, a norm and a checkpoint are each one operation."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Final

import numpy as np

from funland_worker.training.numbers import Numbers
from funland_worker.training.shape import Shape

GROUPS: Final = (
    ("attn_q", "attn_k", "attn_v"), ("attn_output",), ("ffn_gate", "ffn_up"), ("ffn_down",),
)  # fmt: skip
"""A block's linear layers; those of a group have one input and are computed as one."""


@dataclass(frozen=True, slots=True)
class Pair:
    """A linear layer's two matrices: what it adds is `up` of `down` of the input, scaled."""

    layer: int
    linear: str
    """By GGUF's name."""
    inputs: int
    outputs: int
    rank: int
    down: int
    """Where rank x inputs numbers begin, row by row: LoRA's A."""
    up: int
    """Where outputs x rank numbers begin: its B."""

    @property
    def name(self) -> str:
        """The tensor that it changes."""
        return f"blk.{self.layer}.{self.linear}.weight"

    def down_of(self, numbers: Numbers) -> Numbers:
        """A view of `down`: rank x inputs."""
        view = numbers[self.down : self.down + self.rank * self.inputs]
        return view.reshape(self.rank, self.inputs)

    def up_of(self, numbers: Numbers) -> Numbers:
        """A view of `up`: outputs x rank."""
        view = numbers[self.up : self.up + self.outputs * self.rank]
        return view.reshape(self.outputs, self.rank)


@dataclass(frozen=True, slots=True)
class Layout:
    """All pairs of a network."""

    rank: int
    pairs: tuple[Pair, ...]
    size: int
    """How many numbers they have."""

    def group(self, layer: int, group: tuple[str, ...]) -> tuple[Pair, ...]:
        """The pairs of a group, whose `down` follow each other."""
        return tuple(one for one in self.pairs if one.layer == layer and one.linear in group)

    def begin(self, seed: int) -> Numbers:
        """An adapter that changes nothing yet: `down` by chance, as PEFT draws it, `up` zeros."""
        random = np.random.default_rng([seed, 0])
        numbers = np.zeros(self.size, np.float32)
        for pair in self.pairs:
            bound = 1 / sqrt(pair.inputs)
            drawn = random.random((pair.rank, pair.inputs), np.float32)
            pair.down_of(numbers)[:] = (drawn * 2 - 1) * np.float32(bound)
        return numbers


def layout(shape: Shape, rank: int) -> Layout:
    """The layout of an adapter of all linear layers."""
    pairs: list[Pair] = []
    at = 0
    for layer in range(shape.layers):
        for group in GROUPS:
            inputs = shape.inputs(group[0])
            up = at + len(group) * rank * inputs
            for number, linear in enumerate(group):
                outputs = shape.outputs(linear)
                down = at + number * rank * inputs
                pairs.append(Pair(layer, linear, inputs, outputs, rank, down, up))
                up += outputs * rank
            at = up
    return Layout(rank, tuple(pairs), at)
