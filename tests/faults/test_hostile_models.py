"""A file that is not a whole model is refused with a reason, and the service goes on."""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import struct
import zipfile
from collections.abc import Callable, Mapping
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
from tests.faults.gguf_files import whole, with_bytes, with_number, with_template
from tests.faults.service import Fault, Service, as_fault, failure

if TYPE_CHECKING:
    from tests.faults.conftest import Install

U32, U64 = struct.Struct("<I"), struct.Struct("<Q")


def zipped() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("model.gguf", "GGUF")
    return buffer.getvalue()


NO_WHOLE_MODELS: Mapping[str, Callable[[], bytes]] = {
    "empty": lambda: b"",
    "text": lambda: b"Once upon a time",
    "a zip": zipped,
    "cut in the first word": lambda: whole()[:3],
    "cut in the header": lambda: whole()[:1000],
    "cut in the weights": lambda: whole()[: len(whole()) // 2],
    "cut before the last byte": lambda: whole()[:-1],
    "magic": lambda: with_bytes(0, b"FUGG"),
    "version": lambda: with_bytes(4, U32.pack(99)),
    "no tensors": lambda: with_bytes(8, U64.pack(0)),
    "tensors without end": lambda: with_bytes(8, U64.pack(2**63)),
    "entries without end": lambda: with_bytes(16, U64.pack(2**63)),
    "a key without end": lambda: with_bytes(24, U64.pack(2**62)),
    "no architecture": lambda: with_bytes(32, b"G"),
}
"""Made when they are needed: each is as large as the model."""


@pytest.mark.parametrize("name", NO_WHOLE_MODELS)
async def test_what_is_not_a_whole_model_is_not_imported(
    service: Service, tmp_path: Path, name: str
) -> None:
    path = tmp_path / "suspect.gguf"
    path.write_bytes(NO_WHOLE_MODELS[name]())

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
    content = nobody_elses()
    await install("changed", content)
    file = weights(service, "changed")
    file.write_bytes(flipped(content, len(content) // 2))

    fault = await failure(service.models.LoadModel(LoadModelRequest(model_id="changed")))
    model = await service.models.GetModel(GetModelRequest(model_id="changed"))

    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_CHANGED")
    assert fault.metadata["model"] == "changed"
    assert str(service.stack.home) not in fault.message
    assert model.state == Model.FAILED
    assert model.load_error.message == fault.message

    file.write_bytes(content)
    assert await service.say(model="changed")


async def test_an_installed_file_that_was_cut_is_not_loaded(
    service: Service, install: Install
) -> None:
    content = nobody_elses()
    await install("cut", content)
    weights(service, "cut").write_bytes(content[:5000])

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


def nobody_elses() -> bytes:
    """A model that no other has files in common with: what is written into its file would be
    written into theirs."""
    return with_template("{{ messages[-1].content }}" + f"{{# {secrets.token_hex(8)} #}}")


def flipped(content: bytes, offset: int) -> bytes:
    return content[:offset] + bytes([content[offset] ^ 1]) + content[offset + 1 :]


async def import_file(service: Service, path: Path, **request: Any) -> Model:
    wanted: dict[str, Any] = {"path": str(path), "model_id": path.stem, **request}
    return await service.models.ImportModel(ImportModelRequest(**wanted), timeout=120)


def assert_refused(fault: Fault, folder: Path) -> None:
    assert (fault.code, fault.reason) == ("FAILED_PRECONDITION", "MODEL_FILE_INVALID")
    assert fault.metadata["file"] in fault.message
    assert str(folder) not in f"{fault.message} {fault.metadata}"


def folders(service: Service) -> list[str]:
    return [folder.name for folder in (service.stack.home / "models").iterdir()]


def weights(service: Service, model: str) -> Path:
    return service.stack.home / "models" / model / "model.gguf"
