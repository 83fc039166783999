"""The whole service with each engine."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest

from funland.v1 import inference_pb2, inference_pb2_grpc, models_pb2, models_pb2_grpc
from tests.conformance.conftest import ENGINES
from tests.conformance.folders import safetensors_folder
from tests.conftest import StartStack
from tests.split_files import split

SECONDS = 120


def greet(channel: grpc.Channel, model: str) -> inference_pb2.ChatResponse:
    request = inference_pb2.ChatRequest(
        model=model,
        messages=[inference_pb2.Message(role=inference_pb2.Message.USER, content="Hello!")],
        sampling=inference_pb2.SamplingParameters(temperature=0),
    )
    return inference_pb2_grpc.InferenceServiceStub(channel).Chat(request, timeout=SECONDS)


def test_a_chat_is_the_same_with_each_engine_and_format(
    start_stack: StartStack, model_path: Path, tmp_path: Path
) -> None:
    stack = start_stack(FUNLAND_SERVER__SLOTS="2", FUNLAND_SERVER__MAX_CONTEXT_LENGTH="256")
    with grpc.insecure_channel(stack.grpc_address) as channel:
        models = models_pb2_grpc.ModelServiceStub(channel)
        answers: dict[str, str] = {}

        for name in ENGINES:
            settings = models_pb2.LoadSettings(engine=models_pb2.LoadSettings.Engine.Value(name))
            request = models_pb2.LoadModelRequest(model_id="funland-tiny", settings=settings)
            model = models.LoadModel(request, timeout=SECONDS)
            assert (model.loaded.engine, model.loaded.device) == (settings.engine, "CPU")
            answers[name] = greet(channel, "funland-tiny").message.content

        folder = safetensors_folder(model_path, tmp_path / "tiny-folder")
        imported = models.ImportModel(
            models_pb2.ImportModelRequest(path=str(folder)), timeout=SECONDS
        )
        answers["SAFETENSORS"] = greet(channel, imported.model_id).message.content

        assert set(answers.values()) == {"Hello! How can I help you today?"}
        assert imported.format == models_pb2.Model.SAFETENSORS
        assert imported.can_chat
        models.DeleteModel(models_pb2.DeleteModelRequest(model_id=imported.model_id))
        assert not (stack.home / "models" / imported.model_id).exists()
        assert not (stack.home / "conversions" / imported.model_id).exists()


def test_a_model_in_several_files_is_one_model(
    start_stack: StartStack, model_path: Path, tmp_path: Path
) -> None:
    stack = start_stack(FUNLAND_SERVER__SLOTS="2", FUNLAND_SERVER__MAX_CONTEXT_LENGTH="256")
    paths = split(model_path, tmp_path, "tiny-cut", 3, metadata_alone=True)
    with grpc.insecure_channel(stack.grpc_address) as channel:
        models = models_pb2_grpc.ModelServiceStub(channel)

        with pytest.raises(grpc.RpcError) as raised:
            models.ImportModel(models_pb2.ImportModelRequest(path=str(paths[1])), timeout=SECONDS)
        assert "part 2 of 3" in raised.value.details()  # type: ignore[attr-defined]  # as below
        model = models.ImportModel(
            models_pb2.ImportModelRequest(path=str(paths[0])), timeout=SECONDS
        )
        for path in paths:
            path.unlink()

        assert model.model_id == "tiny-cut"
        answer = greet(channel, "tiny-cut").message.content
        assert answer == greet(channel, "funland-tiny").message.content
        settings = models_pb2.LoadSettings(engine=models_pb2.LoadSettings.CTRANSLATE2)
        request = models_pb2.LoadModelRequest(model_id="tiny-cut", settings=settings)
        models.LoadModel(request, timeout=SECONDS)
        assert greet(channel, "tiny-cut").message.content == answer
        request.settings.engine = models_pb2.LoadSettings.OPENVINO
        with pytest.raises(grpc.RpcError) as raised:
            models.LoadModel(request, timeout=SECONDS)
        assert "several files" in raised.value.details()  # type: ignore[attr-defined]  # as below
        models.DeleteModel(models_pb2.DeleteModelRequest(model_id="tiny-cut"), timeout=SECONDS)
        assert not (stack.home / "models" / "tiny-cut").exists()


def test_an_engine_that_can_not_is_named(start_stack: StartStack) -> None:
    stack = start_stack()
    with grpc.insecure_channel(stack.grpc_address) as channel:
        models = models_pb2_grpc.ModelServiceStub(channel)
        request = models_pb2.LoadModelRequest(
            model_id="funland-tiny", settings=models_pb2.LoadSettings(device="NPU")
        )

        with pytest.raises(grpc.RpcError) as raised:
            models.LoadModel(request, timeout=SECONDS)

    assert raised.value.code() == grpc.StatusCode.FAILED_PRECONDITION  # type: ignore[attr-defined]  # grpc's errors are calls too
    assert "NPU" in raised.value.details()  # type: ignore[attr-defined]  # as above
