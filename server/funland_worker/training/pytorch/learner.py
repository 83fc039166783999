"""What learns in PyTorch: an adapter, or all of a model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from funland_worker.training.checkpoint import State
from funland_worker.training.network import Batch
from funland_worker.training.numbers import Numbers, Tokens
from funland_worker.training.pytorch.library import Tensor, torch
from funland_worker.training.pytorch.network import Network
from funland_worker.training.pytorch.weights import Learnt


class TorchLearner:
    """See `Learner`. On the CPU the state's own memory is what learns; a GPU has a copy."""

    def __init__(
        self,
        state: State,
        device: str,
        network: Callable[[Learnt], Network],
        write: Callable[[Path, Numbers], None],
    ) -> None:
        """`network` makes the network of the numbers that learn, `write` writes them."""
        self._state = state
        self._write = write
        self._numbers = torch.from_numpy(state.numbers).to(device).requires_grad_()
        self._numbers.grad = torch.zeros_like(self._numbers)
        self._moments = [torch.from_numpy(one).to(device) for one in (state.first, state.second)]
        # Fused, it makes no vectors of its own.
        self._optimizer = torch.optim.AdamW([self._numbers], fused=True)
        first, second = self._moments
        done = torch.tensor(float(state.progress.step), device=device)
        self._optimizer.state[self._numbers] = {
            "step": done, "exp_avg": first, "exp_avg_sq": second,
        }  # fmt: skip
        self._network = network(Learnt(self._numbers.detach(), self._numbers.grad))

    def begin(self) -> None:
        """See `Learner`."""
        self._gradients.zero_()

    def learn(self, batch: Batch, scale: float, on: Callable[[], None]) -> float:
        """See `Learner`."""
        return self._network.learn(batch, scale, on)

    def losses(self, batch: Batch, on: Callable[[], None]) -> float:
        """See `Learner`."""
        return self._network.losses(batch, on)

    def step(self, *, step: int, rate: float, decay: float, max_norm: float) -> float:
        """See `Learner`."""
        norm = float(torch.linalg.vector_norm(self._gradients))
        if 0 < max_norm < norm:
            self._gradients.mul_(max_norm / norm)
        self._optimizer.param_groups[0].update(lr=rate, weight_decay=decay)
        self._optimizer.state[self._numbers]["step"].fill_(step - 1)
        self._optimizer.step()
        return norm

    def gather(self) -> None:
        """See `Learner`."""
        state = self._state
        with torch.no_grad():
            moved = (self._numbers, *self._moments)
            for there, here in zip(moved, (state.numbers, state.first, state.second), strict=True):
                torch.from_numpy(here).copy_(there)

    def write(self, path: Path, numbers: Numbers) -> None:
        """See `Learner`."""
        self._write(path, numbers)

    def logits(self, tokens: Tokens) -> Tensor:
        """What it says comes next at each place: rows x positions x vocabulary."""
        return self._network.logits(tokens)

    @property
    def _gradients(self) -> Tensor:
        return self._numbers.grad
