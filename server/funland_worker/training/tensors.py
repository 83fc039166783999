"""Reads a file's tensors in float32, each of the shape that it must have."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError
from funland_worker.training.numbers import Numbers
from funland_worker.training.rotation import side_by_side
from funland_worker.training.shape import Shape


class Source(Protocol):
    """A file's tensors; `GgufSource` is one."""

    @property
    def tensors(self) -> Collection[str]:
        """Their names."""
        ...

    def read(self, name: str) -> Numbers:
        """A tensor's numbers, rows by columns."""
        ...


class Tensors:
    """Those of a model; all methods raise EngineError MODEL_LOAD_FAILED."""

    def __init__(self, source: Source, shape: Shape) -> None:
        self._source = source
        self._shape = shape

    def has(self, name: str) -> bool:
        """Whether there is one of that name."""
        return name in self._source.tensors

    def read(self, name: str, *wanted: int | None) -> Numbers:
        """A tensor of that shape; a side that is None may be of any length."""
        if not self.has(name):
            raise _damaged(f"it lacks the tensor {name}")
        numbers = self._source.read(name)
        sides = numbers.shape
        fits = len(sides) == len(wanted) and all(
            want in (None, side) for want, side in zip(wanted, sides, strict=True)
        )
        if not fits:
            raise _damaged(f"its tensor {name} is of the shape {sides}")
        # What is a part of the file would hold all of it in memory.
        return numbers if numbers.flags.owndata else numbers.copy()

    def optional(self, name: str, *wanted: int | None) -> Numbers | None:
        """The same, None if there is none."""
        return self.read(name, *wanted) if self.has(name) else None

    def arranged(self, name: str, heads: int, *wanted: int) -> Numbers:
        """A tensor whose rows are of so many heads that are rotated; 0: of none."""
        numbers = self.read(name, *wanted)
        return numbers if not heads or self._shape.interleaved else side_by_side(numbers, heads)


def rotated_heads(shape: Shape, linear: str) -> int:
    """How many heads a layer's outputs are that positions rotate; 0: they are none."""
    return {"attn_q": shape.heads, "attn_k": shape.key_value_heads}.get(linear, 0)


def _damaged(why: str) -> EngineError:
    return EngineError(
        ErrorReason.MODEL_LOAD_FAILED, f"The model's file can't be read for training: {why}."
    )
