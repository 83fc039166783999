"""LoRA adapters, as OpenVINO GenAI is given them.

Its reader passes over what it does not know: the names that diffusers and PEFT give, and how
strongly an adapter was trained to count (`alpha`). So each is written anew in memory, under kohya's
names and with its strength in its numbers.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.protocol import EngineError

Numbers: TypeAlias = NDArray[np.float32]

_NAME: Final = re.compile(
    r"(?P<layer>.+)\.(?P<part>lora_[AB](\.default)?\.weight|lora[._](down|up)\.weight|alpha)"
)
_STARTS: Final = (
    ("lora_unet_", "unet"), ("unet.", "unet"), ("lora_te_", "te"), ("lora_te1_", "te"),
    ("lora_te2_", "te2"), ("text_encoder_2.", "te2"), ("text_encoder.", "te"),
)  # fmt: skip
_PEFT: Final = "base_model.model."
_TYPES: Final[Mapping[str, str]] = {"F32": "<f4", "F16": "<f2", "BF16": "<u2"}


@dataclass(frozen=True, slots=True)
class Pair:
    """What is added to a layer: `up` times `down`."""

    down: Numbers
    """Rank x inputs; of a convolution with two more sides of 1."""
    up: Numbers
    """Outputs x rank, likewise."""


Adapter: TypeAlias = Mapping[str, Pair]
"""By the layers, as kohya names them for one text encoder: `lora_unet_...`, `lora_te_...`."""


def read_adapter(path: Path, *, several_readers: bool) -> Adapter:
    """An adapter that was checked when it was attached; a model of `several_readers` has more than
    one text encoder.

    Raises:
        EngineError: ADAPTER_INVALID; it is not what was checked.
    """
    parts: dict[str, dict[str, Numbers]] = {}
    try:
        for name, numbers in _tensors(path.read_bytes()):
            layer, part = placed(name, several_readers=several_readers)
            parts.setdefault(layer, {})[part] = numbers
        pairs = {layer: _pair(of) for layer, of in parts.items()}
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise EngineError(
            ErrorReason.ADAPTER_INVALID,
            "The file of an adapter can't be read: detach it, and attach it again.",
            file=path.name,
        ) from error
    for layer, pair in pairs.items():
        if not (np.isfinite(pair.down).all() and np.isfinite(pair.up).all()):
            raise EngineError(
                ErrorReason.ADAPTER_INVALID,
                f"An adapter has what is no number in {layer[:80]}, and would paint nothing: detach"
                " it.",
                file=path.name,
            )
    return pairs


def nothing(adapters: Iterable[Adapter]) -> Adapter:
    """An adapter that changes nothing, with all layers of others."""
    layers = {layer: pair for adapter in adapters for layer, pair in adapter.items()}
    return {
        layer: Pair(np.zeros_like(pair.down[:1]), np.zeros_like(pair.up[:, :1]))
        for layer, pair in layers.items()
    }


def to_file(adapter: Adapter) -> NDArray[np.uint8]:
    """The bytes of a safetensors file."""
    header: dict[str, Any] = {}
    parts: list[bytes] = []
    begin = 0
    for layer, pair in sorted(adapter.items()):
        for name, numbers in (("down", pair.down), ("up", pair.up)):
            end = begin + numbers.nbytes
            header[f"{layer}.lora_{name}.weight"] = {
                "dtype": "F32", "shape": [*numbers.shape], "data_offsets": [begin, end],
            }  # fmt: skip
            parts.append(numbers.tobytes())
            begin = end
    text = json.dumps(header).encode()
    return np.frombuffer(b"".join([struct.pack("<Q", len(text)), text, *parts]), np.uint8).copy()


def placed(name: str, *, several_readers: bool) -> tuple[str, str]:
    """A tensor's layer, and whether it is `down`, `up` or `alpha`; raises ValueError."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(name)
    layer, network = found["layer"].removeprefix(_PEFT), "unet"
    for start, meant in _STARTS:
        if layer.startswith(start):
            layer, network = layer.removeprefix(start), meant
            break
    if network == "te" and several_readers:
        network = "te1"
    part = found["part"]
    kind = "alpha" if part == "alpha" else "down" if "down" in part or "_A" in part else "up"
    return f"lora_{network}_{layer.replace('.', '_')}", kind


def _pair(parts: Mapping[str, Numbers]) -> Pair:
    down, up = parts["down"], parts["up"]
    scale = float(parts["alpha"].reshape(-1)[0]) / down.shape[0] if "alpha" in parts else 1.0
    return Pair(down, np.ascontiguousarray(up * np.float32(scale)))


def _tensors(data: bytes) -> Iterable[tuple[str, Numbers]]:
    (length,) = struct.unpack("<Q", data[:8])
    start = 8 + length
    header: dict[str, Any] = json.loads(data[8:start])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        raw = np.frombuffer(data[start + begin : start + end], _TYPES[entry["dtype"]])
        if entry["dtype"] == "BF16":  # the upper half of a float
            raw = (raw.astype(np.uint32) << 16).view(np.float32)
        yield name, raw.astype(np.float32).reshape(entry["shape"])
