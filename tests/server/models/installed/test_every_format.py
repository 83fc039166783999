"""A download in any form that hubs have ends with a model that answers by its name there."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import GetModelRequest, Model, Origin
from funland_server.downloads.plan import Plan, PlannedFile
from tests.conformance.folders import ctranslate2_folder, openvino_folder, safetensors_folder
from tests.server.models.installed.conftest import Running
from tests.split_files import split


def one_file(source: Path, folder: Path) -> Path:
    folder.mkdir()
    (folder / "tiny.gguf").write_bytes(source.read_bytes())
    return folder


def three_files(source: Path, folder: Path) -> Path:
    folder.mkdir()
    split(source, folder, "tiny", 3)
    return folder


FORMS: dict[str, tuple[Model.Format.ValueType, Callable[[Path, Path], Path]]] = {
    "a GGUF file": (Model.GGUF, one_file),
    "three GGUF files": (Model.GGUF, three_files),
    "OpenVINO": (Model.OPENVINO_IR, openvino_folder),
    "CTranslate2": (Model.CTRANSLATE2, ctranslate2_folder),
    "safetensors": (Model.SAFETENSORS, safetensors_folder),
}
NAME = "owner/Tiny"


@pytest.mark.parametrize("form", FORMS)
async def test_it_is_installed_and_answers(
    running: Running, model_path: Path, tmp_path: Path, form: str
) -> None:
    model_format, make = FORMS[form]
    folder = await asyncio.to_thread(make, model_path, tmp_path / "made")
    files = {f"sub/{path.name}": path.read_bytes() for path in folder.iterdir()}
    plan = Plan(
        origin=Origin(hub=Origin.MODELSCOPE, model_id=NAME, revision="c" * 40, variant="V"),
        format=model_format,
        quantization="",
        files=tuple(
            PlannedFile(path, len(content), hashlib.sha256(content).hexdigest(), "", ())
            for path, content in files.items()
        ),
        model_id="tiny-v",
        reason="",
    )

    assert await running.install(plan, files) == "tiny-v"

    chat = ChatRequest(
        model=NAME,
        messages=[Message(role=Message.USER, content="Hello!")],
        sampling=SamplingParameters(temperature=0, max_tokens=5),
    )
    assert (await running.inference.Chat(chat)).message.content
    model = await running.models_service.GetModel(GetModelRequest(model_id=f"{NAME}:V"))
    assert (model.state, model.format, model.source) == (Model.LOADED, model_format, NAME)
    assert running.models.installing.has(plan) is not None
