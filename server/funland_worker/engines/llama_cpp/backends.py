"""llama.cpp's backends beside the CPU's: modules that are compiled for themselves (ADR 0066), and
what they find."""

from __future__ import annotations

import ctypes
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import digits
from typing import Any

from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.last_words import why
from funland_worker.engines.llama_cpp.library import function

_GPU, _INTEGRATED_GPU = 1, 2
"""`ggml_backend_dev_type` in ggml-backend.h."""

_PREFIX = "libggml-"

_Pointer = ctypes.c_void_p


class _Capabilities(ctypes.Structure):
    """`ggml_backend_dev_caps` in ggml-backend.h."""

    _fields_ = tuple(
        (name, ctypes.c_bool)
        for name in ("async", "host_buffer", "buffer_from_host_ptr", "events", "mmap_support")
    )


class _Properties(ctypes.Structure):
    """`ggml_backend_dev_props` in ggml-backend.h."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_char_p),
        ("caps", _Capabilities),
    )


@dataclass(frozen=True, slots=True)
class Accelerator:
    """A device of a backend, as it was when it was asked."""

    handle: int
    """llama.cpp's `ggml_backend_dev_t`."""
    name: str
    """Such as `Vulkan0`."""
    backend: str
    """Such as `Vulkan`."""
    description: str
    pci_address: str
    """Empty if it is on no bus."""
    memory_total: int
    memory_free: int
    """In bytes; as far as the driver says what others take, without that."""


def accelerators(names: Collection[str] = ()) -> list[Accelerator]:
    """All devices of the backends that have devices of these names, or of all backends, but for the
    CPU. Backends are loaded when they are asked for first."""
    for module in _modules(names):
        _load(module)
    get = function("ggml_backend_dev_get", _Pointer, ctypes.c_size_t)
    count: int = function("ggml_backend_dev_count", ctypes.c_size_t)()
    return list(_described(get(index) for index in range(count)))


def folder() -> Path:
    """Where the modules are: beside llama.cpp's libraries."""
    return library.FOLDER / "backends"


def failures() -> Sequence[str]:
    """Why modules that are there could not be loaded."""
    return tuple(filter(None, map(_load, _modules())))


def _modules(names: Collection[str] = ()) -> list[Path]:
    """Of the backends that have devices of these names, such as `CUDA1`; without names all."""
    wanted = {name.rstrip(digits).lower() for name in names}
    modules = sorted(folder().glob(f"{_PREFIX}*.so"))
    return [one for one in modules if not names or one.stem.removeprefix(_PREFIX) in wanted]


@cache
def _load(module: Path) -> str:
    """Loads a module. Gives why it could not be loaded; empty if it was."""
    library.errors.clear()
    if function("ggml_backend_load", _Pointer, ctypes.c_char_p)(str(module).encode()):
        return ""
    told = why(library.errors, str(module)) or "it did not say why"
    return f"{module.name} can't be loaded: {told}"


def _described(handles: Iterator[int]) -> Iterator[Accelerator]:
    read = function("ggml_backend_dev_get_props", None, _Pointer, _Pointer)
    registry = function("ggml_backend_dev_backend_reg", _Pointer, _Pointer)
    name_of = function("ggml_backend_reg_name", ctypes.c_char_p, _Pointer)
    for handle in handles:
        told: Any = _Properties()
        read(handle, ctypes.byref(told))
        if told.type in (_GPU, _INTEGRATED_GPU):
            yield Accelerator(
                handle=handle,
                name=told.name.decode(),
                backend=name_of(registry(handle)).decode(),
                description=told.description.decode(errors="replace"),
                pci_address=(told.device_id or b"").decode(),
                memory_total=told.memory_total,
                memory_free=told.memory_free,
            )
