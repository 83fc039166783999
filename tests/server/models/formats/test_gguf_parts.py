"""A model in several GGUF files is one model, or it is told which file is to blame."""

from __future__ import annotations

import hashlib
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from funland_server.blobs.store import Blobs
from funland_server.errors import FieldInvalidError
from funland_server.live import Live
from funland_server.models.adapters.lora import check_adapter
from funland_server.models.errors import ModelFileChangedError, ModelFileMissingError
from funland_server.models.formats.gguf_model import read_gguf
from funland_server.models.formats.reading import read_model
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.store import ModelStore
from funland_server.workers.errors import AdapterInvalidError, ModelFileInvalidError
from tests import lora_files
from tests.server.models.formats.test_gguf import ENTRIES, STRING, U32, entry, gguf, tensor, text
from tests.server.models.installed.test_catalog import let_go
from tests.split_files import split

U16, I32 = 2, 5


def part(number: int, count: int = 3, tensors: int = 3, *more: bytes, name: str = "") -> bytes:
    """A file with one tensor; the first has the model's metadata."""
    entries = (
        *(ENTRIES if number == 0 else ()),
        entry("split.no", U16, struct.pack("<H", number)),
        entry("split.count", U16, struct.pack("<H", count)),
        entry("split.tensors.count", I32, struct.pack("<i", tensors)),
        *more,
    )
    return gguf(entries, (tensor(name or f"blk.{number}.attn_k.weight"),))


@pytest.fixture
def parts(tmp_path: Path) -> list[Path]:
    """Three files that are a model."""
    paths = [tmp_path / f"My Model-0000{number + 1}-of-00003.gguf" for number in range(3)]
    for number, path in enumerate(paths):
        path.write_bytes(part(number))
    return paths


@pytest.fixture
def catalog(tmp_path: Path) -> ModelCatalog:
    return ModelCatalog(
        ModelStore(tmp_path / "store", Blobs(tmp_path / "blobs")),
        Live("funland-tiny"),
        lambda _: None,
    )


def test_several_files_are_read_as_the_one_that_they_were(model_path: Path, tmp_path: Path) -> None:
    whole = read_gguf(model_path)
    for count, alone in ((2, False), (5, False), (4, True)):
        folder = tmp_path / f"{count}"
        folder.mkdir()
        paths = split(model_path, folder, "tiny", count, metadata_alone=alone)

        model = read_gguf(paths[0])

        assert model.header.files == len(model.files) == len(paths) == count
        assert model.contents.shapes == whole.contents.shapes
        for field in ("parameter_count", "cache_bytes_per_token", "architecture", "name"):
            assert getattr(model.header, field) == getattr(whole.header, field)


