"""Checks CTranslate2's `model.bin`, in the form that `ctranslate2.specs.model_spec` writes."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from funland_server.models.formats.damage import DamagedFileError

_VERSIONS = (5, 6)
_SPEC = "TransformerDecoderSpec"
_MAX_VARIABLES = 100_000
_MAX_DIMENSIONS = 8
_VALUE_BYTES = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
"""By the format's numbers for types: float32, int8, int16, int32, float16, bfloat16."""


def check_ctranslate2(folder: Path, _: Collection[str]) -> int:
    """Checks the folder's `model.bin` and gives the number of weights.

    Raises:
        DamagedFileError: It is something else, not whole, or no model that writes text.
    """
    path = folder / "model.bin"
    with path.open("rb") as file:
        try:
            return _read(file, path.stat().st_size)
        except (struct.error, UnicodeDecodeError):
            raise DamagedFileError("model.bin is cut short, or not CTranslate2's") from None


def _read(file: BinaryIO, size: int) -> int:
    (version,) = _numbers(file, "<I")
    if version not in _VERSIONS:
        raise DamagedFileError("model.bin is not CTranslate2's, or of a version it can't read")
    if _string(file) != _SPEC:
        raise DamagedFileError("model.bin is not a model that writes text")
    _, count = _numbers(file, "<II")
    if not 0 < count <= _MAX_VARIABLES:
        raise DamagedFileError(f"model.bin claims {count} variables")
    return sum(_variable(file, size) for _ in range(count))


def _variable(file: BinaryIO, size: int) -> int:
    """Passes over a variable and gives how many values it has."""
    _string(file)
    (dimensions,) = _numbers(file, "<B")
    if dimensions > _MAX_DIMENSIONS:
        raise DamagedFileError(f"model.bin has a variable of {dimensions} dimensions")
    values = math.prod(_numbers(file, f"<{dimensions}I"))
    kind, length = _numbers(file, "<BI")
    if kind not in _VALUE_BYTES or values * _VALUE_BYTES[kind] != length:
        raise DamagedFileError("model.bin has a variable that is not as large as it says")
    end = file.tell() + length
    if end > size:
        raise DamagedFileError("model.bin is cut short")
    file.seek(end)
    return values


def _string(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<H")
    data = file.read(length)
    if len(data) < length:
        raise DamagedFileError("model.bin is cut short")
    return data.rstrip(b"\0").decode()


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
