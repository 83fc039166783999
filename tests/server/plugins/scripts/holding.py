"""`holding FOLDER`: has a plugin run for ever, and says which processes there are for it."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path

import psutil

from funland.worker.v1.plugin_pb2 import PluginRun, StartExecution, ToPlugin
from funland_server.plugins.host import PluginHost


async def _hold(folder: Path) -> None:
    (folder / "endless.py").write_text(
        "def execute(context, input, config):\n    context.progress(1)\n    while True: pass\n"
    )
    host = PluginHost()
    start = StartExecution(
        code_folder=str(folder), folder=str(folder), memory_bytes=1 << 28, disk_bytes=1 << 20,
        foreign=True,
    )  # fmt: skip
    process = await host.open(start)
    run = PluginRun(extent=PluginRun.EXECUTE, entry="endless:execute", output_bytes=1024)
    await process.send(ToPlugin(run=run))
    await process.receive(1024)
    pids = [one.pid for one in psutil.Process().children(recursive=True)]
    print(json.dumps(pids), flush=True)  # noqa: T201 - what it is for
    await process.ended


if __name__ == "__main__":
    asyncio.run(_hold(Path(sys.argv[1])))
