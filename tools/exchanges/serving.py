"""A service of the exchanges' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def serving(home: Path, variables: Mapping[str, str]) -> Generator[dict[str, str]]:
    """Starts it with these settings, gives the URLs of its dialects, and stops it again."""
    command = [str(Path(sys.executable).with_name("funland")), "serve", "--json"]
    command += ["--grpc-port", "0", "--http-port", "0", "--home", str(home)]
    with (
        (home / "server.log").open("w") as log,
        subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=log, text=True, env={**os.environ, **variables}
        ) as process,
    ):
        try:
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"It did not start:\n{(home / 'server.log').read_text()}")
            ready: dict[str, Any] = json.loads(line)
            yield {port["dialect"]: port["url"] for port in ready["dialects"]}
        finally:
            process.terminate()
