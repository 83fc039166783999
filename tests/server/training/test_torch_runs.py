"""Runs by a real server that PyTorch computes."""

from __future__ import annotations

import grpc.aio
import pytest

from funland.v1.inference_pb2 import ChatRequest, Message, SamplingParameters
from funland.v1.models_pb2 import GetModelRequest, Model
from funland.v1.training_pb2 import (
    ExportAdapterRequest,
    ListTrainingTemplatesRequest,
    TrainingRun,
)
from funland_server.app import Server
from tests.server.conftest import call, details, streamed
from tests.server.training.test_runs import ANSWER, ASKED, asked_for, dataset, ended

pytest.importorskip("torch")

SMALL = {"batch_size": 4, "max_steps": 60, "learning_rate": 1e-3, "epochs": 1000, "threads": 1}


async def test_a_model_comes_of_a_run_of_all_weights_and_answers(server: Server) -> None:
    dataset_id = await dataset(server)
    request = asked_for(dataset_id, template_id="full", name="Keepers")
    request.hyperparameters.Clear()
    for name, value in SMALL.items():
        setattr(request.hyperparameters, name, value)

    estimate = await call(server, "EstimateTraining", request)
    run: TrainingRun = await call(server, "SubmitTraining", request)
    assert (run.backend, run.device_id, run.result_model_id) == ("torch", "cpu_0", "keepers")
    assert not run.adapter_id
    assert not run.hyperparameters.HasField("rank")
    run, steps = await ended(server, run.run_id)

    assert run.state == TrainingRun.COMPLETED, run.error
    assert len(steps) == 60
    assert estimate.fits
    assert estimate.trained_parameters == run.estimate.trained_parameters > 6e6
    # Rows that were not counted are taken to be as long as they may be.
    assert 0 < run.measured_memory_bytes < 1.2 * estimate.memory_bytes
    model: Model = await call(server, "GetModel", GetModelRequest(model_id="keepers"))
    told = await call(
        server,
        "Chat",
        ChatRequest(
            model=model.model_id,
            messages=[Message(role=Message.USER, content=ASKED)],
            sampling=SamplingParameters(temperature=0, max_tokens=30),
        ),
    )
    assert told.message.content.strip() == ANSWER
    export = ExportAdapterRequest(run_id=run.run_id)
    sent = b"".join([part.data async for part in streamed(server, "ExportAdapter", export)])
    assert sent.startswith(b"GGUF")
    assert len(sent) > 4 * 6e6
    export.format = ExportAdapterRequest.PEFT
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        [part async for part in streamed(server, "ExportAdapter", export)]
    assert details(refused.value)["ErrorInfo"].reason == "FIELD_INVALID"


@pytest.mark.parametrize("template_id", ["lora", "qlora"])
async def test_an_adapter_comes_of_pytorch_as_of_numpy(server: Server, template_id: str) -> None:
    dataset_id = await dataset(server)
    templates = await call(server, "ListTrainingTemplates", ListTrainingTemplatesRequest())
    places = {one.template_id: [*one.places] for one in templates.templates}
    if not any(one.backend == "torch" for one in places[template_id]):
        pytest.skip("it lacks bitsandbytes")
    request = asked_for(dataset_id, 3, template_id=template_id, backend="torch", device_id="cpu_0")

    estimate = await call(server, "EstimateTraining", request)
    run: TrainingRun = await call(server, "SubmitTraining", request)
    run, _ = await ended(server, run.run_id)

    assert run.state == TrainingRun.COMPLETED, run.error
    assert (run.backend, run.device_id) == ("torch", "cpu_0")
    assert run.adapter_id
    assert not run.result_model_id
    # Rows that were not counted are taken to be as long as they may be.
    assert 0 < run.measured_memory_bytes < 1.2 * estimate.memory_bytes


async def test_what_contradicts_a_template_is_named(server: Server) -> None:
    dataset_id = await dataset(server)
    cases: list[tuple[dict[str, str], str]] = [
        ({"template_id": "full"}, "hyperparameters.rank"),
        ({"template_id": "qlora", "result_model_id": "x"}, "result_model_id"),
        ({"template_id": "qlora", "backend": "numpy"}, "backend"),
    ]

    for more, field in cases:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(server, "SubmitTraining", asked_for(dataset_id, 3, **more))
        (violation,) = details(refused.value)["BadRequest"].field_violations
        assert violation.field == field
