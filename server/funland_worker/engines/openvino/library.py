"""OpenVINO, if it is installed, and its devices."""

from __future__ import annotations

from typing import Any

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

_ENGINE = "OPENVINO"
_VIRTUAL = ("AUTO", "HETERO")
"""What stands before the names of several devices. Not `MULTI`: it can't hold a cache of ours."""


def openvino() -> Any:
    """The package.

    Raises:
        EngineError: ENGINE_UNAVAILABLE.
    """
    try:
        import openvino  # noqa: PLC0415 - only a worker that uses it needs it
    except ImportError as error:
        raise not_installed(error) from error
    return openvino


def openvino_genai() -> Any:
    """The package that reads GGUF files and tokenizers; raises as `openvino`."""
    try:
        import openvino_genai  # noqa: PLC0415 - only a worker that uses it needs it
    except ImportError as error:
        raise not_installed(error) from error
    return openvino_genai


def check_device(core: Any, device: str) -> None:
    """Refuses a device that this machine does not have, or several if one of them is not there;
    `GPU` stands for `GPU.0` too.

    Raises:
        EngineError: ENGINE_UNAVAILABLE, with the names of those that there are.
    """
    there: list[str] = core.available_devices
    prefix, colon, names = device.partition(":")
    if colon and prefix in _VIRTUAL:
        for name in filter(None, names.split(",")):
            check_device(core, name)
        return
    if any(name == device or name.startswith(f"{device}.") for name in there):
        return
    raise EngineError(
        ErrorReason.ENGINE_UNAVAILABLE,
        f"OpenVINO finds no device {device} on this machine; there is {', '.join(there)}. A GPU or"
        " NPU needs its driver.",
        engine=_ENGINE,
        device=device,
    )


def not_installed(error: ImportError) -> EngineError:
    """What a caller is told when the packages are not there."""
    return EngineError(
        ErrorReason.ENGINE_UNAVAILABLE,
        f"OpenVINO can't be used here ({error}); install the packages openvino, openvino-genai and"
        " openvino-tokenizers.",
        engine=_ENGINE,
        device="",
    )


def unsupported(feature: str, message: str) -> EngineError:
    """What a caller is told who asks for something that only other engines do."""
    return EngineError(ErrorReason.ENGINE_UNSUPPORTED, message, engine=_ENGINE, feature=feature)
