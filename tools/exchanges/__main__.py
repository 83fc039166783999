"""Records the exchanges anew: `python -m tools.exchanges`. What has changed shows in the diff."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Final

from tests.hubs.server import FakeHub
from tools.exchanges.plan import STEPS
from tools.exchanges.playing import Exchange, play
from tools.exchanges.stage import places, services

FOLDER: Final = Path(__file__).resolve().parents[2] / "tests" / "conformance" / "exchanges"


def main() -> None:
    """Plays the plan against services of its own and writes a file for each exchange."""
    with (
        FakeHub() as hub,
        tempfile.TemporaryDirectory(prefix="funland-exchanges-") as folder,
        services(Path(folder), hub) as ports,
    ):
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


if __name__ == "__main__":
    main()
