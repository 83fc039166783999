"""Makes what PEFT reads of a LoRA in GGUF."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from funland_server.models.adapters.peft.config import PeftError
from funland_server.models.adapters.peft.names import half_apart, module, rotated_heads
from funland_server.models.formats.gguf import GgufContents

_DOWN: Final = ".lora_a"
_UP: Final = ".lora_b"


@dataclass(frozen=True, slots=True)
class PeftFiles:
    """The two files of a folder of PEFT's."""

    config: bytes
    """`adapter_config.json`."""
    weights: bytes
    """`adapter_model.safetensors`."""


def export_peft(adapter: Path, model: GgufContents, base_model: str) -> PeftFiles:
    """The adapter of a GGUF file that was checked against that model, as one of `base_model`, which
    is what its configuration names. It blocks.

    Raises:
        PeftError: It changes something that has no name in PEFT, or has several ranks.
    """
    import gguf  # noqa: PLC0415 - only an export needs it

    reader: Any = gguf.GGUFReader(adapter)
    field = reader.get_field("adapter.lora.alpha")
    found = {tensor.name: tensor for tensor in reader.tensors}
    weights: dict[str, NDArray[np.float32]] = {}
    ranks: set[int] = set()
    changed: set[str] = set()
    for name in found:
        if not name.endswith(_DOWN):
            continue
        base = name.removesuffix(_DOWN)
        down, up = (_numbers(found[base + side]) for side in (_DOWN, _UP))
        heads = rotated_heads(base, model)
        place = module(base)
        weights[f"base_model.model.{place}.lora_A.weight"] = down
        weights[f"base_model.model.{place}.lora_B.weight"] = half_apart(up, heads) if heads else up
        ranks.add(len(down))
        changed.add(place.rpartition(".")[2])
    if len(ranks) != 1:
        raise PeftError("its matrices are of several ranks")
    (rank,) = ranks
    # Without an alpha, or with 0, llama.cpp does not scale.
    alpha = float(field.contents()) if field is not None else 0.0
    return PeftFiles(_config(base_model, rank, alpha or float(rank), changed), _file(weights))


def _numbers(tensor: Any) -> NDArray[np.float32]:
    import gguf  # noqa: PLC0415 - as above

    numbers: Any = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
    return np.ascontiguousarray(numbers, np.float32)


def _config(base_model: str, rank: int, alpha: float, changed: set[str]) -> bytes:
    whole = int(alpha) if alpha.is_integer() else alpha
    told = {
        "base_model_name_or_path": base_model,
        "bias": "none",
        "fan_in_fan_out": False,
        "inference_mode": True,
        "init_lora_weights": True,
        "lora_alpha": whole,
        "lora_dropout": 0.0,
        "modules_to_save": None,
        "peft_type": "LORA",
        "r": rank,
        "target_modules": sorted(changed),
        "task_type": "CAUSAL_LM",
        "use_dora": False,
        "use_rslora": False,
    }
    return orjson.dumps(told, option=orjson.OPT_INDENT_2) + b"\n"


def _file(weights: dict[str, NDArray[np.float32]]) -> bytes:
    """https://github.com/huggingface/safetensors#format"""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    parts: list[bytes] = []
    begin = 0
    for name, numbers in sorted(weights.items()):
        end = begin + numbers.nbytes
        header[name] = {
            "dtype": "F32", "shape": [*numbers.shape], "data_offsets": [begin, end],
        }  # fmt: skip
        parts.append(numbers.tobytes())
        begin = end
    text = orjson.dumps(header)
    text += b" " * (-len(text) % 8)  # the data begins at a multiple of eight
    return b"".join([struct.pack("<Q", len(text)), text, *parts])
