"""What `make bench-gpu` runs, in which order: what matters most first."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tools.bench_gpu.stages import Stage

STREAMS = "1,8,16,32"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured, and with whose programs."""

    out: Path
    cache: Path
    shape: str
    device_id: str
    """By Funland's id; empty: the CPU."""
    device: str
    """The same by llama.cpp's name."""
    rounds: int
    seconds: float
    llama_server: Path | None
    batched_bench: Path | None
    streams: str = STREAMS


def machine_stages(out: Path) -> Iterator[Stage]:
    """What machine it is, and what is seen of its devices."""
    if nvidia := shutil.which("nvidia-smi"):
        yield Stage("nvidia-smi", [nvidia, "-q"], 30)
    if vulkan := shutil.which("vulkaninfo"):
        yield Stage("vulkaninfo", [vulkan, "--summary"], 30)
    for name in ("lscpu", "nvcc", "glslc"):
        if found := shutil.which(name):
            yield Stage(name, [found] if name == "lscpu" else [found, "--version"], 20)
    yield Stage("engine-devices", _python("funland_worker.devices"), 60)
    yield Stage("record-devices", _python("tools.record_devices", "bench-gpu", str(out)), 60)


def measuring_stages(plan: Plan) -> Iterator[Stage]:
    """What is measured once it is known on which device."""
    where = ["--cache", str(plan.cache), "--shape", plan.shape]
    yield Stage(
        "model", _python("tools.bench.synthetic_model", str(plan.cache), "--shape", plan.shape), 120
    )
    on_device = ["--device", plan.device_id] if plan.device_id else []
    yield Stage("bench", _python("tools.bench", *where, *on_device, *_how(plan)), 420)
    texts = ["--device", plan.device, "--out", str(plan.out / "greedy.json")]
    yield Stage("greedy", _python("tools.bench.greedy", *where, *texts), 120)


def _how(plan: Plan) -> list[str]:
    options = ["--out", str(plan.out), "--streams", plan.streams, "--rounds", str(plan.rounds)]
    options += ["--seconds", str(plan.seconds), "--patience", "0.3"]
    rows = ["bare loop", "engine", "gRPC", "OpenAI"]
    if plan.llama_server:
        options += ["--llama-server", str(plan.llama_server)]
        rows.append("llama-server")
    if plan.batched_bench:
        options += ["--batched-bench", str(plan.batched_bench)]
        rows.append("llama-batched-bench")
    return [*options, "--rows", *rows]


def _python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", module, *arguments]
