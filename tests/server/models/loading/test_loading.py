"""What models are loaded with: the call's settings, the server's, and what follows from both."""

from __future__ import annotations

from pathlib import Path

import grpc.aio
import pytest

from funland.v1.inference_pb2 import TokenizeRequest
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
    Model,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details, until

COPY = "copy"
PREFIXES = 10 * 1024**3
"""More than anything else takes of what a process may have."""


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(
        home=tmp_path / "home", port=0, slots=4, max_context_length=256, queue_limit=7,
        keep_alive_seconds=60, prefix_spill_bytes=1024, prefix_memory_bytes=PREFIXES,
        memory_limit_bytes=500 * 1024**2,
    )  # fmt: skip


@pytest.fixture
async def server_with_copy(server: Server, model_path: Path) -> Server:
    await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id=COPY))
    return server


async def load(server: Server, model_id: str, **settings: object) -> Model:
    wanted = LoadSettings(**settings)  # type: ignore[arg-type]  # fields of the message
    return await call(server, "LoadModel", LoadModelRequest(model_id=model_id, settings=wanted))


async def test_a_loaded_model_tells_how_it_runs(server_with_copy: Server) -> None:
    loaded = (await load(server_with_copy, COPY)).loaded

    assert (loaded.slots, loaded.queue_limit) == (4, 7)
    assert PREFIXES < loaded.memory_limit_bytes < 2 * PREFIXES
    kept = loaded.unload_time.ToDatetime() - loaded.load_time.ToDatetime()
    assert 59 < kept.total_seconds() < 62


async def test_the_built_in_model_stays(server: Server) -> None:
    assert not (await load(server, "funland-tiny")).loaded.HasField("unload_time")
    brief = await load(server, "funland-tiny", keep_alive_seconds=30)
    assert brief.loaded.HasField("unload_time")


async def test_settings_that_were_asked_for_stay_when_a_load_asks_for_none(
    server_with_copy: Server,
) -> None:
    first = await load(server_with_copy, COPY, slots=2)

    again = await load(server_with_copy, COPY)

    assert again.loaded.slots == 2
    assert again.loaded.load_time == first.loaded.load_time


async def test_the_cache_has_the_tokens_that_are_asked_for(server_with_copy: Server) -> None:
    usual = await load(server_with_copy, COPY)
    asked = await load(server_with_copy, COPY, cache_tokens=512)
    again = await load(server_with_copy, COPY, cache_tokens=512)

    assert (usual.loaded.cache_tokens, asked.loaded.cache_tokens) == (4 * 256, 512)
    assert asked.loaded.estimate_bytes < usual.loaded.estimate_bytes
    assert asked.loaded.memory_limit_bytes < usual.loaded.memory_limit_bytes
    assert again.loaded.load_time == asked.loaded.load_time


async def test_a_cache_that_does_not_hold_one_call_is_refused_with_what_to_do(
    server_with_copy: Server,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="must be at least 1024") as raised:
        await load(server_with_copy, COPY, cache_tokens=512, context_length=1024)

    assert details(raised.value)["ErrorInfo"].reason == "FIELD_INVALID"
    (wrong,) = details(raised.value)["BadRequest"].field_violations
    assert wrong.field == "settings.cache_tokens"
    model = await call(server_with_copy, "GetModel", GetModelRequest(model_id=COPY))
    assert model.state == Model.INSTALLED


async def test_a_model_that_can_t_fit_is_refused_with_the_numbers(
    server_with_copy: Server,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="needs about") as raised:
        await load(server_with_copy, COPY, slots=256, context_length=100_000)

    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    model = await call(server_with_copy, "GetModel", GetModelRequest(model_id=COPY))
    assert model.state == Model.FAILED
    metadata = model.load_error.metadata
    assert int(metadata["needed_bytes"]) > int(metadata["available_bytes"]) > 0


async def test_models_that_are_idle_make_room(server_with_copy: Server) -> None:
    # With these settings a model is expected to need over 200 of the 500 MiB.
    wanted = {"slots": 4, "context_length": 4096}
    await load(server_with_copy, COPY, **wanted)
    await load(server_with_copy, "funland-tiny", **wanted)

    copy = await call(server_with_copy, "GetModel", GetModelRequest(model_id=COPY))

    assert copy.state == Model.INSTALLED
    assert await call(server_with_copy, "Tokenize", TokenizeRequest(model=COPY, text="a"))


async def test_a_draft_model_that_is_not_there_is_said_so(server_with_copy: Server) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="'nobody' is not installed"):
        await load(server_with_copy, COPY, draft_model="nobody")


async def test_what_was_kept_of_a_deleted_model_goes_with_it(
    server_with_copy: Server, settings: ServerSettings
) -> None:
    folders = [settings.home / name / COPY for name in ("prefixes", "conversions")]
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)

    await call(server_with_copy, "DeleteModel", DeleteModelRequest(model_id=COPY))

    await until(lambda: not any(folder.exists() for folder in folders))
