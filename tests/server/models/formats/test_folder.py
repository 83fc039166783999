"""Folders of models come from anywhere: only what is whole and harmless is installed."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from funland_server.blobs.store import Blobs
from funland_server.errors import FieldInvalidError
from funland_server.live import Live
from funland_server.models.errors import ModelFileChangedError
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.reading import read_model
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.store import ModelStore
from funland_server.workers.errors import ModelFileInvalidError

CONFIG = {"model_type": "llama", "hidden_size": 4, "max_position_embeddings": 64}


def safetensors(header: object, data: bytes = bytes(16)) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(**changes: Any) -> dict[str, Any]:
    return {"dtype": "F32", "shape": [2, 2], "data_offsets": [0, 16], **changes}


def ctranslate2(
    version: int = 6, spec: str = "TransformerDecoderSpec", length: int = 16, count: int = 1
) -> bytes:
    name = spec.encode() + b"\0"
    start = struct.pack("<IH", version, len(name)) + name + struct.pack("<II", 8, count)
    variable = struct.pack("<H", 2) + b"w\0" + struct.pack("<BIIBI", 2, 2, 2, 0, length)
    return start + variable + bytes(16) + struct.pack("<I", 0)


def network(offset: int = 0, size: int = 16) -> bytes:
    data = f'<data element_type="f32" shape="2, 2" offset="{offset}" size="{size}" />'
    return f'<?xml version="1.0"?>\n<net name="m">{data}</net>\n'.encode()


WHOLE: dict[str, dict[str, bytes]] = {
    "SAFETENSORS": {"model.safetensors": safetensors({"w": tensor()})},
    "CTRANSLATE2": {"model.bin": ctranslate2(), "vocabulary.json": b'["a", "b"]'},
    "OPENVINO_IR": {"openvino_model.xml": network(), "openvino_model.bin": bytes(16)},
}


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of a format, with some files changed and those that are None left out."""

    def write(kind: str, changes: dict[str, bytes | None] | None = None) -> Path:
        folder = tmp_path / "Some Model"
        folder.mkdir()
        files: dict[str, bytes | None] = {
            "config.json": json.dumps(CONFIG).encode(),
            "tokenizer.json": b"{}",
            **WHOLE[kind],
            **(changes or {}),
        }
        for name, content in files.items():
            if content is not None:
                (folder / name).write_bytes(content)
        return folder

    return write


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFileInvalidError) as raised:
        read_model(folder)
    assert str(folder.parent) not in raised.value.message
    assert raised.value.metadata == {"file": folder.name}
    return raised.value.message


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_folder_is_described(make: Callable[..., Path], kind: str) -> None:
    header = read_model(make(kind, {"chat_template.jinja": b"{{ messages }}"}))

    assert (header.format, header.architecture) == (kind, "llama")
    assert (header.parameter_count, header.context_length, header.embedding_length) == (4, 64, 4)
    assert header.has_chat_template


@pytest.mark.parametrize(
    ("kind", "name"),
    [(kind, name) for kind in WHOLE for name in ("tokenizer.json", *WHOLE[kind])],
)
def test_a_folder_that_lacks_a_file_is_refused(
    make: Callable[..., Path], kind: str, name: str
) -> None:
    assert "whole model" in refusal(make(kind, {name: None}))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("SAFETENSORS", {"model.safetensors": b""}),
        ("SAFETENSORS", {"model.safetensors": struct.pack("<Q", 2**63) + b"{}"}),
        ("SAFETENSORS", {"model.safetensors": struct.pack("<Q", 2) + b"[]"}),
        ("SAFETENSORS", {"model.safetensors": struct.pack("<Q", 2) + b"{"}),
        ("SAFETENSORS", {"model.safetensors": safetensors({})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": []})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(dtype="F99")})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(shape=[-2, -2])})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(shape=[2**40, 2**40])})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(shape=[True, 4])})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(shape=[1] * 99)})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(data_offsets=[8, 24])})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor(data_offsets=[-16, 0])})}),
        ("SAFETENSORS", {"model.safetensors": safetensors({"w": tensor()}, bytes(15))}),
        ("CTRANSLATE2", {"model.bin": b""}),
        ("CTRANSLATE2", {"model.bin": b"\x80\x04\x95pickle"}),
        ("CTRANSLATE2", {"model.bin": ctranslate2(version=99)}),
        ("CTRANSLATE2", {"model.bin": ctranslate2(spec="WhisperSpec")}),
        ("CTRANSLATE2", {"model.bin": ctranslate2(length=2**32 - 1)}),
        ("CTRANSLATE2", {"model.bin": ctranslate2(count=2)}),
        ("CTRANSLATE2", {"model.bin": ctranslate2(count=2**32 - 1)}),
        ("CTRANSLATE2", {"model.bin": ctranslate2()[:-10]}),
        ("OPENVINO_IR", {"openvino_model.xml": b"<html></html>"}),
        ("OPENVINO_IR", {"openvino_model.xml": network()[:-5]}),
        ("OPENVINO_IR", {"openvino_model.xml": network(offset=1)}),
        ("OPENVINO_IR", {"openvino_model.xml": network(size=10**17)}),
        (
            "OPENVINO_IR",
            {"openvino_model.xml": network().replace(b"<data", b'<!ENTITY a "b"><data')},
        ),
        ("SAFETENSORS", {"config.json": b"[" * 100_000}),
        ("SAFETENSORS", {"config.json": b"\xff"}),
        ("SAFETENSORS", {"tokenizer.json": b"1"}),
    ],
)
def test_a_damaged_folder_is_refused(
    make: Callable[..., Path], kind: str, changes: dict[str, bytes]
) -> None:
    assert refusal(make(kind, changes))


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl"])
def test_pickles_are_refused_by_name(make: Callable[..., Path], name: str) -> None:
    folder = make("SAFETENSORS", {"model.safetensors": None, name: b"\x80\x04."})

    assert "pickles" in refusal(folder)


