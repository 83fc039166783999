"""Linear layers: of weights that lie in memory as they are, of weights in four bits, and each with
a LoRA pair beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Protocol

from funland_worker.training.pytorch.library import Tensor, functional, torch

BLOCK: Final = 64
"""Weights of four bits that share a factor: QLoRA's own number."""


class Product(Protocol):
    """A linear layer."""

    def __call__(self, inputs: Tensor) -> Tensor:
        """Its outputs, tokens x outputs, of tokens x inputs."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """See `Product`."""

    weight: Tensor
    """Outputs x inputs."""
    bias: Tensor | None

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Product`."""
        return functional.linear(inputs, self.weight, self.bias)


class Quantized:
    """See `Product`. The weights are NF4 with factors that are quantized themselves, as QLoRA has
    them (https://arxiv.org/abs/2305.14314). They become float32 for each product and are let go of
    behind it: bitsandbytes' own product may ask a hub for another kernel."""

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        # bitsandbytes is wanted by no other way to train.
        from funland_worker.training.pytorch import quantizing  # noqa: PLC0415 - an extra

        self._codes, self._factors = quantizing.functional.quantize_4bit(
            weight, blocksize=BLOCK, quant_type="nf4", compress_statistics=True
        )
        self._dequantize = quantizing.functional.dequantize_4bit
        self._bias = bias

    @property
    def weight(self) -> Tensor:
        """What they are in float32: outputs x inputs."""
        return self._dequantize(self._codes, self._factors)

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Product`."""
        outputs = _Product.apply(inputs, self)
        return outputs if self._bias is None else outputs + self._bias


class _Product(torch.autograd.Function):
    """Keeps no weights in float32 for the way back."""

    @staticmethod
    def forward(context: Any, inputs: Tensor, layer: Quantized) -> Tensor:
        context.layer = layer
        return functional.linear(inputs, layer.weight)

    @staticmethod
    def backward(context: Any, outputs: Tensor) -> tuple[Tensor, None]:
        return outputs @ context.layer.weight, None


@dataclass(frozen=True, slots=True)
class Adapted:
    """See `Product`."""

    product: Product
    down: Tensor
    """Rank x inputs."""
    up: Tensor
    """Outputs x rank."""
    scale: float

    def __call__(self, inputs: Tensor) -> Tensor:
        """See `Product`."""
        added = functional.linear(functional.linear(inputs, self.down) * self.scale, self.up)
        return self.product(inputs) + added
