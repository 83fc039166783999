"""What can compute a run, and where, by what is installed and by the devices that there are: pure
functions but for `installed`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from funland.v1.hardware_pb2 import Device
from funland_server.training.templates import FULL, LORA, QLORA, TEMPLATES

NUMPY: Final = "numpy"
TORCH: Final = "torch"
_CPU: Final = "cpu"
_CUDA: Final = ("lib/libtorch_cuda.so", "lib/torch_cuda.dll")
"""What a PyTorch has in its folder that computes on GPUs of NVIDIA's."""
_EXTRA: Final = "install `funland[training]`"


@dataclass(frozen=True, slots=True)
class Installed:
    """What there is that trains beside numpy."""

    torch: bool = False
    cuda: bool = False
    """Whether PyTorch computes on GPUs of NVIDIA's."""
    bitsandbytes: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """What computes, and where."""

    backend: str
    device_id: str
    torch_device: str = ""
    """As the worker is told it. Empty: numpy computes."""

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.torch_device not in ("", _CPU)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a run can't be computed as it is asked for."""

    why: str
    field: str = ""
    """The field of the request that contradicts the template. Empty: it is for want of
    something."""


def installed() -> Installed:
    """What is installed here. Nothing of it is imported."""
    found = find_spec(TORCH)
    if found is None or found.origin is None:
        return Installed()
    folder = Path(found.origin).parent
    return Installed(
        torch=True,
        cuda=any((folder / name).exists() for name in _CUDA),
        bitsandbytes=find_spec("bitsandbytes") is not None,
    )


def places(template_id: str, here: Installed, devices: Sequence[Device]) -> list[Place]:
    """The places for a template, the first of which is taken where nobody says."""
    cpu = next((one.device_id for one in devices if one.kind == Device.CPU), "")
    found = [Place(NUMPY, cpu)] if template_id == LORA else []
    if not _lacking(template_id, here):
        found += [Place(TORCH, one.device_id, one.uuid) for one in devices if not _unfit(one, here)]
        found.append(Place(TORCH, cpu, _CPU))
    return found


def chosen(
    template_id: str, backend: str, device_id: str, here: Installed, devices: Sequence[Device]
) -> Place | Refusal:
    """The place for a run that names those, or nothing: an empty backend and device leave it
    open. The device is one that there is."""
    fit = [
        one
        for one in places(template_id, here, devices)
        if backend in ("", one.backend) and device_id in ("", one.device_id)
    ]
    if fit:
        return fit[0]
    if backend == NUMPY and template_id != LORA:
        return Refusal(f"must be {TORCH!r} for the template {template_id!r}", "backend")
    device = next((one for one in devices if one.device_id == device_id), None)
    if backend == NUMPY:
        return Refusal(f"must be the CPU's, or the backend {TORCH!r}", "device_id")
    if lacks := _lacking(template_id, here):
        return Refusal(lacks)
    return Refusal("there is no device" if device is None else _unfit(device, here))


def lacking(template_id: str, here: Installed) -> str:
    """Why a template can't be used at all, reading on from a colon; empty: it can."""
    if template_id not in TEMPLATES:
        return f"There is no template {template_id[:64]!r}, but {', '.join(TEMPLATES)}."
    lacks = "" if template_id == LORA else _lacking(template_id, here)
    return f"{lacks[0].upper()}{lacks[1:]}." if lacks else ""


def _lacking(template_id: str, here: Installed) -> str:
    """What a template lacks to be computed with PyTorch; empty: nothing."""
    if not here.torch:
        return f"it needs PyTorch, which is not installed: {_EXTRA}"
    if template_id == QLORA and not here.bitsandbytes:
        return f"it needs bitsandbytes, which is not installed: {_EXTRA}"
    return "" if template_id in (LORA, QLORA, FULL) else "there is no such template"


def _unfit(device: Device, here: Installed) -> str:
    """Why PyTorch can't compute on a GPU; empty: it can."""
    if device.kind != Device.GPU:
        return f"{device.device_id} is no GPU, and no CPU"
    if device.vendor != "NVIDIA" or not device.uuid:
        return f"{device.device_id} is no GPU of NVIDIA's, on which alone PyTorch trains here"
    if device.state == Device.UNAVAILABLE:
        return f"{device.device_id} is unavailable: {device.state_reason}"
    if not here.cuda:
        return "the PyTorch that is installed is one without CUDA: install one that has it"
    return ""
