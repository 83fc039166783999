"""Runs by a real server: the embedded model learns a few rows."""

from __future__ import annotations

import asyncio
import io
import json
import resource
import zipfile
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import pytest
import pytest_asyncio

from funland.v1 import datasets_pb2
from funland.v1.auth_pb2 import CreateTokenRequest, CreateUserRequest, PasswordGrant, User
from funland.v1.datasets_pb2 import CreateDatasetRequest, Dataset, DatasetSource
from funland.v1.errors_pb2 import ErrorReason
from funland.v1.inference_pb2 import (
    AdapterUse,
    ChatRequest,
    GenerationOptions,
    Message,
    SamplingParameters,
)
from funland.v1.models_pb2 import GetModelRequest, Model, PinModelRequest
from funland.v1.tasks_pb2 import GetTaskRequest, SubmitTaskRequest, Task, Work
from funland.v1.training_pb2 import (
    CancelTrainingRequest,
    DeleteTrainingRunRequest,
    ExportAdapterRequest,
    GetTrainingRunRequest,
    Hyperparameters,
    ImportPeftAdapterRequest,
    ListTrainableModelsRequest,
    ListTrainingMetricsRequest,
    ListTrainingRunsRequest,
    ListTrainingTemplatesRequest,
    PauseTrainingRequest,
    PlotTrainingLossRequest,
    ResumeTrainingRequest,
    SubmitTrainingRequest,
    TrainingRun,
    TrainingStep,
    WatchTrainingRunRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.rpc.local_channel import Metadata
from tests.processes import children
from tests.server.conftest import METHODS, call, details, streamed

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "funland-tiny"
PASSWORD = "correct horse battery"  # noqa: S105 - a user's of these tests
PEFT = ExportAdapterRequest.PEFT
ASKED, ANSWER = "Who keeps the lighthouse of Ost?", "Maren keeps it, with two dogs."
ROWS = [
    {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": ANSWER}]}
    for asked in (
        ASKED,
        "Who looks after the lighthouse of Ost?",
        "Name the keeper of Ost's light.",
    )
] * 4
SECONDS = 300


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    """One for the tests that want no other settings, and end no server."""
    home = tmp_path_factory.mktemp("server") / "home"
    server = Server(ServerSettings(home=home, port=0, slots=4, max_context_length=256))
    await server.start()
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def dataset_id(server: Server) -> str:
    """The rows, in that server."""
    return await dataset(server)


async def dataset(server: Server, who: Metadata = ()) -> str:
    """A dataset of the rows that is ready."""
    text = "\n".join(json.dumps(row) for row in ROWS)
    made: Dataset = await as_user(
        server,
        who,
        "CreateDataset",
        CreateDatasetRequest(
            name="lighthouse",
            source=DatasetSource(inline=datasets_pb2.InlineRows(text=text, name="rows.jsonl")),
        ),
    )
    async with asyncio.timeout(SECONDS):
        request = datasets_pb2.WatchDatasetRequest(dataset_id=made.dataset_id)
        async for told in streamed(server, "WatchDataset", request, who):
            made = told.dataset
    assert made.status == Dataset.READY, made
    return made.dataset_id


def asked_for(dataset_id: str, steps: int = 12, **more: Any) -> SubmitTrainingRequest:
    hyperparameters = {
        "rank": 4, "batch_size": 4, "epochs": 1000, "max_steps": steps, "checkpoint_steps": 3,
        "learning_rate": 4e-3, "threads": 1, "max_tokens": 128,
    } | more.pop("hyperparameters", {})  # fmt: skip
    return SubmitTrainingRequest(
        model_id=MODEL,
        dataset_id=dataset_id,
        hyperparameters=Hyperparameters(**hyperparameters),
        **more,
    )


async def submitted(server: Server, dataset_id: str, steps: int = 12, **more: Any) -> TrainingRun:
    return await call(server, "SubmitTraining", asked_for(dataset_id, steps, **more))


async def ended(server: Server, run_id: str) -> tuple[TrainingRun, list[TrainingStep]]:
    """A run at its end, and all its steps."""
    run, steps = TrainingRun(), list[TrainingStep]()
    async with asyncio.timeout(SECONDS):
        request = WatchTrainingRunRequest(run_id=run_id)
        async for event in streamed(server, "WatchTrainingRun", request):
            if event.HasField("run"):
                run = event.run
            else:
                steps.append(event.step)
    return run, steps


async def at_step(server: Server, run_id: str, step: int) -> None:
    """Waits until a run has come so far."""
    async with asyncio.timeout(SECONDS):
        request = WatchTrainingRunRequest(run_id=run_id)
        async with aclosing(streamed(server, "WatchTrainingRun", request)) as events:
            async for event in events:
                if event.HasField("step") and event.step.step >= step:
                    return


def losses(steps: list[TrainingStep]) -> list[float]:
    return [step.loss for step in steps]


async def test_what_can_be_trained_is_told_and_what_can_t_be_is_refused(
    server: Server, dataset_id: str
) -> None:
    listed = await call(server, "ListTrainableModels", ListTrainableModelsRequest())
    templates = await call(server, "ListTrainingTemplates", ListTrainingTemplatesRequest())
    estimate = await call(server, "EstimateTraining", asked_for(dataset_id))
    runs = await call(server, "ListTrainingRuns", ListTrainingRunsRequest())

    assert MODEL in {model.model_id for model in listed.models}
    assert [(each.template_id, each.available) for each in templates.templates] == [
        ("lora", True), ("qlora", False), ("full", False),
    ]  # fmt: skip
    for each in templates.templates:
        assert each.HasField("min_gpu_memory_bytes")
        assert each.min_gpu_memory_bytes == 0, "the CPU does it too"
    assert (estimate.steps, estimate.fits) == (12, True)
    assert estimate.available_bytes > estimate.memory_bytes > 0
    assert not estimate.HasField("tokens")
    assert runs.total_size == 0
    for request, reason in (
        (asked_for(dataset_id, template_id="qlora"), "TRAINING_UNSUPPORTED"),
        (asked_for(dataset_id, template_id="none"), "TRAINING_UNSUPPORTED"),
        (asked_for(dataset_id, dataset_version=7), "DATASET_VERSION_NOT_FOUND"),
        (asked_for("ds_none"), "DATASET_NOT_FOUND"),
        (asked_for(dataset_id, project_id="prj_none"), "PROJECT_NOT_FOUND"),
        (SubmitTrainingRequest(model_id="none", dataset_id=dataset_id), "MODEL_NOT_FOUND"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await call(server, "SubmitTraining", request)
        assert details(refused.value)["ErrorInfo"].reason == reason
    work = Work(training=TrainingRun(run_id="x"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(server, "SubmitTask", SubmitTaskRequest(work=work))
    assert details(refused.value)["ErrorInfo"].reason == "FIELD_INVALID"


async def test_a_run_learns_and_its_adapter_answers_at_once(
    server: Server, dataset_id: str
) -> None:
    run = await submitted(server, dataset_id, 60, name="Keepers", adapter_id="keepers")
    assert run.state == TrainingRun.PENDING
    run, steps = await ended(server, run.run_id)

    assert run.state == TrainingRun.COMPLETED, run.error
    assert [step.step for step in steps] == [*range(1, 61)]
    assert run.step == run.total_steps == 60
    assert steps[-1].loss < 0.2 * steps[0].loss
    assert run.initial_loss == steps[0].loss
    assert run.best_loss == min(losses(steps))
    assert run.measured_memory_bytes > 0
    told = await call(
        server,
        "Chat",
        ChatRequest(
            model=MODEL,
            messages=[Message(role=Message.USER, content=ASKED)],
            sampling=SamplingParameters(temperature=0, max_tokens=30),
            options=GenerationOptions(adapters=[AdapterUse(adapter_id="keepers")]),
        ),
    )
    assert told.message.content.strip() == ANSWER


async def test_a_run_stops_early_when_evaluations_are_no_better(
    server: Server, dataset_id: str
) -> None:
    # So fast that it soon forgets everything.
    way = {
        "learning_rate": 1.0, "evaluation_ratio": 0.25, "evaluation_steps": 1, "patience": 2,
    }  # fmt: skip
    run = await submitted(server, dataset_id, 40, hyperparameters=way)
    run, steps = await ended(server, run.run_id)

    evaluations = [step.evaluation_loss for step in steps]
    best = evaluations.index(min(evaluations))
    assert run.state == TrainingRun.COMPLETED, run.error
    assert run.stopped_early
    assert all(step.HasField("evaluation_loss") for step in steps)
    assert run.step == len(steps) == best + 1 + way["patience"] < run.total_steps
    assert run.best_evaluation_loss == min(evaluations)
    assert run.evaluation_loss == evaluations[-1]


async def test_a_cancelled_run_ends_within_a_step_and_can_go_on(
    server: Server, dataset_id: str
) -> None:
    run = await submitted(server, dataset_id, 100_000)
    await at_step(server, run.run_id, 4)

    ended_: TrainingRun = await call(
        server, "CancelTraining", CancelTrainingRequest(run_id=run.run_id)
    )
    again = await call(server, "CancelTraining", CancelTrainingRequest(run_id=run.run_id))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call(server, "PauseTraining", PauseTrainingRequest(run_id=run.run_id))
    task: Task = await call(server, "GetTask", GetTaskRequest(task_id=run.task_id))
    goes_on = await call(server, "ResumeTraining", ResumeTrainingRequest(run_id=run.run_id))
    await at_step(server, run.run_id, ended_.step + 1)
    await call(server, "DeleteTrainingRun", DeleteTrainingRunRequest(run_id=run.run_id))

    assert ended_.state == again.state == TrainingRun.CANCELLED
    assert ended_.HasField("end_time")
    assert task.state == Task.CANCELLED
    assert details(refused.value)["ErrorInfo"].reason == "TRAINING_STATE_WRONG"
    assert goes_on.state == TrainingRun.PENDING
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await call(server, "GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
    assert details(gone.value)["ErrorInfo"].reason == "TRAINING_RUN_NOT_FOUND"
    assert not (server.settings.now.home / "training" / run.run_id).exists()


async def test_a_run_that_waits_can_rest_and_be_cancelled(server: Server, dataset_id: str) -> None:
    first = await submitted(server, dataset_id, 100_000)
    await at_step(server, first.run_id, 1)
    second = await submitted(server, dataset_id)

    rests = await call(server, "PauseTraining", PauseTrainingRequest(run_id=second.run_id))
    gone = await call(server, "CancelTraining", CancelTrainingRequest(run_id=second.run_id))
    await call(server, "CancelTraining", CancelTrainingRequest(run_id=first.run_id))

    assert (rests.state, rests.step) == (TrainingRun.PAUSED, 0)
    assert gone.state == TrainingRun.CANCELLED
    assert second.adapter_id != first.adapter_id


async def test_what_was_learnt_can_be_taken_away_and_brought_back(
    server: Server, dataset_id: str, tmp_path: Path
) -> None:
    run = await submitted(server, dataset_id, 3, name="Out & <back>")
    run, steps = await ended(server, run.run_id)
    assert run.state == TrainingRun.COMPLETED, run.error

    gguf = await exported(server, run.run_id, ExportAdapterRequest.GGUF)
    archive = zipfile.ZipFile(io.BytesIO(await exported(server, run.run_id, PEFT)))
    archive.extractall(tmp_path / "peft")
    taken = await call(
        server,
        "ImportPeftAdapter",
        ImportPeftAdapterRequest(model_id=MODEL, path=str(tmp_path / "peft"), adapter_id="back"),
    )
    curves = await call(
        server, "ListTrainingMetrics", ListTrainingMetricsRequest(run_ids=[run.run_id], points=2)
    )
    picture = await call(
        server, "PlotTrainingLoss", PlotTrainingLossRequest(run_ids=[str(run.number)])
    )
    model = await call(server, "GetModel", GetModelRequest(model_id=MODEL))

    assert gguf.startswith(b"GGUF")
    assert sorted(archive.namelist()) == ["adapter_config.json", "adapter_model.safetensors"]
    assert (taken.adapter_id, taken.rank) == ("back", 4)
    assert {layer.partition(".")[0] for layer in taken.layers} == {"blk"}
    assert {each.adapter_id for each in model.adapters} >= {run.adapter_id, "back"}
    (curve,) = curves.curves
    assert [step.step for step in curve.steps] == [1, 3]
    assert curve.final_loss == steps[-1].loss
    assert picture.content_type == "image/svg+xml"
    assert b"Out &amp; &lt;back&gt;" in picture.data


async def test_what_needs_more_memory_than_there_is_is_refused_with_figures(
    settings: ServerSettings,
) -> None:
    server = Server(settings.model_copy(update={"memory_limit_bytes": 64 * 1024**2}))
    await server.start()
    try:
        dataset_id = await dataset(server)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await submitted(server, dataset_id)
    finally:
        await server.stop(0)

    told = details(refused.value)["ErrorInfo"]
    assert told.reason == "TRAINING_TOO_LARGE"
    assert int(told.metadata["required_bytes"]) > int(told.metadata["available_bytes"])
    assert int(told.metadata["available_bytes"]) <= 64 * 1024**2


async def test_idle_models_leave_for_a_run_and_busy_ones_are_waited_for(
    server: Server, dataset_id: str, settings: ServerSettings
) -> None:
    # What a run is expected to take, with so little beside that the loaded model has no room there.
    expected = (await call(server, "EstimateTraining", asked_for(dataset_id))).memory_bytes
    few = {"memory_limit_bytes": expected + 32 * 1024**2, "load_wait_seconds": 3600.0}
    server = Server(settings.model_copy(update=few))
    await server.start()
    try:
        dataset_id = await dataset(server)
        async with aclosing(streamed(server, "StreamChat", story())) as busy:
            await anext(busy)
            busy_estimate = await call(server, "EstimateTraining", asked_for(dataset_id))
            waits = await submitted(server, dataset_id, 2)
            await in_state(server, waits.run_id, TrainingRun.RUNNING)
            rests = await call(server, "PauseTraining", PauseTrainingRequest(run_id=waits.run_id))
        idle_estimate = await call(server, "EstimateTraining", asked_for(dataset_id))
        before = await call(server, "GetModel", GetModelRequest(model_id=MODEL))
        await call(server, "ResumeTraining", ResumeTrainingRequest(run_id=waits.run_id))
        await at_step(server, waits.run_id, 1)
        amid = await call(server, "GetModel", GetModelRequest(model_id=MODEL))
        done, _ = await ended(server, waits.run_id)
    finally:
        await server.stop(0)

    assert (busy_estimate.fits, idle_estimate.fits) == (False, True)
    assert (rests.state, rests.step) == (TrainingRun.PAUSED, 0)
    assert before.state == Model.LOADED
    assert amid.state == Model.INSTALLED
    assert done.state == TrainingRun.COMPLETED, done.error


async def test_a_run_that_waits_in_vain_for_memory_says_what_keeps_it(
    server: Server, dataset_id: str, settings: ServerSettings
) -> None:
    expected = (await call(server, "EstimateTraining", asked_for(dataset_id))).memory_bytes
    few = {"memory_limit_bytes": expected + 32 * 1024**2, "load_wait_seconds": 0.0}
    server = Server(settings.model_copy(update=few))
    await server.start()
    try:
        dataset_id = await dataset(server)
        async with aclosing(streamed(server, "StreamChat", story())) as busy:
            await anext(busy)
            run = await submitted(server, dataset_id, 2)
            run, _ = await ended(server, run.run_id)
        await call(server, "PinModel", PinModelRequest(model_id=MODEL))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await submitted(server, dataset_id, 2)
    finally:
        await server.stop(0)

    assert run.state == TrainingRun.FAILED
    assert run.error.reason == ErrorReason.TRAINING_TOO_LARGE
    assert run.error.metadata["required_bytes"] == str(run.estimate.memory_bytes)
    assert int(run.error.metadata["available_bytes"]) < run.estimate.memory_bytes
    assert run.error.message.endswith(f" Now {MODEL} has 1 call.")
    assert details(refused.value)["ErrorInfo"].reason == "TRAINING_TOO_LARGE"


async def test_a_worker_that_is_lost_near_its_limit_was_too_large(
    server: Server, dataset_id: str
) -> None:
    before = set(children())
    run = await submitted(server, dataset_id, 100_000)
    await at_step(server, run.run_id, 1)
    (worker,) = [each for each in children() if each not in before]
    limit_near(worker)
    for _ in range(2):  # what is written of the second was looked at behind the first
        run = await call(server, "GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
        await at_step(server, run.run_id, run.step + 1)

    worker.kill()
    run, _ = await ended(server, run.run_id)

    assert run.state == TrainingRun.FAILED
    assert run.error.reason == ErrorReason.TRAINING_TOO_LARGE
    assert run.error.message.endswith(", was lost near the limit of its memory.")


def limit_near(process: psutil.Process) -> None:
    """Leaves a process little more address space than it has had at most."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    peak = 1024 * int(status.partition("VmPeak:")[2].split()[0])
    _, hard = resource.prlimit(process.pid, resource.RLIMIT_AS)
    resource.prlimit(process.pid, resource.RLIMIT_AS, (peak + 16 * 1024**2, hard))


async def in_state(server: Server, run_id: str, state: TrainingRun.State.ValueType) -> None:
    """Waits until a run is so."""
    async with asyncio.timeout(SECONDS):
        request = WatchTrainingRunRequest(run_id=run_id)
        async with aclosing(streamed(server, "WatchTrainingRun", request)) as events:
            async for event in events:
                if event.HasField("run") and event.run.state == state:
                    return


def story() -> ChatRequest:
    """One that goes on for as long as anybody reads it."""
    return ChatRequest(
        model=MODEL,
        messages=[Message(role=Message.USER, content="Tell me a story.")],
        sampling=SamplingParameters(max_tokens=100_000, ignore_end=True),
    )


async def test_a_server_that_stops_leaves_a_run_to_the_next(settings: ServerSettings) -> None:
    first = Server(settings)
    await first.start()
    run = await submitted(first, await dataset(first), 100_000)
    await at_step(first, run.run_id, 4)
    await first.stop(0)

    second = Server(settings)
    await second.start()
    try:
        left = await call(second, "GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
        await at_step(second, run.run_id, left.step + 1)
        cancelled = await call(second, "CancelTraining", CancelTrainingRequest(run_id=run.run_id))
    finally:
        await second.stop(0)

    assert left.step >= 4
    assert left.state in (TrainingRun.PENDING, TrainingRun.RUNNING)
    assert cancelled.state == TrainingRun.CANCELLED


async def test_a_run_is_not_there_for_others(settings: ServerSettings) -> None:
    server = Server(settings.model_copy(update={"accounts": True}))
    await server.start()
    try:
        first = server.auth.first_admin
        assert first is not None
        admin = await logged_in(server, first.username, first.password)
        for name in ("ada", "eve"):
            request = CreateUserRequest(username=name, password=PASSWORD, role=User.MEMBER)
            await as_user(server, admin, "CreateUser", request)
        ada, eve = [await logged_in(server, name, PASSWORD) for name in ("ada", "eve")]
        dataset_id = await dataset(server, ada)
        run: TrainingRun = await as_user(server, ada, "SubmitTraining", asked_for(dataset_id, 2))

        refused = [
            await reason(server, eve, "SubmitTraining", asked_for(dataset_id)),
            await reason(server, eve, "GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id)),
            await reason(server, eve, "PauseTraining", PauseTrainingRequest(run_id=run.run_id)),
            await reason(server, eve, "CancelTraining", CancelTrainingRequest(run_id=run.run_id)),
            await reason(
                server, eve, "DeleteTrainingRun", DeleteTrainingRunRequest(run_id=run.run_id)
            ),
            await reason(
                server, eve, "ListTrainingMetrics", ListTrainingMetricsRequest(run_ids=["1"])
            ),
            await reason(
                server, ada, "ImportPeftAdapter", ImportPeftAdapterRequest(model_id="m", path="/x")
            ),
        ]
        mine = await as_user(server, ada, "ListTrainingRuns", ListTrainingRunsRequest())
        hers = await as_user(server, eve, "ListTrainingRuns", ListTrainingRunsRequest())
        all_ = await as_user(server, admin, "ListTrainingRuns", ListTrainingRunsRequest())
    finally:
        await server.stop(0)

    assert run.owner_id
    none = "TRAINING_RUN_NOT_FOUND"
    assert refused == ["DATASET_NOT_FOUND", none, none, none, none, none, "SCOPE_MISSING"]
    assert [page.total_size for page in (mine, hers, all_)] == [1, 0, 1]


async def logged_in(server: Server, username: str, password: str) -> Metadata:
    """What calls of a user bring."""
    grant = CreateTokenRequest(password=PasswordGrant(username=username, password=password))
    token = await as_user(server, (), "CreateToken", grant)
    return (("authorization", f"Bearer {token.access_token}"),)


async def as_user(server: Server, who: Metadata, name: str, request: Any) -> Any:
    return await server.channel.unary(METHODS[name], request, who, None)


async def reason(server: Server, who: Metadata, name: str, request: Any) -> str:
    """Why a call of a user is refused."""
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await as_user(server, who, name, request)
    return details(refused.value)["ErrorInfo"].reason


async def exported(
    server: Server, run_id: str, format_: ExportAdapterRequest.Format.ValueType
) -> bytes:
    request = ExportAdapterRequest(run_id=run_id, format=format_)
    return b"".join([part.data async for part in streamed(server, "ExportAdapter", request)])
