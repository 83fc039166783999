"""Where models compute and tasks queue, in the `scheduler` document's names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from funland.v1.models_pb2 import Model
from funland.v1.tasks_pb2 import Lane

GPU_LLM: Final = "gpu_llm"
CPU_LLM: Final = "cpu_llm"
GPU_TTS: Final = "gpu_tts"
CPU_TTS: Final = "cpu_tts"
GPU_IMAGE: Final = "gpu_image"
CPU_IMAGE: Final = "cpu_image"

WORKERS: Final = (GPU_LLM, CPU_LLM, GPU_TTS, CPU_TTS, GPU_IMAGE, CPU_IMAGE)
"""What computes: each kind of model by an accelerator or by the CPU. The document has three."""

_CPU: Final = "cpu_"
_BY_KIND: Final[Mapping[Model.Kind.ValueType, tuple[str, str]]] = {
    Model.SPEECH: (GPU_TTS, CPU_TTS),
    Model.IMAGE: (GPU_IMAGE, CPU_IMAGE),
}
_LANGUAGE: Final = (GPU_LLM, CPU_LLM)
_LOADED_ON: Final[Mapping[Model.Kind.ValueType, list[str]]] = {Model.SPEECH: [f"{_CPU}0"]}
_UNNAMED: Final = (Model.TRANSCRIPTION,)
"""What the document has no word for."""
_OTHERS: Final[Mapping[Lane.Name.ValueType, str]] = {
    Lane.PLUGINS: "plugins",
    Lane.BATCHES: "batches",
    Lane.DOWNLOADS: "downloads",
}
"""Lanes that the document does not know, under the contract's names."""

QUEUES: Final = (*WORKERS, *_OTHERS.values())

_NONE: Final = dict.fromkeys(("size", "capacity", "running"))


def computing(models: Iterable[tuple[Model, Iterable[str]]]) -> dict[str, bool]:
    """By what models are computed, each with the ids of its devices."""
    found: set[str] = set()
    for model, device_ids in models:
        if model.kind not in _UNNAMED:
            accelerated, plain = _BY_KIND.get(model.kind, _LANGUAGE)
            found |= {plain if each.startswith(_CPU) else accelerated for each in device_ids}
    return {name: name in found for name in WORKERS}


def would_compute(
    models: Iterable[Model], device_ids: Iterable[str]
) -> Iterator[tuple[Model, Iterable[str]]]:
    """What computes the models that are installed, as `computing` takes it: those in memory where
    they are; others would be loaded on these devices, and voices on the CPU. There is always one
    for language."""
    where = list(device_ids)
    yield Model(kind=Model.TEXT), where
    for model in models:
        if model.kind in _BY_KIND:
            yield model, list(model.loaded.device_ids) or _LOADED_ON.get(model.kind, where)


def queues(lanes: Iterable[Lane], enabled: Mapping[str, bool]) -> dict[str, Any]:
    """How full the queues are; the numbers of a name that has none are null.

    There is one queue for each of language, speech and pictures. It has the name of where the
    models are computed that would be loaded now: that of the CPU, unless one is not.
    """
    names = {
        **_OTHERS,
        Lane.LANGUAGE: GPU_LLM if enabled[GPU_LLM] else CPU_LLM,
        Lane.SPEECH: GPU_TTS if enabled[GPU_TTS] else CPU_TTS,
        Lane.PICTURES: GPU_IMAGE if enabled[GPU_IMAGE] else CPU_IMAGE,
    }
    found = {names[lane.name]: _queue(lane) for lane in lanes if lane.name in names}
    return {**dict.fromkeys(QUEUES, _NONE), **found}


def _queue(lane: Lane) -> dict[str, int]:
    return {"size": lane.waiting, "capacity": lane.capacity, "running": lane.running}
