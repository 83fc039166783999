"""Finds out what this machine has to build llama.cpp's backends with, and to run them on."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from pathlib import Path

from funland_worker.engines.llama_cpp.vulkan import vulkan_devices
from tools.accelerators.plan import Machine

_BUS = Path("/sys/bus/pci/devices")
_DISPLAY = "0x03"
"""How PCI's class of a device begins that draws."""
_MAKERS = {0x8086: "Intel", 0x1002: "AMD", 0x10DE: "NVIDIA"}


def machine() -> Machine:
    """What is here."""
    devices = [device for device in vulkan_devices() if not device.emulated]
    return Machine(
        cards=cards(_BUS),
        nvcc=shutil.which("nvcc") is not None,
        nvidia_driver=_nvidia_driver(),
        vulkan_lacks=tuple(
            part
            for part, there in (
                ("headers", compiles("#include <vulkan/vulkan.hpp>")),
                ("glslc", shutil.which("glslc") is not None),
                ("spirv", compiles("#include <spirv/unified1/spirv.hpp>")),
            )
            if not there
        ),
        gpus=tuple((_MAKERS.get(device.vendor, ""), device.name) for device in devices),
    )


def cards(bus: Path) -> tuple[str, ...]:
    """The makers of the GPUs in a tree like `/sys/bus/pci/devices`, by address; others' are left
    out."""
    found: list[str] = []
    for device in sorted(bus.glob("*")):
        try:
            drawing = (device / "class").read_text().startswith(_DISPLAY)
            maker = _MAKERS.get(int((device / "vendor").read_text(), 16))
        except (OSError, ValueError):
            continue
        if drawing and maker:
            found.append(maker)
    return tuple(found)


def compiler() -> str:
    """The C++ compiler's command."""
    return os.environ.get("CXX") or next(filter(shutil.which, ("c++", "g++", "clang++")), "c++")


def compiles(line: str) -> bool:
    """Whether a line is C++ here: whether a header is there."""
    include = [f"-I{folder}/include"] if (folder := os.environ.get("VULKAN_SDK")) else []
    command = [compiler(), "-E", "-x", "c++", *include, "-o", os.devnull, "-"]
    try:
        done = subprocess.run(command, input=line.encode(), capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def _nvidia_driver() -> bool:
    try:
        return ctypes.CDLL("libcuda.so.1").cuInit(0) == 0
    except (OSError, AttributeError):
        return False
