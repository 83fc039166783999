"""What a run takes of the machine's memory that PyTorch computes on the CPU: a pure function, as
`estimating` is one of numpy's runs. What a run takes of a GPU's was never measured."""

from __future__ import annotations

from typing import Final

from funland.v1.training_pb2 import Hyperparameters
from funland_server.training import estimating
from funland_server.training.templates import FULL, QLORA
from funland_server.training.trainable import Network

_PROCESS_BYTES: Final = 290 * 1024**2
"""Of a worker that has read nothing yet, with PyTorch."""
_QUANTIZING_BYTES: Final = 110 * 1024**2
"""Of bitsandbytes, and what it imports."""
_QUANTIZED: Final = 0.53
"""Bytes of a weight in four bits, its part of the factors included."""
_TOKEN_BYTES: Final = 400
_FLOAT: Final = 4
_MORE: Final = 2.1
"""By what factor a pass has more beside what is held than one of numpy's has: measured."""


def memory_bytes(
    network: Network, template_id: str, hyperparameters: Hyperparameters, longest: int
) -> int:
    """The most memory that its process has, given how many tokens the longest row has."""
    vectors = 5 if hyperparameters.patience else 4
    held = _PROCESS_BYTES + _TOKEN_BYTES * network.vocabulary
    if template_id == FULL:
        learns = network.learnt
        held += _FLOAT * vectors * learns
    else:
        learns = estimating.trained_parameters(network, hyperparameters.rank)
        held += _FLOAT * vectors * learns
        linears = network.parameters - network.embedded
        if template_id == QLORA:
            held += _QUANTIZING_BYTES + round(_QUANTIZED * linears) + _FLOAT * network.embedded
        else:
            held += _FLOAT * network.parameters
    reading = network.file_bytes + 2 * network.largest_bytes
    step = round(_MORE * estimating.step_bytes(network, hyperparameters, longest))
    return held + max(reading, step)
