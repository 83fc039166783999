"""A disk that fills up amid a download, which then waits for room, and for a caller to say so."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import Download, ResumeDownloadRequest
from funland.v1.errors_pb2 import ErrorReason
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub
from tests.server.downloads.depot import Depot
from tests.server.downloads.fetching import MIB

LARGE = seeded(12 * MIB + 7)


class SmallDisk:
    """The system's own answer to writes for which there is no room."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: int) -> None:
        self.room = room
        self._pwritev = os.pwritev
        monkeypatch.setattr(os, "pwritev", self._write)

    def _write(self, handle: int, buffers: Sequence[memoryview], offset: int) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._pwritev(handle, buffers, offset)
        self.room -= written
        return written


async def test_a_full_disk_pauses_the_download_and_a_resume_goes_on(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.huggingface.add("o/one", {"model.gguf": LARGE})
    disk = SmallDisk(monkeypatch, room=5 * MIB)
    depot = Depot(hub, tmp_path)
    await depot.start()
    begun = await depot.begin("o/one")

    paused = await depot.reaches(begun, Download.PAUSED)

    assert paused.error.code == "RESOURCE_EXHAUSTED"
    assert paused.error.reason == ErrorReason.STORAGE_FULL
    assert 0 < paused.downloaded_bytes < LARGE.length
    await depot.begin("o/one", paused=True)  # the database can be written
    disk.room = 2**60
    await depot.service.ResumeDownload(ResumeDownloadRequest(download_id=begun.download_id))
    done = await depot.reaches(begun, Download.COMPLETED)
    assert not done.HasField("error")
    assert (tmp_path / "models" / "one" / "model.gguf").read_bytes() == LARGE.bytes()
    await depot.stop()
