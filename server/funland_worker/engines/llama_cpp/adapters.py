"""LoRA adapters: loaded with their model, switched on and off by context."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.protocol import EngineError

Uses = tuple[tuple[str, float], ...]
"""Adapters' ids and scales, ordered by id."""


class Adapters:
    """A model's adapters. They are made before the model's contexts, which reserve room for them.

    They live as long as the model.
    """

    def __init__(self, model: LlamaModel, files: Mapping[str, Path]) -> None:
        """Loads the files, by id.

        Raises:
            EngineError: ADAPTER_INVALID; llama.cpp's reason is in the log.
        """
        self._handles: dict[str, Any] = {}
        for adapter_id, path in files.items():
            handle = lib.llama_adapter_lora_init(model.handle, str(path).encode())
            if not handle:
                raise EngineError(
                    ErrorReason.ADAPTER_INVALID,
                    f"llama.cpp could not load the adapter {adapter_id!r}: detach it. The server's"
                    " log has llama.cpp's own words.",
                    adapter=adapter_id,
                    file=path.name,
                )
            self._handles[adapter_id] = handle

    def check(self, uses: Uses) -> None:
        """Checks that there are adapters of these ids.

        Raises:
            EngineError: ADAPTER_NOT_FOUND.
        """
        for adapter_id, _ in uses:
            if adapter_id not in self._handles:
                raise EngineError(
                    ErrorReason.ADAPTER_NOT_FOUND,
                    f"The model has no adapter {adapter_id!r}.",
                    adapter=adapter_id,
                )

    def apply(self, context: Any, uses: Uses) -> None:
        """Makes the next passes of a context go with these adapters and no others.

        What is as it was costs nothing; a change costs a new plan of the computation. The KV cache
        stays: what other adapters computed is still there, and wrong for these.
        """
        if not self._handles:
            return
        array = lib.llama_adapter_lora_p_ctypes * len(uses)
        handles = array(*(self._handles[name] for name, _ in uses))
        scales = (ctypes.c_float * len(uses))(*(scale for _, scale in uses))
        if lib.llama_set_adapters_lora(context, handles, len(uses), scales):
            raise RuntimeError("llama_set_adapters_lora failed")
