"""One text at a time, on a model that keeps its KV cache to itself: what NPUs can run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.openvino.network import Row
from funland_worker.engines.openvino.placing import kind_of
from funland_worker.engines.openvino.request import Request, text_inputs

_RESERVE = 128
"""How many tokens an NPU has room for beyond a prompt that fills the context: it wants some."""


class StatefulNetwork:
    """See `Network`. It has one block, which is the whole cache, and computes a prompt in one
    pass, since an NPU's prompts can't be parted."""

    shares_blocks = False
    parts_prompts = False
    scores_prompts = False
    block_count = 1

    def __init__(
        self,
        core: Any,
        path: Path,
        device: str,
        config: Mapping[str, Any],
        *,
        context_length: int,
        max_prompt_tokens: int,
    ) -> None:
        """Compiles the model at `path`; an NPU's for exactly these lengths."""
        config = dict(config)
        if kind_of(device) == "NPU":
            config |= {
                "NPU_USE_NPUW": "YES",
                "NPUW_LLM": "YES",
                "NPUW_LLM_MAX_PROMPT_LEN": max_prompt_tokens,
                "NPUW_LLM_MIN_RESPONSE_LEN": max(context_length - max_prompt_tokens, _RESERVE),
            }
        compiled = core.compile_model(core.read_model(path), device, config)
        self.device = device
        self.max_prompt_tokens: int | None = max_prompt_tokens
        self.vocabulary_size: int = list(compiled.output(0).partial_shape)[-1].get_length()
        self.block_size = context_length
        self._request = Request(compiled)

    def forward(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """See `Network`."""
        (row,) = rows
        if row.start == 0:
            self._request.forget()
        scores = self._request.infer(text_inputs(row.tokens, row.start))
        return scores[0, -1:, :] if row.outputs else scores[0, :0, :]
