"""Models of random weights, of any architecture that llama.cpp knows, as small GGUF files.

llama.cpp itself says which tensors a header asks for: it builds a model of the metadata alone and
has a callback fill each tensor, where only names and shapes are noted. Tokens are those of
the model that comes with Funland.
"""

from __future__ import annotations

import ctypes
import zlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import gguf
import llama_cpp._ggml as ggml
import numpy as np
from numpy.typing import NDArray

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.library import lib

LENGTH, HEADS, LAYERS, INNER, CONTEXT, WINDOW = 64, 2, 4, 96, 2048, 48
_HEAD = LENGTH // HEADS
_TOKENIZER = resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"

_COMMON: dict[str, Any] = {
    "context_length": CONTEXT, "embedding_length": LENGTH, "block_count": LAYERS,
    "feed_forward_length": INNER, "leading_dense_block_count": 1, "vocab_size": 4096,
    "attention.head_count": HEADS, "attention.head_count_kv": HEADS,
    "attention.key_length": _HEAD, "attention.value_length": _HEAD,
    "attention.layer_norm_epsilon": 1e-5, "attention.layer_norm_rms_epsilon": 1e-5,
    "rope.dimension_count": _HEAD, "rope.freq_base": 10000.0,
}  # fmt: skip
_EVERY_OTHER: dict[str, Any] = {"attention.head_count_kv": [0, HEADS] * (LAYERS // 2)}
"""0: the layer has a state instead of keys and values."""
_STATES = {
    "ssm.conv_kernel": 4, "ssm.inner_size": 2 * LENGTH, "ssm.state_size": 16,
    "ssm.time_step_rank": 8, "ssm.group_count": 2,
}  # fmt: skip
_EXPERTS = {
    "expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": INNER,
    "expert_shared_count": 1, "expert_shared_feed_forward_length": INNER, "expert_gating_func": 2,
    "expert_weights_scale": 1.0, "expert_weights_norm": True,
}  # fmt: skip
_LATENT = {
    "attention.q_lora_rank": 32, "attention.kv_lora_rank": 32, "attention.head_count_kv": 1,
    "attention.key_length": 48, "attention.value_length": 32, "attention.key_length_mla": 48,
    "attention.value_length_mla": 32, "rope.dimension_count": 16,
}  # fmt: skip
# With few heads many tokens score exactly 0, and then what is taken depends on where they lie.
_INDEXER = {
    "attention.indexer.head_count": 64, "attention.indexer.key_length": 128,
    "attention.indexer.top_k": 64, "attention.indexer.block_size": 4,
    "attention.indexer.local_blocks": 1,
}  # fmt: skip
# With heads of another size llama.cpp computes something else each time.
_WKV = {
    "wkv.head_size": 64, "attention.decay_lora_rank": 16, "attention.iclr_lora_rank": 16,
    "attention.value_residual_mix_lora_rank": 16, "attention.gate_lora_rank": 16,
    "attention.head_count": 0, "token_shift_count": 2,
}  # fmt: skip

KINDS: Mapping[str, dict[str, Any]] = {
    "llama": {},
    "qwen2": {},
    "qwen3": {},
    "gpt2": {},
    "gemma3": {"attention.sliding_window": WINDOW, "attention.sliding_window_pattern": 2},
    "mamba2": _STATES,
    "rwkv7": _WKV,
    "arwkv7": _WKV | {"token_shift_count": 1},
    "lfm2": {"shortconv.l_cache": 3} | _EVERY_OTHER,
    "qwen3next": _STATES | _EXPERTS | {
        "ssm.inner_size": LENGTH, "ssm.state_size": 16, "ssm.time_step_rank": 4,
        "full_attention_interval": 2,
    },
    "plm": _LATENT | {"attention.head_count_kv": HEADS},
    "deepseek32": _LATENT | _EXPERTS | _INDEXER,
    "minimax-m3": _EXPERTS | _INDEXER | {"attention.indexer.head_count": HEADS},
    "deepseek4": _EXPERTS | _INDEXER | {
        "expert_gating_func": 4, "swiglu_clamp_exp": 10.0, "rope.dimension_count": 16,
        "attention.head_count_kv": 1, "attention.key_length": 32, "attention.value_length": 32,
        "attention.q_lora_rank": 32, "attention.output_lora_rank": 16,
        "attention.output_group_count": 2, "attention.sliding_window": WINDOW,
        "attention.compress_ratios": [0, 4, 128, 4], "attention.compress_rope_freq_base": 1e4,
        "hyper_connection.count": 4, "hyper_connection.sinkhorn_iterations": 2,
        "hyper_connection.epsilon": 1e-6, "hash_layer_count": 0,
    },
    "hrm_text": {
        "block_count": 6, "hrm.layers_per_stack": 1, "hrm.h_cycles": 2, "hrm.l_cycles": 2,
    },
    "dream": {"attention.causal": False},
    "t5encoder": {"attention.relative_buckets_count": 8, "pooling_type": 1},
}  # fmt: skip
"""What an architecture's header has beside what all have."""


def write_model(
    folder: Path,
    architecture: str,
    *,
    without: tuple[str, ...] = (),
    half: bool = False,
    name: str = "",
    **changes: Any,
) -> Path:
    """Writes a model of `KINDS`.

    It has no tensors whose names end with one of `without`, and with `half` matrices of 16-bit
    floats. `changes` are metadata by their keys after the architecture's name, with `__` for a dot.
    """
    library.start()
    values = _COMMON | KINDS[architecture]
    values |= {key.replace("__", "."): value for key, value in changes.items()}
    path = folder / f"{name or architecture}.gguf"
    _write(path, architecture, values, {})
    tensors = {
        tensor: _weights(tensor, shape).astype(np.float16 if half and shape[1:] else np.float32)
        for tensor, shape in _wanted(path).items()
        if not tensor.endswith(without)
    }
    return _write(path, architecture, values, tensors, half=half)


def _write(
    path: Path,
    architecture: str,
    values: Mapping[str, Any],
    tensors: Mapping[str, NDArray[Any]],
    *,
    half: bool = False,
) -> Path:
    writer = gguf.GGUFWriter(path, architecture)
    types = gguf.LlamaFileType
    writer.add_file_type(types.MOSTLY_F16 if half else types.ALL_F32)
    for key, value in values.items():
        _add_value(writer, f"{architecture}.{key}", value)
    for key, (value, kind, items) in _tokenizer().items():
        writer.add_key_value(key, value, kind, items)
    for name, data in tensors.items():
        writer.add_tensor(name, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_value(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    kinds: dict[type, Any] = {
        str: writer.add_string,
        bool: writer.add_bool,
        int: writer.add_uint32,
        float: writer.add_float32,
    }
    if type(value) in kinds:
        kinds[type(value)](key, value)
    else:
        writer.add_array(key, value)


@cache
def _tokenizer() -> dict[str, tuple[Any, Any, Any]]:
    """The metadata of the tokens: values, their types, and those of their items."""
    fields = gguf.GGUFReader(str(_TOKENIZER)).fields
    return {
        key: (field.contents(), field.types[0], field.types[-1])
        for key, field in fields.items()
        if key.startswith("tokenizer.")
    }


def _weights(name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """The same each time, and of a size that lets a text depend on what came before."""
    noise = np.random.default_rng(zlib.crc32(name.encode())).standard_normal(shape, np.float32)
    role = name.removesuffix(".weight").rpartition(".")[2]
    if role.startswith("rope_"):
        return np.ones(shape, np.float32)
    if role == "ssm_a":  # how fast a state fades
        return -np.exp(0.5 * noise)
    if "norm" in role or role in ("ssm_d", "scale"):
        return 1 + 0.1 * noise
    if len(shape) == 1:
        return 0.2 * noise
    if role in ("token_embd", "position_embd"):
        return 0.5 * noise
    return np.float32((4 if role == "output" else 1.2) / np.sqrt(shape[-1])) * noise


def _wanted(header: Path) -> dict[str, tuple[int, ...]]:
    """The tensors of a file without any: their names and shapes, rows last."""
    found: dict[str, tuple[int, ...]] = {}
    name_of = ggml.libggml.ggml_get_name
    name_of.restype, name_of.argtypes = ctypes.c_char_p, [ctypes.c_void_p]

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
    def note(tensor: int, _: int) -> None:
        # `ggml_tensor` begins with a type and a pointer, then come its sizes.
        sizes = list((ctypes.c_int64 * 4).from_address(tensor + 16))
        while len(sizes) > 1 and sizes[-1] == 1:
            sizes.pop()
        found.setdefault(name_of(tensor).decode(), tuple(reversed(sizes)))

    class Parameters(ctypes.Structure):
        """`gguf_init_params` in gguf.h."""

        _fields_ = (("no_alloc", ctypes.c_bool), ("context", ctypes.c_void_p))

    read = ggml.libggml.gguf_init_from_file
    read.restype, read.argtypes = ctypes.c_void_p, [ctypes.c_char_p, Parameters]
    metadata = read(str(header).encode(), Parameters(True, None))
    build = lib._lib.llama_model_init_from_user
    build.restype = ctypes.c_void_p
    build.argtypes = [ctypes.c_void_p] * 3 + [lib.llama_model_params]
    fill = ctypes.cast(note, ctypes.c_void_p)
    model = build(metadata, fill, None, lib.llama_model_default_params())
    assert model, f"llama.cpp refuses the header of {header.name}"
    lib.llama_model_free(model)
    ggml.libggml.gguf_free(ctypes.c_void_p(metadata))
    return found
