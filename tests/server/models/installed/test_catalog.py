"""Models come into the store whole, are checked before use, and go without a trace."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from funland_server.blobs.store import Blobs
from funland_server.errors import FieldInvalidError, FunlandError
from funland_server.live import Live
from funland_server.models.errors import (
    ModelBuiltInError,
    ModelExistsError,
    ModelFileChangedError,
    ModelFileMissingError,
    ModelNotFoundError,
)
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.store import ModelStore
from funland_server.workers.errors import ModelFileInvalidError
from tests.server.conftest import until
from tests.server.models.formats.test_gguf import SMALL

Open = Callable[[], ModelCatalog]


class Store:
    """A folder, and catalogs over it as a server opens them at its starts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.changed: list[str] = []

    def open(self, default: str = "funland-tiny") -> ModelCatalog:
        return ModelCatalog(
            ModelStore(self.folder, Blobs(self.folder.parent / "blobs")),
            Live(default),
            self.changed.append,
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "Small Model.gguf"
    path.write_bytes(SMALL)
    return path


async def add(
    catalog: ModelCatalog, source: Path, model_id: str = "", *aliases: str, sha256: str = ""
) -> InstalledModel:
    return await catalog.import_file(str(source), model_id, aliases, sha256)


async def let_go(model_id: str) -> None:
    """For a model that nobody uses."""


async def test_an_imported_model_is_found_by_its_names_and_after_a_restart(
    store: Store, source: Path
) -> None:
    model = await add(store.open(), source, "", "small", "second name")

    catalog = store.open()

    for name in ("small-model", "small", "second name", "Small Model.gguf"):
        assert catalog.get(name) == model
    assert model.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert model.path.read_bytes() == SMALL
    assert not model.built_in
    assert store.changed == ["small-model"]


async def test_an_empty_name_is_the_default(store: Store, source: Path) -> None:
    await add(store.open(), source, "mine", "alias")

    assert store.open().get("").model_id == "funland-tiny"
    assert store.open("alias").get("").model_id == "mine"
    assert store.open("alias").default_id == "mine"


async def test_an_unknown_name_is_not_found(store: Store) -> None:
    for name in ("nobody", "built-in", "../models"):
        with pytest.raises(ModelNotFoundError):
            store.open().get(name)


@pytest.mark.parametrize("names", [("taken",), ("other", "taken"), ("other", "alias")])
async def test_a_name_can_not_be_given_twice(
    store: Store, source: Path, names: tuple[str, ...]
) -> None:
    catalog = store.open()
    await add(catalog, source, "taken", "alias")

    with pytest.raises(ModelExistsError):
        await add(catalog, source, *names)

    assert [path.name for path in store.folder.iterdir()] == ["taken"]


async def test_of_two_imports_of_one_name_one_is_refused(store: Store, source: Path) -> None:
    catalog = store.open()

    results = await asyncio.gather(
        add(catalog, source, "one"), add(catalog, source, "one"), return_exceptions=True
    )

    assert sorted(type(result).__name__ for result in results) == [
        "InstalledModel",
        "ModelExistsError",
    ]


async def test_a_file_with_another_sum_is_not_installed(store: Store, source: Path) -> None:
    catalog = store.open()

    with pytest.raises(ModelFileChangedError):
        await add(catalog, source, "mine", sha256="0" * 64)

    assert not list(store.folder.iterdir())
    assert await add(catalog, source, "mine", sha256=hashlib.sha256(SMALL).hexdigest())


async def test_a_broken_file_is_not_installed(store: Store, source: Path) -> None:
    await asyncio.to_thread(source.write_bytes, SMALL[:-1])

    with pytest.raises(ModelFileInvalidError):
        await add(store.open(), source)

    assert not list(store.folder.iterdir())


@pytest.mark.parametrize("path", ["model.gguf", "../model.gguf", "/models/\0.gguf", ""])
async def test_only_absolute_paths_are_read(store: Store, path: str) -> None:
    with pytest.raises(FieldInvalidError) as raised:
        await store.open().import_file(path, "", (), "")

    assert [violation.field for violation in raised.value.violations] == ["path"]


async def test_an_import_goes_on_when_its_caller_goes_away(store: Store, source: Path) -> None:
    catalog = store.open()
    task = asyncio.create_task(add(catalog, source, "mine"))
    await until(lambda: bool(list(store.folder.iterdir())))

    task.cancel()

    await until(lambda: store.changed == ["mine"])
    assert catalog.get("mine") == store.open().get("mine")


def added(catalog: ModelCatalog) -> list[str]:
    """The ids of the models that somebody installed."""
    return [model.model_id for model in catalog.all() if not model.built_in]


async def test_what_a_crash_left_is_cleared_away(store: Store, source: Path) -> None:
    await add(store.open(), source, "whole")
    (store.folder / ".import-1").mkdir()
    (store.folder / ".import-1" / "model.gguf").write_bytes(SMALL[:50])
    (store.folder / ".deleted-1").mkdir()

    catalog = store.open()

    assert [path.name for path in store.folder.iterdir()] == ["whole"]
    assert added(catalog) == ["whole"]


@pytest.mark.parametrize("manifest", [None, b"", b"{}", b"\xff", b'{"model_id": 1}', b"[" * 10000])
async def test_a_model_whose_manifest_is_broken_is_passed_over(
    store: Store, source: Path, manifest: bytes | None
) -> None:
    await add(store.open(), source, "good")
    broken = (await add(store.open(), source, "broken")).path.with_name("model.json")
    if manifest is None:
        broken.unlink()
    else:
        broken.write_bytes(manifest)

    assert added(store.open()) == ["good"]


async def test_links_in_the_store_are_not_followed(
    store: Store, source: Path, tmp_path: Path
) -> None:
    model = await add(store.open(), source, "real")
    shutil.move(model.path.parent, tmp_path / "elsewhere")
    (store.folder / "real").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ModelNotFoundError):
        store.open().get("real")