BROKEN: dict[str, tuple[Callable[[list[Path]], object], int, str]] = {
    "the second is gone": (lambda at: at[1].unlink(), 1, "missing"),
    "the last is gone": (lambda at: at[2].unlink(), 2, "missing"),
    "the second is cut short": (
        lambda at: at[1].write_bytes(part(1)[:-40]), 1, "cut short"),
    "the second is the third": (lambda at: shutil.copy(at[2], at[1]), 1, "not part 2"),
    "the second is of more files": (lambda at: at[1].write_bytes(part(1, 4)), 1, "not part 2"),
    "the second is of more tensors": (
        lambda at: at[1].write_bytes(part(1, 3, 4)), 1, "not part 2"),
    "the second is a whole model": (
        lambda at: at[1].write_bytes(gguf()), 1, "not part 2"),
    "the second is of another architecture": (
        lambda at: at[1].write_bytes(
            part(1, 3, 3, entry("general.architecture", STRING, text("qwen2")))),
        1, "not part 2"),
    "the third has what the first has": (
        lambda at: at[2].write_bytes(part(2, name="blk.0.attn_k.weight")), 2, "part before"),
    "there are fewer tensors than there should be": (
        lambda at: [path.write_bytes(part(n, 3, 4)) for n, path in enumerate(at)],
        0, "4 tensors, but there are 3"),
    "the number is no 16-bit number": (
        lambda at: at[0].write_bytes(part(0).replace(
            entry("split.no", U16, bytes(2)), entry("split.no", U32, bytes(4)))),
        0, "split.no"),
    "the second is no GGUF": (lambda at: at[1].write_bytes(b"<html>"), 1, "GGUF"),
    "the second is a folder": (
        lambda at: (at[1].unlink(), at[1].mkdir()), 1, "regular file"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
async def test_it_is_told_which_file_is_to_blame(
    parts: list[Path], catalog: ModelCatalog, what: str
) -> None:
    breaks, which, why = BROKEN[what]
    before = catalog.all()
    breaks(parts)

    with pytest.raises(ModelFileInvalidError) as raised:
        await catalog.import_file(str(parts[0]), "", (), "")

    assert raised.value.metadata == {"file": parts[which].name}
    assert why in raised.value.message
    assert str(parts[0].parent) not in raised.value.message
    assert catalog.all() == before


def test_another_than_the_first_names_the_first(parts: list[Path]) -> None:
    with pytest.raises(ModelFileInvalidError, match=r"part 2 of 3.*My Model-00001-of-00003\.gguf"):
        read_gguf(parts[1])


def test_a_part_must_have_its_name(parts: list[Path]) -> None:
    renamed = parts[0].rename(parts[0].with_name("model.gguf"))

    with pytest.raises(ModelFileInvalidError, match=r"must be called NAME-00001-of-00003\.gguf"):
        read_gguf(renamed)


def test_parts_may_be_links_as_in_a_hubs_cache(parts: list[Path], tmp_path: Path) -> None:
    (tmp_path / "snapshot").mkdir()
    for path in parts:
        blob = path.rename(tmp_path / f"{path.stat().st_ino:x}")
        (tmp_path / "snapshot" / path.name).symlink_to(blob)

    assert read_gguf(tmp_path / "snapshot" / parts[0].name).header.files == 3


def test_a_folder_of_parts_is_told_to_name_the_first(parts: list[Path]) -> None:
    with pytest.raises(ModelFileInvalidError, match="the first of several"):
        read_model(parts[0].parent)


def test_a_whole_model_may_be_called_like_a_part(parts: list[Path]) -> None:
    parts[0].write_bytes(gguf())

    assert read_gguf(parts[0]).header.files == 1


async def test_they_are_kept_checked_and_deleted_together(
    parts: list[Path], catalog: ModelCatalog, tmp_path: Path
) -> None:
    model = await catalog.import_file(str(parts[0]), "", (), "")
    again = ModelCatalog(
        ModelStore(tmp_path / "store", Blobs(tmp_path / "blobs")),
        Live("funland-tiny"),
        lambda _: None,
    )

    assert again.get("my-model") == model
    kept = sorted(path.name for path in model.path.parent.glob("*.gguf"))
    assert kept == [f"model-0000{number}-of-00003.gguf" for number in (1, 2, 3)]
    assert model.fingerprint.size_bytes == sum(path.stat().st_size for path in parts)
    lines = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.stat().st_size} {name}\n"
        for path, name in zip(parts, kept, strict=True)
    ]
    assert model.sha256 == hashlib.sha256("".join(lines).encode()).hexdigest()
    again.verify(model)

    await again.remove(model, let_go)

    assert not model.path.parent.exists()


async def test_what_became_of_each_of_them_is_seen_before_a_load(
    parts: list[Path], catalog: ModelCatalog
) -> None:
    model = await catalog.import_file(str(parts[0]), "", (), "")
    second = model.path.with_name("model-00002-of-00003.gguf")
    content = second.read_bytes()

    second.write_bytes(content[:-1] + b"\1")
    with pytest.raises(ModelFileChangedError):
        catalog.verify(model)
    second.write_bytes(content)
    catalog.verify(model)
    second.unlink()
    with pytest.raises(ModelFileMissingError):
        catalog.verify(model)


def test_adapters_fit_the_tensors_of_all_parts(model_path: Path, tmp_path: Path) -> None:
    paths = split(model_path, tmp_path, "tiny", 4, metadata_alone=True)
    header = read_gguf(paths[0]).header
    model = replace(embedded_model(), path=paths[0], header=header)

    check_adapter(lora_files.write(tmp_path / "adapter.gguf"), model)
    pair = np.zeros((4, 8), np.float32)
    weights = {"blk.99.x.lora_a": pair, "blk.99.x.lora_b": pair.T}
    other = lora_files.write(tmp_path / "other.gguf", weights=weights)
    with pytest.raises(AdapterInvalidError, match=r"no tensor 'blk\.99"):
        check_adapter(other, model)


async def test_several_files_have_no_sha256_to_ask_for(
    parts: list[Path], catalog: ModelCatalog
) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        await catalog.import_file(str(parts[0]), "", (), "0" * 64)

    assert [violation.field for violation in raised.value.violations] == ["sha256"]
