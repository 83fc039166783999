"""Reads a GGUF file's header and checks that the file holds what the header promises.

The header is hostile until proven otherwise: llama.cpp's own reader ends the process on some broken
files, so nothing reaches it before every count, offset and size here fits the file. Format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import math
import stat
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from funland_server.workers.errors import ModelFileInvalidError

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_MAX_ENTRIES = 100_000
_MAX_ARRAY = 16 * 1024**2
_MAX_DIMENSIONS = 4
_MAX_HEADER = 128 * 1024**2
_LEAST_ALIGNMENT = 8
_STRING, _ARRAY, _BOOL = 8, 9, 7

_SCALARS = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f",
    7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip

# Values and bytes of a block, by ggml's type number.
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34),
    9: (32, 40), 10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210),
    15: (256, 292), 16: (256, 66), 17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18),
    21: (256, 110), 22: (256, 82), 23: (256, 136), 24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8),
    28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54), 35: (256, 66), 39: (32, 17),
    40: (64, 36), 41: (128, 18),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufContents:
    """What is in a file, by name."""

    values: dict[str, object]
    """The metadata; None for an array."""
    value_types: dict[str, int]
    """The format's numbers for the types of the metadata."""
    tensor_types: dict[str, int]
    """ggml's numbers for the types of the tensors."""
    shapes: dict[str, tuple[int, ...]]
    """The tensors' sizes; the length of a row comes first."""

    def tensor_bytes(self, name: str) -> int:
        """How much of the file a tensor takes."""
        block_values, block_bytes = _BLOCKS[self.tensor_types[name]]
        return math.prod(self.shapes[name]) // block_values * block_bytes


class _BadFileError(Exception):
    pass


def read_contents(path: Path) -> GgufContents:
    """Reads and checks a file.

    Raises:
        ModelFileInvalidError: It is not a GGUF, not whole, or breaks a rule of the format. The
            message names the file but not its folder.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a FIFO would wait for ever
            raise invalid(path, "it is not a regular file")
        with path.open("rb") as file:
            return _Reader(file, status.st_size).read()
    except FileNotFoundError:
        raise invalid(path, "there is no such file") from None
    except OSError as error:
        raise invalid(path, f"it can't be read ({error.strerror})") from None
    except (_BadFileError, struct.error) as error:
        raise invalid(path, str(error)) from None


def invalid(path: Path, why: str) -> ModelFileInvalidError:
    """The error of a file that is not what it should be; `why` ends the sentence."""
    return ModelFileInvalidError(f"{path.name} is not a whole GGUF file: {why}.", file=path.name)


class _Reader:
    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._contents = GgufContents({}, {}, {}, {})

    def read(self) -> GgufContents:
        if self._file.read(4) != _MAGIC:
            raise _BadFileError("it does not begin with the letters GGUF, so it is something else")
        version = self._scalar(4)
        if version not in _VERSIONS:
            raise _BadFileError(f"its version is {version}; Funland reads 2 and 3")
        tensor_count = self._count(10, "tensors")
        entry_count = self._count(10, "metadata entries")
        self._metadata(entry_count)
        self._tensors(tensor_count)
        return self._contents

    def _metadata(self, count: int) -> None:
        metadata = self._contents.values
        for _ in range(count):
            key = self._string()
            if key in metadata:
                raise _BadFileError(f"metadata {key[:80]!r} comes twice")
            kind = self._contents.value_types[key] = self._scalar(4)
            metadata[key] = self._value(kind)

    def _tensors(self, count: int) -> None:
        """Checks where the tensors lie."""
        ends: list[tuple[str, int]] = []
        for _ in range(count):
            name = self._string()
            if name in self._contents.shapes:
                raise _BadFileError(f"tensor {name[:80]!r} comes twice")
            ends.append((name, self._tensor(name)))
        alignment = self._contents.values.get("general.alignment", 32)
        if (
            not isinstance(alignment, int)
            or alignment < _LEAST_ALIGNMENT
            or alignment & (alignment - 1)
        ):
            raise _BadFileError("its alignment is not a power of two")
        start = -(-self._file.tell() // alignment) * alignment
        for name, end in ends:
            if start + end > self._size:
                missing = start + end - self._size
                raise _BadFileError(
                    f"it is cut short: tensor {name[:80]!r} ends {missing} bytes after the file"
                )

    def _tensor(self, name: str) -> int:
        """Where it ends."""
        dimensions = self._scalar(4)
        if not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise _BadFileError(f"tensor {name[:80]!r} has {dimensions} dimensions")
        shape = [self._scalar(10) for _ in range(dimensions)]
        kind, offset = self._scalar(4), self._scalar(10)
        if kind not in _BLOCKS:
            raise _BadFileError(f"tensor {name[:80]!r} is of the unknown type {kind}")
        values = math.prod(shape)
        block_values, _ = _BLOCKS[kind]
        if values <= 0 or values >= 2**50 or shape[0] % block_values:
            raise _BadFileError(f"tensor {name[:80]!r} has an impossible shape")
        self._contents.tensor_types[name] = kind
        self._contents.shapes[name] = tuple(shape)
        return offset + self._contents.tensor_bytes(name)

    def _value(self, kind: int) -> object:
        if kind == _STRING:
            return self._string()
        if kind == _ARRAY:
            return self._array()
        if kind not in _SCALARS:
            raise _BadFileError(f"a metadata value is of the unknown type {kind}")
        return self._scalar(kind)

    def _array(self) -> object:
        """Passes over an array: nothing that Funland asks a file for is one."""
        kind = self._scalar(4)
        count = self._scalar(10)
        if count > _MAX_ARRAY:
            raise _BadFileError(f"an array of metadata has {count} items")
        if kind == _STRING:
            for _ in range(count):
                self._skip(self._scalar(10))
        elif kind in _SCALARS:
            self._skip(count * struct.calcsize(_SCALARS[kind]))
        else:
            raise _BadFileError(f"an array of metadata is of the unknown type {kind}")
        return None

    def _string(self) -> str:
        return self._bytes(self._scalar(10)).decode(errors="replace")

    def _count(self, kind: int, what: str) -> int:
        count = self._scalar(kind)
        if count > _MAX_ENTRIES:
            raise _BadFileError(f"it claims {count} {what}")
        return count

    def _scalar(self, kind: int) -> int:
        form = _SCALARS[kind]
        if kind == _BOOL:
            return int(self._bytes(1) != b"\0")
        return struct.unpack(form, self._bytes(struct.calcsize(form)))[0]

    def _bytes(self, length: int) -> bytes:
        self._check_end(self._file.tell() + length)
        data = self._file.read(length)
        if len(data) < length:  # it was cut since we asked for its size
            raise _BadFileError("it is cut short: the file ends within its header")
        return data

    def _skip(self, length: int) -> None:
        position = self._file.tell() + length
        self._check_end(position)
        self._file.seek(position)

    def _check_end(self, position: int) -> None:
        """Before anything is read or passed over: lengths in the file may be lies."""
        if position > self._size:
            raise _BadFileError("it is cut short: the file ends within its header")
        if position > _MAX_HEADER:
            raise _BadFileError(f"its header is longer than {_MAX_HEADER} bytes")
