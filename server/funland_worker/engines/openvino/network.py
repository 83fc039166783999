"""What computes scores: a model that OpenVINO compiled, and its KV cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Row:
    """A text's part in a pass: the tokens to compute, how many lie in the cache before them, where
    its cache is, and whether the last token's scores are wanted."""

    tokens: Sequence[int]
    start: int
    blocks: Sequence[int]
    output: bool


class Network(Protocol):
    """Computes passes."""

    device: str
    vocabulary_size: int
    block_size: int
    block_count: int
    shares_blocks: bool
    parts_prompts: bool
    """Whether a prompt may go into several passes."""

    def forward(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Computes a pass, without the GIL, and gives the scores that are wanted: a line of the
        vocabulary's size for each row with `output`, in their order."""
        ...
