"""Servers of a test's own, whose models' contexts have room for some turns."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from funland_server.app import Server
from tests.server.chat.calls import running


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running(tmp_path / "home") as server:
        yield server
