"""Loads a GGUF file for llama.cpp, with its adapters and its draft model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Final

from funland.v1.models_pb2 import LoadSettings
from funland.worker.v1 import worker_pb2
from funland_worker.engines.llama_cpp import library, telling
from funland_worker.engines.llama_cpp.adapters import Adapters
from funland_worker.engines.llama_cpp.attention import Attention, CacheType, invalid
from funland_worker.engines.llama_cpp.attention_choice import choose
from funland_worker.engines.llama_cpp.cache.spill import SpillFolder
from funland_worker.engines.llama_cpp.cache.store import StateStore
from funland_worker.engines.llama_cpp.encoder import LlamaEncoder
from funland_worker.engines.llama_cpp.engine import LlamaEngine
from funland_worker.engines.llama_cpp.media_reader import LlamaMediaReader
from funland_worker.engines.llama_cpp.model import LlamaModel
from funland_worker.engines.llama_cpp.offload import Offload, offload_of
from funland_worker.engines.llama_cpp.projector import Projector
from funland_worker.engines.llama_cpp.reuse_choice import least_chunk
from funland_worker.engines.llama_cpp.speculation.draft import DraftModel
from funland_worker.engines.llama_cpp.speculation.guesses import Guesses
from funland_worker.engines.llama_cpp.trial import try_apart
from funland_worker.engines.load_news import LoadNews
from funland_worker.engines.loaded import Loaded, cache_tokens, context_length, slots, threads

_READS: Final = "this model reads a text as a whole,"
_PART: Final = 16
"""What part of the weights states of texts that ended may take at first."""


def load(launch: worker_pb2.Launch, news: LoadNews | None = None) -> Loaded:
    """The model and its engine; `news` is told how much of the weights is read.

    Raises:
        EngineError: MODEL_LOAD_FAILED, ADAPTER_INVALID, ENGINE_UNAVAILABLE for a device that is not
            there, or FIELD_INVALID for keys and values that can't be kept as it is wanted.
    """
    news = news or LoadNews()
    library.start()
    offload = offload_of(launch)
    attention = _attention(launch.model_path, launch.settings, offload, launch.cache_type)
    model = LlamaModel(Path(launch.model_path), offload, attention, news.read)
    news.prepares()
    count = _threads(launch, model)
    reused = least_chunk(launch.settings, model, count)
    adapters = Adapters(model, {name: Path(path) for name, path in launch.adapters.items()})
    length = context_length(launch, model.trained_context)
    if not model.can_generate:
        if launch.settings.HasField("flash_attention"):
            raise invalid("flash_attention", f"{_READS} and llama.cpp chooses how: leave it out.")
        if launch.settings.HasField("cache_tokens"):
            raise invalid("cache_tokens", f"{_READS} and keeps nothing of it: leave it out.")
        return Loaded(LlamaEncoder(model, length, count), model.facts, _told(model, []))
    draft = _draft_model(launch, model, length, count)
    # Before the cache: what it is shown at once must fit a pass.
    media = _media(launch, model, count)
    engine = LlamaEngine(
        model,
        length,
        slots(launch),
        count,
        fewer_slots=launch.fewer_slots,
        held_texts=launch.held_texts,
        cache=launch.settings.cache or LoadSettings.STREAMS,
        kv_cells=cache_tokens(launch),
        least_chunk=reused,
        adapters=adapters,
        store=StateStore(
            launch.prefix_memory_bytes,
            _spill(launch, model, reused),
            entire=not model.memory.drops_tails,
            first=_first_room(model, reused),
        ),
        guesses=Guesses(draft, launch.settings.speculation),
    )
    contexts = [engine.context, draft.context] if draft else [engine.context]
    told = _told(model, contexts)
    told.cache_tokens = engine.cache_tokens
    if reused:
        told.cache_reuse_tokens = reused
    return Loaded(engine, model.facts, told, media)


def _attention(
    path: str,
    settings: LoadSettings,
    offload: Offload,
    unasked: CacheType = LoadSettings.CACHE_TYPE_UNSPECIFIED,
) -> Attention:
    return choose(settings, unasked, on_cpu=offload.on_cpu, attempt=partial(try_apart, Path(path)))


def _first_room(model: LlamaModel, reused: int) -> int | None:
    """What states of texts that ended may take before anybody has come back to one that was given
    up: little beside the model. None: all that they may, as states that can't be cut are computed
    from, and runs that are used elsewhere are taken from them."""
    if reused or not model.memory.drops_tails:
        return None
    return model.weights_bytes // _PART


def _threads(launch: worker_pb2.Launch, model: LlamaModel) -> int:
    """One where the CPU only looks up the embeddings: those that wait keep their cores busy."""
    if not launch.settings.HasField("threads") and model.gpu_layers == model.layer_count:
        return 1
    return threads(launch, model.parameter_count)


def _told(model: LlamaModel, contexts: Sequence[Any]) -> worker_pb2.Ready:
    """What the server is told of a model and its contexts."""
    attention = model.attention
    ready = worker_pb2.Ready(gpu_layers=model.gpu_layers, layer_count=model.layer_count)
    if model.keeps_keys:  # else llama.cpp attends as it finds best, or not at all
        ready.key_type, ready.value_type = attention.key_type, attention.value_type
        if attention.flash is not None:
            ready.flash_attention = attention.flash
    for device in model.offload.devices:
        told = [telling.device_bytes(context, device.handle) for context in contexts]
        taken = [count for count in told if count is not None]
        if taken:
            ready.device_memory[device.name] = sum(taken)
    return ready


def _draft_model(
    launch: worker_pb2.Launch, target: LlamaModel, length: int, count: int
) -> DraftModel | None:
    if not launch.draft_model_path:
        return None
    # Where there is no room for all of the model, there is none for what guesses for it.
    fits = target.gpu_layers == target.layer_count
    offload = replace(target.offload, layers=None) if fits else Offload()
    attention = _attention(launch.draft_model_path, LoadSettings(), offload)
    model = LlamaModel(Path(launch.draft_model_path), offload, attention)
    return DraftModel(model, target, length, count)


def _media(launch: worker_pb2.Launch, model: LlamaModel, count: int) -> LlamaMediaReader | None:
    if not launch.projector_path:
        return None
    projector = Projector(Path(launch.projector_path), model, count)
    model.reads_at_once = projector.at_once
    return LlamaMediaReader(projector)


def _spill(launch: worker_pb2.Launch, model: LlamaModel, reused: int) -> SpillFolder | None:
    if not launch.prefix_folder:
        return None
    form = (
        f"llama-cpp-python {library.release()}, model {launch.model_sha256},"
        f" projector {launch.projector_sha256}, {model.attention}, 8 bytes a token"
    )
    if reused:  # these are not what is computed of the same tokens as a whole
        form += f", chunks of {reused}"
    return SpillFolder(
        Path(launch.prefix_folder),
        launch.prefix_folder_bytes,
        launch.prefix_key,
        form,
        lasting_only=launch.prefix_lasting_only,
        entire=not model.memory.drops_tails,
    )
