"""What a model would take is told before its load, and what it took after."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import gguf
import grpc.aio
import numpy as np
import pytest

from funland.v1.inference_pb2 import GenerateRequest, SamplingParameters
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    EstimateModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
    ModelEstimate,
    UnloadModelRequest,
)
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.conftest import Stack
from tests.server.conftest import call, details
from tests.server.models.formats.test_folder import WHOLE

MIB = 1024**2


def larger(source: Path, target: Path, copies: int) -> None:
    """Writes the model anew, with its blocks so many times."""
    reader: Any = gguf.GGUFReader(str(source))
    writer: Any = gguf.GGUFWriter(target, "llama")
    blocks = 0
    for key, field in reader.fields.items():
        if key == "llama.block_count":
            blocks = int(field.contents())
            writer.add_block_count(blocks * copies)
        elif key != "general.architecture" and not key.startswith("GGUF."):
            writer.add_key_value(key, field.contents(), field.types[0], field.types[-1])
    for tensor in reader.tensors:
        name, data = str(tensor.name), np.array(tensor.data)
        if not name.startswith("blk."):
            writer.add_tensor(name, data, raw_dtype=tensor.tensor_type)
            continue
        _, number, role = name.split(".", 2)
        for copy in range(copies):
            place = f"blk.{int(number) + copy * blocks}.{role}"
            writer.add_tensor(place, data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


async def estimate(server: Server, model_id: str, **settings: int) -> ModelEstimate:
    request = EstimateModelRequest(model_id=model_id, settings=LoadSettings(**settings))  # type: ignore[arg-type]  # fields of it
    return await call(server, "EstimateModel", request)


async def run(server: Server, model_id: str) -> None:
    """Loads a model so that it takes all that it ever will, and has it read its weights."""
    settings = LoadSettings(slots=4, context_length=1024, cache=LoadSettings.UNIFIED)
    await call(server, "LoadModel", LoadModelRequest(model_id=model_id, settings=settings))
    sampling = SamplingParameters(max_tokens=2)
    await call(server, "Generate", GenerateRequest(model=model_id, prompt="a", sampling=sampling))


@pytest.mark.parametrize("copies", [1, 6, 16])
async def test_what_a_load_took_is_told_beside_what_was_expected_of_it(
    server: Server, model_path: Path, tmp_path: Path, copies: int
) -> None:
    file = tmp_path / "model.gguf"
    await asyncio.to_thread(larger, model_path, file, copies)
    await call(server, "ImportModel", ImportModelRequest(path=str(file)))
    before = await estimate(server, "model")
    assert not before.HasField("measured_bytes")
    assert not before.HasField("measured_time")

    await run(server, "model")

    while_loaded = await estimate(server, "model")
    await call(server, "UnloadModel", UnloadModelRequest(model_id="model"))
    after = await estimate(server, "model")
    unified = int(LoadSettings.UNIFIED)
    wanted = await estimate(server, "model", slots=4, context_length=1024, cache=unified)
    assert while_loaded.measured_bytes <= after.measured_bytes
    assert after.measured_time.ToNanoseconds() > 0
    assert after.measured_estimate_bytes == wanted.footprint.total_bytes
    assert 0.4 < after.measured_bytes / after.measured_estimate_bytes < 1
    parts = after.footprint
    assert parts.weights_bytes == file.stat().st_size
    assert parts.total_bytes == (
        parts.weights_bytes + parts.cache_bytes + parts.compute_bytes + parts.process_bytes
    )


async def test_it_is_known_after_a_restart_and_goes_with_the_model(
    server: Server, settings: ServerSettings, model_path: Path
) -> None:
    await call(server, "ImportModel", ImportModelRequest(path=str(model_path), model_id="copy"))
    for model_id in ("copy", "funland-tiny"):
        await run(server, model_id)
    await server.stop(0)
    again = Server(settings)
    await again.start()

    for model_id in ("copy", "funland-tiny"):
        assert (await estimate(again, model_id)).measured_bytes > 50 * MIB
    await call(again, "DeleteModel", DeleteModelRequest(model_id="copy"))
    await call(again, "ImportModel", ImportModelRequest(path=str(model_path), model_id="copy"))
    known = await estimate(again, "copy")
    await again.stop(0)

    assert not known.HasField("measured_bytes")


async def test_a_damaged_note_is_none(server: Server, settings: ServerSettings) -> None:
    folder = settings.home / "measurements"
    folder.mkdir()
    (folder / "funland-tiny.json").write_bytes(b"{")

    assert not (await estimate(server, "funland-tiny")).HasField("measured_bytes")


async def test_a_longer_context_takes_more_and_may_not_fit(server: Server) -> None:
    short = await estimate(server, "funland-tiny", context_length=256)
    long = await estimate(server, "funland-tiny", context_length=16_777_216, slots=256)

    assert (short.footprint.context_length, short.fits) == (256, True)
    assert long.footprint.cache_bytes > 100 * short.footprint.cache_bytes
    assert not long.fits
    assert short.available_bytes > 0


async def test_a_larger_cache_takes_more_and_one_that_holds_no_call_is_refused(
    server: Server,
) -> None:
    wanted = {"context_length": 2048, "slots": 8}
    small, large = [
        (await estimate(server, "funland-tiny", cache_tokens=tokens, **wanted)).footprint
        for tokens in (2048, 8192)
    ]

    assert large.cache_bytes == 4 * small.cache_bytes
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await estimate(server, "funland-tiny", cache_tokens=2047, **wanted)
    (wrong,) = details(raised.value)["BadRequest"].field_violations
    assert wrong.field == "settings.cache_tokens"
    assert "must be at least 2048" in wrong.description
    assert "context_length" in wrong.description


async def test_folders_tell_what_their_configuration_tells(server: Server, tmp_path: Path) -> None:
    config = {
        "model_type": "llama", "hidden_size": 64, "num_attention_heads": 8,
        "num_key_value_heads": 2, "num_hidden_layers": 3, "max_position_embeddings": 128,
    }  # fmt: skip
    huge = dict.fromkeys(("hidden_size", "num_key_value_heads", "num_hidden_layers"), 2**31 - 1)
    configs = {"told": config, "untold": {"model_type": "llama"}, "huge": config | huge}
    for model_id, changes in configs.items():
        path = tmp_path / model_id
        path.mkdir()
        files = {"config.json": json.dumps(changes).encode(), "tokenizer.json": b"{}"}
        for name, content in {**WHOLE["SAFETENSORS"], **files}.items():
            (path / name).write_bytes(content)
        await call(server, "ImportModel", ImportModelRequest(path=str(path), model_id=model_id))

    told = (await estimate(server, "told", slots=2)).footprint
    untold = (await estimate(server, "untold", slots=2)).footprint

    assert told.cache_bytes == 2 * 128 * (2 * 3 * 2 * 8 * 4)
    assert not (await estimate(server, "huge", slots=2)).fits
    assert untold.cache_bytes == 0
    assert untold.weights_bytes > 0


async def test_unknown_models_are_named(server: Server) -> None:
    for request in (
        EstimateModelRequest(model_id="nobody"),
        EstimateModelRequest(model_id="funland-tiny", settings=LoadSettings(draft_model="nobody")),
    ):
        with pytest.raises(grpc.aio.AioRpcError, match="'nobody' is not installed") as raised:
            await call(server, "EstimateModel", request)
        assert details(raised.value)["ErrorInfo"].reason == "MODEL_NOT_FOUND"


async def test_it_is_told_over_rest_too(stack: Stack) -> None:
    async with aiohttp.ClientSession(stack.http_url) as http:
        body = {"settings": {"context_length": 512, "slots": 8, "cache_tokens": 1024}}
        url = "/funland/v1/models/funland-tiny:estimate"
        async with http.post(url, json=body) as response:
            assert response.status == 200
            told = await response.json()

    parts = told["footprint"]
    assert parts["context_length"] == 512
    assert int(parts["weights_bytes"]) > 5 * MIB
    assert int(parts["cache_bytes"]) == 1024 * 7 * 2 * 256 * 2
    assert told["fits"] is True
