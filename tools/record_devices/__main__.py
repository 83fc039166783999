"""Records what the readers of devices read here: `python -m tools.record_devices NAME FOLDER`.

It makes `FOLDER/NAME/` with `files.json` (of `/proc` and `/sys`), `nvml.json` if there is NVIDIA's
driver, and `origin.json`; see tests/server/devices/recorded. Numbers of cards, of control groups
and what programs have open are left out or made up.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from funland_server.devices.readers.amd import AmdReader
from funland_server.devices.readers.cpu import CpuReader
from funland_server.devices.readers.intel import IntelReader
from funland_server.devices.readers.nvidia import NvidiaReader
from funland_server.devices.readers.nvml import nvml_library
from tools.record_devices.recording import RecordingFiles, RecordingNvml


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name", help="what to call the recording, such as rtx-4090-pair")
    parser.add_argument("folder", nargs="?", default="tests/server/devices/recorded", type=Path)
    options = parser.parse_args()
    record(options.folder / options.name)


def record(folder: Path) -> None:
    """Lets all readers look, twice as one that measures rates has to."""
    files = RecordingFiles()
    nvml = RecordingNvml(nvml_library())
    readers = (
        CpuReader(files), IntelReader(files), AmdReader(files), NvidiaReader(files, lambda: nvml),
    )  # fmt: skip
    for turn in range(2):
        time.sleep(turn)
        for reader in readers:
            look = reader.look(anew=False)
            if turn:
                for problem in look.problems:
                    print(f"{reader.name}: {problem}", file=sys.stderr)
                print(reader.name, *(found.device.name for found in look.found), sep="\n  ")
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "files.json", files.tree())
    if nvml.answers:
        _write(folder / "nvml.json", dict(sorted(nvml.answers.items())))
    _write(folder / "origin.json", {
        "how": "recorded",
        "date": datetime.now(UTC).date().isoformat(),
        "source": f"a machine with Linux {platform.release().partition('-')[0]}",
        "architecture": platform.machine(),
        "threads": sorted(os.sched_getaffinity(0)),
    })  # fmt: skip


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
