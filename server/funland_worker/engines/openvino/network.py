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
    its cache is, and after how many of the last tokens scores are wanted."""

    tokens: Sequence[int]
    start: int
    blocks: Sequence[int]
    outputs: int


class Network(Protocol):
    """Computes passes."""

    device: str
    vocabulary_size: int
    block_size: int
    block_count: int
    shares_blocks: bool
    parts_prompts: bool
    """Whether a prompt may go into several passes."""
    max_prompt_tokens: int | None
    """The longest prompt that is computed right; None: any that the cache holds."""
    scores_prompts: bool
    """Whether scores may be wanted after more than the last token of a text."""

    def forward(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """Computes a pass, without the GIL, and gives the scores that are wanted: a line of the
        vocabulary's size for each that a row wants, in their order."""
        ...
