"""Sends a file of gigabytes, kills the server amid it, and sees that the upload goes on and that
memory does not grow with it: `make soak-upload`."""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import psutil

from funland.v1.uploads_pb2 import Upload
from funland_client import Funland
from funland_client.errors import FunlandError
from funland_client.resumed_uploads import SourceFile
from tools.bench.services import Service, funland

_MOST_GROWTH: Final = 200 * 10**6
_PIECE: Final = 1 << 20


def write_source(path: Path, size: int) -> None:
    """A file whose pieces are all different."""
    piece = bytearray(os.urandom(_PIECE))
    with path.open("wb") as file:
        for number in range(size // _PIECE):
            piece[:8] = number.to_bytes(8, "little")
            file.write(piece)


class Watch(threading.Thread):
    """Looks how much memory the server takes."""

    def __init__(self, service: Service) -> None:
        super().__init__(daemon=True)
        self._server = psutil.Process(service.pid)
        self._over = threading.Event()
        self.rest = self.most = self._server.memory_info().rss

    def run(self) -> None:
        """Looks until it is told that it is over, or the server is."""
        while not self._over.wait(0.05):
            try:
                self.most = max(self.most, self._server.memory_info().rss)
            except psutil.NoSuchProcess:
                return

    def end(self) -> int:
        """How much it grew, in bytes."""
        self._over.set()
        return self.most - self.rest


def main(say: Callable[[str], None] = print) -> int:
    """Sends, kills, tells and judges; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=2048)
    parser.add_argument("--kills", type=int, default=3)
    arguments = parser.parse_args()
    size = arguments.megabytes * _PIECE
    with tempfile.TemporaryDirectory() as folder:
        source, home = Path(folder) / "source.bin", Path(folder) / "home"
        write_source(source, size)
        upload_id, growth = "", 0
        began = time.perf_counter()
        for number in range(1, arguments.kills + 1):
            part = size * number // (arguments.kills + 1)
            with funland(home) as service:
                upload_id, grown = _send_and_kill(service, source, upload_id, part, say)
                growth = max(growth, grown)
        with funland(home) as service, Funland(service.grpc) as client:
            before = client.uploads.get(upload_id).offset if upload_id else 0
            watch = Watch(service)
            watch.start()
            file = client.uploads.send(source, upload_id=upload_id)
            growth = max(growth, watch.end())
            content = home / "files" / file.file_id
            with content.open("rb") as kept:
                right = (
                    hashlib.file_digest(kept, "sha256").hexdigest() == SourceFile(source).sha256()
                )
        seconds = time.perf_counter() - began
        say(
            f"went on at {before} bytes; {size / 2**20 / seconds:.0f} MiB/s with {arguments.kills}"
            f" starts anew; most {growth / 1e6:.0f} MB above rest; {'right' if right else 'WRONG'}"
        )
    return int(not right or growth > _MOST_GROWTH)


def _send_and_kill(
    service: Service, source: Path, upload_id: str, part: int, say: Callable[[str], None]
) -> tuple[str, int]:
    """Sends until a part of it was acknowledged, then kills the server amid the next call."""
    watch = Watch(service)
    watch.start()
    file = SourceFile(source)
    with Funland(service.grpc, retries=0) as client:
        upload = (
            client.uploads.get(upload_id) if upload_id else client.uploads.create("a", file.size)
        )
        acknowledged = upload.offset

        def sent(upload: Upload) -> None:
            nonlocal acknowledged
            acknowledged = upload.offset
            if upload.offset >= part:
                # Amid the next call: it has begun by then.
                threading.Timer(0.05, os.kill, (service.pid, signal.SIGKILL)).start()

        try:
            client.uploads.send(source, upload_id=upload.upload_id, progress=sent)
        except FunlandError as error:
            say(f"killed after {acknowledged} bytes were acknowledged ({type(error).__name__})")
        return upload.upload_id, watch.end()


if __name__ == "__main__":
    sys.exit(main())
