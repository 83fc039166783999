"""A model that is being loaded says how far it is, to who asks and to who watches."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path

import grpc.aio
import pytest

from funland.v1.inference_pb2 import (
    ChatRequest,
    GenerationOptions,
    Loading,
    Message,
)
from funland.v1.models_pb2 import (
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    Model,
    UnloadModelRequest,
    WatchModelsRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import SECONDS, call, details, streamed

NAME = "funland-tiny"


async def test_a_model_that_is_loaded_says_how_far_it_is(server: Server) -> None:
    watched = streamed(server, "WatchModels", WatchModelsRequest(model_id=NAME))
    seen: list[Model] = []
    async with asyncio.timeout(SECONDS), aclosing(watched) as events:
        first = await anext(events)
        loading = asyncio.create_task(call(server, "LoadModel", LoadModelRequest(model_id=NAME)))
        asked: Model | None = None
        async for event in events:
            if event.HasField("synced"):
                continue
            seen.append(event.model)
            if event.model.state == Model.LOADING and asked is None:
                asked = await call(server, "GetModel", GetModelRequest(model_id=NAME))
            if event.model.state == Model.LOADED:
                break
        loaded = await loading

    assert not first.model.HasField("loading")
    assert asked is not None
    assert asked.loading.model == NAME
    assert asked.loading.total_bytes == asked.size_bytes
    told = [model.loading for model in seen if model.state == Model.LOADING]
    stages = [each.stage for each in told]
    assert stages == sorted(stages)
    assert {Loading.WAITING, Loading.STARTING} <= {*stages}
    fractions = [each.fraction for each in told if each.HasField("fraction")]
    assert fractions == sorted(fractions)
    for model in (*seen, loaded):
        assert model.HasField("loading") == (model.state == Model.LOADING)


async def test_a_load_that_fails_fails_the_call_after_it_was_told(
    server: Server, settings: ServerSettings, model_path: Path
) -> None:
    await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id="broken"))
    (settings.home / "models" / "broken" / "model.gguf").unlink()
    wanted = ChatRequest(
        model="broken",
        messages=[Message(role=Message.USER, content="Hello!")],
        options=GenerationOptions(progress=True),
    )
    told: list[str | None] = []

    async def read() -> None:
        async for event in streamed(server, "StreamChat", wanted):
            told.append(event.WhichOneof("event"))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await read()

    assert {*told} <= {"loading"}
    assert details(raised.value)["ErrorInfo"].reason == "MODEL_FILE_MISSING"


async def test_the_next_load_begins_anew(server: Server) -> None:
    await call(server, "LoadModel", LoadModelRequest(model_id=NAME))
    await call(server, "UnloadModel", UnloadModelRequest(model_id=NAME))

    again = asyncio.create_task(call(server, "LoadModel", LoadModelRequest(model_id=NAME)))
    watched = streamed(server, "WatchModels", WatchModelsRequest(model_id=NAME))
    async with asyncio.timeout(SECONDS), aclosing(watched) as events:
        first = Model()
        while first.state != Model.LOADING:
            first = (await anext(events)).model

    assert not first.loading.HasField("fraction")
    await again
