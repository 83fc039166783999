"""Checks LoRA adapters of models that paint: safetensors, as diffusers, PEFT and kohya write them.

A network's layer gets a pair of matrices: one down to a rank, one up from it. What is not known of
a file is not applied silently by the library, and what does not fit may end its process, so all of
it must be known and fit here.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from funland_server.models.formats.damage import DamagedFileError
from funland_server.models.formats.openvino_layers import layer_shapes
from funland_server.models.formats.safetensors import Tensor, read_tensors

NAME: Final = re.compile(
    r"(?P<layer>.+)\.(?P<part>lora_[AB](\.default)?\.weight|lora[._](down|up)\.weight|alpha)"
)
"""A tensor's name."""
NETWORKS: Final = (
    ("lora_unet_", "unet"), ("unet.", "unet"), ("lora_te_", "text_encoder"),
    ("lora_te1_", "text_encoder"), ("lora_te2_", "text_encoder_2"),
    ("text_encoder_2.", "text_encoder_2"), ("text_encoder.", "text_encoder"),
)  # fmt: skip
"""What a layer's name begins with, and the network; without it is the one that paints."""
_PEFT: Final = "base_model.model."
_FLOATS: Final[Mapping[str, str]] = {"F32": "<f", "F16": "<e", "BF16": ""}
_MOST_BYTES: Final = 8 * 1024**3
_MOST_RANK: Final = 1024


def flaw(path: Path, model: Path) -> str | None:
    """What is wrong with an adapter for a model's folder, if anything is."""
    try:
        _check(path, model)
    except DamagedFileError as error:
        return str(error)
    except OSError as error:
        return f"it can't be read ({error.strerror})"
    return None


def _check(path: Path, model: Path) -> None:
    if not path.is_file():
        raise DamagedFileError("there is no such file")
    if path.stat().st_size > _MOST_BYTES:
        raise DamagedFileError(f"it is larger than {_MOST_BYTES} bytes")
    shapes: dict[str, Mapping[str, tuple[int, ...]]] = {}
    pairs: dict[tuple[str, str], dict[str, Tensor]] = {}
    for name, tensor in read_tensors(path).items():
        place = placed(name)
        if place is None:
            raise DamagedFileError(f"tensor {name[:80]!r} is none of a LoRA's")
        network, layer, part = place
        if network not in shapes:
            shapes[network] = _shapes(model, network)
        if layer not in shapes[network]:
            raise DamagedFileError(f"the model's {network} has no layer for {name[:80]!r}")
        if part in pairs.setdefault((network, layer), {}):
            raise DamagedFileError(f"a layer has two of {name[:80]!r}")
        pairs[network, layer][part] = tensor
    for (network, layer), parts in pairs.items():
        try:
            _check_pair(parts, shapes[network][layer])
            _check_alpha(path, parts.get("alpha"))
        except DamagedFileError as error:
            raise DamagedFileError(f"layer {layer[:80]!r} {error}") from None


def _shapes(model: Path, network: str) -> Mapping[str, tuple[int, ...]]:
    xml = model / network / "openvino_model.xml"
    if not xml.exists():
        raise DamagedFileError(f"the model has no {network} that adapters can change")
    return layer_shapes(xml)


def placed(name: str) -> tuple[str, str, str] | None:
    """A tensor's network and layer, with `_` for the dots, and whether it is `down`, `up` or
    `alpha`; None if it is none of a LoRA's."""
    found = NAME.fullmatch(name)
    if found is None:
        return None
    layer = found["layer"].removeprefix(_PEFT)
    network = "unet"
    for start, meant in NETWORKS:
        if layer.startswith(start):
            layer, network = layer.removeprefix(start), meant
            break
    part = found["part"]
    kind = "alpha" if part == "alpha" else "down" if "down" in part or "_A" in part else "up"
    return network, layer.replace(".", "_"), kind


def _check_pair(parts: Mapping[str, Tensor], weights: tuple[int, ...]) -> None:
    """Checks a layer's tensors; `weights` are its outputs, its inputs and its window."""
    down, up = parts.get("down"), parts.get("up")
    if down is None or up is None:
        raise DamagedFileError("has no pair of matrices")
    if any(tensor.kind not in _FLOATS for tensor in parts.values()):
        raise DamagedFileError("has tensors that are no floats of 16 or 32 bits")
    window = weights[2:]
    if window and window != (1, 1):
        raise DamagedFileError("is a convolution of more than 1x1, which can't be changed")
    rank = down.shape[0] if down.shape else 0
    if not 1 <= rank <= _MOST_RANK:
        raise DamagedFileError(f"has the rank {rank}, which is not from 1 to {_MOST_RANK}")
    wanted = (rank, weights[1], *window), (weights[0], rank, *window)
    if (down.shape, up.shape) != wanted:
        raise DamagedFileError(
            f"has the shapes {down.shape} and {up.shape}, not {wanted[0]} and {wanted[1]}"
        )


def _check_alpha(path: Path, alpha: Tensor | None) -> None:
    if alpha is None:
        return
    if math.prod(alpha.shape) != 1 or not math.isfinite(_number(path, alpha)):
        raise DamagedFileError("has an alpha that is no number")


def _number(path: Path, tensor: Tensor) -> float:
    with path.open("rb") as file:
        file.seek(tensor.begin)
        data = file.read(tensor.end - tensor.begin)
    if tensor.kind == "BF16":  # the upper half of a float
        return struct.unpack("<f", b"\0\0" + data)[0]
    return struct.unpack(_FLOATS[tensor.kind], data)[0]
