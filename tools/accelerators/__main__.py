"""Installs llama.cpp's backends for this machine's accelerators: the last part of `make install`.

`python -m tools.accelerators REQUIREMENT`, by the Python of the environment that has llama.cpp. The
variable ACCEL chooses: auto, cpu, vulkan or cuda (ADR 0066).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from google.protobuf import json_format

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1.worker_pb2 import EngineDevices
from tools.accelerators import building
from tools.accelerators.finding import machine
from tools.accelerators.plan import CHOICES, Decision, plan

_LAST_LINES = 20


def main(requirement: str) -> int:
    """Installs what is to be, and tells of it; returns the exit code."""
    accel = os.environ.get("ACCEL") or "auto"
    if accel not in CHOICES:
        print(f"ACCEL={accel}: it must be one of {', '.join(CHOICES)}.", file=sys.stderr)
        return 2
    place = Path(sysconfig.get_path("platlib")) / "llama_cpp" / "lib" / "backends"
    found = machine()
    decisions = plan(accel, found)
    failed = False
    if accel == "cpu":
        shutil.rmtree(place, ignore_errors=True)
    _remove_stale(place, requirement)
    for decision in decisions:
        if not decision.build:
            print(f"llama.cpp without {_name(decision)}: {decision.why}.", flush=True)
            failed |= decision.refused
        elif not _install(decision, requirement, place, nvidia_driver=found.nvidia_driver):
            failed = True
    _tell_devices(place)
    # What was asked for by name is not passed over; the CPU's part is installed all the same.
    return int(failed and accel != "auto")


def _install(decision: Decision, requirement: str, place: Path, *, nvidia_driver: bool) -> bool:
    """Brings a backend's files in; False, and told, if it can't be compiled."""
    backend = decision.backend
    chosen = building.options(backend, nvidia_driver=nvidia_driver)
    mark = f"{requirement} {building.key(backend, requirement, chosen)}"
    marked = place / f"{backend}.built"
    if marked.is_file() and marked.read_text() == mark:
        return True
    kept = _cache() / f"backend-{mark.rsplit(maxsplit=1)[-1]}"
    if not kept.is_dir():
        log = Path(sys.prefix) / f"llama-cpp-{backend}-build.log"
        print(
            f"Compiling llama.cpp for {_name(decision)}: {decision.why}; {log} has the compiler's"
            " words ...",
            flush=True,
        )
        try:
            building.build(backend, requirement, chosen, kept, log)
        except (OSError, subprocess.CalledProcessError) as error:
            lines = log.read_text(errors="replace").splitlines()[-_LAST_LINES:]
            print(
                f"It was not built ({error}); llama.cpp computes on the CPU. The last lines of"
                f" {log}:",
                *lines,
                sep="\n",
                file=sys.stderr,
            )
            return False
    place.mkdir(exist_ok=True)
    for file in kept.iterdir():
        # A process that has the old one loaded keeps it.
        new = place / f"{file.name}.new"
        shutil.copy2(file, new)
        new.replace(place / file.name)
    marked.write_text(mark)
    return True


def _remove_stale(place: Path, requirement: str) -> None:
    """Modules of another release of llama.cpp don't fit to this one."""
    marks = [path for path in place.glob("*.built") if path.read_text().split()[0] != requirement]
    if marks:
        shutil.rmtree(place)


def _tell_devices(place: Path) -> None:
    """What llama.cpp finds with what is installed now."""
    if not list(place.glob("libggml-*.so")):
        return
    ask = [sys.executable, "-m", "funland_worker.devices"]
    answer = subprocess.run(
        [*ask, LoadSettings.Engine.Name(LoadSettings.LLAMA_CPP)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    devices = json_format.Parse(answer.stdout or "{}", EngineDevices()).devices
    names = [f"{one.name} ({one.description})" for one in devices if one.description]
    none = "" if names else "; its other backends are there, and find no device"
    print(f"llama.cpp computes on the CPU{', '.join(['', *names])}{none}.", flush=True)


def _cache() -> Path:
    """Beside the wheel of llama.cpp, in pip's cache."""
    pip = [sys.executable, "-m", "pip", "cache", "dir", "--disable-pip-version-check"]
    told = subprocess.run(pip, capture_output=True, text=True, check=False).stdout.strip()
    return (Path(told) if told else Path(sys.prefix) / "wheels") / "funland"


def _name(decision: Decision) -> str:
    return {"cuda": "CUDA", "vulkan": "Vulkan"}[decision.backend]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
