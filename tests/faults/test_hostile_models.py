"""A file that is not a whole model is refused with a reason, and the service goes on."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from funland.v1.models_pb2 import (
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    Model,
)
from tests.faults.gguf_files import whole, with_bytes, with_number
from tests.faults.service import Fault, Service, as_fault, failure

if TYPE_CHECKING:
    from tests.faults.conftest import Install

U32, U64 = struct.Struct("<I"), struct.Struct("<Q")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.gguf", "GGUF")
    return buffer.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Once upon a time", id="text"),
        pytest.param(zipped(), id="a zip"),
        pytest.param(whole()[:3], id="cut in the first word"),
        pytest.param(whole()[:1000], id="cut in the header"),
        pytest.param(whole()[: len(whole()) // 2], id="cut in the weights"),
        pytest.param(whole()[:-1], id="cut before the last byte"),
        pytest.param(with_bytes(0, b"FUGG"), id="magic"),
        pytest.param(with_bytes(4, U32.pack(99)), id="version"),
        pytest.param(with_bytes(8, U64.pack(0)), id="no tensors"),
        pytest.param(with_bytes(8, U64.pack(2**63)), id="tensors without end"),
        pytest.param(with_bytes(16, U64.pack(2**63)), id="entries without end"),
        pytest.param(with_bytes(24, U64.pack(2**62)), id="a key without end"),
        pytest.param(with_bytes(32, b"G"), id="no architecture"),
    ],
)
async def test_what_is_not_a_whole_model_is_not_imported(
    service: Service, tmp_path: Path, content: bytes
) -> None:
    path = tmp_path / "suspect.gguf"
    path.write_bytes(content)

    fault = await failure(import_file(service, path))

    assert_refused(fault, tmp_path)


async def test_only_regular_files_are_opened(service: Service, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    (tmp_path / "folder.gguf").mkdir()
    (tmp_path / "dangling.gguf").symlink_to(tmp_path / "nowhere")

    for name in ("pipe.gguf", "folder.gguf", "dangling.gguf", "missing.gguf"):
        assert_refused(await failure(import_file(service, tmp_path / name)), tmp_path)


@pytest.mark.parametrize("path", ["model.gguf", "../model.gguf", "~/model.gguf", "/tmp/a\0b.gguf"])  # noqa: S108 - not opened
async def test_only_absolute_paths_are_taken(service: Service, path: str) -> None:
    fault = await failure(service.models.ImportModel(ImportModelRequest(path=path)))

    assert (fault.code, fault.reason) == ("INVALID_ARGUMENT", "FIELD_INVALID")
    assert fault.fields == ["path"]


async def test_a_file_that_is_not_the_expected_one_is_not_imported(
    service: Service, tmp_path: Path
) -> None:
    path = tmp_path / "flipped.gguf"
    path.write_bytes(flipped(whole(), len(whole()) // 2))
    expected = hashlib.sha256(whole()).hexdigest()

    fault = await failure(import_file(service, path, sha256=expected))

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_CHANGED")
    assert not [each for each in folders(service) if each.startswith((".", "flipped"))]


async def test_an_installed_file_that_changed_is_not_loaded(
    service: Service, install: Install
) -> None:
    await install("changed", whole())
    file = weights(service, "changed")
    file.write_bytes(flipped(whole(), len(whole()) // 2))

    fault = await failure(service.models.LoadModel(LoadModelRequest(model_id="changed")))
    model = await service.models.GetModel(GetModelRequest(model_id="changed"))

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_CHANGED")
    assert fault.metadata["model"] == "changed"
    assert str(service.stack.home) not in fault.message
    assert model.state == Model.FAILED
    assert model.load_error.message == fault.message

    file.write_bytes(whole())
    assert await service.say(model="changed")


async def test_an_installed_file_that_was_cut_is_not_loaded(
    service: Service, install: Install
) -> None:
    await install("cut", whole())
    weights(service, "cut").write_bytes(whole()[:5000])

    fault = await failure(service.models.LoadModel(LoadModelRequest(model_id="cut")))

    assert fault.code == "FAILED_PRECONDITION"
    assert fault.reason in {"MODEL_FILE_INVALID", "MODEL_FILE_CHANGED"}
    assert str(service.stack.home) not in fault.message


async def test_an_installed_file_that_is_gone_is_said_to_be_gone(
    service: Service, install: Install
) -> None:
    await install("gone", whole())
    weights(service, "gone").rename(weights(service, "gone").with_suffix(".away"))

    fault = await failure(service.models.LoadModel(LoadModelRequest(model_id="gone")))

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_MISSING")
    assert fault.metadata == {"model": "gone"}


async def test_a_model_that_ends_its_process_is_refused(service: Service, install: Install) -> None:
    await install("abort", with_number("llama.block_count", 1000))

    fault = await failure(service.models.LoadModel(LoadModelRequest(model_id="abort")))

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_LOAD_FAILED")
    assert fault.metadata == {"model": "abort"}
    assert "SIGABRT" in fault.message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("llama.context_length", 0),
        ("llama.context_length", 2**31),
        ("llama.vocab_size", 7),
        ("tokenizer.ggml.eos_token_id", 2**31),
        ("tokenizer.ggml.bos_token_id", 9_999_999),
    ],
)
async def test_a_model_with_an_odd_number_answers_or_says_why_not(
    service: Service, install: Install, key: str, value: int
) -> None:
    await install("odd", with_number(key, value))

    try:
        assert await service.say(model="odd")
    except grpc.aio.AioRpcError as error:
        fault = as_fault(error)
        assert fault.code in {"FAILED_PRECONDITION", "UNAVAILABLE", "INVALID_ARGUMENT"}, fault
        assert fault.metadata["model"] == "odd"


def flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


async def import_file(service: Service, path: Path, **request: Any) -> Model:
    return await service.models.ImportModel(
        ImportModelRequest(path=str(path), **{"model_id": path.stem, **request}), timeout=30
    )


def assert_refused(fault: Fault, folder: Path) -> None:
    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_INVALID")
    assert fault.metadata["file"] in fault.message
    assert str(folder) not in f"{fault.message} {fault.metadata}"


def folders(service: Service) -> list[str]:
    return [folder.name for folder in (service.stack.home / "models").iterdir()]


def weights(service: Service, model: str) -> Path:
    return service.stack.home / "models" / model / "model.gguf"
