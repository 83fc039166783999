"""Which build of choose.cpp is for this processor."""

from __future__ import annotations

import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

FILE: Final = "libfunland_choose.so"
"""In a checkout: compiled for the very processor."""

LEVELS: Final[Mapping[str, frozenset[str]]] = {
    "x86-64-v4": frozenset({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}),
    "x86-64-v3": frozenset({"avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe"}),
    "x86-64-v2": frozenset({"cx16", "popcnt", "sse4_1", "sse4_2", "ssse3"}),
}
"""What a wheel has builds for, the best first: levels of x86-64's psABI, with the features of each
by the names of /proc/cpuinfo. A level has those of the lower ones too."""


def build(level: str) -> str:
    """The file of a wheel's build."""
    return f"libfunland_choose-{level}.so"


def levels(features: Collection[str]) -> list[str]:
    """The levels that a processor of these features has, the best first."""
    found: list[str] = []
    for level, needed in reversed(LEVELS.items()):
        if not needed.issubset(features):
            break
        found.insert(0, level)
    return found


def library_file() -> Path:
    """A checkout's build, else the best of a wheel's. It may not be there."""
    compiled = Path(sysconfig.get_path("platlib")) / FILE
    if compiled.exists():
        return compiled
    here = Path(__file__).parent
    files = (here / build(level) for level in levels(_features()))
    return next((file for file in files if file.exists()), compiled)


def _features() -> frozenset[str]:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return frozenset()
    _, _, flags = text.partition("\nflags")
    return frozenset(flags.partition("\n")[0].partition(":")[2].split())
