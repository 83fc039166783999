"""Many texts in one pass, by OpenVINO's paged attention.

openvino_genai's ContinuousBatchingPipeline runs models the same way, but keeps the scores to
itself; docs/adr/0023-three-engines.md tells why they are needed here. The inputs are those of
the PagedAttention operation: https://docs.openvino.ai, "PagedAttentionExtension".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.openvino.library import openvino
from funland_worker.engines.openvino.network import Row
from funland_worker.engines.openvino.placing import kind_of
from funland_worker.engines.openvino.request import Request
from funland_worker.engines.openvino.surgery import choose_rows

_CHOSEN = "chosen_rows"
_BLOCK_SIZES = {"GPU": 16}
_USUAL_BLOCK_SIZE = 32


class PagedNetwork:
    """See `Network`."""

    shares_blocks = True
    parts_prompts = True
    scores_prompts = True
    max_prompt_tokens: int | None = None

    def __init__(
        self, core: Any, path: Path, device: str, config: Mapping[str, Any], cells: int
    ) -> None:
        """Compiles the model at `path` for a cache of at least `cells` tokens."""
        ov = openvino()
        from openvino import _offline_transformations as passes  # noqa: PLC0415 - as above

        model = core.read_model(path)
        passes.paged_attention_transformation(model)
        choose_rows(model, _CHOSEN)
        model.validate_nodes_and_infer_types()
        config = {"PERFORMANCE_HINT": "LATENCY", **config}
        if device == "CPU":
            config["KV_CACHE_PRECISION"] = "f16"  # as exact as llama.cpp's
        compiled = core.compile_model(model, device, config)
        self.device = device
        self.vocabulary_size: int = list(compiled.output(0).partial_shape)[-1].get_length()
        self.block_size = _BLOCK_SIZES.get(kind_of(device), _USUAL_BLOCK_SIZE)
        self.block_count = -(-cells // self.block_size)
        self._request = Request(compiled)
        self._cache = [
            self._cache_tensor(ov, core, port, device)
            for port in compiled.inputs
            if port.any_name.startswith(("key_cache.", "value_cache."))
        ]

    def forward(self, rows: Sequence[Row]) -> NDArray[np.float32]:
        """See `Network`."""
        lengths = [len(row.tokens) for row in rows]
        ends = np.cumsum(lengths)
        starts = [row.start for row in rows]
        positions = [np.arange(row.start, row.start + len(row.tokens)) for row in rows]
        blocks = [
            row.blocks[: -(-(row.start + len(row.tokens)) // self.block_size)] for row in rows
        ]
        block_ends = np.cumsum([len(held) for held in blocks])
        chosen = [
            token
            for end, row in zip(ends, rows, strict=True)
            for token in range(end - row.outputs, end)
        ]
        # A pass without any score still has to compute something there.
        asked = chosen or [0]
        values: dict[str, NDArray[Any]] = {
            "input_ids": np.concatenate([row.tokens for row in rows]).astype(np.int64),
            "position_ids": np.concatenate(positions).astype(np.int64),
            "past_lens": np.array(starts, np.int32),
            "subsequence_begins": np.array([0, *ends], np.int32),
            "block_indices": np.concatenate(blocks).astype(np.int32),
            "block_indices_begins": np.array([0, *block_ends], np.int32),
            "max_context_len": np.array(
                max(start + length for start, length in zip(starts, lengths, strict=True)), np.int32
            ),
            _CHOSEN: np.array(asked, np.int64),
        }
        scores = self._request.infer(values)
        return scores.reshape(-1, scores.shape[-1])[: len(chosen)]

    def _cache_tensor(self, ov: Any, core: Any, port: Any, device: str) -> Any:
        shape = [self.block_count, *(size.get_length() for size in list(port.partial_shape)[1:])]
        if device.startswith("GPU"):
            remote = core.get_default_context(device)
            tensor = remote.create_tensor(port.element_type, ov.Shape(shape), {})
        else:
            tensor = ov.Tensor(port.element_type, ov.Shape(shape))
        self._request.keep(port.any_name, tensor)
        return tensor
