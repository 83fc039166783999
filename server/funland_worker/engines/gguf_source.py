"""A model in GGUF, in one file or several, as it is read to be converted for another engine."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

_FIRST = re.compile(r"(.*)-00001-of-(\d{5})\.gguf", re.DOTALL)


class GgufSource:
    """Its metadata and tensors, which are read when they are asked for."""

    def __init__(self, path: Path) -> None:
        """Opens the file of that path, or all that it is the first of."""
        import gguf  # noqa: PLC0415 - only a worker that converts needs it

        self._dequantize: Any = gguf.quants.dequantize
        self._readers: list[Any] = [gguf.GGUFReader(str(file)) for file in files(path)]
        self.tensors: dict[str, Any] = {
            tensor.name: tensor for reader in self._readers for tensor in reader.tensors
        }
        """gguf-py's tensors, by name."""

    @property
    def fields(self) -> dict[str, Any]:
        """gguf-py's fields of the metadata, by key; of several files, those of the first."""
        return self._readers[0].fields

    @property
    def architecture(self) -> str:
        """What kind of network it is, by llama.cpp's name; raises ValueError if the file names
        none."""
        architecture = self._value("general.architecture")
        if not isinstance(architecture, str):
            raise ValueError("the file names no architecture")
        return architecture

    def value(self, key: str, default: Any = None) -> Any:
        """A value of the metadata, by its key after the architecture's name."""
        return self._value(f"{self.architecture}.{key}", default)

    def read(self, name: str) -> NDArray[np.float32]:
        """A tensor's numbers, rows by columns."""
        tensor = self.tensors[name]
        numbers = self._dequantize(tensor.data, tensor.tensor_type)
        return np.ascontiguousarray(numbers, dtype=np.float32)

    @property
    def stretched_by(self) -> str | None:
        """The key by which the file wants positions other than they are, if it does: llama.cpp
        obeys it for every architecture."""
        kind = self.value("rope.scaling.type")
        if kind not in (None, "none"):
            return "rope.scaling.type"
        harmless = {"rope.scaling.attn_factor": (None, 1.0)}
        if kind is None:
            harmless |= dict.fromkeys(
                ("rope.scaling.factor", "rope.scale_linear"), (None, 0.0, 1.0)
            )
        return next((key for key, fine in harmless.items() if self.value(key) not in fine), None)

    @property
    def reads_ahead(self) -> bool:
        """Whether each token sees those behind it, as in models for embeddings and diffusion."""
        return self.value("attention.causal") is False

    def _value(self, key: str, default: Any = None) -> Any:
        field = self._readers[0].get_field(key)
        return default if field is None else field.contents()


def files(path: Path) -> list[Path]:
    """All files of a model, given the first or the only one."""
    name = _FIRST.fullmatch(path.name)
    if name is None:
        return [path]
    count = int(name[2])
    return [
        path.with_name(f"{name[1]}-{number:05d}-of-{count:05d}.gguf")
        for number in range(1, count + 1)
    ]
