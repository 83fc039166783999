"""A worker that trains, as its server starts it: for benchmarks and tests."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import grpc.aio
from google.protobuf import json_format

from funland.v1.training_pb2 import Hyperparameters
from funland.worker.v1 import worker_pb2
from funland.worker.v1.worker_pb2_grpc import WorkerServiceStub
from funland_server.workers.link import Link
from funland_worker.training.settings import Settings

SECONDS = 300
AUTHORIZED = (("authorization", "secret"),)


@dataclass
class Told:
    """What a job told."""

    begun: worker_pb2.TrainingBegun | None = None
    steps: list[Any] = field(default_factory=list[Any])
    checkpoints: list[int] = field(default_factory=list[int])
    result: worker_pb2.TrainedAdapter | None = None
    failure: worker_pb2.Failure | None = None

    @property
    def losses(self) -> list[float]:
        """Of its steps."""
        return [step.loss for step in self.steps]

    def take(self, event: worker_pb2.JobEvent) -> None:
        """Keeps an event."""
        match event.WhichOneof("event"):
            case "training":
                self.begun = event.training
            case "trained":
                self.steps.append(event.trained)
            case "checkpoint":
                self.checkpoints.append(event.checkpoint.step)
            case "result":
                self.result = event.result.train
            case "failure":
                self.failure = event.failure
            case _:
                pass


class Trains:
    """The process."""

    def __init__(self, process: asyncio.subprocess.Process, link: Link, stub: Any) -> None:
        self.process = process
        self.link = link
        self.stub = stub

    def call(self, job: worker_pb2.TrainAdapter) -> Any:
        """The events of a job."""
        return self.stub.RunJob(worker_pb2.Job(train=job), metadata=AUTHORIZED)

    async def run(self, job: worker_pb2.TrainAdapter) -> Told:
        """A job to its end."""
        told = Told()
        async with asyncio.timeout(SECONDS):
            async for event in self.call(job):
                told.take(event)
        return told


@asynccontextmanager
async def trains(
    folder: Path, model: Path, **launch: Any
) -> AsyncGenerator[Trains | worker_pb2.Failure]:
    """A process for a model; or why that can't be trained. `launch` are more of `Launch`."""
    link, workers_end = await Link.pair()
    socket = folder / "s"
    with workers_end:
        told = worker_pb2.Launch(
            model_path=str(model),
            socket_path=str(socket),
            token="secret",  # noqa: S106 - a test's own
            link_descriptor=workers_end.fileno(),
            trains=True,
            **launch,
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "funland_worker.main",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=None,
            pass_fds=[workers_end.fileno()],
        )
    assert process.stdin is not None  # noqa: S101 - it is a PIPE
    assert process.stdout is not None  # noqa: S101 - it is a PIPE
    process.stdin.write(json_format.MessageToJson(told, indent=None).encode() + b"\n")
    try:
        async with asyncio.timeout(SECONDS):
            handshake = json_format.Parse(await process.stdout.readline(), worker_pb2.Handshake())
        if handshake.HasField("failure"):
            yield handshake.failure
            return
        async with grpc.aio.insecure_channel(f"unix:{socket}") as channel:
            yield Trains(process, link, WorkerServiceStub(channel))
    finally:
        link.close()
        if process.returncode is None:
            process.kill()
        await process.wait()


def job(folder: Path, rows: Path, count: int, **settings: Any) -> worker_pb2.TrainAdapter:
    """A run whose files are in a folder; `settings` are those of `Settings`."""
    chosen = Settings(**{"threads": 1, **settings})
    return worker_pb2.TrainAdapter(
        hyperparameters=Hyperparameters(
            **{one.name: getattr(chosen, one.name) for one in fields(Settings)}
        ),
        rows_path=str(rows),
        row_count=count,
        checkpoint_path=str(folder / "checkpoint"),
        result_path=str(folder / "adapter.gguf"),
    )


def by_torch(
    run: worker_pb2.TrainAdapter,
    method: worker_pb2.TrainAdapter.Method.ValueType,
    device: str = "cpu",
) -> worker_pb2.TrainAdapter:
    """The run, computed by PyTorch."""
    run.method, run.torch_device = method, device
    return run
