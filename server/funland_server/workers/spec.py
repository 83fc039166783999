"""What a worker is to hold, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch, Ready

_APPLIED_AT_ONCE = {"keep_alive_seconds"}


@dataclass(frozen=True, slots=True)
class PrefixSpill:
    """Where prefixes that leave the cache are kept."""

    folder: Path
    limit_bytes: int
    key: bytes
    """What authenticates them: 32 bytes."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A model and how to run it; what its settings leave open the worker chooses."""

    model_id: str
    path: Path
    settings: LoadSettings
    max_context_length: int
    format: Model.Format.ValueType = Model.GGUF
    sha256: str = ""
    adapters: Mapping[str, Path] = field(default_factory=dict[str, Path])
    draft_model_path: Path | None = None
    queue_limit: int = 1024
    needed_bytes: int = 0
    """What it is expected to take; 0: nothing is known."""
    memory_limit_bytes: int = 0
    """The most that its process may take; 0: no limit of its own."""
    prefix_memory_bytes: int = 0
    """How much memory prefixes that leave the cache may take."""
    prefix_spill: PrefixSpill | None = None
    conversion_folder: Path | None = None
    fewer_slots: bool = False
    """Whether fewer slots will do where the memory does not suffice."""
    chat_template: str = ""
    """In Jinja, for a model whose files have none."""

    @property
    def keep_alive_seconds(self) -> float:
        """How long it stays in memory after its last call; negative: for ever."""
        set_ = self.settings.HasField("keep_alive_seconds")
        return self.settings.keep_alive_seconds if set_ else -1


MakeSpec: TypeAlias = Callable[[], WorkerSpec]
"""Checks the model's file, so it blocks and is asked only for a load."""


def to_wire(spec: WorkerSpec, socket_path: str, token: str, link_descriptor: int) -> Launch:
    """What the worker is told at its start."""
    launch = Launch(
        model_path=str(spec.path),
        socket_path=socket_path,
        token=token,
        settings=spec.settings,
        max_context_length=spec.max_context_length,
        format=spec.format,
        adapters={adapter_id: str(path) for adapter_id, path in spec.adapters.items()},
        draft_model_path=str(spec.draft_model_path or ""),
        queue_limit=spec.queue_limit,
        memory_limit_bytes=spec.memory_limit_bytes,
        prefix_memory_bytes=spec.prefix_memory_bytes,
        model_sha256=spec.sha256,
        conversion_folder=str(spec.conversion_folder or ""),
        link_descriptor=link_descriptor,
        fewer_slots=spec.fewer_slots,
        chat_template=spec.chat_template,
    )
    if spill := spec.prefix_spill:
        launch.prefix_folder = str(spill.folder)
        launch.prefix_folder_bytes = spill.limit_bytes
        launch.prefix_key = spill.key
    return launch


def same_run(spec: WorkerSpec, ready: Ready, wanted: LoadSettings) -> bool:
    """Whether a worker that was started by `spec` runs as `wanted`. What is unset there is content
    with anything; how long a model is kept takes effect without another load."""
    for described, value in wanted.ListFields():
        name = described.name
        if name in _APPLIED_AT_ONCE:
            continue
        # What the worker chose itself counts too: the engine that it took may be the one wanted.
        told = getattr(ready, name) if name in Ready.DESCRIPTOR.fields_by_name else None
        if value not in (getattr(spec.settings, name), told):
            return False
    return True
