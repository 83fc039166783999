"""The model service, on a real server: states, watching, pages, deleting."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc.aio
import pytest
from google.protobuf.message import Message

from funland.v1 import inference_pb2, models_pb2
from funland.v1.errors_pb2 import ErrorReason
from funland_server.app import Server
from tests.server.conftest import SECONDS, call, details, streamed
from tests.server.models.formats.test_gguf import SMALL

State = models_pb2.Model.State
TINY = models_pb2.GetModelRequest(model_id="funland-tiny")
LOAD_HOLLOW = models_pb2.LoadModelRequest(model_id="hollow")


async def add(server: Server, folder: Path, model_id: str, data: bytes = SMALL) -> models_pb2.Model:
    file = folder / f"{model_id}.gguf"
    await asyncio.to_thread(file.write_bytes, data)
    request = models_pb2.ImportModelRequest(path=str(file), model_id=model_id)
    return await call(server, "ImportModel", request)


async def reason(server: Server, name: str, request: Message) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, name, request)
    return details(raised.value)["ErrorInfo"].reason


async def test_a_model_is_loaded_and_unloaded(server: Server) -> None:
    assert (await call(server, "GetModel", TINY)).state == State.INSTALLED

    settings = models_pb2.LoadSettings(slots=3, context_length=128)
    load = models_pb2.LoadModelRequest(model_id="funland-tiny", settings=settings)
    loaded = await call(server, "LoadModel", load)

    assert loaded.state == State.LOADED
    assert (loaded.loaded.slots, loaded.loaded.context_length) == (3, 128)
    assert loaded.loaded.memory_bytes > 0
    unload = models_pb2.UnloadModelRequest(model_id="funland-tiny")
    assert (await call(server, "UnloadModel", unload)).state == State.INSTALLED


async def test_a_call_loads_its_model_with_the_servers_settings(server: Server) -> None:
    await call(server, "Tokenize", inference_pb2.TokenizeRequest(text="a"))

    loaded = (await call(server, "GetModel", TINY)).loaded

    assert (loaded.slots, loaded.context_length) == (4, 256)


async def test_a_failed_load_is_a_state_of_its_own(server: Server, tmp_path: Path) -> None:
    # The header is whole, so that only llama.cpp sees that this is no network.
    await add(server, tmp_path, "hollow")

    assert await reason(server, "LoadModel", LOAD_HOLLOW) == "MODEL_LOAD_FAILED"

    model = await call(server, "GetModel", models_pb2.GetModelRequest(model_id="hollow"))
    assert model.state == State.FAILED
    assert model.load_error.reason == ErrorReason.MODEL_LOAD_FAILED
    await call(server, "UnloadModel", models_pb2.UnloadModelRequest(model_id="hollow"))
    model = await call(server, "GetModel", models_pb2.GetModelRequest(model_id="hollow"))
    assert model.state == State.INSTALLED


async def test_a_watcher_sees_all_that_happens_to_a_model(server: Server, tmp_path: Path) -> None:
    watch = streamed(server, "WatchModels", models_pb2.WatchModelsRequest())

    async def until(expected: str) -> None:
        async with asyncio.timeout(SECONDS):
            async for event in watch:
                kind = event.WhichOneof("event")
                if kind == "model":
                    seen = f"{event.model.model_id} {State.Name(event.model.state)}"
                else:
                    seen = kind if kind == "synced" else f"{event.deleted_model_id} deleted"
                if seen == expected:
                    return

    await until("funland-tiny INSTALLED")
    await until("synced")
    await add(server, tmp_path, "hollow")
    await until("hollow INSTALLED")
    load = asyncio.create_task(call(server, "LoadModel", LOAD_HOLLOW))
    await until("hollow LOADING")
    await until("hollow FAILED")
    await call(server, "DeleteModel", models_pb2.DeleteModelRequest(model_id="hollow"))
    await until("hollow deleted")
    with pytest.raises(grpc.aio.AioRpcError):
        await load
    await watch.aclose()


async def test_a_deleted_model_ends_with_its_calls(
    server: Server, tmp_path: Path, model_path: Path
) -> None:
    await add(server, tmp_path, "copy", await asyncio.to_thread(model_path.read_bytes))
    sampling = inference_pb2.SamplingParameters(ignore_end=True)
    endless = inference_pb2.GenerateRequest(model="copy", prompt="Once", sampling=sampling)
    stream = streamed(server, "StreamGenerate", endless)
    await anext(stream)

    await call(server, "DeleteModel", models_pb2.DeleteModelRequest(model_id="copy"))

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        async for _ in stream:
            pass
    assert details(raised.value)["ErrorInfo"].reason == "MODEL_UNLOADED"
    assert await reason(server, "Generate", endless) == "MODEL_NOT_FOUND"


async def test_pages_hold_every_model_once(server: Server, tmp_path: Path) -> None:
    for model_id in ("a", "b", "z"):
        await add(server, tmp_path, model_id)
    found: list[models_pb2.Model] = []
    totals: set[int] = set()
    token = ""

    while True:
        request = models_pb2.ListModelsRequest(page_size=2, page_token=token)
        page = await call(server, "ListModels", request)
        assert 1 <= len(page.models) <= 2
        totals.add(page.total_size)
        found += page.models
        token = page.next_page_token
        if not token:
            break

    assert [model.model_id for model in found if not model.built_in] == ["a", "b", "z"]
    ids = [model.model_id for model in found]
    assert "funland-tiny" in ids
    assert ids == sorted(set(ids))
    assert totals == {len(ids)}
