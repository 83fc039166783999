"""What readers read on some machines: each folder of `recorded/` is one, as `tools/record_devices`
makes them. `origin.json` says whether it was recorded, or written after which documents."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml

from funland_server.devices.readers.amd import AmdReader
from funland_server.devices.readers.cpu import CpuReader
from funland_server.devices.readers.intel import IntelReader
from funland_server.devices.readers.nvidia import NvidiaReader
from funland_server.devices.readers.protocol import Reader
from funland_server.kernel_files import KernelFiles
from tests.server.kernel_tree import tree

FOLDER = Path(__file__).parent / "recorded"
NAMES = sorted(folder.name for folder in FOLDER.iterdir())


class Clock:
    """A time that goes on when it is told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Machine:
    """A recorded machine, below a folder of a test's own."""

    root: Path
    paths: list[str]
    files: KernelFiles
    threads: Sequence[int]
    architecture: str
    nvml: RecordedNvml
    clock: Clock

    def readers(self) -> list[Reader]:
        return [
            CpuReader(self.files, lambda: self.threads, self.architecture, self.clock),
            NvidiaReader(self.files, lambda: self.nvml),
            IntelReader(self.files, self.clock),
            AmdReader(self.files),
        ]

    def write(self, path: str, content: str) -> None:
        """Lets time pass: a counter has another value."""
        (self.root / path).write_text(content)


class RecordedNvml:
    """Answers as NVML did, with the real package's exceptions; what was not asked is not
    supported."""

    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if not (name.startswith("nvml") and callable(getattr(pynvml, name))):
            return getattr(pynvml, name)

        def answer(*arguments: Any) -> Any:
            call = f"{name}({', '.join(map(str, arguments))})"
            self.calls.append(call)
            told = self.answers.get(call, {"error": pynvml.NVML_ERROR_NOT_SUPPORTED})
            if not hasattr(told, "items"):
                return told
            if "error" in told:
                raise pynvml.NVMLError(told["error"])
            if "handle" in told:
                return told["handle"]
            return SimpleNamespace(**told, _fields_=[(field,) for field in told])

        return answer


def machine(name: str, root: Path, folder: Path = FOLDER) -> Machine:
    """One of them, written below a root."""
    recorded = folder / name
    files: dict[str, str] = _read(recorded / "files.json")
    origin = _read(recorded / "origin.json")
    written: dict[str, str | bytes] = {}
    for path, content in files.items():
        if path.endswith("/"):
            (root / path).mkdir(parents=True, exist_ok=True)
        elif content.startswith("base64 "):
            written[path] = base64.b64decode(content.removeprefix("base64 "))
        else:
            written[path] = content
    return Machine(
        root=root,
        paths=list(written),
        files=tree(root, written),
        threads=origin["threads"],
        architecture=origin["architecture"],
        nvml=RecordedNvml(_read(recorded / "nvml.json") or {"nvmlInit()": {"error": 12}}),
        clock=Clock(),
    )


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
