"""Records the exchanges anew: `python -m tools.exchanges`. What has changed shows in the diff."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.hubs.server import FakeHub
from tools.exchanges.plan import STEPS
from tools.exchanges.playing import Exchange, play
from tools.exchanges.stage import furnish, places, settings

FOLDER: Final = Path(__file__).resolve().parents[2] / "tests" / "conformance" / "exchanges"


def main() -> None:
    """Plays the plan against a service of its own and writes a file for each exchange."""
    with FakeHub() as hub, tempfile.TemporaryDirectory(prefix="funland-exchanges-") as home:
        furnish(hub)
        with _serving(Path(home), settings(hub)) as ports:
            exchanges = asyncio.run(play(STEPS, ports, places(hub)))
    for exchange in exchanges:
        write(exchange, FOLDER)
    print(f"{len(exchanges)} exchanges are in {FOLDER.relative_to(Path.cwd())}.")


def write(exchange: Exchange, folder: Path) -> None:
    """Writes `<dialect>/<name>.json`."""
    file = folder / exchange.step.dialect / f"{exchange.step.name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(exchange.written(), indent=2, ensure_ascii=False)
    file.write_text(text + "\n", encoding="utf-8")


@contextmanager
def _serving(home: Path, variables: Mapping[str, str]) -> Generator[dict[str, str]]:
    """A service of its own; gives the URLs of its dialects."""
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
                raise SystemExit(f"The service did not start:\n{(home / 'server.log').read_text()}")
            ready: dict[str, Any] = json.loads(line)
            yield {port["dialect"]: port["url"] for port in ready["dialects"]}
        finally:
            process.terminate()


if __name__ == "__main__":
    main()
