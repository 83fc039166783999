"""A GGUF header is believed only as far as the file bears it out."""

from __future__ import annotations

import os
import struct
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funland_server.models.formats.gguf_model import read_gguf
from funland_server.workers.errors import ModelFileInvalidError

U32, STRING, ARRAY = 4, 8, 9


def text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def entry(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


ENTRIES = (
    entry("general.architecture", STRING, text("llama")),
    entry("general.name", STRING, text("Small")),
    entry("llama.context_length", U32, struct.pack("<I", 64)),
    entry("tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, 2) + text("a") + text("b")),
    entry("tokenizer.ggml.types", ARRAY, struct.pack("<IQ", U32, 2) + struct.pack("<II", 1, 1)),
)


def tensor(name: str = "w", shape: tuple[int, ...] = (8, 2), kind: int = 0, at: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, at)


def gguf(
    entries: tuple[bytes, ...] = ENTRIES,
    tensors: tuple[bytes, ...] = (tensor(),),
    version: int = 3,
    data: bytes = bytes(64),
) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(entries))
    header = b"GGUF" + counts + b"".join(entries) + b"".join(tensors)
    return header + bytes(-len(header) % 32) + data


SMALL = gguf()


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("gguf") / "model.gguf"


def refuses(file: Path, data: bytes) -> str:
    file.write_bytes(data)
    with pytest.raises(ModelFileInvalidError) as raised:
        read_gguf(file)
    assert str(file.parent) not in raised.value.message
    assert raised.value.metadata == {"file": file.name}
    return raised.value.message


def test_the_embedded_model_tells_what_it_is(model_path: Path) -> None:
    header = read_gguf(model_path).header

    assert header.architecture == "llama"
    assert header.has_chat_template
    assert header.quantization == "Q8_0"
    assert header.context_length >= 256
    assert 1_000_000 < header.parameter_count < 10_000_000


def test_a_small_file_is_read_whole(file: Path) -> None:
    file.write_bytes(SMALL)

    header = read_gguf(file).header

    assert (header.architecture, header.name) == ("llama", "Small")
    assert (header.context_length, header.parameter_count) == (64, 16)
    assert not header.has_chat_template


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "GGUF"),
        (b"PK\x03\x04" + SMALL, "GGUF"),
        (gguf(version=1), "version"),
        (SMALL[:-1], "ends 1 bytes after the file"),
        (gguf(entries=ENTRIES[1:]), "architecture"),
        (gguf(entries=(*ENTRIES, ENTRIES[1])), "twice"),
        (gguf(tensors=()), "no tensors"),
        (gguf(tensors=(tensor(), tensor())), "twice"),
        (gguf(tensors=(tensor(kind=99),)), "type 99"),
        (gguf(tensors=(tensor(shape=(0, 2)),)), "shape"),
        (gguf(tensors=(tensor(shape=(2**40, 2**40)),)), "shape"),
        (gguf(tensors=(tensor(shape=(7,), kind=8),)), "shape"),
        (gguf(tensors=(tensor(shape=(1,) * 5),)), "dimensions"),
        (gguf(tensors=(tensor(at=2**63),)), "cut short"),
        (gguf(entries=(*ENTRIES, entry("x", 77, b""))), "type 77"),
        (gguf(entries=(*ENTRIES, entry("x", STRING, struct.pack("<Q", 2**62)))), "cut short"),
        (gguf(entries=(*ENTRIES, entry("x", ARRAY, struct.pack("<IQ", 4, 2**62)))), "items"),
        (gguf(entries=(*ENTRIES, entry("x", ARRAY, struct.pack("<IQ", 9, 1)))), "type 9"),
        (
            gguf(entries=(*ENTRIES, entry("general.alignment", U32, struct.pack("<I", 3)))),
            "alignment",
        ),
        (b"GGUF" + struct.pack("<IQQ", 3, 2**63, 1), "tensors"),
    ],
)
def test_what_is_wrong_with_a_file_is_named(file: Path, data: bytes, why: str) -> None:
    assert why in refuses(file, data)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo.gguf"
    os.mkfifo(fifo)

    for path in (tmp_path / "missing.gguf", tmp_path, fifo, tmp_path / ("x" * 300)):
        with pytest.raises(ModelFileInvalidError):
            read_gguf(path)


@given(st.integers(4, len(SMALL) - 1))
def test_a_file_cut_anywhere_is_refused(file: Path, length: int) -> None:
    assert "cut short" in refuses(file, SMALL[:length])


@settings(deadline=timedelta(seconds=1))
@given(st.lists(st.tuples(st.integers(0, len(SMALL) - 1), st.integers(0, 255)), max_size=8))
def test_any_changed_bytes_are_read_or_refused_in_no_time(
    file: Path, changes: list[tuple[int, int]]
) -> None:
    data = bytearray(SMALL)
    for position, value in changes:
        data[position] = value
    file.write_bytes(data)

    try:
        header = read_gguf(file).header
    except ModelFileInvalidError:
        return
    assert header.architecture


@settings(deadline=timedelta(seconds=1))
@given(st.binary(max_size=200))
def test_any_bytes_after_the_letters_are_read_or_refused(file: Path, data: bytes) -> None:
    file.write_bytes(b"GGUF\x03\0\0\0" + data)

    with pytest.raises(ModelFileInvalidError):
        read_gguf(file)


@settings(deadline=timedelta(seconds=2), max_examples=10)
@given(st.floats(0, 1, exclude_max=True))
def test_the_embedded_model_cut_anywhere_is_refused(
    file: Path, model_path: Path, part: float
) -> None:
    whole = model_path.read_bytes()

    refuses(file, whole[: int(part * len(whole))])
