"""Where CTranslate2 computes, and with which numbers."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final

from funland.v1.errors_pb2 import ErrorReason
from funland.worker.v1 import worker_pb2
from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.protocol import EngineError

_CPU: Final = "CPU"
_ON_GPU: Final = ("int8_float16", "int8_bfloat16", "int8_float32", "float16", "bfloat16")
"""What weights in 8 bits are computed with there, the preferred one first."""


@dataclass(frozen=True, slots=True)
class Spot:
    """A device as CTranslate2 is told of it."""

    name: str
    """As the server is told of it."""
    device: str
    index: int
    compute_type: str


def spot_of(launch: worker_pb2.Launch, package: Any) -> Spot:
    """Where a model is to be computed; `package` is CTranslate2.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for several devices, ENGINE_UNAVAILABLE for one that is not
            there.
    """
    if not launch.devices:
        return Spot(_CPU, "cpu", 0, "default")
    if len(launch.devices) > 1:
        raise unsupported("several devices", "CTranslate2 computes a model on one device.")
    name = launch.devices[0].name
    device, _, number = name.partition(":")
    if device == "cpu":
        return Spot(_CPU, "cpu", 0, "default")
    index = int(number or 0)
    try:
        there = index < package.get_cuda_device_count()
        types = package.get_supported_compute_types(device, index) if there else ()
    except (RuntimeError, ValueError) as error:
        raise _missing(name, str(error)) from error
    if not there:
        raise _missing(name, "it finds no such device")
    return Spot(name, device, index, compute_type(types))


def compute_type(types: Collection[str]) -> str:
    """The first of the numbers that are computed with there; those of the model if there is
    none."""
    return next((one for one in _ON_GPU if one in types), "default")


def _missing(device: str, why: str) -> EngineError:
    return EngineError(
        ErrorReason.ENGINE_UNAVAILABLE,
        f"CTranslate2 can't use the device {device} ({why}).",
        engine="CTRANSLATE2",
        device=device,
    )
