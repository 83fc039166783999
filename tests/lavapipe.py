"""Mesa's lavapipe: a program on the CPU that Vulkan takes for a GPU, for tests of accelerators.

llama.cpp passes such programs over unless its variable names them by their number.
"""

from __future__ import annotations

import os

import pytest

from funland_worker.engines.llama_cpp import backends
from funland_worker.engines.llama_cpp.vulkan import vulkan_devices

NAME, SECOND = "Vulkan0", "Vulkan1"
"""What llama.cpp calls it, as it sees no other; and what it calls it if it sees it twice."""

VARIABLE = "GGML_VK_VISIBLE_DEVICES"
_REQUIRED = "REQUIRE_LAVAPIPE"
"""Where this variable is set, tests that can't run fail."""


def environment(cards: int = 1) -> dict[str, str]:
    """What a process needs to compute on it, once or as if it were several cards. Skips the test if
    there is none."""
    numbers = [number for number, device in enumerate(vulkan_devices()) if device.emulated]
    if not numbers:
        _leave("Mesa's lavapipe is not installed (Debian: apt install mesa-vulkan-drivers)")
    if not (backends.folder() / "libggml-vulkan.so").is_file():
        _leave("llama.cpp is installed without Vulkan (make install ACCEL=vulkan)")
    return {VARIABLE: ",".join([str(numbers[0])] * cards)}


def _leave(why: str) -> None:
    if os.environ.get(_REQUIRED):
        pytest.fail(f"{why}, and {_REQUIRED} is set")
    pytest.skip(why)
