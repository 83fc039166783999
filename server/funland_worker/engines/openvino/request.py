"""Runs a compiled model with its inputs by name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.openvino.library import openvino


class Request:
    """One pass at a time of a compiled model."""

    def __init__(self, compiled: Any) -> None:
        self._request = compiled.create_infer_request()
        self._inputs = {name for port in compiled.inputs for name in port.names}
        self._tensor = openvino().Tensor

    def keep(self, name: str, tensor: Any) -> None:
        """Has an input be this tensor in all passes."""
        self._request.set_tensor(name, tensor)

    def forget(self) -> None:
        """Empties what the model keeps from pass to pass."""
        self._request.reset_state()

    def infer(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Computes a pass, without the GIL, and gives the first output, which the next pass writes
        over. Inputs that the model does not have are left out: not every one asks for all."""
        for name, value in values.items():
            if name in self._inputs:
                self._request.set_tensor(name, self._tensor(value))
        self._request.infer()
        return self._request.get_output_tensor(0).data


def text_inputs(tokens: Sequence[int], start: int = 0) -> dict[str, NDArray[Any]]:
    """The inputs of a model that keeps its own state: tokens of one text, behind `start` others
    that it has read."""
    end = start + len(tokens)
    return {
        "input_ids": np.array([tokens], np.int64),
        "attention_mask": np.ones((1, end), np.int64),
        "position_ids": np.arange(start, end, dtype=np.int64)[None],
        "beam_idx": np.zeros(1, np.int32),
    }
