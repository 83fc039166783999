"""Which engines are installed, and what they load."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Final

from funland.v1.models_pb2 import LoadSettings, Model

Engine = LoadSettings.Engine.ValueType

_WHEELS: Final = "funland_llama_cpp"
"""llama.cpp as a wheel of Funland has it."""

_PACKAGES: Final[Mapping[Engine, tuple[str, ...]]] = {
    LoadSettings.LLAMA_CPP: (_WHEELS if find_spec(_WHEELS) else "llama_cpp",),
    LoadSettings.OPENVINO: ("openvino", "openvino_genai"),
    LoadSettings.CTRANSLATE2: ("ctranslate2",),
    LoadSettings.ONNX_RUNTIME: ("onnxruntime",),
}

_DISTRIBUTIONS: Final[Mapping[Engine, str]] = {
    LoadSettings.LLAMA_CPP: "llama-cpp-python",
    LoadSettings.OPENVINO: "openvino",
    LoadSettings.CTRANSLATE2: "ctranslate2",
    LoadSettings.ONNX_RUNTIME: "onnxruntime",
}

READERS: Final[Mapping[Model.Format.ValueType, tuple[Engine, ...]]] = {
    Model.GGUF: (LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2),
    Model.OPENVINO_IR: (LoadSettings.OPENVINO,),
    Model.CTRANSLATE2: (LoadSettings.CTRANSLATE2,),
    Model.SAFETENSORS: (LoadSettings.CTRANSLATE2,),
    Model.ONNX: (LoadSettings.ONNX_RUNTIME, LoadSettings.OPENVINO),
}
"""The engines that read a format, the preferred one first; as the worker chooses."""

CONVERTED_ARCHITECTURES: Final = frozenset({"llama", "qwen2", "mistral"})
"""Those of safetensors that CTranslate2 can be made of, by `model_type`."""


@cache
def installed_engines() -> frozenset[Engine]:
    """Those whose packages are there. Imports none of them: that is for workers."""
    return frozenset(
        engine for engine, names in _PACKAGES.items() if all(find_spec(name) for name in names)
    )


@cache
def engine_version(engine: Engine) -> str:
    """The version of an engine's package; empty if it is not installed."""
    if _PACKAGES.get(engine) == (_WHEELS,):
        return import_module(_WHEELS).__version__  # the package holds nothing else itself
    try:
        return version(_DISTRIBUTIONS[engine])
    except (KeyError, PackageNotFoundError):
        return ""
