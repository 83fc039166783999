"""Where OpenVINO computes, and how it is told to."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from funland.v1.hardware_pb2 import Acceleration
from funland.worker.v1 import worker_pb2

_CPU: Final = "CPU"
_POWER: Final[Mapping[Acceleration.PowerMode.ValueType, Mapping[str, str]]] = {
    Acceleration.PERFORMANCE: {"NPU_TURBO": "YES"},
    Acceleration.POWER_SAVING: {"WORKLOAD_TYPE": "EFFICIENT"},
}
"""What an NPU is told; otherwise it is left to its driver."""


def device_of(launch: worker_pb2.Launch) -> str:
    """OpenVINO's name for where a model is to be computed."""
    names = [device.name for device in launch.devices]
    if len(names) > 1:
        return f"HETERO:{','.join(names)}"
    return names[0] if names else launch.settings.device or _CPU


def kind_of(device: str) -> str:
    """`CPU`, `GPU` or `NPU`; of several devices the first's, which computes what it can."""
    return device.partition(":")[2].partition(",")[0].partition(".")[0] or device.partition(".")[0]


def prompt_limit(launch: worker_pb2.Launch, length: int) -> int:
    """How many tokens a prompt may have on all of the devices; `length` is the context's."""
    limits = [one.max_prompt_tokens for one in launch.devices if one.max_prompt_tokens]
    return min([length, *limits])


def config(launch: worker_pb2.Launch, device: str, threads: int) -> dict[str, Any]:
    """What every model that is compiled for a device is told.

    On the CPU half precision would change greedy texts. For others, what is compiled is kept: it
    takes them from seconds to minutes, and depends on nothing but the model and the driver.
    """
    kind = kind_of(device)
    told: dict[str, Any] = {}
    if device == _CPU:
        told = {"INFERENCE_NUM_THREADS": threads, "INFERENCE_PRECISION_HINT": "f32"}
    elif kind == "NPU":
        told |= _POWER.get(launch.npu_power_mode, {})
    if launch.compile_folder and device != _CPU:
        told["CACHE_DIR"] = launch.compile_folder
    return told


def keep_compiled(launch: worker_pb2.Launch) -> None:
    """Makes the folder for what is compiled, and removes what earlier drivers, versions and weights
    left for the same device: its name is the first part of theirs, up to a dash."""
    if not launch.compile_folder:
        return
    folder = Path(launch.compile_folder)
    device = folder.name.partition("-")[0]
    for outdated in {*folder.parent.glob(f"{device}-*")} - {folder}:
        shutil.rmtree(outdated, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
