"""Decides which of llama.cpp's backends this machine gets beside the CPU's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

CHOICES = ("auto", "cpu", "vulkan", "cuda")
"""What ACCEL may be."""

_NVIDIA = "NVIDIA"
_PACKAGES = {"headers": "libvulkan-dev", "glslc": "glslc", "spirv": "spirv-headers"}


@dataclass(frozen=True, slots=True)
class Machine:
    """What was found."""

    cards: tuple[str, ...] = ()
    """The makers of the GPUs on the bus: `Intel`, `AMD` or `NVIDIA`."""
    nvcc: bool = False
    nvidia_driver: bool = False
    vulkan_lacks: tuple[str, ...] = ()
    """What a build for Vulkan needs and is not here: `headers`, `glslc`, `spirv`."""
    gpus: tuple[tuple[str, str], ...] = ()
    """Vulkan's devices, without programs that play one: each one's maker and name."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a backend."""

    backend: str
    build: bool
    why: str
    """For whoever installs: what was found, and what would change it."""
    refused: bool = False
    """Whether it was asked for by name and can't be."""


def plan(accel: str, machine: Machine) -> list[Decision]:
    """What to build, and why not the rest. `accel` is one of `CHOICES`.

    `auto` builds what this machine can build and has a use for. What is named is built as soon as
    it can be.
    """
    if accel == "cpu":
        return []
    if accel == "cuda":
        return [_named("cuda", _cuda_needs(machine))]
    if accel == "vulkan":
        return [_named("vulkan", _vulkan_needs(machine))]
    cuda = _cuda(machine)
    return [*cuda, *_vulkan(machine, cuda=any(one.build for one in cuda))]


def _named(backend: str, needs: str) -> Decision:
    if needs:
        return Decision(backend, build=False, why=f"it needs {needs}", refused=True)
    return Decision(backend, build=True, why="it is asked for")


def _cuda(machine: Machine) -> list[Decision]:
    needs = _cuda_needs(machine)
    if machine.nvidia_driver and not needs:
        return [Decision("cuda", build=True, why="an NVIDIA driver and nvcc are here")]
    if machine.nvidia_driver:
        return [Decision("cuda", build=False, why=f"an NVIDIA driver is here; it needs {needs}")]
    if _NVIDIA in machine.cards:
        why = "an NVIDIA GPU is here, its driver is not (Debian: apt install nvidia-driver)"
        return [Decision("cuda", build=False, why=why)]
    if machine.nvcc:
        why = "nvcc is here, an NVIDIA driver is not; ACCEL=cuda builds it all the same"
        return [Decision("cuda", build=False, why=why)]
    return []


def _vulkan(machine: Machine, *, cuda: bool) -> list[Decision]:
    needs = _vulkan_needs(machine)
    gpus = [name for maker, name in machine.gpus if not (cuda and maker == _NVIDIA)]
    if gpus and not needs:
        return [Decision("vulkan", build=True, why=f"{_listed(gpus)} can compute with it")]
    if gpus:
        why = f"{_listed(gpus)} could compute with it; it needs {needs}"
        return [Decision("vulkan", build=False, why=why)]
    cards = [card for card in machine.cards if not (cuda and card == _NVIDIA)]
    if cards and not machine.gpus:
        why = (
            f"a GPU of {_listed(cards)} is here, and no driver of Vulkan's has it. Its driver may"
            f" be missing ({_apt('mesa-vulkan-drivers', *_missing(machine))}), or this user may"
            " not be in the group `render`"
        )
        return [Decision("vulkan", build=False, why=why)]
    return []


def _cuda_needs(machine: Machine) -> str:
    if machine.nvcc:
        return ""
    return f"nvcc on the PATH, of NVIDIA's CUDA toolkit ({_apt('nvidia-cuda-toolkit')})"


def _vulkan_needs(machine: Machine) -> str:
    missing = _missing(machine)
    return f"more packages ({_apt(*missing)})" if missing else ""


def _missing(machine: Machine) -> list[str]:
    return [package for part, package in _PACKAGES.items() if part in machine.vulkan_lacks]


def _apt(*packages: str) -> str:
    return f"Debian, Ubuntu: apt install {' '.join(packages)}"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(dict.fromkeys(names))
