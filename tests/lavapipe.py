"""Mesa's lavapipe: a program on the CPU that Vulkan takes for a GPU, for tests of accelerators.

llama.cpp passes such programs over unless its variable names them by their number.
"""

from __future__ import annotations

import os

import pytest

from funland_worker.engines.llama_cpp import backends
from funland_worker.engines.llama_cpp.vulkan import vulkan_devices

NAME = "Vulkan0"
"""What llama.cpp calls it, as it is the only one that it sees."""

_REQUIRED = "REQUIRE_LAVAPIPE"
"""Where this variable is set, tests that can't run fail."""


def environment() -> dict[str, str]:
    """What a process needs to compute on it. Skips the test if there is none."""
    numbers = [number for number, device in enumerate(vulkan_devices()) if device.emulated]
    if not numbers:
        _leave("Mesa's lavapipe is not installed (Debian: apt install mesa-vulkan-drivers)")
    if not (backends.folder() / "libggml-vulkan.so").is_file():
        _leave("llama.cpp is installed without Vulkan (make install ACCEL=vulkan)")
    return {"GGML_VK_VISIBLE_DEVICES": str(numbers[0])}


def _leave(why: str) -> None:
    if os.environ.get(_REQUIRED):
        pytest.fail(f"{why}, and {_REQUIRED} is set")
    pytest.skip(why)
