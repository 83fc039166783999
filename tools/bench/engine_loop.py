"""An engine without a process or a server around it."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from time import monotonic, perf_counter

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch, LaunchDevice
from funland_cli.bench_statistics import Call
from funland_worker.engines.protocol import Engine, Prompt, Sampling
from tools.bench.prompts import chat_prompt


class EngineLoop:
    """Steps an engine until what it was given is done, as the worker's thread does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._ids = count()

    async def wave(self, messages: Sequence[str], tokens: int) -> list[Call]:
        """Submits all prompts at once, and steps until each has `tokens` tokens."""
        start = perf_counter()
        arrivals: dict[int, list[float]] = {}
        sampling = Sampling(temperature=0.0, max_tokens=tokens, ignore_end=True)
        for message in messages:
            prompt = self._engine.vocabulary.tokenize(
                chat_prompt(message), add_special=True, parse_special=True
            )
            number = next(self._ids)
            arrivals[number] = []
            self._engine.submit(Prompt(number, prompt, sampling, monotonic()))
        while not self._engine.idle:
            report = self._engine.step()
            now = perf_counter()
            for advance in report.advances:
                arrivals[advance.sequence_id] += [now] * advance.tokens
        return [Call(start, tuple(times), len(times)) for times in arrivals.values()]


ENGINES = {
    "llama.cpp": "funland_worker.engines.llama_cpp.loading",
    "openvino": "funland_worker.engines.openvino.loading",
    "ctranslate2": "funland_worker.engines.ctranslate2.loading",
}
"""Where each engine is loaded, as the worker loads it: `load(launch)`."""


def open_engine(
    name: str,
    path: Path,
    *,
    context_length: int,
    slots: int,
    threads: int,
    device: str = "",
    flash: str = "",
) -> Engine:
    """One of `ENGINES` with a model in it, on the device that it has that name for; `flash` is on,
    off, or the engine's choice."""
    settings = LoadSettings(context_length=context_length, slots=slots, threads=threads)
    if flash:
        settings.flash_attention = flash == "on"
    launch = Launch(
        model_path=str(path),
        format=Model.GGUF,
        settings=settings,
        max_context_length=context_length,
        prefix_memory_bytes=512 * 1024**2,
        conversion_folder=str(path.parent),
        model_sha256=path.stem,  # names what is converted; the model's bytes follow from its name
        devices=[LaunchDevice(name=device, weight=1)] if device else [],
    )
    return importlib.import_module(ENGINES[name]).load(launch).engine
