"""The store of datasets, on both databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland_server.datasets.store import DatasetStore
from funland_server.storage.database import Database


@pytest.fixture
async def store(place: Path | str, tmp_path: Path) -> AsyncIterator[DatasetStore]:
    (tmp_path / "home").mkdir(exist_ok=True)
    database = Database(place)
    await database.open()
    yield DatasetStore(database, "this-home")
    await database.close()
