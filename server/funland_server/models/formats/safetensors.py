"""Checks safetensors files: https://github.com/huggingface/safetensors#format"""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson

from funland_server.models.formats.damage import DamagedFileError

INDEX = "model.safetensors.index.json"
_LARGEST_HEADER = 100 * 1024**2
_MAX_DIMENSIONS = 8
_VALUE_BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8,
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64,
    "U32": 32, "U16": 16, "U8": 8, "BOOL": 8, "C64": 64,
}  # fmt: skip


def shard_names(index: Mapping[str, Any]) -> set[str]:
    """The files that an index names; they may be anything yet.

    Raises:
        DamagedFileError: It is no index.
    """
    places = index.get("weight_map")
    names = list(cast("dict[str, Any]", places).values()) if isinstance(places, dict) else []
    if not names or not all(isinstance(name, str) for name in names):
        raise DamagedFileError(f"{INDEX} does not tell which file has which weights")
    return set(names)


def check_safetensors(folder: Path, names: Collection[str]) -> int:
    """Checks the folder's files of weights and gives the number of weights.

    Raises:
        DamagedFileError: One of them is not whole.
    """
    return sum(_check(folder / name) for name in names if name.endswith(".safetensors"))


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor as a header tells of it."""

    kind: str
    """Its numbers, such as `F16`."""
    shape: tuple[int, ...]
    begin: int
    """Where its bytes are in the file."""
    end: int


def read_tensors(path: Path) -> Mapping[str, Tensor]:
    """The tensors of a file, by their names; their bytes lie where they can.

    Raises:
        DamagedFileError: It is not whole.
        OSError: It can't be read.
    """
    entries, start, room = _header(path)
    try:
        return {name: _tensor(path, entry, start, room) for name, entry in entries.items()}
    except (KeyError, TypeError, ValueError):
        raise DamagedFileError(f"{path.name} has a tensor without type, shape or place") from None


def _tensor(path: Path, entry: Mapping[str, Any], start: int, room: int) -> Tensor:
    _values(path, entry, room)
    begin, end = entry["data_offsets"]
    return Tensor(entry["dtype"], tuple(entry["shape"]), start + begin, start + end)


def _check(path: Path) -> int:
    entries, _, room = _header(path)
    try:
        return sum(_values(path, entry, room) for entry in entries.values())
    except (KeyError, TypeError, ValueError):
        raise DamagedFileError(f"{path.name} has a tensor without type, shape or place") from None


def _header(path: Path) -> tuple[dict[str, Any], int, int]:
    """The entries of a file's header, where its data begins, and how many bytes that has."""
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        if len(start) < struct.calcsize("<Q"):
            raise DamagedFileError(f"{path.name} is cut short")
        (length,) = struct.unpack("<Q", start)
        if length > min(size - len(start), _LARGEST_HEADER):
            raise DamagedFileError(f"{path.name} has a header longer than itself, or than is sane")
        try:
            entries = orjson.loads(file.read(length))
        except orjson.JSONDecodeError:
            raise DamagedFileError(f"{path.name} has a header that is not JSON") from None
    if not isinstance(entries, dict):
        raise DamagedFileError(f"{path.name} has a header that is not an object")
    room = size - len(start) - length
    tensors = cast("dict[str, Any]", entries)
    tensors.pop("__metadata__", None)
    if not tensors:
        raise DamagedFileError(f"{path.name} has no tensors")
    return tensors, len(start) + length, room


def _values(path: Path, entry: Mapping[str, Any], room: int) -> int:
    """How many values a tensor has, whose bytes lie where they can."""
    shape = entry["shape"]
    begin, end = entry["data_offsets"]
    numbers = [*shape, begin, end]
    if len(shape) > _MAX_DIMENSIONS or not all(type(one) is int and one >= 0 for one in numbers):
        raise DamagedFileError(f"{path.name} has a tensor of an impossible shape")
    values = math.prod(shape)
    bits = _VALUE_BITS.get(entry["dtype"])
    if bits is None or end > room or end - begin != -(-values * bits // 8):
        raise DamagedFileError(f"{path.name} has a tensor that is not as large as it says")
    return values