@pytest.mark.parametrize(
    "shard",
    [
        "../outside.safetensors",
        "/outside.safetensors",
        "..\\outside.safetensors",
        "a/b.safetensors",
        "outside.bin",
        "",
        "\0.safetensors",
        ".hidden.safetensors",
        "missing.safetensors",
        7,
    ],
)
def test_an_index_can_not_name_files_elsewhere(
    make: Callable[..., Path], tmp_path: Path, shard: object
) -> None:
    (tmp_path / "outside.safetensors").write_bytes(WHOLE["SAFETENSORS"]["model.safetensors"])
    index = json.dumps({"weight_map": {"w": shard}}).encode()

    assert refusal(make("SAFETENSORS", {"model.safetensors.index.json": index}))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "tokenizer.json"])
def test_links_are_not_followed(make: Callable[..., Path], tmp_path: Path, name: str) -> None:
    folder = make("SAFETENSORS")
    (folder / name).rename(tmp_path / name)
    (folder / name).symlink_to(tmp_path / name)

    assert "link" in refusal(folder)


def test_a_linked_folder_is_not_followed(make: Callable[..., Path], tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(make("SAFETENSORS"))

    assert "link" in refusal(link)


def test_a_fifo_is_not_waited_for(make: Callable[..., Path]) -> None:
    folder = make("SAFETENSORS", {"chat_template.jinja": None})
    os.mkfifo(folder / "chat_template.jinja")

    assert "regular" in refusal(folder)


async def test_only_what_counts_is_installed_and_found_again(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    source = make("SAFETENSORS", {"modeling.py": b"import os", "README.md": b"#"})

    def open_catalog() -> ModelCatalog:
        return ModelCatalog(
            ModelStore(tmp_path / "models", Blobs(tmp_path / "blobs")), Live(""), lambda _: None
        )

    model = await open_catalog().import_file(str(source), "", (), "")

    assert sorted(file.name for file in model.path.iterdir()) == [
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert open_catalog().get("some-model") == model
    assert model.header.format == "SAFETENSORS"
    assert model.fingerprint.size_bytes == sum(
        (source / file.name).stat().st_size for file in model.path.iterdir()
    )


async def test_a_changed_folder_is_refused_and_a_touched_one_is_not(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    catalog = ModelCatalog(
        ModelStore(tmp_path / "models", Blobs(tmp_path / "blobs")), Live(""), lambda _: None
    )
    model = await catalog.import_file(str(make("SAFETENSORS")), "mine", (), "")
    os.utime(model.path / "config.json", ns=(1, 1))

    catalog.verify(model)
    (model.path / "config.json").write_text(json.dumps({**CONFIG, "hidden_size": 5}))

    with pytest.raises(ModelFileChangedError):
        catalog.verify(catalog.get("mine"))


async def test_a_folder_has_no_sum_to_expect(make: Callable[..., Path], tmp_path: Path) -> None:
    catalog = ModelCatalog(
        ModelStore(tmp_path / "models", Blobs(tmp_path / "blobs")), Live(""), lambda _: None
    )

    with pytest.raises(FieldInvalidError) as raised:
        await catalog.import_file(str(make("SAFETENSORS")), "mine", (), "0" * 64)

    assert [violation.field for violation in raised.value.violations] == ["sha256"]


def test_files_that_nobody_knows_are_passed_over(make: Callable[..., Path]) -> None:
    folder = make("SAFETENSORS", {"evil.pkl": b"\x80\x04."})
    (folder / "link").symlink_to("/etc/passwd")

    assert read_folder(folder).files == ("config.json", "model.safetensors", "tokenizer.json")
