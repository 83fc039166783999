"""Turns texts into vectors with a model that was made for writing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from funland.v1.inference_pb2 import EmbedRequest
from funland_worker.engines.openvino.library import openvino
from funland_worker.engines.openvino.request import Request, text_inputs
from funland_worker.engines.openvino.surgery import last_projection


class Embedder:
    """The model up to its last hidden states, compiled when the first text comes."""

    def __init__(self, core: Any, path: Path, device: str, config: Mapping[str, Any]) -> None:
        self._core = core
        self._path = path
        self._device = device
        self._config = config
        self._request: Request | None = None

    def embed(self, tokens: Sequence[int], pooling: EmbedRequest.Pooling.ValueType) -> list[float]:
        """The vector of a text, not normalized."""
        request = self._request = self._request or self._compile()
        request.forget()
        states = request.infer(text_inputs(tokens))[0].astype(np.float64)
        if pooling == EmbedRequest.CLS:
            return states[0].tolist()
        if pooling == EmbedRequest.LAST:
            return states[-1].tolist()
        return states.mean(axis=0).tolist()

    def _compile(self) -> Request:
        ov = openvino()
        model = self._core.read_model(self._path)
        hidden = last_projection(model).input_value(0)
        headless = ov.Model([hidden], model.get_sinks(), model.get_parameters(), "embedder")
        compiled = self._core.compile_model(headless, self._device, dict(self._config))
        return Request(compiled)
