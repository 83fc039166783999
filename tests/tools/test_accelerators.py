"""The installation builds what this machine has a use for, and says why not the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.accelerators.building import options
from tools.accelerators.finding import cards, compiles
from tools.accelerators.plan import CHOICES, Machine, plan

ALL = ("headers", "glslc", "spirv")
ARC = ("Intel", "Intel(R) Arc(tm) B580 Graphics")
H100 = ("NVIDIA", "NVIDIA H100")


@pytest.mark.parametrize(
    ("accel", "machine", "built", "told"),
    [
        ("auto", Machine(vulkan_lacks=ALL), [], []),
        ("auto", Machine(), [], []),
        ("auto", Machine(cards=("Intel",), gpus=(ARC,)), ["vulkan"], ["Arc(tm) B580"]),
        (
            "auto",
            Machine(cards=("Intel",), gpus=(ARC,), vulkan_lacks=ALL),
            [],
            ["B580 Graphics could compute", "apt install libvulkan-dev glslc spirv-headers"],
        ),
        (
            "auto",
            Machine(cards=("AMD",), vulkan_lacks=("glslc",)),
            [],
            ["GPU of AMD", "apt install mesa-vulkan-drivers glslc", "group `render`"],
        ),
        ("auto", Machine(nvcc=True), [], ["an NVIDIA driver is not; ACCEL=cuda"]),
        ("auto", Machine(cards=("NVIDIA",), nvidia_driver=True, nvcc=True), ["cuda"], []),
        (
            "auto",
            Machine(cards=("NVIDIA",), nvidia_driver=True, nvcc=True, gpus=(H100,)),
            ["cuda"],
            [],
        ),
        (
            "auto",
            Machine(cards=("NVIDIA", "Intel"), nvidia_driver=True, nvcc=True, gpus=(H100, ARC)),
            ["cuda", "vulkan"],
            ["B580"],
        ),
        (
            "auto",
            Machine(cards=("NVIDIA",), nvidia_driver=True, gpus=(H100,)),
            ["vulkan"],
            ["it needs nvcc on the PATH", "H100 can compute"],
        ),
        ("auto", Machine(cards=("NVIDIA",)), [], ["its driver is not", "GPU of NVIDIA"]),
        ("cpu", Machine(gpus=(ARC,), nvcc=True, nvidia_driver=True), [], []),
        ("vulkan", Machine(), ["vulkan"], []),
        ("cuda", Machine(nvcc=True), ["cuda"], []),
    ],
)
def test_what_is_built(accel: str, machine: Machine, built: list[str], told: list[str]) -> None:
    decisions = plan(accel, machine)

    assert [decision.backend for decision in decisions if decision.build] == built
    assert not any(decision.refused for decision in decisions)
    words = " ".join(decision.why for decision in decisions)
    for part in told:
        assert part in words
    assert accel in CHOICES


@pytest.mark.parametrize(
    ("accel", "machine", "needs"),
    [
        ("vulkan", Machine(vulkan_lacks=("spirv",)), "apt install spirv-headers"),
        ("cuda", Machine(nvidia_driver=True), "apt install nvidia-cuda-toolkit"),
    ],
)
def test_what_is_asked_for_by_name_and_cant_be_is_refused(
    accel: str, machine: Machine, needs: str
) -> None:
    (decision,) = plan(accel, machine)

    assert (decision.build, decision.refused) == (False, True)
    assert needs in decision.why


def test_the_bus_tells_whose_gpus_there_are(tmp_path: Path) -> None:
    for address, kind, vendor in (
        ("0000:00:02.0", "0x030000", "0x8086"),
        ("0000:01:00.0", "0x030200", "0x10de"),
        ("0000:02:00.0", "0x020000", "0x8086"),  # a network card
        ("0000:03:00.0", "0x030000", "0x1234"),  # a virtual machine's screen
    ):
        (tmp_path / address).mkdir()
        (tmp_path / address / "class").write_text(f"{kind}\n")
        (tmp_path / address / "vendor").write_text(f"{vendor}\n")
    (tmp_path / "0000:04:00.0").mkdir()

    assert cards(tmp_path) == ("Intel", "NVIDIA")
    assert cards(tmp_path / "nothing") == ()


def test_a_header_is_there_if_the_compiler_finds_it() -> None:
    assert compiles("#include <cstdio>")
    assert not compiles("#include <funland/of_nobody.hpp>")


def test_cuda_without_a_driver_is_built_for_all_cards_and_without_its_library() -> None:
    assert options("cuda", nvidia_driver=True) == ["-DGGML_CUDA=ON"]
    assert set(options("cuda", nvidia_driver=False)) > {"-DGGML_NATIVE=OFF"}
    assert options("vulkan", nvidia_driver=False) == ["-DGGML_VULKAN=ON"]
