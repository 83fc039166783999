"""Benchmarks in either database: the latest of each key, and only for their home."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from funland.v1.hardware_pb2 import BenchmarkResult
from funland.v1.models_pb2 import LoadSettings
from funland_server.hardware.keys import Key
from funland_server.hardware.store import BenchmarkStore, Kept
from funland_server.storage.database import Database

KEY = Key("Größe|\x00", "ab", LoadSettings.LLAMA_CPP, "0.3.36", "")


@pytest.fixture
async def database(place: Path | str) -> AsyncIterator[Database]:
    database = Database(place)
    await database.open()
    yield database
    await database.close()


def kept(seconds: int, key: Key = KEY) -> Kept:
    result = BenchmarkResult(tokens_per_second=seconds)
    result.time.FromSeconds(seconds)
    return Kept(key, result)


async def test_the_latest_takes_the_place_of_the_one_before(database: Database) -> None:
    store = BenchmarkStore(database, "home")
    newer_driver = replace(KEY, driver_version="2")
    for each in (kept(1), kept(2, newer_driver), kept(3)):
        await store.keep(each)

    assert await store.of_model("ab") == [kept(3), kept(2, newer_driver)]
    assert await store.of_model("cd") == []


async def test_a_home_does_not_see_what_another_measured(database: Database) -> None:
    await BenchmarkStore(database, "one").keep(kept(1))
    await BenchmarkStore(database, "two").keep(kept(2))

    assert await BenchmarkStore(database, "one").of_model("ab") == [kept(1)]
