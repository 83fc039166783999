"""Reads the weights of a folder of safetensors files for conversion.

The format: https://github.com/huggingface/safetensors#format
"""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

from funland.v1.errors_pb2 import ErrorReason
from funland_worker.engines.ctranslate2.library import unsupported
from funland_worker.engines.ctranslate2.weights import EMBEDDINGS, NORM, OUTPUT, Shape, Weights
from funland_worker.engines.model_folder import read_json
from funland_worker.engines.protocol import EngineError

_ARCHITECTURES = ("LlamaForCausalLM", "Qwen2ForCausalLM", "MistralForCausalLM")
_LARGEST_HEADER = 100 * 1024**2
_TYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "BF16": np.dtype("<u2")}
_OUTER = {
    "model.embed_tokens.weight": EMBEDDINGS,
    "model.norm.weight": NORM,
    "lm_head.weight": OUTPUT,
}
_INNER = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
_LAYER = re.compile(r"model\.layers\.(\d+)\.(.+)\.(weight|bias)")
_IGNORED = re.compile(r".*\.rotary_emb\.inv_freq")


class _Tensor(NamedTuple):
    path: Path
    offset: int
    kind: str
    shape: tuple[int, ...]


def read_safetensors(folder: Path) -> Weights:
    """The weights of all the folder's files, which are read when they are asked for.

    Raises:
        EngineError: ENGINE_UNSUPPORTED for an architecture, a type of numbers or a way to stretch
            the context that is not known here, MODEL_LOAD_FAILED for a file that is not whole.
    """
    config = read_json(folder / "config.json")
    tensors: dict[str, _Tensor] = {}
    for path in sorted(folder.glob("*.safetensors")):
        for name, tensor in _header(path).items():
            if not _IGNORED.fullmatch(name):
                tensors[_gguf_name(name)] = tensor
    if config.get("tie_word_embeddings"):
        tensors.pop(OUTPUT, None)

    def read(name: str) -> NDArray[np.float32]:
        if name not in tensors:
            raise EngineError(ErrorReason.MODEL_LOAD_FAILED, f"The model lacks the tensor {name}.")
        return _read(tensors[name])

    return Weights(shape=_shape(config), names=tensors.keys(), read=read)


def window(folder: Path) -> int | None:
    """How many of the latest tokens the model sees; None: all. What is converted sees all, so that
    a text is the model's own only within the window."""
    config = read_json(folder / "config.json")
    size = config.get("sliding_window") if config.get("use_sliding_window", True) else None
    return size if isinstance(size, int) and size > 0 else None


def _shape(config: Mapping[str, Any]) -> Shape:
    architectures = config.get("architectures") or ["?"]
    if architectures[0] not in _ARCHITECTURES:
        raise unsupported(
            f"architecture {architectures[0]}",
            f"CTranslate2 can't run a safetensors folder of {architectures[0]}; Funland converts"
            f" {', '.join(_ARCHITECTURES)}.",
        )
    rope: Mapping[str, Any] = config.get("rope_parameters") or config.get("rope_scaling") or {}
    if rope.get("rope_type", rope.get("type", "default")) != "default":
        raise unsupported(
            "rope_scaling",
            "The model stretches its context (rope_scaling), which Funland can't convert for"
            " CTranslate2.",
        )
    if config.get("hidden_act", "silu") != "silu":
        raise unsupported("hidden_act", "Funland converts networks with SiLU only.")
    heads = int(config["num_attention_heads"])
    return Shape(
        layers=int(config["num_hidden_layers"]),
        heads=heads,
        key_value_heads=int(config.get("num_key_value_heads") or heads),
        head_size=config.get("head_dim"),
        norm_epsilon=float(config.get("rms_norm_eps", 1e-6)),
        rope_base=float(config.get("rope_theta") or rope.get("rope_theta") or 10000.0),
        rope_interleaved=False,
    )


def _gguf_name(name: str) -> str:
    """The name by which the conversion knows a tensor; its own if it does not."""
    if name in _OUTER:
        return _OUTER[name]
    match = _LAYER.fullmatch(name)
    if match is None or match[2] not in _INNER:
        return name
    return f"blk.{match[1]}.{_INNER[match[2]]}.{match[3]}"


def _header(path: Path) -> dict[str, _Tensor]:
    """Where a file has which tensors; each lies within the file."""
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > min(size - 8, _LARGEST_HEADER):
                raise ValueError("a header longer than the file")
            entries = orjson.loads(file.read(length))
        return {
            name: _tensor(path, entry, 8 + length, size)
            for name, entry in entries.items()
            if name != "__metadata__"
        }
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        raise EngineError(
            ErrorReason.MODEL_LOAD_FAILED, f"{path.name} is not a whole safetensors file."
        ) from error


def _tensor(path: Path, entry: Mapping[str, Any], start: int, size: int) -> _Tensor:
    kind = entry["dtype"]
    if kind not in _TYPES:
        raise unsupported(f"dtype {kind}", f"Funland can't convert tensors of type {kind}.")
    begin, end = entry["data_offsets"]
    shape = tuple(entry["shape"])
    values = int(np.prod(shape, dtype=object)) if shape else 1
    if begin < 0 or end - begin != values * _TYPES[kind].itemsize or start + end > size:
        raise ValueError("a tensor outside the file")
    return _Tensor(path, start + begin, kind, shape)


def _read(tensor: _Tensor) -> NDArray[np.float32]:
    data = np.memmap(
        tensor.path, _TYPES[tensor.kind], "r", offset=tensor.offset, shape=tensor.shape
    )
    if tensor.kind == "BF16":  # the upper half of a float32
        return (data.astype(np.uint32) << 16).view(np.float32)
    return np.ascontiguousarray(data, dtype=np.float32)
