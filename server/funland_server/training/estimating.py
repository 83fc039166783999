"""What a run takes: pure functions of the model, the hyperparameters and the rows.

The constants are the worker's own (`funland_worker/training`): how much it computes and keeps at
once. A test holds what is estimated against what a worker's process has taken.
"""

from __future__ import annotations

from math import ceil
from typing import Final

from funland.v1.training_pb2 import Hyperparameters
from funland_server.training.trainable import Network

_PROCESS_BYTES: Final = 90 * 1024**2
"""Of a worker that has read nothing yet: Python, numpy, gRPC and llama.cpp."""
_TOKEN_BYTES: Final = 400
"""Of a token of the vocabulary, as llama.cpp and the worker keep it."""
_PASS_TOKENS: Final = 1024
_KEPT_BYTES: Final = 512 * 1024**2
_LOGITS: Final = 4 * 1024**2
_PROBABILITIES_BYTES: Final = 8 * 1024**2
_FLOAT: Final = 4
_GROUPS: Final = 7
"""The linear layers of a block."""


def trained_parameters(network: Network, rank: int) -> int:
    """How many parameters an adapter of all linear layers has."""
    return network.layers * rank * sum(inputs + outputs for inputs, outputs in _linears(network))


def steps(rows: int, hyperparameters: Hyperparameters) -> int:
    """How many steps a run has that learns from so many rows."""
    learnt = rows - kept_out(rows, hyperparameters.evaluation_ratio)
    made = hyperparameters.epochs * ceil(learnt / hyperparameters.batch_size)
    return min(made, hyperparameters.max_steps) if hyperparameters.max_steps else made


def kept_out(rows: int, ratio: float) -> int:
    """How many rows are kept out for evaluation."""
    if ratio <= 0 or rows < 2:  # noqa: PLR2004 - one to learn and one to keep out
        return 0
    return min(max(1, round(rows * ratio)), rows - 1)


def tokens(total: int, rows: int, hyperparameters: Hyperparameters) -> int:
    """How many tokens its steps compute, given how many all rows have together."""
    if rows == 0:
        return 0
    seen = steps(rows, hyperparameters) * min(hyperparameters.batch_size, rows)
    learnt = rows - kept_out(rows, hyperparameters.evaluation_ratio)
    # The last step of an epoch may have fewer rows than the others.
    return round(total / rows * min(seen, hyperparameters.epochs * learnt))


def memory_bytes(network: Network, hyperparameters: Hyperparameters, longest: int) -> int:
    """The most memory that its process has, given how many tokens the longest row has."""
    rank, longest = hyperparameters.rank, min(longest, hyperparameters.max_tokens)
    learns = trained_parameters(network, rank)
    beside = network.layers * rank * sum(outputs * beside for outputs, beside in _beside(network))
    vectors = 5 if hyperparameters.patience else 4
    held = (
        _PROCESS_BYTES
        + _TOKEN_BYTES * network.vocabulary
        + _FLOAT * (network.parameters + beside + vectors * learns)
    )
    # While weights are read the file is mapped, and a tensor is there twice as it becomes float32.
    reading = network.file_bytes + 2 * network.largest_bytes
    return held + max(reading, step_bytes(network, hyperparameters, longest))


def step_bytes(network: Network, hyperparameters: Hyperparameters, longest: int) -> int:
    """What a pass has beside what is held."""
    computed = longest * min(hyperparameters.batch_size, max(1, _PASS_TOKENS // longest))
    wide = network.query + 2 * network.key + 4 * network.width + 3 * network.feed_forward
    normed = network.query + network.key if network.head_norms else 0
    block = _FLOAT * computed * (wide + network.query + normed + _GROUPS * hyperparameters.rank)
    kept = block * network.layers
    if kept > _KEPT_BYTES:
        kept = block + _FLOAT * computed * network.width * network.layers
    # Gradients of a block's widest part, and what they are made of.
    back = _FLOAT * computed * (4 * network.feed_forward + 3 * network.width)
    logits = _FLOAT * max(min(_LOGITS, computed * network.vocabulary), network.vocabulary)
    probabilities = min(_PROBABILITIES_BYTES, _FLOAT * network.heads * computed * longest)
    return kept + back + logits + 3 * probabilities


def _linears(network: Network) -> tuple[tuple[int, int], ...]:
    """The inputs and outputs of a block's linear layers."""
    width, wide = network.width, network.feed_forward
    return (
        (width, network.query), (width, network.key), (width, network.key), (network.query, width),
        (width, wide), (width, wide), (wide, width),
    )  # fmt: skip


def _beside(network: Network) -> tuple[tuple[int, int], ...]:
    """The outputs of each group of layers that is computed as one, and how many layers it has: so
    many times the rank stand beside each output's weights."""
    return (
        (network.query + 2 * network.key, 3),
        (network.width, 1),
        (2 * network.feed_forward, 2),
        (network.width, 1),
    )
