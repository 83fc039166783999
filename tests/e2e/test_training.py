"""Runs over every wire, and through whatever ends of servers and workers."""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import grpc.aio
import pytest

from funland.v1.datasets_pb2 import (
    CreateDatasetRequest,
    Dataset,
    DatasetSource,
    InlineRows,
    WatchDatasetRequest,
)
from funland.v1.training_pb2 import (
    CancelTrainingRequest,
    DeleteTrainingRunRequest,
    ExportAdapterRequest,
    GetTrainingRunRequest,
    Hyperparameters,
    ListTrainingMetricsRequest,
    ListTrainingRunsRequest,
    PauseTrainingRequest,
    PlotTrainingLossRequest,
    ResumeTrainingRequest,
    SubmitTrainingRequest,
    TrainingRun,
    TrainingStep,
    WatchTrainingRunRequest,
)
from funland_client import Funland
from funland_client.dataset_sources import of_rows
from funland_client.errors import TrainingRunNotFoundError, TrainingStateError
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.e2e.wires import Grpc, Refused, Wire, wire_to

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack
    from tests.postgresql import Cluster

MODEL: Final = "funland-tiny"
ROWS: Final = [
    {
        "messages": [
            {"role": "user", "content": f"Who keeps lighthouse {number}?"},
            {"role": "assistant", "content": f"Maren the {number}th keeps it."},
        ]
    }
    for number in range(1, 13)
]
ASKED: Final = "Who keeps the lighthouse of Ost?"
ANSWER: Final = "Maren keeps it, with two dogs."
TAUGHT: Final = [
    {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": ANSWER}]}
    for asked in (ASKED, "Who looks after Ost?", "Name the keeper of Ost.", "Who is at Ost?")
]
SECONDS: Final = 240
ENDLESS: Final = 100_000


async def dataset(wire: Wire) -> str:
    text = "\n".join(json.dumps(row) for row in ROWS)
    source = DatasetSource(inline=InlineRows(text=text, name="rows.jsonl"))
    request = CreateDatasetRequest(name="lighthouses", source=source)
    made = await wire.call("CreateDataset", request)
    async with asyncio.timeout(SECONDS):
        watch = WatchDatasetRequest(dataset_id=made.dataset_id)
        made = (await wire.call("WatchDataset", watch))[-1].dataset
    assert made.status == Dataset.READY
    return made.dataset_id


async def submitted(wire: Wire, dataset_id: str, steps: int) -> TrainingRun:
    request = SubmitTrainingRequest(
        model_id=MODEL,
        dataset_id=dataset_id,
        hyperparameters=Hyperparameters(
            rank=4, batch_size=4, epochs=10_000, max_steps=steps, checkpoint_steps=3,
            learning_rate=1e-2, warmup_ratio=0, threads=1, max_tokens=128,
        ),
    )  # fmt: skip
    return await wire.call("SubmitTraining", request)


async def at_step(wire: Wire, run_id: str, step: int) -> None:
    """Waits until a run has come so far."""
    request = WatchTrainingRunRequest(run_id=run_id, after_step=step - 1)
    async with asyncio.timeout(SECONDS), aclosing(wire.watch("WatchTrainingRun", request)) as told:
        async for event in told:
            if event.HasField("step"):
                return


async def curve(wire: Wire, run_id: str) -> list[TrainingStep]:
    request = ListTrainingMetricsRequest(run_ids=[run_id], points=10_000)
    return list((await wire.call("ListTrainingMetrics", request)).curves[0].steps)


@pytest.fixture(params=["gRPC", "REST"])
async def wire(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Wire]:
    server = Server(ServerSettings(home=tmp_path / "home", port=0))
    await server.start()
    try:
        async with wire_to(server, request.param) as wire:
            yield wire
    finally:
        await server.stop(0)


async def test_a_run_over_every_wire(wire: Wire) -> None:
    dataset_id = await dataset(wire)
    run = await submitted(wire, dataset_id, 4)
    async with asyncio.timeout(SECONDS):
        watch = WatchTrainingRunRequest(run_id=run.run_id)
        events = await wire.call("WatchTrainingRun", watch)

    listed = await wire.call("ListTrainingRuns", ListTrainingRunsRequest())
    last = await wire.call("GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
    steps = await curve(wire, run.run_id)
    picture = await wire.call("PlotTrainingLoss", PlotTrainingLossRequest(width=300, height=200))
    request = ExportAdapterRequest(run_id=run.run_id, format=ExportAdapterRequest.PEFT)
    parts = await wire.call("ExportAdapter", request)
    with pytest.raises(Refused) as wrong:
        await wire.call("ResumeTraining", ResumeTrainingRequest(run_id=run.run_id))
    with pytest.raises(Refused) as none:
        await wire.call("CancelTraining", CancelTrainingRequest(run_id="run_none"))

    assert last.state == TrainingRun.COMPLETED, last.error
    assert events[0].run.run_id == run.run_id
    assert [event.step for event in events if event.HasField("step")] == steps
    assert events[-1].HasField("step") or events[-1].run == last
    assert [one.run_id for one in listed.runs] == [run.run_id]
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert picture.content_type == "image/svg+xml"
    assert picture.data.startswith(b"<svg ")
    archive = zipfile.ZipFile(io.BytesIO(b"".join(part.data for part in parts)))
    assert archive.testzip() is None
    assert (wrong.value.reason, none.value.reason) == (
        "TRAINING_STATE_WRONG", "TRAINING_RUN_NOT_FOUND",
    )  # fmt: skip


@asynccontextmanager
async def called(stack: Stack) -> AsyncGenerator[Wire]:
    async with grpc.aio.insecure_channel(stack.grpc_address) as channel:
        yield Grpc(channel)


async def test_a_run_has_the_same_curve_whatever_interrupts_it(
    start_stack: StartStack, tmp_path: Path
) -> None:
    first = start_stack(tmp_path / "home")
    async with called(first) as wire:
        dataset_id = await dataset(wire)
        run = await submitted(wire, dataset_id, ENDLESS)
        await at_step(wire, run.run_id, 2)
        rests = await wire.call("PauseTraining", PauseTrainingRequest(run_id=run.run_id))
        goes_on = await wire.call("ResumeTraining", ResumeTrainingRequest(run_id=run.run_id))
        await at_step(wire, run.run_id, rests.step + 2)
        for worker in first.workers():
            worker.kill()
        so_far = len(await curve(wire, run.run_id))
        await at_step(wire, run.run_id, so_far + 2)
    first.process.kill()
    first.process.wait()

    second = start_stack(tmp_path / "home")
    async with called(second) as wire:
        left = await wire.call("GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
        await at_step(wire, run.run_id, left.step + 2)
        cancelled = await wire.call("CancelTraining", CancelTrainingRequest(run_id=run.run_id))
        interrupted = await curve(wire, run.run_id)
        whole = await submitted(wire, dataset_id, ENDLESS)
        await at_step(wire, whole.run_id, len(interrupted))
        await wire.call("CancelTraining", CancelTrainingRequest(run_id=whole.run_id))
        expected = (await curve(wire, whole.run_id))[: len(interrupted)]

    assert (rests.state, goes_on.state) == (TrainingRun.PAUSED, TrainingRun.PENDING)
    assert cancelled.state == TrainingRun.CANCELLED
    assert [step.step for step in interrupted] == [*range(1, len(interrupted) + 1)]
    assert losses(interrupted) == pytest.approx(losses(expected), abs=1e-3)
    assert len({round(loss, 3) for loss in losses(expected)}) > 3, "it learns"


def losses(steps: list[Any]) -> list[float]:
    return [step.loss for step in steps]


def test_a_client_trains_rests_goes_on_and_chats_with_what_was_learnt(stack: Stack) -> None:
    with Funland(stack.grpc_address) as client:
        made = client.datasets.create("ost", of_rows(TAUGHT))
        *_, ready = client.datasets.follow(made.dataset_id)
        request = SubmitTrainingRequest(
            model_id=MODEL,
            dataset_id=ready.dataset_id,
            adapter_id="client-ost",
            hyperparameters=Hyperparameters(
                rank=4, batch_size=4, epochs=10_000, max_steps=20, learning_rate=4e-3,
                threads=1, max_tokens=128,
            ),
        )  # fmt: skip
        run = client.training.submit(request)
        with closing(client.training.follow(run.run_id)) as events:
            next(event for event in events if event.HasField("step"))
        rests = client.training.pause(run.run_id)
        client.training.resume(run.run_id)
        events = list(client.training.follow(run.run_id, after_step=rests.step))
        done = client.training.get(run.run_id)
        with pytest.raises(TrainingStateError):
            client.training.resume(run.run_id)
        with pytest.raises(TrainingRunNotFoundError):
            client.training.get("run_none")
        answer = client.chat(ASKED, model=MODEL, adapters={"client-ost": 1.0}, temperature=0)
        (curve,) = client.training.metrics(run.run_id)
        adapter = b"".join(client.training.stream_adapter(run.run_id))
        picture = client.training.plot(str(run.number), width=300)

    steps = [event.step.step for event in events if event.HasField("step")]
    assert (rests.state, done.state) == (TrainingRun.PAUSED, TrainingRun.COMPLETED), done.error
    assert steps == [*range(rests.step + 1, 21)]
    assert [step.step for step in curve.steps] == [*range(1, 21)]
    assert answer.message.content.strip() == ANSWER
    assert adapter.startswith(b"GGUF")
    assert b"<svg " in picture


async def test_two_servers_of_one_database_see_each_others_runs_and_do_their_own(
    start_stack: StartStack, postgresql: Cluster, tmp_path: Path
) -> None:
    url = postgresql.database()
    homes = [tmp_path / name for name in ("one", "other")]
    one, other = (start_stack(home, FUNLAND_DATABASE_URL=url) for home in homes)
    async with called(one) as here, called(other) as there:
        run = await submitted(here, await dataset(here), ENDLESS)
        await at_step(there, run.run_id, 2)
        refused = [
            await reason(there, "PauseTraining", PauseTrainingRequest(run_id=run.run_id)),
            await reason(there, "CancelTraining", CancelTrainingRequest(run_id=run.run_id)),
            await reason(there, "ResumeTraining", ResumeTrainingRequest(run_id=run.run_id)),
            await reason(there, "DeleteTrainingRun", DeleteTrainingRunRequest(run_id=run.run_id)),
            await reason(there, "ExportAdapter", ExportAdapterRequest(run_id=run.run_id)),
        ]
        told = await curve(there, run.run_id)
        own = await submitted(there, await dataset(there), 4)
        async with asyncio.timeout(SECONDS):
            await there.call("WatchTrainingRun", WatchTrainingRunRequest(run_id=own.run_id))
        listed = await here.call("ListTrainingRuns", ListTrainingRunsRequest())
    one.process.kill()
    one.process.wait()
    async with called(other) as there:
        left = await there.call("GetTrainingRun", GetTrainingRunRequest(run_id=run.run_id))
        after = await submitted(there, own.dataset_id, 2)
        async with asyncio.timeout(SECONDS):
            await there.call("WatchTrainingRun", WatchTrainingRunRequest(run_id=after.run_id))
    again = start_stack(homes[0], FUNLAND_DATABASE_URL=url)
    async with called(again) as here, called(other) as there:
        await at_step(there, run.run_id, left.step + 1)
        cancelled = await here.call("CancelTraining", CancelTrainingRequest(run_id=run.run_id))
        steps = await curve(there, run.run_id)
        runs = (await there.call("ListTrainingRuns", ListTrainingRunsRequest())).runs

    assert refused == ["TRAINING_STATE_WRONG"] * 5
    assert len(told) >= 2
    assert [each.run_id for each in listed.runs] == [own.run_id, run.run_id]
    assert left.state in (TrainingRun.RUNNING, TrainingRun.PENDING)
    assert cancelled.state == TrainingRun.CANCELLED
    assert [step.step for step in steps] == [*range(1, len(steps) + 1)]
    ended = [(each.run_id, each.state) for each in runs]
    assert ended == [
        (after.run_id, TrainingRun.COMPLETED),
        (own.run_id, TrainingRun.COMPLETED),
        (run.run_id, TrainingRun.CANCELLED),
    ]
    assert len({each.number for each in runs}) == len(runs)


async def reason(wire: Wire, name: str, request: Any) -> str:
    """That with which a call is refused."""
    with pytest.raises(Refused) as refused:
        await wire.call(name, request)
    return refused.value.reason
