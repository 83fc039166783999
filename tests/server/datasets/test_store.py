"""Datasets in the database: numbers, versions, what fails, whose they are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from funland.v1.datasets_pb2 import Dataset, DatasetSource, DatasetTokens, DatasetVersion
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_server.datasets.errors import (
    DatasetNotFoundError,
    DatasetNotReadyError,
    DatasetVersionNotFoundError,
)
from funland_server.datasets.figures import at_most, summed_up
from funland_server.datasets.standing import after_failure, version_of
from funland_server.datasets.store import DatasetStore, Wanted

SOURCE = DatasetSource(path="/data")
FIRST, SECOND = (DatasetVersion(sha256=digit * 64, row_count=1) for digit in "ab")


async def add(store: DatasetStore, name: str, owner_id: str = "", project_id: str = "") -> Dataset:
    dataset = Dataset(
        dataset_id=name, name=f"\0{name}", owner_id=owner_id, project_id=project_id,
        status=Dataset.PREPARING, revision=1,
    )  # fmt: skip
    dataset.create_time.FromMicroseconds(1)
    dataset.update_time.FromMicroseconds(1)
    return await store.add(dataset, SOURCE)


async def test_datasets_are_numbered_and_read_in_order(store: DatasetStore) -> None:
    names = [(await add(store, name)).number for name in ("x", "y", "z")]
    other = replace(store, home_id="other")
    await add(other, "w")

    assert names == [1, 2, 3]
    assert await store.unread() == ["x", "y", "z"]
    assert await other.unread() == ["w"]
    assert (await store.get("x")).source == SOURCE


async def test_equal_rows_are_one_version(store: DatasetStore) -> None:
    await add(store, "x")
    for version in (FIRST, SECOND, FIRST):
        await store.finished("x", version, 5)

    kept = await store.get("x")

    assert kept.dataset.status == Dataset.READY
    assert [each.version for each in kept.dataset.versions] == [2, 1]
    assert kept.homes == {1: "this-home", 2: "this-home"}
    assert kept.dataset.revision == 4
    assert kept.source == DatasetSource()
    assert await store.here() == {("x", "a" * 64), ("x", "b" * 64)}


async def test_all_is_told_of_the_newest_versions(store: DatasetStore) -> None:
    await add(store, "x")
    for number in range(12):
        version = DatasetVersion(sha256=f"{number:064}", row_count=number)
        version.bad_rows.add(line=1)
        await store.finished("x", version, 5)

    versions = (await store.get("x")).dataset.versions

    assert [version.row_count for version in versions] == list(range(11, -1, -1))
    assert [len(version.bad_rows) for version in versions] == [1] * 10 + [0] * 2


async def test_what_fails_leaves_what_was_there(store: DatasetStore) -> None:
    error = Error(reason=ErrorReason.DATASET_INVALID, message="no")
    for name in ("new", "old"):
        await add(store, name)
    await store.finished("old", FIRST, 5)
    await store.begin("old", SOURCE, 6)

    with pytest.raises(DatasetNotReadyError):
        await store.begin("old", SOURCE, 7)
    for name in ("new", "old"):
        await store.failed(name, error, 8)

    new, old = [(await store.get(name)).dataset for name in ("new", "old")]
    assert (new.status, old.status) == (Dataset.FAILED, Dataset.READY)
    assert new.error == old.error == error
    assert await store.unread() == []


async def test_pages_have_what_is_there_for_somebody(store: DatasetStore) -> None:
    await add(store, "of-anne", "anne")
    await add(store, "of-bert", "bert", "shared")
    await add(store, "of-nobody")
    await store.finished("of-bert", FIRST, 5)
    await store.finished("of-bert", SECOND, 6)

    async def names(wanted: Wanted, size: int = 10) -> tuple[list[str], int]:
        found, total = await store.page(wanted, size)
        return [one.dataset_id for one in found], total

    assert await names(Wanted(None)) == (["of-anne", "of-bert", "of-nobody"], 3)
    assert await names(Wanted("anne")) == (["of-anne"], 1)
    assert await names(Wanted("anne", ["shared"])) == (["of-anne", "of-bert"], 2)
    assert await names(Wanted("anne", ["shared"], "shared")) == (["of-bert"], 1)
    assert await names(Wanted("")) == ([], 0)
    assert await names(Wanted(None, after=1), 1) == (["of-bert", "of-nobody"], 3)
    (found, *_), _ = await store.page(Wanted("bert"), 10)
    assert [version.version for version in found.versions] == [2]


async def test_all_of_a_dataset_goes_with_it(store: DatasetStore) -> None:
    await add(store, "x")
    await store.finished("x", FIRST, 5)
    counts = DatasetTokens(version=1, total=7)
    await store.keep_count("x", "m", counts)
    await store.keep_count("x", "m", counts)

    assert await store.counted("x", 1, "m") == counts
    assert await store.counted("x", 1, "n") is None
    await store.remove("x")
    assert await store.counted("x", 1, "m") is None
    for act in (
        store.get("x"),
        store.remove("x"),
        store.finished("x", FIRST, 6),
        store.failed("x", Error(), 6),
        store.change("x", 6, name="y"),
        store.keep_count("x", "m", counts),
    ):
        with pytest.raises(DatasetNotFoundError):
            await act


def test_what_follows_from_a_failure() -> None:
    assert [after_failure(count) for count in (0, 1, 5)] == [
        Dataset.FAILED,
        Dataset.READY,
        Dataset.READY,
    ]


def test_a_version_is_named_or_the_newest() -> None:
    dataset = Dataset(dataset_id="x", status=Dataset.READY)
    dataset.versions.add(version=2)
    dataset.versions.add(version=1)

    assert [version_of(dataset, number).version for number in (0, 1, 2)] == [2, 1, 2]
    with pytest.raises(DatasetVersionNotFoundError):
        version_of(dataset, 3)
    failed = Dataset(dataset_id="x", status=Dataset.FAILED, error=Error(message="because"))
    with pytest.raises(DatasetNotReadyError, match="because"):
        version_of(failed, 0)
    with pytest.raises(DatasetNotReadyError, match="being read"):
        version_of(Dataset(dataset_id="x", status=Dataset.PREPARING), 0)


@pytest.mark.parametrize(
    ("values", "part", "value"),
    [([5], 0.5, 5), ([1, 2], 0.5, 1), ([1, 2, 3], 0.5, 2), (list(range(1, 101)), 0.95, 95)],
)
def test_the_value_that_a_part_does_not_exceed(values: list[int], part: float, value: int) -> None:
    assert at_most(values, part) == value


def test_figures_of_rows() -> None:
    figures = summed_up("m", 1, [3, 1, 2, 10], 6)

    assert figures == DatasetTokens(
        model_id="m", version=1, total=16, answers=6, shortest=1, longest=10, mean=4, median=2,
        percentile_95=10,
    )  # fmt: skip
