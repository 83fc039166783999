"""Here SQLite's file is made as servers make it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from funland_server.storage import sqlite
from tests.made_once import make_private


@pytest.fixture(scope="module", autouse=True)
def files_are_made() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite, "_make_private", make_private)
        yield
