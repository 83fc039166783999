"""Which engine runs a model, and what is said when none can."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1 import worker_pb2
from funland_worker.engines.choice import choose, load
from funland_worker.engines.protocol import EngineError

LLAMA, OPENVINO, CTRANSLATE2 = (
    LoadSettings.LLAMA_CPP,
    LoadSettings.OPENVINO,
    LoadSettings.CTRANSLATE2,
)
ANY = LoadSettings.ENGINE_UNSPECIFIED


@pytest.mark.parametrize(
    ("model_format", "engine", "device", "chosen"),
    [
        (Model.FORMAT_UNSPECIFIED, ANY, "", LLAMA),
        (Model.GGUF, ANY, "", LLAMA),
        (Model.GGUF, ANY, "CPU", LLAMA),
        (Model.GGUF, ANY, "GPU", OPENVINO),
        (Model.GGUF, ANY, "NPU", OPENVINO),
        (Model.GGUF, OPENVINO, "", OPENVINO),
        (Model.GGUF, CTRANSLATE2, "", CTRANSLATE2),
        (Model.OPENVINO_IR, ANY, "GPU.1", OPENVINO),
        (Model.CTRANSLATE2, ANY, "", CTRANSLATE2),
        (Model.SAFETENSORS, ANY, "CPU", CTRANSLATE2),
    ],
)
def test_the_first_that_can_is_chosen(
    model_format: Model.Format.ValueType,
    engine: LoadSettings.Engine.ValueType,
    device: str,
    chosen: LoadSettings.Engine.ValueType,
) -> None:
    assert choose(model_format, LoadSettings(engine=engine, device=device)) == chosen


@pytest.mark.parametrize(
    ("model_format", "engine", "device", "feature"),
    [
        (Model.OPENVINO_IR, LLAMA, "", "OPENVINO_IR"),
        (Model.SAFETENSORS, OPENVINO, "GPU", "SAFETENSORS"),
        (Model.GGUF, LLAMA, "GPU", "device GPU"),
        (Model.SAFETENSORS, ANY, "NPU", "device NPU"),
    ],
)
def test_what_no_engine_can_do_is_named(
    model_format: Model.Format.ValueType,
    engine: LoadSettings.Engine.ValueType,
    device: str,
    feature: str,
) -> None:
    with pytest.raises(EngineError) as raised:
        choose(model_format, LoadSettings(engine=engine, device=device))

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == feature


@pytest.mark.parametrize("package", ["openvino", "ctranslate2"])
def test_an_engine_that_is_not_installed_is_unavailable(
    monkeypatch: pytest.MonkeyPatch, model_path: Path, package: str
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == package:
            raise ImportError(f"No module named {name!r}")
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    engine = LoadSettings.Engine.Value(package.upper())
    launch = worker_pb2.Launch(model_path=str(model_path), settings=LoadSettings(engine=engine))

    with pytest.raises(EngineError) as raised:
        load(launch)

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE
    assert package in raised.value.message


def test_a_device_that_is_not_there_is_unavailable_and_those_there_are_named(
    model_path: Path,
) -> None:
    launch = worker_pb2.Launch(model_path=str(model_path), settings=LoadSettings(device="NPU"))

    with pytest.raises(EngineError) as raised:
        load(launch)

    assert raised.value.reason == ErrorReason.ENGINE_UNAVAILABLE
    assert raised.value.metadata == {"engine": "OPENVINO", "device": "NPU"}
    assert "CPU" in raised.value.message


@pytest.mark.parametrize("engine", [OPENVINO, CTRANSLATE2])
def test_a_draft_model_is_for_llama_cpp(
    model_path: Path, engine: LoadSettings.Engine.ValueType
) -> None:
    launch = worker_pb2.Launch(
        model_path=str(model_path),
        draft_model_path=str(model_path),
        settings=LoadSettings(engine=engine),
    )

    with pytest.raises(EngineError) as raised:
        load(launch)

    assert raised.value.reason == ErrorReason.ENGINE_UNSUPPORTED
    assert raised.value.metadata["feature"] == "draft_model"
