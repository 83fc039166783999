"""What shows a model pictures is installed, copied, checked and removed with it."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path

import pytest
from PIL import Image

from funland.v1.inference_pb2 import ChatRequest, Media, Message, MessagePart, SamplingParameters
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    Model,
)
from funland_server.errors import FieldInvalidError
from funland_server.models.errors import ModelFileChangedError
from funland_server.models.installed.layout import layout
from funland_server.workers.errors import ModelFileInvalidError, ModelLoadFailedError
from tests import projectors
from tests.ollama_files import plan_of
from tests.server.models.installed.conftest import Running

FRANCE, JAPAN = 3228, 3229
PARIS = "The capital of France is Paris."


@pytest.fixture(scope="session")
def projector(model_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("projector") / "mmproj-f32.gguf"
    return projectors.write_naming(path, model_path, FRANCE, JAPAN)


async def capital(running: Running, model: str) -> str:
    """Of what a red picture shows."""
    file = io.BytesIO()
    Image.new("RGB", (32, 32), "red").save(file, "PNG")
    parts = [
        MessagePart(text="What is the capital of"),
        MessagePart(image=Media(data=file.getvalue())),
        MessagePart(text="?"),
    ]
    request = ChatRequest(
        model=model,
        messages=[Message(role=Message.USER, parts=parts)],
        sampling=SamplingParameters(temperature=0, max_tokens=12),
    )
    return (await running.inference.Chat(request)).message.content


async def imported(running: Running, model_path: Path, projector: Path | None, name: str) -> Model:
    request = ImportModelRequest(path=str(model_path), model_id=name)
    if projector is not None:
        request.projector_path = str(projector)
    return await running.models_service.ImportModel(request)


async def test_a_model_made_of_one_that_sees_does_too(
    running: Running, model_path: Path, projector: Path
) -> None:
    await imported(running, model_path, projector, "sees")
    request = ImportModelRequest(base_model="sees", model_id="copy")
    copy = await running.models_service.ImportModel(request)
    await running.models_service.DeleteModel(DeleteModelRequest(model_id="sees"))

    assert copy.can_see
    assert await capital(running, "copy") == PARIS


async def test_one_of_ollamas_registry_brings_its_own(
    running: Running, model_path: Path, projector: Path
) -> None:
    layers = {
        "model.gguf": await asyncio.to_thread(model_path.read_bytes),
        "projector.gguf": await asyncio.to_thread(projector.read_bytes),
    }
    await running.install(plan_of(layers), layers)

    assert await capital(running, "tiny:6m") == PARIS


async def test_one_that_changed_is_found_before_a_load(
    running: Running, model_path: Path, projector: Path
) -> None:
    await imported(running, model_path, projector, "sees")
    path = running.folder / "models" / "sees" / "projector.gguf"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.unlink()
    path.write_bytes(data)

    with pytest.raises(ModelFileChangedError, match="projector"):
        await running.models_service.LoadModel(LoadModelRequest(model_id="sees"))


async def test_one_of_another_model_is_told_at_the_load(
    running: Running, model_path: Path, tmp_path: Path
) -> None:
    other = projectors.write_random(tmp_path / "mmproj.gguf", "mlp", 64)
    model = await imported(running, model_path, other, "sees")

    with pytest.raises(ModelLoadFailedError, match=r"projector.*mismatch"):
        await running.models_service.LoadModel(LoadModelRequest(model_id="sees"))
    assert model.can_see


async def test_what_is_no_projector_is_not_installed(running: Running, model_path: Path) -> None:
    with pytest.raises(ModelFileInvalidError, match="no projector"):
        await imported(running, model_path, model_path, "sees")
    with pytest.raises(FieldInvalidError) as raised:
        await imported(running, model_path, Path("mmproj.gguf"), "sees")

    assert [one.field for one in raised.value.violations] == ["projector_path"]
    assert running.models.catalog.find("sees") is None


async def test_a_model_without_one_sees_nothing(running: Running, model_path: Path) -> None:
    await imported(running, model_path, None, "blind")

    model = await running.models_service.GetModel(GetModelRequest(model_id="blind"))

    assert not model.can_see


def test_it_has_a_name_of_its_own_in_the_store() -> None:
    shards = [f"m-0000{number}-of-00002.gguf" for number in (1, 2)]

    one = layout(Model.GGUF, ["x/m-Q4_0.gguf", "x/mmproj-F16.gguf"])
    several = layout(Model.GGUF, [*shards, "m.mmproj-f16.gguf"])

    assert one == {"model.gguf": "x/m-Q4_0.gguf", "projector.gguf": "x/mmproj-F16.gguf"}
    assert several["projector.gguf"] == "m.mmproj-f16.gguf"
    assert len(several) == 3
