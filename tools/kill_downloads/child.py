"""A server of downloads alone, to be killed: `python -m tools.kill_downloads.child HOME PLAN`.

It begins the planned download, or goes on with the one that it finds, and prints a line when that
is complete. The plan is JSON: a list of `PlannedFile`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

from funland.v1.downloads_pb2 import Download, WatchDownloadsRequest
from funland_server.downloads.plan import PlannedFile
from tests.server.downloads.depot import Depot

MODEL = "o/model"


async def serve(home: Path, files: tuple[PlannedFile, ...]) -> None:
    """Downloads into the home."""
    depot = Depot(None, home)
    depot.shelf.plans = {MODEL: files}
    await depot.start()
    download = next((depot.now(job.kept) for job in depot.roster.all()), None)
    if download is None:
        download = await depot.begin(MODEL)
    watch = WatchDownloadsRequest(download_id=download.download_id, until_end=True)
    async for event in depot.service.WatchDownloads(watch):
        if event.HasField("download"):
            download = event.download
    sys.stdout.write(f"{Download.State.Name(download.state)} {download.error.message}\n")
    sys.stdout.flush()
    await depot.stop()


def main() -> None:
    """Reads the command line."""
    home, plan = sys.argv[1:]
    listed: list[dict[str, Any]] = orjson.loads(Path(plan).read_bytes())
    files = tuple(PlannedFile(urls=tuple(file.pop("urls")), **file) for file in listed)
    asyncio.run(serve(Path(home), files))


if __name__ == "__main__":
    main()
