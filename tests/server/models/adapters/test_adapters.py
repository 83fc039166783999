"""LoRA adapters: checked before llama.cpp sees them, kept whole, and in memory with their model."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc.aio
import numpy as np
import pytest
from google.protobuf.message import Message

from funland.v1 import inference_pb2, models_pb2
from funland_server.app import Server
from funland_server.blobs.store import Blobs
from funland_server.config import ServerSettings
from funland_server.models.adapters.store import Adapters
from funland_server.models.errors import AdapterExistsError
from funland_server.models.formats.gguf import read_contents
from funland_server.models.installed.embedded import EMBEDDED_ID, embedded_model
from funland_server.workers.errors import AdapterInvalidError, AdapterNotFoundError
from tests import lora_files
from tests.server.conftest import call, details

MODEL = embedded_model()
GENERATE = inference_pb2.GenerateRequest(
    prompt="Once upon a time",
    sampling=inference_pb2.SamplingParameters(temperature=0, max_tokens=12, ignore_end=True),
)

Weights = dict[str, Any]


def attach(path: Path, adapter_id: str = "") -> models_pb2.AttachAdapterRequest:
    return models_pb2.AttachAdapterRequest(
        model_id=EMBEDDED_ID, path=str(path), adapter_id=adapter_id
    )


def detach(adapter_id: str) -> models_pb2.DetachAdapterRequest:
    return models_pb2.DetachAdapterRequest(model_id=EMBEDDED_ID, adapter_id=adapter_id)


def generate(**scales: float) -> inference_pb2.GenerateRequest:
    request = inference_pb2.GenerateRequest()
    request.CopyFrom(GENERATE)
    for adapter_id, scale in scales.items():
        request.options.adapters.add(adapter_id=adapter_id, scale=scale)
    return request


async def reason(server: Server, name: str, request: Message) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call(server, name, request)
    return details(raised.value)["ErrorInfo"].reason


@pytest.fixture
def adapters(tmp_path: Path) -> Adapters:
    return Adapters(tmp_path / "adapters", [MODEL], Blobs(tmp_path / "blobs"))


@pytest.fixture(scope="session")
def polite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return lora_files.write(tmp_path_factory.mktemp("lora") / "Polite.gguf")


def test_an_adapter_is_a_copy_that_a_restart_finds(
    adapters: Adapters, tmp_path: Path, polite: Path
) -> None:
    adapters.add(MODEL, "polite", polite)

    again = Adapters(tmp_path / "adapters", [MODEL], Blobs(tmp_path / "blobs"))

    known = again.list(EMBEDDED_ID)["polite"]
    assert known == adapters.list(EMBEDDED_ID)["polite"]
    assert known.source == "Polite.gguf"
    assert known.sha256 == hashlib.sha256(polite.read_bytes()).hexdigest()
    assert again.of(EMBEDDED_ID)["polite"].read_bytes() == polite.read_bytes()


def test_an_id_is_taken_until_its_adapter_is_removed(adapters: Adapters, polite: Path) -> None:
    adapters.add(MODEL, "polite", polite)
    file = adapters.of(EMBEDDED_ID)["polite"]

    with pytest.raises(AdapterExistsError):
        adapters.add(MODEL, "polite", polite)
    adapters.remove(EMBEDDED_ID, "polite")

    assert not file.exists()
    with pytest.raises(AdapterNotFoundError):
        adapters.remove(EMBEDDED_ID, "polite")
    adapters.add(MODEL, "polite", polite)


def test_a_file_that_was_changed_is_given_to_nobody(adapters: Adapters, polite: Path) -> None:
    adapters.add(MODEL, "polite", polite)
    file = adapters.of(EMBEDDED_ID)["polite"]
    os.utime(file, (1, 1))
    assert adapters.of(EMBEDDED_ID) == {"polite": file}, "only its time changed"

    file.write_bytes(polite.read_bytes()[:-1] + b"?")

    with pytest.raises(AdapterInvalidError):
        adapters.of(EMBEDDED_ID)


def test_other_weights_of_the_same_id_do_not_get_it(
    adapters: Adapters, tmp_path: Path, polite: Path
) -> None:
    adapters.add(MODEL, "polite", polite)
    manifest = next((tmp_path / "adapters").glob("*/*/adapter.json"))
    manifest.write_text(manifest.read_text().replace(MODEL.sha256, "0" * 64))

    again = Adapters(tmp_path / "adapters", [MODEL], Blobs(tmp_path / "blobs"))

    assert not again.of(EMBEDDED_ID)
    again.add(MODEL, "polite", polite)


def test_what_never_ended_is_cleared_away(tmp_path: Path) -> None:
    left = tmp_path / "adapters" / ".import-1"
    left.mkdir(parents=True)

    Adapters(tmp_path / "adapters", [MODEL], Blobs(tmp_path / "blobs"))

    assert not left.exists()


def without_a_part(weights: Weights) -> Weights:
    return dict(list(weights.items())[1:])


def with_another_name(weights: Weights) -> Weights:
    return {name.replace("blk.0", "blk.99"): values for name, values in weights.items()}


def of_another_size(weights: Weights) -> Weights:
    return {
        name: values[:, :-1] if name.endswith("_a") else values for name, values in weights.items()
    }


def of_two_ranks(weights: Weights) -> Weights:
    return {
        name: values[:-1] if name.endswith("_a") else values for name, values in weights.items()
    }


def of_numbers_that_count(weights: Weights) -> Weights:
    return {name: values.astype(np.int32) for name, values in weights.items()}


def of_nothing_that_counts(_: Weights) -> Weights:
    return {"output_norm.weight": np.zeros(256, np.float32)}


def of_shared_embeddings(_: Weights) -> Weights:
    length, words = read_contents(MODEL.path).shapes["token_embd.weight"]
    return {
        "token_embd.weight.lora_a": np.zeros((words, 4), np.float32),
        "token_embd.weight.lora_b": np.zeros((length, 4), np.float32),
    }


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without_a_part, "pair"),
        (with_another_name, "no tensor"),
        (of_another_size, "does not fit"),
        (of_two_ranks, "does not fit"),
        (of_numbers_that_count, "type"),
        (of_shared_embeddings, "also has for its output"),
        (of_nothing_that_counts, "no tensors"),
    ],
)
def test_tensors_that_do_not_fit_the_model_are_refused(
    adapters: Adapters, tmp_path: Path, change: Callable[[Weights], Weights], why: str
) -> None:
    path = lora_files.write(tmp_path / "bad.gguf", weights=change(lora_files.tensors(1)))

    with pytest.raises(AdapterInvalidError, match=why):
        adapters.add(MODEL, "bad", path)

    assert not adapters.of(EMBEDDED_ID)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"kind": "model"}, "general.type"),
        ({"adapter_type": "control_vector"}, "adapter.type"),
        ({"architecture": "qwen2"}, "general.architecture"),
        ({"alpha": "4"}, "alpha"),
    ],
)
def test_what_says_that_it_is_something_else_is_refused(
    adapters: Adapters, tmp_path: Path, wrong: dict[str, Any], why: str
) -> None:
    path = lora_files.write(tmp_path / "bad.gguf", **wrong)

    with pytest.raises(AdapterInvalidError, match=why) as raised:
        adapters.add(MODEL, "bad", path)

    assert str(tmp_path) not in raised.value.message
    assert raised.value.metadata == {"model": EMBEDDED_ID, "file": "bad.gguf"}


def test_what_is_no_whole_file_is_refused(adapters: Adapters, tmp_path: Path, polite: Path) -> None:
    fifo, cut = tmp_path / "fifo", tmp_path / "cut.gguf"
    os.mkfifo(fifo)
    cut.write_bytes(polite.read_bytes()[:-64])

    for path in (fifo, cut, tmp_path, tmp_path / "missing", MODEL.path):
        with pytest.raises(AdapterInvalidError):
            adapters.add(MODEL, "bad", path)

    assert [path.name for path in (tmp_path / "adapters").iterdir()] == []


async def test_an_adapter_comes_into_memory_and_goes_with_its_call(
    server: Server, polite: Path
) -> None:
    base = (await call(server, "Generate", generate())).text

    model = await call(server, "AttachAdapter", attach(polite))

    assert model.state == models_pb2.Model.LOADED
    assert [adapter.adapter_id for adapter in model.adapters] == ["polite"]
    assert model.adapters[0].source == polite.name
    changed = (await call(server, "Generate", generate(polite=1))).text
    assert changed != base
    assert (await call(server, "Generate", generate(polite=1))).text == changed
    assert (await call(server, "Generate", generate(polite=0))).text == base
    assert (await call(server, "Generate", generate())).text == base

    model = await call(server, "DetachAdapter", detach("polite"))

    assert (model.state, len(model.adapters)) == (models_pb2.Model.LOADED, 0)
    assert await reason(server, "Generate", generate(polite=1)) == "ADAPTER_NOT_FOUND"


async def test_calls_with_different_adapters_do_not_disturb_each_other(
    server: Server, tmp_path: Path, polite: Path
) -> None:
    gruff = await asyncio.to_thread(lora_files.write, tmp_path / "gruff.gguf", 2)
    await call(server, "AttachAdapter", attach(polite))
    await call(server, "AttachAdapter", attach(gruff))
    uses = [{}, {"polite": 1.0}, {"gruff": 1.0}, {"polite": 0.5, "gruff": 0.5}]
    alone = [(await call(server, "Generate", generate(**use))).text for use in uses]

    together = await asyncio.gather(
        *(call(server, "Generate", generate(**use)) for use in uses * 3)
    )

    assert [answer.text for answer in together] == alone * 3
    assert len(set(alone)) == len(uses)


async def test_attaching_reloads_with_the_settings_of_before(server: Server, polite: Path) -> None:
    settings = models_pb2.LoadSettings(slots=3, context_length=128)
    load = models_pb2.LoadModelRequest(model_id=EMBEDDED_ID, settings=settings)
    await call(server, "LoadModel", load)

    loaded = (await call(server, "AttachAdapter", attach(polite))).loaded

    assert (loaded.slots, loaded.context_length) == (3, 128)


async def test_attaching_loads_nothing_that_is_not_in_memory(server: Server, polite: Path) -> None:
    model = await call(server, "AttachAdapter", attach(polite, "other"))

    assert model.state == models_pb2.Model.INSTALLED
    assert await reason(server, "AttachAdapter", attach(polite, "other")) == "ADAPTER_EXISTS"
    assert await reason(server, "AttachAdapter", attach(Path("x.gguf"))) == "FIELD_INVALID"
    assert await reason(server, "AttachAdapter", attach(MODEL.path)) == "ADAPTER_INVALID"
    assert await reason(server, "DetachAdapter", detach("../other")) == "ADAPTER_NOT_FOUND"


async def test_a_deleted_model_takes_its_adapters_along(
    server: Server, settings: ServerSettings, tmp_path: Path, polite: Path
) -> None:
    file = tmp_path / "copy.gguf"
    await asyncio.to_thread(lambda: file.write_bytes(MODEL.path.read_bytes()))
    await call(server, "ImportModel", models_pb2.ImportModelRequest(path=str(file)))
    request = models_pb2.AttachAdapterRequest(model_id="copy", path=str(polite))
    await call(server, "AttachAdapter", request)
    assert (settings.home / "adapters" / "copy").exists()

    await call(server, "DeleteModel", models_pb2.DeleteModelRequest(model_id="copy"))

    assert not (settings.home / "adapters" / "copy").exists()
