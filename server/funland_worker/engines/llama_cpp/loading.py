"""Loads a GGUF file for llama.cpp, with its adapters and its draft model."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_worker.engines.llama_cpp import library
from funland_worker.engines.llama_cpp.adapters import Adapters
from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.encoder import LlamaEncoder
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.loaded import Loaded, context_length, slots, threads


def load(launch: worker_pb2.Launch) -> Loaded:
    """The model and its engine.

    Raises:
        EngineError: MODEL_LOAD_FAILED or ADAPTER_INVALID.
    """
    library.start()
    model = LlamaModel(Path(launch.model_path))
    adapters = Adapters(model, {name: Path(path) for name, path in launch.adapters.items()})
    length = context_length(launch, model.trained_context)
    count = threads(launch, model.parameter_count)
    if not model.can_generate:
        return Loaded(LlamaEncoder(model, length, count), model.facts)
    engine = LlamaEngine(
        model,
        length,
        slots(launch),
        count,
        fewer_slots=launch.fewer_slots,
        cache=launch.settings.cache or LoadSettings.STREAMS,
        adapters=adapters,
        store=StateStore(launch.prefix_memory_bytes, _spill(launch)),
        guesses=Guesses(_draft_model(launch, model, length, count), launch.settings.speculation),
    )
    return Loaded(engine, model.facts)


def _draft_model(
    launch: worker_pb2.Launch, target: LlamaModel, length: int, count: int
) -> DraftModel | None:
    if not launch.draft_model_path:
        return None
    return DraftModel(LlamaModel(Path(launch.draft_model_path)), target, length, count)


def _spill(launch: worker_pb2.Launch) -> SpillFolder | None:
    if not launch.prefix_folder:
        return None
    form = f"llama-cpp-python {version('llama-cpp-python')}, model {launch.model_sha256}"
    return SpillFolder(
        Path(launch.prefix_folder), launch.prefix_folder_bytes, launch.prefix_key, form
    )
