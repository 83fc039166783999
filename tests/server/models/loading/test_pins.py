"""Pins in the home: written before they are told, and read at the next start."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from funland_server.models.loading.pins import Pins
from funland_server.storage.errors import StorageUnavailableError


async def test_pins_are_there_after_a_restart(tmp_path: Path) -> None:
    pins = Pins(tmp_path)
    await asyncio.to_thread(pins.read)
    since = await pins.add("a")
    await asyncio.gather(pins.add("b"), pins.add("c"))
    await pins.remove("b")
    await pins.remove("nobody")

    again = Pins(tmp_path)
    await asyncio.to_thread(again.read)

    assert again.present == pins.present
    assert set(again.present) == {"a", "c"}
    assert again.present["a"] == since
    assert await again.add("a") == since  # it was pinned already


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": 1e400}', b'{"a": "yesterday"}'])
async def test_a_damaged_file_holds_nothing_and_stops_nobody(
    tmp_path: Path, content: bytes
) -> None:
    await asyncio.to_thread((tmp_path / "pins.json").write_bytes, content)
    pins = Pins(tmp_path)

    await asyncio.to_thread(pins.read)

    assert pins.present == {}
    await pins.add("a")
    again = Pins(tmp_path)
    await asyncio.to_thread(again.read)
    assert set(again.present) == {"a"}


async def test_what_can_t_be_kept_is_not_pinned(tmp_path: Path) -> None:
    pins = Pins(tmp_path / "gone")

    with pytest.raises(StorageUnavailableError, match=r"pins\.json in the home"):
        await pins.add("a")

    assert pins.present == {}
