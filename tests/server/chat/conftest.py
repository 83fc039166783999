"""Servers whose contexts have room for some turns."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland_server.config import ServerSettings


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(home=tmp_path / "home", port=0, slots=4, max_context_length=1024)