async def test_an_untouched_file_is_good(store: Store, source: Path) -> None:
    catalog = store.open()

    catalog.verify(await add(catalog, source, "mine"))


async def test_a_touched_file_is_good_and_known_again_after_a_restart(
    store: Store, source: Path
) -> None:
    catalog = store.open()
    model = await add(catalog, source, "mine")
    os.utime(model.path, ns=(1, 1))

    catalog.verify(model)

    assert catalog.get("mine").fingerprint.modified_ns == 1
    assert store.open().get("mine").fingerprint.modified_ns == 1


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (SMALL[:-1] + b"\1", ModelFileChangedError),
        (SMALL[:-1], ModelFileInvalidError),
        (None, ModelFileMissingError),
    ],
)
async def test_a_changed_file_is_refused(
    store: Store, source: Path, data: bytes | None, error: type[FunlandError]
) -> None:
    catalog = store.open()
    model = await add(catalog, source, "mine")
    model.path.unlink()
    if data is not None:
        model.path.write_bytes(data)

    with pytest.raises(error):
        catalog.verify(model)


async def test_a_deleted_model_leaves_nothing(store: Store, source: Path) -> None:
    catalog = store.open()
    model = await add(catalog, source, "mine")
    gone: list[str] = []

    async def unload(model_id: str) -> None:
        with pytest.raises(ModelNotFoundError):
            catalog.get(model_id)
        with pytest.raises(ModelNotFoundError):
            catalog.verify(model)
        assert model.path.exists()
        gone.append(model_id)

    await catalog.remove(model, unload)

    assert gone == ["mine"]
    assert not list(store.folder.iterdir())
    assert store.changed == ["mine", "mine"]
    assert await add(catalog, source, "mine"), "the name is free again"


async def test_a_model_that_can_not_be_let_go_stays(store: Store, source: Path) -> None:
    catalog = store.open()
    model = await add(catalog, source, "mine")

    async def refuse(model_id: str) -> None:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await catalog.remove(model, refuse)

    assert catalog.get("mine") == model
    assert model.path.exists()


async def test_the_model_that_comes_with_funland_stays(store: Store) -> None:
    catalog = store.open()

    with pytest.raises(ModelBuiltInError):
        await catalog.remove(catalog.get(""), let_go)

    assert catalog.get("").path.exists()


async def test_a_source_that_is_changed_in_place_is_not_loaded_unseen(
    store: Store, source: Path
) -> None:
    catalog = store.open()
    model = await add(catalog, source, "mine")

    await asyncio.to_thread(source.write_bytes, SMALL[:-1] + b"\1")

    if model.path.read_bytes() == SMALL:  # the disk shares blocks, or copied
        catalog.verify(model)
    else:
        with pytest.raises(ModelFileChangedError):
            catalog.verify(model)


async def test_two_imports_of_one_file_have_it_once(store: Store, source: Path) -> None:
    catalog = store.open()
    one, two = await add(catalog, source, "one"), await add(catalog, source, "two")

    assert one.path.samefile(two.path)
    await catalog.remove(one, let_go)
    catalog.verify(two)
    await asyncio.to_thread(source.unlink)
    await catalog.remove(two, let_go)

    blobs = store.folder.parent / "blobs"
    assert list(blobs.iterdir()) == []


async def test_a_home_from_before_there_were_blobs_works_as_it_did(store: Store) -> None:
    folder = store.folder / "old"
    folder.mkdir(parents=True)
    (folder / "model.gguf").write_bytes(SMALL)
    found = (folder / "model.gguf").stat()
    header = {
        "architecture": "llama", "name": "", "description": "", "license": "", "quantization": "",
        "parameter_count": 16, "context_length": 0, "embedding_length": 0,
        "has_chat_template": False,
    }  # fmt: skip
    manifest = {
        "model_id": "old", "aliases": ["older"], "source": "old.gguf", "header": header,
        "sha256": hashlib.sha256(SMALL).hexdigest(), "create_time": "2026-01-02T03:04:05Z",
        "fingerprint": {"size_bytes": found.st_size, "modified_ns": found.st_mtime_ns},
    }  # fmt: skip
    (folder / "model.json").write_text(json.dumps(manifest))

    catalog = store.open()
    model = catalog.get("older")

    catalog.verify(model)
    assert (model.origin, model.files) == (None, {})
    os.utime(model.path, ns=(1, 1))
    catalog.verify(model)
    assert store.open().get("old").fingerprint.modified_ns == 1
    await catalog.remove(catalog.get("old"), let_go)
    assert not list(store.folder.iterdir())
