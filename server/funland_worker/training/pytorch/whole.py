"""Where which of a model's own numbers are when all of them learn: in one vector, as an adapter's
are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np

from funland_worker.training.numbers import Numbers
from funland_worker.training.rotation import half_apart
from funland_worker.training.shape import Shape
from funland_worker.training.tensors import Tensors, rotated_heads

LINEARS: Final = (
    "attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down",
)  # fmt: skip
"""A block's linear layers."""


@dataclass(frozen=True, slots=True)
class Part:
    """A tensor."""

    name: str
    """By GGUF's name."""
    sides: tuple[int, ...]
    heads: int
    """Of so many heads that are rotated its rows are; 0: of none."""
    begin: int

    def of(self, numbers: Any) -> Any:
        """A view of it, of numpy's or torch's numbers."""
        return numbers[self.begin : self.begin + prod(self.sides)].reshape(self.sides)


@dataclass(frozen=True, slots=True)
class Whole:
    """All parts of a model, but for the factors of its frequencies, which aren't learnt."""

    shape: Shape
    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """How many numbers they have."""
        last = self.parts[-1]
        return last.begin + prod(last.sides)

    def read(self, tensors: Tensors) -> Numbers:
        """The model's numbers; raises as `Tensors`."""
        numbers = np.empty(self.size, np.float32)
        for part in self.parts:
            part.of(numbers)[:] = tensors.arranged(part.name, part.heads, *part.sides)
        return numbers

    def as_in_file(self, part: Part, numbers: Numbers) -> Numbers:
        """A part, its rows in the order of the model's file."""
        found = part.of(numbers)
        return half_apart(found, part.heads) if part.heads and not self.shape.interleaved else found


def whole(shape: Shape, tensors: Tensors, vocabulary: int) -> Whole:
    """The parts of a model's file."""
    parts: list[Part] = []
    at = 0
    for name, sides, heads in _named(shape, vocabulary):
        if (name.endswith(".weight") and name != "output.weight") or tensors.has(name):
            parts.append(Part(name, sides, heads, at))
            at += prod(sides)
    return Whole(shape, tuple(parts))


def _named(shape: Shape, vocabulary: int) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """The names, sides and rotated heads of all that there may be."""
    yield "token_embd.weight", (vocabulary, shape.width), 0
    for layer in range(shape.layers):
        prefix = f"blk.{layer}."
        yield prefix + "attn_norm.weight", (shape.width,), 0
        if shape.head_norms:
            yield prefix + "attn_q_norm.weight", (shape.head_size,), 1
            yield prefix + "attn_k_norm.weight", (shape.head_size,), 1
        for linear in LINEARS:
            heads, outputs = rotated_heads(shape, linear), shape.outputs(linear)
            yield f"{prefix}{linear}.weight", (outputs, shape.inputs(linear)), heads
            yield f"{prefix}{linear}.bias", (outputs,), heads
        yield prefix + "ffn_norm.weight", (shape.width,), 0
    yield "output_norm.weight", (shape.width,), 0
    yield "output.weight", (vocabulary, shape.width), 0
