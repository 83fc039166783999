"""Where language is computed and queued, in the `scheduler` document's names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from funland.v1.tasks_pb2 import Lane

GPU_LLM: Final = "gpu_llm"
CPU_LLM: Final = "cpu_llm"
LATER: Final = ("cpu_tts", "gpu_image")
"""What the document has and this version does not: speech and pictures."""

_CPU: Final = "cpu_"
_OTHERS: Final[Mapping[Lane.Name.ValueType, str]] = {
    Lane.PLUGINS: "plugins",
    Lane.BATCHES: "batches",
    Lane.DOWNLOADS: "downloads",
}
"""Lanes that the document does not know, under the contract's names."""

QUEUES: Final = (GPU_LLM, CPU_LLM, *LATER, *_OTHERS.values())

_NONE: Final = dict.fromkeys(("size", "capacity", "running"))


def computing(device_ids: Iterable[str]) -> dict[str, bool]:
    """Whether models on these devices are computed by accelerators, and whether by the CPU."""
    places = {device_id.startswith(_CPU) for device_id in device_ids}
    return {GPU_LLM: False in places, CPU_LLM: True in places}


def queues(lanes: Iterable[Lane], device_ids: Iterable[str]) -> dict[str, Any]:
    """How full the queues are; the numbers of a name that has none are null.

    There is one queue for language. It has the name of where the models are computed that would be
    loaded now: `cpu_llm` if that is the CPU alone.
    """
    language = GPU_LLM if computing(device_ids)[GPU_LLM] else CPU_LLM
    names = {**_OTHERS, Lane.LANGUAGE: language}
    found = {names[lane.name]: _queue(lane) for lane in lanes if lane.name in names}
    return {**dict.fromkeys(QUEUES, _NONE), **found}


def _queue(lane: Lane) -> dict[str, int]:
    return {"size": lane.waiting, "capacity": lane.capacity, "running": lane.running}
