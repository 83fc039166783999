"""A model that paints, as `tests.picture_models` has it, with layers that LoRA adapters know.

They are called as exports of real models call them. Its steps take as long as is wanted.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

ov: Final[Any] = import_module("openvino")
ops: Final[Any] = import_module("openvino.opset13")

CHANNELS, WIDTH = 4, 8
BLOCK: Final = "down_blocks.0.attentions.0"
LAYERS: Final = (
    f"{BLOCK}.transformer_blocks.0.attn2.to_k",
    f"{BLOCK}.transformer_blocks.0.attn2.to_v",
)
"""Linear, from 8 to 8."""
CONVOLUTION: Final = f"{BLOCK}.proj_in"
"""Of 1x1, from 4 to 4."""
READER: Final = "text_model.encoder.layers.0.self_attn.q_proj"
"""Linear, from 8 to 8, of the text encoder."""
_VOCABULARY = 259


def write_adaptable(plain: Path, folder: Path, *, work: int = 0, side: int = -1) -> Path:
    """Writes the model out of a `plain` one; each step computes `work` convolutions of 64 channels
    that change nothing. It paints in latents of one `side` alone, if one is given."""
    shutil.copytree(plain, folder)
    for name, network in (("unet", _unet(work, side)), ("text_encoder", _text_encoder())):
        (folder / name / "openvino_model.xml").unlink()
        (folder / name / "openvino_model.bin").unlink()
        ov.save_model(network, folder / name / "openvino_model.xml", compress_to_fp16=False)
    return folder


def _unet(work: int, side: int) -> Any:
    normal = np.random.default_rng(11).standard_normal
    sample = ops.parameter([-1, CHANNELS, side, side], np.float32, name="sample")
    time = ops.parameter([-1], np.int64, name="timestep")
    states = ops.parameter([-1, -1, WIDTH], np.float32, name="encoder_hidden_states")
    told = ops.reduce_mean(states, ops.constant([1]))
    for name in LAYERS:
        weights = ops.constant((0.3 * normal((WIDTH, WIDTH))).astype(np.float32))
        told = ops.matmul(told, weights, transpose_a=False, transpose_b=True)
        told.set_friendly_name(f"__module.{name}/aten::linear/MatMul")
    projection = ops.constant((0.1 * normal((WIDTH, CHANNELS))).astype(np.float32))
    colour = ops.matmul(told, projection, transpose_a=False, transpose_b=False)
    wide = ops.reshape(colour, ops.constant([0, 0, 1, 1]), special_zero=True)
    kernel = np.eye(CHANNELS, dtype=np.float32)[:, :, np.newaxis, np.newaxis]
    seen = ops.convolution(sample, ops.constant(kernel), [1, 1], [0, 0], [0, 0], [1, 1])
    seen.set_friendly_name(f"__module.{CONVOLUTION}/aten::_convolution/Convolution")
    share = ops.divide(ops.convert(time, np.float32), ops.constant(np.float32(1000)))
    noise = ops.subtract(
        ops.multiply(seen, ops.constant(np.float32(0.9))), ops.multiply(wide, share)
    )
    if work:
        noise = ops.add(noise, _nothing(sample, work))
    model = ov.Model([noise], [sample, time, states])
    for port, name in zip(
        model.inputs, ("sample", "timestep", "encoder_hidden_states"), strict=True
    ):
        port.get_tensor().set_names({name})
    model.outputs[0].get_tensor().set_names({"out_sample"})
    return model


def _text_encoder() -> Any:
    normal = np.random.default_rng(13).standard_normal
    ids = ops.parameter([-1, -1], np.int64, name="input_ids")
    table = ops.constant(normal((_VOCABULARY, WIDTH)).astype(np.float32))
    states = ops.gather(table, ids, ops.constant(0))
    weights = ops.constant(np.eye(WIDTH, dtype=np.float32))
    told = ops.matmul(states, weights, transpose_a=False, transpose_b=True)
    told.set_friendly_name(f"__module.{READER}/aten::linear/MatMul")
    pooled = ops.reduce_mean(told, ops.constant([1]))
    model = ov.Model([told, pooled], [ids])
    model.inputs[0].get_tensor().set_names({"input_ids"})
    model.outputs[0].get_tensor().set_names({"last_hidden_state"})
    model.outputs[1].get_tensor().set_names({"pooler_output"})
    return model


def _nothing(sample: Any, work: int) -> Any:
    """Convolutions whose result is as good as nothing."""
    normal = np.random.default_rng(12).standard_normal
    here, many = sample, 64
    for number in range(work):
        inputs = CHANNELS if number == 0 else many
        weights = ops.constant((0.01 * normal((many, inputs, 3, 3))).astype(np.float32))
        here = ops.convolution(here, weights, [1, 1], [1, 1], [1, 1], [1, 1])
    weights = ops.constant((1e-30 * normal((CHANNELS, many, 1, 1))).astype(np.float32))
    return ops.convolution(here, weights, [1, 1], [0, 0], [0, 0], [1, 1])


def safetensors(tensors: Mapping[str, NDArray[Any]]) -> bytes:
    """A file of that format."""
    names = {"float32": "F32", "float16": "F16", "float64": "F64", "int16": "I16"}
    header: dict[str, Any] = {}
    data = b""
    for name, tensor in tensors.items():
        end = len(data) + tensor.nbytes
        header[name] = {
            "dtype": names[tensor.dtype.name],
            "shape": list(tensor.shape),
            "data_offsets": [len(data), end],
        }
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
