"""A service of the exchanges' own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

COMMON: Final = "http"
"""The name of the port for all that is spoken."""


@contextmanager
def serving(home: Path, variables: Mapping[str, str]) -> Generator[dict[str, str]]:
    """Starts it with these settings, gives the URLs of its ports by their dialects (`COMMON`: the
    port for all), and stops it again."""
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
            yield {
                COMMON: ready["http"],
                **{port["dialect"]: port["url"] for port in ready["dialects"]},
            }
        finally:
            process.terminate()
