"""Makes a LoRA in GGUF of a folder that PEFT has written."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from funland_server.models.adapters.peft.config import LoraConfig, PeftError, read_config
from funland_server.models.adapters.peft.names import matrix, rotated_heads, side_by_side
from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.gguf import GgufContents
from funland_server.models.formats.safetensors import Tensor, read_tensors

CONFIG: Final = "adapter_config.json"
WEIGHTS: Final = "adapter_model.safetensors"
_LARGEST_CONFIG: Final = 1024**2
_KINDS: Final = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}
_SIDES: Final = 2

Sides = dict[str, NDArray[np.float32]]


def import_peft(folder: Path, model: GgufContents, destination: Path) -> None:
    """Writes the adapter of a folder as one for a model. It blocks.

    What it adds is scaled as PEFT scales it, rank-stabilized adapters and patterns too: that is
    folded into its numbers.

    Raises:
        PeftError: There is none, it does not fit the model, or it has what can't be kept.
        OSError: The destination can't be written.
    """
    try:
        with (folder / CONFIG).open("rb") as file:
            config = read_config(file.read(_LARGEST_CONFIG))
        tensors = read_tensors(folder / WEIGHTS)
    except FileNotFoundError as error:
        raise PeftError(f"it has no {Path(error.filename).name}") from None
    except (OSError, DamagedFileError) as error:
        why = str(error) if isinstance(error, DamagedFileError) else "its files can't be read"
        raise PeftError(why) from None
    pairs = _pairs(folder / WEIGHTS, tensors, config, model)
    _write(destination, str(model.values["general.architecture"]), pairs)


def _pairs(
    path: Path, tensors: Mapping[str, Tensor], config: LoraConfig, model: GgufContents
) -> dict[str, Sides]:
    """Both matrices of each tensor that is changed, ready for `_write`."""
    found: dict[str, Sides] = {}
    scales: dict[str, float] = {}
    for name, tensor in tensors.items():
        one = matrix(name)
        sides = found.setdefault(one.tensor, {})
        if one.side in sides:
            raise PeftError(f"it has {one.module} twice")
        sides[one.side] = _read(path, name, tensor)
        scales[one.tensor] = config.scale(one.module)
    for changed, sides in found.items():
        _check(changed, sides, model)
        up = sides["B"] * np.float32(scales[changed])
        heads = rotated_heads(changed, model)
        sides["B"] = side_by_side(up, heads) if heads else up
    return found


def _check(tensor: str, sides: Sides, model: GgufContents) -> None:
    shape = model.shapes.get(tensor)
    if shape is None:
        raise PeftError(f"the model has no tensor {tensor!r}")
    if len(sides) != _SIDES:
        raise PeftError(f"it has one matrix of {tensor!r} alone")
    down, up = sides["A"].shape, sides["B"].shape
    if (down[1], up[0]) != shape or down[0] != up[1]:
        raise PeftError(
            f"its matrices of {tensor!r}, {down} and {up}, don't fit the model's {shape[::-1]}"
        )


def _read(path: Path, name: str, tensor: Tensor) -> NDArray[np.float32]:
    kind = _KINDS.get(tensor.kind)
    if kind is None or len(tensor.shape) != _SIDES:
        raise PeftError(f"its tensor {name[:120]!r} is no matrix of floats")
    data = np.fromfile(path, kind, count=tensor.shape[0] * tensor.shape[1], offset=tensor.begin)
    if tensor.kind == "BF16":  # the upper half of a float
        data = (data.astype(np.uint32) << 16).view(np.float32)
    return data.astype(np.float32).reshape(tensor.shape)


def _write(destination: Path, architecture: str, pairs: dict[str, Sides]) -> None:
    import gguf  # noqa: PLC0415 - only an import needs it

    # It would log each file's place.
    logging.getLogger("gguf").setLevel(logging.WARNING)
    # llama.cpp scales by alpha / rank, with one alpha for all: the largest rank, against which the
    # others are made up for.
    alpha = max(sides["A"].shape[0] for sides in pairs.values())
    writer = gguf.GGUFWriter(destination, architecture)
    try:
        writer.add_type("adapter")
        writer.add_string("adapter.type", "lora")
        writer.add_float32("adapter.lora.alpha", float(alpha))
        for tensor, sides in pairs.items():
            rank = sides["A"].shape[0]
            writer.add_tensor(tensor + ".lora_a", sides["A"])
            writer.add_tensor(tensor + ".lora_b", sides["B"] * np.float32(rank / alpha))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()
