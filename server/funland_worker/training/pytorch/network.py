"""The network in PyTorch: its losses, and the gradients of whatever of it learns.

The way back is gone block by block, as in `training.network`: so it can be left at each, and what
is not kept is computed anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from funland_worker.training.network import KEPT_BYTES, Batch, kept_bytes
from funland_worker.training.numbers import Tokens
from funland_worker.training.pytorch.block import Block
from funland_worker.training.pytorch.library import Tensor, functional, torch
from funland_worker.training.shape import Shape

_LOGITS: Final = 4 * 1024**2
"""Of the logits that are there at once."""


class Network:
    """The weights of a model; those that learn have a gradient, which is added to."""

    def __init__(
        self,
        shape: Shape,
        *,
        rank: int,
        blocks: Sequence[Block],
        embeddings: Tensor,
        output_norm: Tensor,
        output: Tensor,
        turns: Tensor,
    ) -> None:
        """`embeddings` and `output` are vocabulary x width, and may be the same; `turns` are the
        cosines and sines of positions, each positions x half a head's size."""
        self._shape = shape
        self._rank = rank
        self._blocks = tuple(blocks)
        self._embeddings = embeddings
        self._output_norm = output_norm
        self._output = output
        self._turns = turns

    def learn(self, batch: Batch, scale: float, on: Callable[[], None]) -> float:
        """See `Learner`."""
        tokens, places, targets = self._moved(batch)
        rows = len(tokens)
        keeps = kept_bytes(self._shape, self._rank, batch.tokens.size) <= KEPT_BYTES
        embedded = outputs = functional.embedding(tokens.view(-1), self._embeddings)
        kept: list[tuple[Tensor, Tensor | None]] = []
        for block, wanted in self._with_places(places):
            on()
            inputs = outputs.detach().requires_grad_(bool(kept) or embedded.requires_grad)
            with torch.set_grad_enabled(keeps):
                outputs = block(inputs, rows, self._turns, wanted)
            kept.append((inputs, outputs if keeps else None))
        loss, gradient = self._losses_backward(outputs.detach(), targets, scale)
        for block, wanted in reversed(self._with_places(places)):
            on()
            inputs, outputs = kept.pop()
            if outputs is None:
                outputs = block(inputs, rows, self._turns, wanted)
            outputs.backward(gradient)
            gradient = inputs.grad
        if gradient is not None:
            embedded.backward(gradient)
        return loss

    def losses(self, batch: Batch, on: Callable[[], None]) -> float:
        """See `Learner`."""
        tokens, places, targets = self._moved(batch)
        with torch.no_grad():
            hidden = self._hidden(tokens, places, on)
            pieces = self._pieces(len(hidden))
            return sum(self._loss(hidden[piece], targets[piece]).item() for piece in pieces)

    def logits(self, tokens: Tokens) -> Tensor:
        """What it says comes next at each place: rows x positions x vocabulary."""
        with torch.no_grad():
            moved = torch.from_numpy(tokens).to(self._turns.device)
            hidden = self._hidden(moved, None, lambda: None)
            return functional.linear(hidden, self._output).view(*tokens.shape, -1)

    def _hidden(self, tokens: Tensor, places: Tensor | None, on: Callable[[], None]) -> Tensor:
        outputs = functional.embedding(tokens.view(-1), self._embeddings)
        for block, wanted in self._with_places(places):
            on()
            outputs = block(outputs, len(tokens), self._turns, wanted)
        return self._blocks[-1].norm(outputs, self._output_norm)

    def _losses_backward(
        self, outputs: Tensor, targets: Tensor, scale: float
    ) -> tuple[float, Tensor]:
        """The sum of the losses, and the gradient of `outputs`; some logits at a time."""
        outputs.requires_grad_()
        normed = self._blocks[-1].norm(outputs, self._output_norm)
        hidden, total = normed.detach().requires_grad_(), 0.0
        for piece in self._pieces(len(hidden)):
            loss = self._loss(hidden[piece], targets[piece])
            (loss * scale).backward()
            total += loss.item()
        normed.backward(hidden.grad)
        return total, outputs.grad

    def _loss(self, hidden: Tensor, targets: Tensor) -> Tensor:
        logits = functional.linear(hidden, self._output)
        return functional.cross_entropy(logits, targets, reduction="sum")

    def _pieces(self, count: int) -> list[slice]:
        step = max(1, _LOGITS // len(self._output))
        return [slice(begin, begin + step) for begin in range(0, count, step)]

    def _with_places(self, places: Tensor | None) -> list[tuple[Block, Tensor | None]]:
        """The blocks, and what is wanted of each: of the last only what is looked at."""
        return [(block, None) for block in self._blocks[:-1]] + [(self._blocks[-1], places)]

    def _moved(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        device = self._turns.device
        return (
            torch.from_numpy(batch.tokens).to(device),
            torch.from_numpy(batch.places).to(device),
            torch.from_numpy(batch.targets).to(device),
        )
