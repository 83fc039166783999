"""Models of random weights, of the architectures of `headers`, as small GGUF files.

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
from tools.zoo.headers import COMMON, HEADERS

_TOKENIZER = resources.files("funland_server.models") / "embedded" / "funland-tiny.gguf"
_UNPREFIXED = ("tokenizer.", "xielu.")
_WHOLE = (
    "conv1d", "conv", "conv1d_q", "conv1d_k", "conv1d_v", "ffn_gate_inp", "ffn_gate_inp_shexp",
    "position_embd", "a", "d",
)  # fmt: skip
_PRODUCTS = ("key", "value", "receptance", "gate", "output")
"""What no converter makes 16-bit floats of, beside most of `time_mix_`: llama.cpp ends the process
where it is."""


def write_model(
    folder: Path,
    architecture: str,
    *,
    without: tuple[str, ...] = (),
    half: bool = False,
    name: str = "",
    **changes: Any,
) -> Path:
    """Writes a model of `HEADERS`.

    It has no tensors whose names end with one of `without`, and with `half` matrices of 16-bit
    floats. `changes` are metadata by their keys after the architecture's name, with `__` for a dot.
    """
    library.start()
    values = {**COMMON, **HEADERS[architecture]}
    values |= {key.replace("__", "."): value for key, value in changes.items()}
    path = folder / f"{name or architecture}.gguf"
    _write(path, architecture, values, {})
    tensors = {
        tensor: _weights(tensor, shape).astype(
            np.float16 if half and _halved(tensor, shape) else np.float32
        )
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
        whole = key if key.startswith(_UNPREFIXED) else f"{architecture}.{key}"
        _add_value(writer, whole, value)
    for key, (value, kind, items) in _tokenizer().items():
        if key not in values:
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
    if role in ("ssm_a", "ssm_a_log"):  # how fast a state fades
        return -np.exp(0.5 * noise)
    if "norm" in role or role in ("ssm_d", "scale"):
        return 1 + 0.1 * noise
    if len(shape) == 1:
        return 0.2 * noise
    if role in ("token_embd", "position_embd"):
        return 0.5 * noise
    return np.float32((4 if role == "output" else 1.2) / np.sqrt(shape[-1])) * noise


def _halved(name: str, shape: tuple[int, ...]) -> bool:
    """Whether a converter makes 16-bit floats of it where it can."""
    role = name.removesuffix(".weight").rpartition(".")[2]
    if role.startswith("time_mix_"):
        return role.endswith(_PRODUCTS)
    whole = role == "bias" or role.endswith("_ape") or role.removeprefix("ssm_") in _WHOLE
    return len(shape) > 1 and not whole


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
    if not model:
        raise ValueError(f"llama.cpp refuses the header of {header.name}")
    lib.llama_model_free(model)
    ggml.libggml.gguf_free(ctypes.c_void_p(metadata))
    return found
