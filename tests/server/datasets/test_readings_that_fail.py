"""A reading that can't go on says why, leaves nothing, and the next one is not the worse for it."""

from __future__ import annotations

import json
import resource
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from funland.v1.datasets_pb2 import (
    AddDatasetVersionRequest,
    CreateDatasetRequest,
    Dataset,
    DatasetSource,
    InlineRows,
    WatchDatasetRequest,
)
from funland.v1.errors_pb2 import ErrorReason
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.processes import children
from tests.server.conftest import call, streamed, until

ROOM = 8 << 20
"""Bytes that a file may have where the disk is full beyond."""
MODULE = "funland_server.datasets.reading.main"


def rows(folder: Path, size: int, name: str = "rows.jsonl") -> DatasetSource:
    """A file with rows of a KiB."""
    line = json.dumps({"text": "x" * 1010}) + "\n"
    path = folder / name
    path.write_text(line * (size // len(line)))
    return DatasetSource(path=str(path))


async def made(server: Server, source: DatasetSource) -> Dataset:
    """A dataset once nothing more comes of it."""
    begun = await call(server, "CreateDataset", CreateDatasetRequest(name="a", source=source))
    return await settled(server, begun)


async def settled(server: Server, dataset: Dataset) -> Dataset:
    watch = WatchDatasetRequest(dataset_id=dataset.dataset_id)
    return [event.dataset async for event in streamed(server, "WatchDataset", watch)][-1]


def left(settings: ServerSettings, dataset: Dataset) -> list[Path]:
    """The files that are kept of a dataset."""
    return list((settings.home / "datasets" / dataset.dataset_id).rglob("*"))


@contextmanager
def full_disk() -> Generator[None]:
    """What is started within can't write more than `ROOM` to a file, as on a disk without room."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


async def test_a_disk_that_fills_up_amid_it_is_told_and_has_room_again(
    server: Server, settings: ServerSettings, tmp_path: Path
) -> None:
    source = rows(tmp_path, 3 * ROOM)

    with full_disk():
        failed = await made(server, source)
    there = left(settings, failed)
    again = AddDatasetVersionRequest(dataset_id=failed.dataset_id, source=source)
    ready = await settled(server, await call(server, "AddDatasetVersion", again))

    assert (failed.status, failed.error.reason) == (Dataset.FAILED, ErrorReason.STORAGE_FULL)
    assert there == []
    assert ready.status == Dataset.READY, ready.error
    assert not ready.HasField("error")


async def test_parquet_without_what_reads_it_names_the_extra(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "modules" / "pyarrow"
    missing.mkdir(parents=True)
    (missing / "__init__.py").write_text("raise ImportError")
    monkeypatch.setenv("PYTHONPATH", str(missing.parent))
    (tmp_path / "a.parquet").write_bytes(b"PAR1 and so on PAR1")

    failed = await made(server, DatasetSource(path=str(tmp_path / "a.parquet")))

    assert failed.status == Dataset.FAILED
    assert failed.error.reason == ErrorReason.FORMAT_UNAVAILABLE
    assert "pip install 'funland[parquet]'" in failed.error.message


async def test_a_process_that_ends_amid_it_fails_its_dataset_alone(
    server: Server, settings: ServerSettings, tmp_path: Path
) -> None:
    source = rows(tmp_path, 64 << 20)
    begun = await call(server, "CreateDataset", CreateDatasetRequest(name="a", source=source))
    await until((settings.home / "datasets" / begun.dataset_id / "work" / "rows").exists)

    (reader,) = children(MODULE)
    reader.kill()
    lost = await settled(server, begun)
    small = await made(server, DatasetSource(inline=InlineRows(name="a.txt", text="A text.")))

    assert (lost.status, lost.error.reason) == (Dataset.FAILED, ErrorReason.DATASET_INVALID)
    assert "the process that reads it ended" in lost.error.message
    assert left(settings, lost) == []
    assert small.status == Dataset.READY


async def test_parquet_that_unpacks_to_more_than_may_be_is_refused(
    server: Server, tmp_path: Path
) -> None:
    arrow: Any = pytest.importorskip("pyarrow", reason="it is of the extra `parquet`")
    parquet: Any = pytest.importorskip("pyarrow.parquet")
    text = arrow.array(["x" * (32 << 20)])
    column = arrow.DictionaryArray.from_arrays(arrow.array([0] * 200, arrow.int32()), text)
    path = tmp_path / "a.parquet"
    parquet.write_table(arrow.table({"text": column}), path, compression="zstd")

    failed = await made(server, DatasetSource(path=str(path)))

    assert path.stat().st_size < 1 << 20
    assert (failed.status, failed.error.reason) == (Dataset.FAILED, ErrorReason.DATASET_INVALID)
    assert "more memory" in failed.error.message
