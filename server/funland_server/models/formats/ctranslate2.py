"""Checks CTranslate2's `model.bin`, in the form that `ctranslate2.specs.model_spec` writes."""

from __future__ import annotations

import math
import struct
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import BinaryIO

from funland_server.models.formats.damage import DamagedFileError

WEIGHTS = "model.bin"
_VERSIONS = (5, 6)
_TEXT, _WHISPER = "TransformerDecoderSpec", "WhisperSpec"
_MAX_VARIABLES = 100_000
_MAX_DIMENSIONS = 8
_VALUE_BYTES = {0: 4, 1: 1, 2: 2, 3: 4, 4: 2, 5: 2}
"""By the format's numbers for types: float32, int8, int16, int32, float16, bfloat16."""


def check_ctranslate2(folder: Path, _: Collection[str]) -> int:
    """Checks the folder's `model.bin` and gives the number of weights.

    Raises:
        DamagedFileError: It is something else, not whole, or no model that writes text.
    """
    spec, shapes = _variables(folder / WEIGHTS)
    if spec != _TEXT:
        raise DamagedFileError("model.bin is not a model that writes text")
    return sum(map(math.prod, shapes.values()))


def whisper_shapes(folder: Path) -> Mapping[str, tuple[int, ...]]:
    """Checks that the folder's `model.bin` is a Whisper, and gives the shapes of its variables.

    Raises:
        DamagedFileError: It is something else, or not whole.
    """
    spec, shapes = _variables(folder / WEIGHTS)
    if spec != _WHISPER:
        raise DamagedFileError("model.bin is not a Whisper")
    return shapes


def is_whisper(folder: Path) -> bool:
    """Whether the folder's `model.bin`, which is a regular file, says that it is a Whisper."""
    with (folder / WEIGHTS).open("rb") as file:
        try:
            return _spec(file) == _WHISPER
        except (DamagedFileError, struct.error, UnicodeDecodeError):
            return False


def _variables(path: Path) -> tuple[str, Mapping[str, tuple[int, ...]]]:
    """What it is the network of, and the shape of each variable by its name."""
    with path.open("rb") as file:
        try:
            spec, size = _spec(file), path.stat().st_size
            _, count = _numbers(file, "<II")
            if not 0 < count <= _MAX_VARIABLES:
                raise DamagedFileError(f"model.bin claims {count} variables")
            return spec, dict(_variable(file, size) for _ in range(count))
        except (struct.error, UnicodeDecodeError):
            raise DamagedFileError("model.bin is cut short, or not CTranslate2's") from None


def _spec(file: BinaryIO) -> str:
    (version,) = _numbers(file, "<I")
    if version not in _VERSIONS:
        raise DamagedFileError("model.bin is not CTranslate2's, or of a version it can't read")
    return _string(file)


def _variable(file: BinaryIO, size: int) -> tuple[str, tuple[int, ...]]:
    """Passes over a variable and gives its name and shape."""
    name = _string(file)
    (dimensions,) = _numbers(file, "<B")
    if dimensions > _MAX_DIMENSIONS:
        raise DamagedFileError(f"model.bin has a variable of {dimensions} dimensions")
    shape = _numbers(file, f"<{dimensions}I")
    values = math.prod(shape)
    kind, length = _numbers(file, "<BI")
    if kind not in _VALUE_BYTES or values * _VALUE_BYTES[kind] != length:
        raise DamagedFileError("model.bin has a variable that is not as large as it says")
    end = file.tell() + length
    if end > size:
        raise DamagedFileError("model.bin is cut short")
    file.seek(end)
    return name, shape


def _string(file: BinaryIO) -> str:
    (length,) = _numbers(file, "<H")
    data = file.read(length)
    if len(data) < length:
        raise DamagedFileError("model.bin is cut short")
    return data.rstrip(b"\0").decode()


def _numbers(file: BinaryIO, form: str) -> tuple[int, ...]:
    return struct.unpack(form, file.read(struct.calcsize(form)))
