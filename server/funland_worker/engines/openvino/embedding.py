"""Turns texts into vectors with a model that was made for writing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.openvino.library import openvino
from funland_worker.engines.openvino.surgery import last_projection


class Embedder:
    """The model up to its last hidden states, compiled when the first text comes."""

    def __init__(self, core: Any, path: Path, device: str, threads: int) -> None:
        self._core = core
        self._path = path
        self._device = device
        self._threads = threads
        self._request: Any = None
        self._inputs: set[str] = set()

    def embed(self, tokens: Sequence[int], pooling: EmbedRequest.Pooling.ValueType) -> list[float]:
        """The vector of a text, not normalized."""
        request = self._request = self._request or self._compile()
        length = len(tokens)
        values: dict[str, Any] = {
            "input_ids": np.array([tokens], np.int64),
            "attention_mask": np.ones((1, length), np.int64),
            "position_ids": np.arange(length, dtype=np.int64)[None],
            "beam_idx": np.zeros(1, np.int32),
        }
        request.reset_state()
        tensor = openvino().Tensor
        for name, value in values.items():
            if name in self._inputs:
                request.set_tensor(name, tensor(value))
        request.infer()
        states = request.get_output_tensor(0).data[0].astype(np.float64)
        if pooling == EmbedRequest.CLS:
            return states[0].tolist()
        if pooling == EmbedRequest.LAST:
            return states[-1].tolist()
        return states.mean(axis=0).tolist()

    def _compile(self) -> Any:
        ov = openvino()
        model = self._core.read_model(self._path)
        hidden = last_projection(model).input_value(0)
        headless = ov.Model([hidden], model.get_sinks(), model.get_parameters(), "embedder")
        config: dict[str, Any] = {}
        if self._device == "CPU":
            config = {
                "INFERENCE_NUM_THREADS": self._threads,
                "INFERENCE_PRECISION_HINT": "f32",
            }
        compiled = self._core.compile_model(headless, self._device, config)
        self._inputs = {name for port in compiled.inputs for name in port.names}
        return compiled.create_infer_request()
