"""The fake hub in a process of its own, for comparisons: `python -m tests.hubs.main FILE...`.

It prints its addresses as a line of JSON and serves the files as `bench/model` of every hub, until
its standard input ends; then it prints how many requests it had and the bytes that it sent.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from tests.hubs import kinds
from tests.hubs.content import Content, on_disk
from tests.hubs.server import FakeHub

REPOSITORY = "bench/model"


async def serve(options: argparse.Namespace) -> None:
    """Serves until standard input ends."""
    files = {path.name: on_disk(path) for path in options.files}
    async with FakeHub() as hub:
        _put(hub, files)
        if options.delay:
            hub.faults.add(kinds.delay(options.delay))
        if options.rate:
            hub.faults.add(kinds.rate(options.rate))
        if options.drops:
            hub.faults.add(kinds.drops(options.drops))
        _tell({
            "modelscope": hub.modelscope.url, "huggingface": hub.huggingface.url,
            "ollama": hub.ollama.host,
            "files": {name: f"{hub.huggingface.url}/{REPOSITORY}/resolve/main/{name}"
                      for name in files},
        })  # fmt: skip
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.buffer.read)
        _tell({"requests": len(hub.requests), "sent": hub.bytes_sent()})


def _put(hub: FakeHub, files: dict[str, Content]) -> None:
    hub.huggingface.place = "hub"  # no program is slowed by a redirect that others do not have
    hub.modelscope.add(REPOSITORY, files)
    hub.huggingface.add(REPOSITORY, files)
    hub.ollama.add(REPOSITORY, {"model": list(files.values())}, config={})


def _tell(told: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--delay", type=float, default=0, help="seconds before each answer")
    parser.add_argument("--rate", type=float, default=0, help="bytes a second and connection")
    parser.add_argument("--drops", type=int, default=0, help="bytes from one cut to the next")
    asyncio.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
