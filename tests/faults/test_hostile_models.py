"""A file that is not a whole model is refused with a reason, and the service goes on."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
import random
import struct
import zipfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc.aio
import pytest

from funland.v1.inference_pb2 import GenerateRequest, SamplingParameters
from funland.v1.models_pb2 import (
    DeleteModelRequest,
    GetModelRequest,
    ImportModelRequest,
    LoadModelRequest,
    LoadSettings,
    Model,
)
from tests.faults.gguf_files import header_size, whole, with_bytes, with_number
from tests.faults.service import Fault, Service, as_fault, failure

if TYPE_CHECKING:
    from tests.faults.conftest import Install

MUTANTS = 100
AT_ONCE = 4
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


async def test_mutants_answer_or_are_refused_with_a_reason(
    service: Service, tmp_path: Path
) -> None:
    chance = random.Random(20260101)  # noqa: S311 - the same mutants each time
    width = asyncio.Semaphore(AT_ONCE)

    async def fate(number: int) -> str:
        path = tmp_path / f"mutant-{number}.gguf"
        path.write_bytes(mutant(chance))
        async with width:
            try:
                await import_file(service, path)
                try:
                    await service.models.LoadModel(
                        LoadModelRequest(
                            model_id=path.stem,
                            settings=LoadSettings(context_length=64, slots=1, threads=1),
                        ),
                        timeout=60,
                    )
                    await service.inference.Generate(
                        GenerateRequest(
                            model=path.stem,
                            prompt="Once",
                            sampling=SamplingParameters(max_tokens=2),
                        ),
                        timeout=60,
                    )
                finally:
                    await service.models.DeleteModel(DeleteModelRequest(model_id=path.stem))
            except grpc.aio.AioRpcError as error:
                fault = as_fault(error)
                assert fault.code in {"FAILED_PRECONDITION", "UNAVAILABLE"}, fault
                assert str(tmp_path) not in fault.message
                assert str(service.stack.home) not in fault.message
                return fault.reason
            finally:
                path.unlink()
        return "answered"

    fates = Counter(await asyncio.gather(*map(fate, range(MUTANTS))))

    assert set(fates) <= {
        "answered",
        "MODEL_FILE_INVALID",
        "MODEL_LOAD_FAILED",
        "WORKER_LOST",
    }
    assert fates["MODEL_FILE_INVALID"] > MUTANTS / 10, fates
    assert fates["MODEL_LOAD_FAILED"], fates  # some get as far as llama.cpp, and it says no


def mutant(chance: random.Random) -> bytes:
    """The embedded model with a few bytes of its header changed, most of them in its structure:
    before the vocabulary and among the tensors' shapes and offsets."""
    content = bytearray(whole())
    end = header_size()
    regions = [(0, 1600), (end - 4000, end), (0, end)]
    for _ in range(chance.randint(1, 4)):
        begin, stop = chance.choice(regions)
        content[chance.randrange(begin, stop)] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
    return bytes(content)


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
