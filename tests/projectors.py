"""Projectors for tests, as small GGUF files: what shows pictures and sounds to a tiny model.

`write_naming` makes one that tells colours: a picture that is all red is to the model one given
token, and one that is all blue another. Those of `write_random` have random weights, so that
whatever is shown changes the text.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[np.float32]]

PATCH = 14
_SURE = 30.0
_LENGTH, _HEADS, _INNER, _BLOCKS = 32, 2, 48, 2
_AUDIO_POSITIONS, _MELS, _STACK = 1500, 80, 20


def write_naming(path: Path, model: Path, red: int, blue: int, *, audio: bool = False) -> Path:
    """Writes a projector for a GGUF model: a picture of one colour is the token `red` if that is
    red, and `blue` if it is blue; one row each. With `audio` it also has random weights that hear.
    """
    embeddings = _embeddings(model)
    width = embeddings.shape[1]
    length = 4
    patch = np.zeros((length, 3, PATCH, PATCH), np.float32)
    for colour in range(3):
        patch[colour, colour] = 1 / PATCH**2
    hidden = np.zeros((length, length), np.float32)
    hidden[0, :3] = 1, -1, -1
    hidden[1, :3] = -1, -1, 1
    out = np.zeros((width, length), np.float32)
    out[:, 0], out[:, 1] = embeddings[red] / _SURE, embeddings[blue] / _SURE
    tensors: Tensors = {
        "v.patch_embd.weight": patch,
        "v.position_embd.weight": np.zeros((1, length), np.float32),
        "mm.0.weight": hidden * _SURE,
        "mm.0.bias": np.zeros(length, np.float32),
        "mm.2.weight": out,
        "mm.2.bias": np.zeros(width, np.float32),
    }
    tensors |= _blocks("v", length, 1, 8)
    values = _vision(PATCH, width, length=length, heads=1, inner=8, blocks=1)
    if audio:
        tensors |= _hearing(width)
        values |= _audio(width) | {"audio.projector_type": "ultravox"}
        values["vision.projector_type"] = "mlp"
    else:
        values["projector_type"] = "mlp"
    return _write(path, values, tensors)


def write_random(path: Path, kind: str, width: int, *, side: int = 4) -> Path:
    """Writes a projector of random weights for a model whose rows have `width` numbers. Pictures
    have `side` x `side` patches, but for those of `qwen2vl_merger`, which have as many as they are
    large.

    `kind` is `mlp`, `gemma3`, whose rows see each other, `qwen2vl_merger`, whose rows lie beside
    each other, or `ultravox`, which hears.
    """
    if kind == "ultravox":
        return _write(path, _audio(width) | {"projector_type": kind}, _hearing(width))
    values = _vision(
        PATCH * side, width, length=_LENGTH, heads=_HEADS, inner=_INNER, blocks=_BLOCKS
    )
    values["projector_type"] = kind
    values["vision.spatial_merge_size"] = values["vision.projector.scale_factor"] = 2
    shapes: dict[str, tuple[int, ...]] = {"v.patch_embd.weight": (_LENGTH, 3, PATCH, PATCH)}
    if kind == "mlp":
        shapes |= {"v.position_embd.weight": (side**2, _LENGTH)}
        shapes |= _linear("mm.0", _INNER, _LENGTH) | _linear("mm.2", width, _INNER)
    elif kind == "gemma3":
        shapes |= {"v.position_embd.weight": (side**2, _LENGTH)}
        shapes |= {"mm.input_projection.weight": (_LENGTH, width)}
        shapes |= {"mm.soft_emb_norm.weight": (_LENGTH,)} | _linear("v.post_ln", _LENGTH)
    else:
        shapes |= {"v.patch_embd.weight.1": (_LENGTH, 3, PATCH, PATCH)}
        shapes |= _linear("v.post_ln", _LENGTH)
        shapes |= _linear("mm.0", 4 * _LENGTH, 4 * _LENGTH) | _linear("mm.2", width, 4 * _LENGTH)
    tensors = _random(shapes) | _blocks("v", _LENGTH, _BLOCKS, _INNER)
    return _write(path, values, tensors)


def _vision(
    image: int, width: int, *, length: int, heads: int, inner: int, blocks: int
) -> dict[str, Any]:
    return {
        "has_vision_encoder": True, "use_gelu": True,
        "vision.image_size": image, "vision.patch_size": PATCH,
        "vision.embedding_length": length, "vision.feed_forward_length": inner,
        "vision.block_count": blocks, "vision.attention.head_count": heads,
        "vision.projection_dim": width, "vision.attention.layer_norm_epsilon": 1e-5,
        "vision.image_mean": [0.0, 0.0, 0.0], "vision.image_std": [1.0, 1.0, 1.0],
    }  # fmt: skip


def _audio(width: int) -> dict[str, Any]:
    return {
        "has_audio_encoder": True, "audio.num_mel_bins": _MELS,
        "audio.embedding_length": _LENGTH, "audio.feed_forward_length": _INNER,
        "audio.block_count": 1, "audio.attention.head_count": _HEADS,
        "audio.projection_dim": width, "audio.attention.layer_norm_epsilon": 1e-5,
        "audio.projector.stack_factor": _STACK,
    }  # fmt: skip


def _hearing(width: int) -> Tensors:
    shapes: dict[str, tuple[int, ...]] = {
        "a.position_embd.weight": (_AUDIO_POSITIONS, _LENGTH),
        "a.conv1d.1.weight": (_LENGTH, _MELS, 3), "a.conv1d.1.bias": (_LENGTH, 1),
        "a.conv1d.2.weight": (_LENGTH, _LENGTH, 3), "a.conv1d.2.bias": (_LENGTH, 1),
        "mm.a.norm_pre.weight": (_LENGTH * _STACK,), "mm.a.norm_mid.weight": (_INNER,),
        "mm.a.mlp.1.weight": (2 * _INNER, _LENGTH * _STACK), "mm.a.mlp.2.weight": (width, _INNER),
    }  # fmt: skip
    tensors = _random(shapes | _linear("a.post_ln", _LENGTH))
    tensors |= _blocks("a", _LENGTH, 1, _INNER)
    del tensors["a.blk.0.attn_k.bias"]  # Whisper has none
    return tensors


def _blocks(prefix: str, length: int, count: int, inner: int) -> Tensors:
    shapes: dict[str, tuple[int, ...]] = {}
    for block in range(count):
        name = f"{prefix}.blk.{block}"
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= _linear(f"{name}.{part}", length, length)
        shapes |= _linear(f"{name}.ln1", length) | _linear(f"{name}.ln2", length)
        shapes |= _linear(f"{name}.ffn_up", inner, length)
        shapes |= _linear(f"{name}.ffn_down", length, inner)
    return _random(shapes)


def _linear(name: str, *shape: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": shape, f"{name}.bias": shape[:1]}


def _random(shapes: Mapping[str, tuple[int, ...]]) -> Tensors:
    """The same each time."""
    tensors: Tensors = {}
    for name, shape in shapes.items():
        noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
        if "norm" in name or "ln" in name:
            tensors[name] = np.float32(0.1) * noise + np.float32(name.endswith("weight"))
        else:
            width = np.prod(shape[1:]) if shape[1:] else 25
            tensors[name] = noise * np.float32(1.5 / np.sqrt(width))
    return tensors


def _embeddings(model: Path) -> NDArray[np.float32]:
    """A model's table of tokens."""
    for tensor in gguf.GGUFReader(str(model)).tensors:
        if tensor.name == "token_embd.weight":
            return gguf.dequantize(tensor.data, tensor.tensor_type)
    raise AssertionError(f"{model.name} has no table of tokens")


def _write(path: Path, values: Mapping[str, Any], tensors: Tensors) -> Path:
    writer = gguf.GGUFWriter(path, "clip")
    writer.add_type("mmproj")
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)
    kinds: dict[type, Any] = {
        str: writer.add_string,
        bool: writer.add_bool,
        int: writer.add_uint32,
        float: writer.add_float32,
        list: writer.add_array,
    }
    for key, value in values.items():
        kinds[type(value)](f"clip.{key}", value)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
