"""Datasets of a real server in this process: whose they are, and what becomes of them."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest

from funland.v1.datasets_pb2 import (
    CreateDatasetRequest,
    Dataset,
    DatasetSource,
    DeleteDatasetRequest,
    GetDatasetRequest,
    InlineRows,
    ListDatasetsRequest,
    WatchDatasetRequest,
)
from funland_server.app import Server
from funland_server.auth.errors import ScopeMissingError
from funland_server.config import ServerSettings
from funland_server.datasets.domain import Datasets
from funland_server.datasets.errors import DatasetNotFoundError
from funland_server.datasets.managing import Managing
from funland_server.identity import Identity, acting_as
from tests.server.conftest import SECONDS, call, streamed, until

ROWS = "".join(json.dumps({"text": f"row {n}"}) + "\n" for n in range(5))
ANNE, BERT = (
    Identity(user_id=name, scopes=frozenset({"read", "infer", "manage"}))
    for name in ("anne", "bert")
)
ADMIN = Identity(user_id="root", scopes=frozenset({"manage", "admin"}), is_admin=True)


def request(text: str = ROWS, name: str = "rows.jsonl") -> CreateDatasetRequest:
    source = DatasetSource(inline=InlineRows(name=name, text=text))
    return CreateDatasetRequest(name="a", source=source)


def of(server: Server) -> Datasets:
    domains: Any = getattr(server, "_domains")  # noqa: B009 - the server has no other face
    (found,) = [each for each in domains if isinstance(each, Datasets)]
    return found


def managing(server: Server) -> Managing:
    return getattr(of(server), "_managed")  # noqa: B009 - as above


async def settled(server: Server, dataset: Dataset) -> Dataset:
    watch = WatchDatasetRequest(dataset_id=dataset.dataset_id)
    async with asyncio.timeout(SECONDS):
        return [event.dataset async for event in streamed(server, "WatchDataset", watch)][-1]


async def test_a_dataset_is_there_for_who_made_it_and_admins(server: Server) -> None:
    datasets = managing(server)
    with acting_as(ANNE):
        dataset = await datasets.create(request())
    await settled(server, dataset)

    with acting_as(BERT):
        for act in (
            datasets.get(dataset.dataset_id),
            datasets.remove(dataset.dataset_id),
            datasets.rows_of(dataset.dataset_id, 0),
        ):
            with pytest.raises(DatasetNotFoundError) as raised:
                await act
            assert raised.value.message == DatasetNotFoundError(dataset.dataset_id).message
        assert (await datasets.page(ListDatasetsRequest())).total_size == 0
    for who in (ANNE, ADMIN):
        with acting_as(who):
            assert (await datasets.get(dataset.dataset_id)).owner_id == "anne"
            assert (await datasets.page(ListDatasetsRequest())).total_size == 1


async def test_a_dataset_is_found_by_its_number_by_those_it_is_there_for(server: Server) -> None:
    datasets = managing(server)
    with acting_as(ANNE):
        dataset = await datasets.create(request())
        number = str(dataset.number)
        assert (await datasets.named(number)).dataset_id == dataset.dataset_id
        for unknown in ("99", "9" * 19, "-1"):
            with pytest.raises(DatasetNotFoundError):
                await datasets.named(unknown)

    with acting_as(BERT), pytest.raises(DatasetNotFoundError) as raised:
        await datasets.named(number)
    assert dataset.dataset_id not in str(raised.value)
    await settled(server, dataset)


async def test_only_admins_name_paths(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(ROWS)
    wanted = CreateDatasetRequest(name="a", source=DatasetSource(path=str(path)))

    with acting_as(ANNE), pytest.raises(ScopeMissingError):
        await managing(server).create(wanted)
    with acting_as(ADMIN):
        dataset = await managing(server).create(wanted)

    assert (await settled(server, dataset)).status == Dataset.READY


async def test_who_holds_rows_keeps_them_when_the_dataset_goes(
    server: Server, settings: ServerSettings
) -> None:
    dataset = await settled(server, await call(server, "CreateDataset", request()))
    datasets = of(server)
    found = await datasets.rows_path(dataset.dataset_id, 0)
    target = settings.home / "held"
    held = await datasets.hold_rows(dataset.dataset_id, 1, target)
    blob = settings.home / "blobs" / f"sha256-{found.sha256}"

    await call(server, "DeleteDataset", DeleteDatasetRequest(dataset_id=dataset.dataset_id))

    assert not found.path.exists()
    assert (held.path, held.row_count, held.sha256) == (target, 5, found.sha256)
    assert held.path.read_text().count("\n") == 5
    assert blob.exists()
    with pytest.raises(DatasetNotFoundError):
        await datasets.hold_rows(dataset.dataset_id, 1, settings.home / "more")
    await datasets.release_rows(held)
    assert not blob.exists()


async def test_a_dataset_that_goes_amid_its_reading_leaves_nothing(
    server: Server, settings: ServerSettings, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text(ROWS * 100_000)
    wanted = CreateDatasetRequest(name="a", source=DatasetSource(path=str(path)))
    dataset = await call(server, "CreateDataset", wanted)
    folder = settings.home / "datasets" / dataset.dataset_id
    await until((folder / "work" / "rows").exists)

    await call(server, "DeleteDataset", DeleteDatasetRequest(dataset_id=dataset.dataset_id))

    assert not folder.exists()
    small = await settled(server, await call(server, "CreateDataset", request()))
    assert small.status == Dataset.READY


async def test_the_next_server_reads_what_the_last_one_did_not(
    settings: ServerSettings, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    path.write_text(ROWS * 20_000)
    wanted = CreateDatasetRequest(name="a", source=DatasetSource(path=str(path)))
    first = Server(settings)
    await first.start()
    datasets = [
        await call(first, "CreateDataset", wanted),
        await call(first, "CreateDataset", request()),
    ]
    work = settings.home / "datasets" / datasets[0].dataset_id / "work" / "rows"
    await until(work.exists)
    await first.stop(0)
    stray = settings.home / "datasets" / "ds_none"
    stray.mkdir()
    (stray / f"{'0' * 64}.jsonl").write_text("x")

    second = Server(settings)
    await second.start()
    try:
        ends = [await settled(second, dataset) for dataset in datasets]
    finally:
        await second.stop(0)

    assert [end.status for end in ends] == [Dataset.READY] * 2
    assert [end.versions[0].row_count for end in ends] == [100_000, 5]
    assert not stray.exists()
    assert not work.parent.exists()


async def test_five_hundred_bad_files_end_no_server(server: Server, tmp_path: Path) -> None:
    """In one folder: what is wrong with each is told, and the good row is kept."""
    chance = random.Random(1)  # noqa: S311 - no secret
    scraps = [
        '{"text": "a"',
        "}",
        "[",
        "]",
        '"',
        "\\",
        ",",
        "\n",
        "\x00",
        "NaN",
        "null",
        '"\ud800"',
    ]
    folder = tmp_path / "bad"
    folder.mkdir()
    for number in range(500):
        ending = chance.choice(["jsonl", "json", "csv"])
        content = "".join(chance.choices(scraps, k=chance.randrange(1, 30)))
        data = b"\xff" * (number % 7 == 0) + content.encode("utf-8", "surrogatepass")
        (folder / f"{number:03}.{ending}").write_bytes(data)
    (folder / "good.jsonl").write_text('{"text": "good"}\n')
    wanted = CreateDatasetRequest(name="a", source=DatasetSource(path=str(folder)))

    dataset = await settled(server, await call(server, "CreateDataset", wanted))

    assert dataset.status == Dataset.READY
    (version,) = dataset.versions
    assert version.row_count >= 1
    assert version.bad_row_count > 300
    assert len(version.bad_rows) == 100
    assert all(bad.file and bad.problem for bad in version.bad_rows)
    again = await call(server, "GetDataset", GetDatasetRequest(dataset_id=dataset.dataset_id))
    assert again.versions == dataset.versions
