"""Linear layers of one input as one product, their LoRA pairs among it.

An input is kept beside what `down` makes of it, and the weights beside `up`. So a pass forward is
two products: one narrow, for what `down` makes, and one wide for all else; one back gives what
comes to the input and to `down` at once. (LoRA: https://arxiv.org/abs/2106.09685)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from funland_worker.training.layout import Pair
from funland_worker.training.numbers import Numbers


class Linear:
    """The layers of a group."""

    def __init__(self, pairs: Sequence[Pair], scale: float, kind: np.dtype[Any]) -> None:
        """`scale` is alpha / rank. The weights are to be set, and an adapter to be bound."""
        self._pairs = tuple(pairs)
        self._scale = scale
        self.inputs = pairs[0].inputs
        self.outputs = sum(pair.outputs for pair in pairs)
        self._rank = pairs[0].rank
        self._narrow = self._rank * len(pairs)
        # Each layer's `up` stands beside its own rows; beside others' are zeros.
        self._matrix: Numbers = np.zeros((self.outputs, self.inputs + self._narrow), kind)
        ends = np.cumsum([pair.outputs for pair in pairs])
        self._rows = [
            slice(int(end) - pair.outputs, int(end)) for pair, end in zip(pairs, ends, strict=True)
        ]
        self._bias: Numbers | None = None
        self._down = self._down_gradient = self._matrix[:0]
        self._up_gradients: list[Numbers] = []

    def set_weight(self, number: int, weight: Numbers) -> None:
        """Sets a layer's weight, outputs x inputs."""
        self._matrix[self._rows[number], : self.inputs] = weight

    def set_bias(self, number: int, bias: Numbers) -> None:
        """Sets a layer's bias; those that are not set are zeros."""
        if self._bias is None:
            self._bias = np.zeros(self.outputs, self._matrix.dtype)
        self._bias[self._rows[number]] = bias

    def bind(self, numbers: Numbers, gradients: Numbers) -> None:
        """Takes the adapter from `numbers`, and adds to `gradients`, from now on."""
        self._down = self._downs_of(numbers)
        self._down_gradient = self._downs_of(gradients)
        self._up_gradients = [pair.up_of(gradients) for pair in self._pairs]
        self.take(numbers)

    def take(self, numbers: Numbers) -> None:
        """Takes over what the adapter has become."""
        for number, (pair, rows) in enumerate(zip(self._pairs, self._rows, strict=True)):
            self._matrix[rows, self._columns(number)] = pair.up_of(numbers)

    def room(self, rows: int) -> Numbers:
        """What `forward` takes: the first `inputs` columns are the input, to be filled in."""
        return np.empty((rows, self.inputs + self._narrow), self._matrix.dtype)

    def forward(self, kept: Numbers) -> Numbers:
        """The outputs, those of all layers side by side. Fills in the rest of `kept`."""
        narrow = kept[:, self.inputs :]
        np.matmul(kept[:, : self.inputs], self._down.T, out=narrow)
        narrow *= self._scale
        outputs = kept @ self._matrix.T
        if self._bias is not None:
            outputs += self._bias
        return outputs

    def backward(self, outputs: Numbers, kept: Numbers) -> Numbers:
        """The input's gradient, given the outputs'. Adds to those of the pairs."""
        both = outputs @ self._matrix
        narrow = both[:, self.inputs :] * self._scale
        self._down_gradient += narrow.T @ kept[:, : self.inputs]
        for number, rows in enumerate(self._rows):
            self._up_gradients[number] += outputs[:, rows].T @ kept[:, self._columns(number)]
        inputs = both[:, : self.inputs]
        inputs += narrow @ self._down
        return inputs

    def _columns(self, number: int) -> slice:
        begin = self.inputs + number * self._rank
        return slice(begin, begin + self._rank)

    def _downs_of(self, numbers: Numbers) -> Numbers:
        begin = self._pairs[0].down
        view = numbers[begin : begin + self._narrow * self.inputs]
        return view.reshape(self._narrow, self.inputs)
