"""A voice's network in ONNX Runtime."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

logger = logging.getLogger(__name__)

_ERRORS_ALONE = 3


class Network:
    """One that gives a sound. Several threads may call it at once."""

    def __init__(self, source: str | bytes, threads: int) -> None:
        """Loads it from a file's path, or from what is one; a call computes with so many threads.

        Raises:
            EngineError: MODEL_LOAD_FAILED.
        """
        import onnxruntime  # noqa: PLC0415 - only where it speaks

        runtime = cast("Any", onnxruntime)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ALONE
        try:
            self._session = runtime.InferenceSession(
                source, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class
            logger.exception("the voice can't be loaded")
            raise EngineError(
                ErrorReason.MODEL_LOAD_FAILED, "The voice's network can't be loaded."
            ) from error
        self.inputs = frozenset(str(one.name) for one in self._session.get_inputs())
        """What it takes."""

    def sound(self, inputs: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """Its first output, flat.

        Raises:
            EngineError: MODEL_OUTPUT_INVALID: it fails on what it was given.
        """
        try:
            answer = self._session.run(None, {name: inputs[name] for name in self.inputs})
        except Exception as error:  # as above
            logger.exception("the voice's network failed")
            raise EngineError(
                ErrorReason.MODEL_OUTPUT_INVALID,
                "The voice's network failed on a sentence: its files are damaged.",
            ) from error
        return np.asarray(answer[0], np.float32).reshape(-1)
