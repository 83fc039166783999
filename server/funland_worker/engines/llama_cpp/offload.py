"""Which of a model's layers are computed where."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker.engines.llama_cpp.backends import Accelerator, accelerators, failures
from funland_worker.engines.llama_cpp.library import lib
from funland_worker.engines.protocol import EngineError

_CPU = "CPU"


@dataclass(frozen=True, slots=True)
class Offload:
    """The last layers are on the devices, in their order; those before, and the tokens' embeddings,
    on the CPU. Without devices all are there."""

    devices: tuple[Accelerator, ...] = ()
    weights: tuple[float, ...] = ()
    """Each device's part of those layers, as a weight among the others; all 0 or none: by what is
    free of its memory."""
    layers: int | None = None
    """How many are on the devices, the output's included; None: all."""

    @property
    def name(self) -> str:
        """The engine's name for where it is computed."""
        return ",".join(device.name for device in self.devices) or _CPU

    @property
    def on_cpu(self) -> bool:
        """Whether the CPU computes all."""
        return not self.devices

    def layers_of(self, count: int) -> int:
        """How many of a model's layers are on the devices."""
        if self.on_cpu:
            return 0
        return count if self.layers is None else min(self.layers, count)

    def apply(self, params: Any) -> tuple[Any, ...]:
        """Fills in llama.cpp's `llama_model_params`. What it gives must live until the model is
        loaded."""
        # Without a list llama.cpp takes what it finds.
        handles = (ctypes.c_void_p * (len(self.devices) + 1))(
            *(device.handle for device in self.devices), None
        )
        params.devices = ctypes.cast(handles, ctypes.c_void_p)
        if self.on_cpu:
            params.n_gpu_layers = 0
            return (handles,)
        params.n_gpu_layers = -1 if self.layers is None else self.layers
        split = (ctypes.c_float * lib.LLAMA_MAX_DEVICES)(*self.weights)
        params.tensor_split = split
        return (handles, split)


def offload_of(launch: worker_pb2.Launch) -> Offload:
    """Where a launch wants its model.

    Raises:
        EngineError: ENGINE_UNAVAILABLE, if a device is not there.
    """
    wanted = [device for device in launch.devices if device.name != _CPU]
    if not wanted or (launch.HasField("gpu_layers") and launch.gpu_layers == 0):
        return Offload()
    there = accelerators()
    return Offload(
        tuple(_found(device, there) for device in wanted),
        tuple(device.weight for device in wanted),
        launch.gpu_layers if launch.HasField("gpu_layers") else None,
    )


def _found(wanted: worker_pb2.LaunchDevice, there: Sequence[Accelerator]) -> Accelerator:
    for accelerator in there:
        if accelerator.name == wanted.name:
            return accelerator
    names = ", ".join([_CPU, *(accelerator.name for accelerator in there)])
    why = "".join(f" {failure}." for failure in failures())
    raise EngineError(
        ErrorReason.ENGINE_UNAVAILABLE,
        f"llama.cpp finds no device {wanted.name} on this machine; there is {names}.{why}",
        engine="LLAMA_CPP",
        device=wanted.name,
    )
