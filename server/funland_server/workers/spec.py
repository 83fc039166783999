"""What a worker is to hold, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol, TypeAlias

from funland.v1.hardware_pb2 import Acceleration
from funland.v1.models_pb2 import LoadSettings, Model
from funland.worker.v1.worker_pb2 import Launch, LaunchDevice, Ready
from funland_server.errors import FunlandError
from funland_server.workers.taken import Taken

MEDIA: Final = frozenset({Model.SPEECH, Model.TRANSCRIPTION, Model.IMAGE})
"""What models are for that do jobs alone: they take files of this machine and write no text."""
LOCAL_NODE: Final = "local"
"""The id of the server's own machine among the nodes."""
_WITHOUT_A_LOAD = {"keep_alive_seconds", "fallback_to_cpu"}
"""What takes effect at once, and what only a load that fails asks for."""
_ALL_OF = "HETERO:"
"""What OpenVINO has before the names of devices that compute a model together."""
_PLACES = ("device", "device_ids", "gpu_layers", "device_split")
"""The settings that say where a model is computed."""


@dataclass(frozen=True, slots=True)
class PlacedDevice:
    """A device that a worker computes on, and what it is expected to take there."""

    device_id: str
    name: str
    """The engine's name for it."""
    weight: float = 1.0
    """Its part of the layers among the others'."""
    layers: int | None = None
    """None: the engine has no such parts."""
    bytes: int = 0
    parts_bytes: int = 0
    """As the parts of the model add up, whatever it took before."""
    available_bytes: int | None = None
    """What a model may take of it, all that are idle unloaded; None: that can't be read."""
    max_prompt_tokens: int = 0
    shares_memory: bool = False
    """Whether these bytes are the machine's, and count there."""


class Placer(Protocol):
    """Decides on which devices a worker computes when it is known what others take of them."""

    def place(self, spec: WorkerSpec, taken: Taken) -> WorkerSpec:
        """The spec with its devices and what it needs of the memory.

        Raises:
            FunlandError: It can't be computed where it is to be.
        """
        ...

    def instead(self, spec: WorkerSpec, error: FunlandError) -> WorkerSpec | None:
        """The spec for the CPU, after a load on devices has failed; None: the failure stands."""
        ...

    def elsewhere(self, spec: WorkerSpec) -> WorkerSpec:
        """The spec for another machine, on whose CPU it is computed."""
        ...

    @property
    def better_here(self) -> bool:
        """Whether this machine has what computes it better than a CPU does."""
        ...


@dataclass(frozen=True, slots=True)
class PrefixSpill:
    """Where prefixes that leave the cache are kept."""

    folder: Path
    limit_bytes: int
    key: bytes
    """What authenticates them: 32 bytes."""
    lasting_only: bool = False
    """Whether only those of conversations are kept that the server keeps anyway."""


@dataclass(frozen=True, slots=True)
class WorkerSpec:
    """A model and how to run it; what its settings leave open the worker chooses."""

    model_id: str
    path: Path
    settings: LoadSettings
    max_context_length: int
    instance: str = ""
    """Which of several workers of the model: see `WorkerPool`. Empty: its own."""
    format: Model.Format.ValueType = Model.GGUF
    kind: Model.Kind.ValueType = Model.TEXT
    """What calls of it are for."""
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
    cache_type: LoadSettings.CacheType.ValueType = LoadSettings.CACHE_TYPE_UNSPECIFIED
    """What keys and values are kept as if the settings name neither type, as far as the model can
    be computed so; else F16."""
    held_texts: int = 0
    """How many texts, those that have ended included, get a state; 0: the model keeps none."""
    chat_template: str = ""
    """In Jinja, in the place of what the files have."""
    projector_path: Path | None = None
    """What shows the model pictures and sounds."""
    projector_sha256: str = ""
    engine: LoadSettings.Engine.ValueType = LoadSettings.ENGINE_UNSPECIFIED
    """What computes on the devices; unspecified: as the settings have it."""
    devices: tuple[PlacedDevice, ...] = ()
    """In the order of their layers. Empty: the CPU, or what the settings name."""
    gpu_layers: int | None = None
    """How many layers are on devices; None: all, or the engine has no such parts."""
    compile_folder: Path | None = None
    npu_power_mode: Acceleration.PowerMode.ValueType = Acceleration.POWER_MODE_UNSPECIFIED
    fallback_reason: str = ""
    """Why the CPU computes it and not the devices that were asked for. Empty: nothing failed."""
    placer: Placer | None = None
    """None: it is placed as it is."""
    device_ids: Mapping[str, str] = field(default_factory=dict[str, str])
    """The ids of the machine's devices, by the engines' names in capitals."""
    digests: Mapping[Path, str] = field(default_factory=dict[Path, str])
    """The SHA-256 of the files of the model and its draft model, empty where it is not known. All
    files of a GGUF model that has several are named."""
    node_id: str = LOCAL_NODE
    """The machine that it runs on."""
    trains: bool = False
    """Whether it trains the model, and answers no calls of it."""

    @property
    def remote(self) -> bool:
        """Whether it runs on another machine than the server, and takes nothing of this one."""
        return self.node_id != LOCAL_NODE

    log: Callable[[str, str], None] | None = None
    """Takes what its process writes beside the server's log: a line's level, as `logging` names it
    in lower case, and its text."""

    @property
    def key(self) -> str:
        """What tells the worker from all others in the pool."""
        return self.instance or self.model_id

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
        cache_type=spec.cache_type,
        held_texts=spec.held_texts,
        chat_template=spec.chat_template,
        projector_path=str(spec.projector_path or ""),
        projector_sha256=spec.projector_sha256,
        devices=[
            LaunchDevice(
                device_id=device.device_id,
                name=device.name,
                weight=device.weight,
                max_prompt_tokens=device.max_prompt_tokens,
            )
            for device in spec.devices
        ],
        gpu_layers=spec.gpu_layers,
        compile_folder=str(spec.compile_folder or ""),
        npu_power_mode=spec.npu_power_mode,
        kind=spec.kind,
        trains=spec.trains,
    )
    if spec.fallback_reason:
        for name in _PLACES:
            launch.settings.ClearField(name)
    if spec.engine:
        launch.settings.engine = spec.engine
    if spill := spec.prefix_spill:
        launch.prefix_folder = str(spill.folder)
        launch.prefix_folder_bytes = spill.limit_bytes
        launch.prefix_key = spill.key
        launch.prefix_lasting_only = spill.lasting_only
    return launch


def same_run(spec: WorkerSpec, ready: Ready, wanted: LoadSettings) -> bool:
    """Whether a worker that was started by `spec` runs as `wanted`. What is unset there is content
    with anything, and one that the CPU computes since its devices failed is not tried again."""
    for described, value in wanted.ListFields():
        name = described.name
        if name in _WITHOUT_A_LOAD:
            continue
        # What the worker chose itself counts too: the engine that it took may be the one wanted.
        told = [_set(spec.settings, name), _set(ready, name)]
        if name == "device_ids":
            told.append([*device_ids(spec, ready)])
        if name == "node_id":
            told.append(spec.node_id)
        if value not in told:
            return False
    return True


def device_ids(spec: WorkerSpec, ready: Ready) -> tuple[str, ...]:
    """Where a worker computes: accelerators in the order of their layers, then the CPU if it has
    some too. Empty if the engine names what has no id."""
    ids = ids_of(ready.device, spec.device_ids) or tuple(one.device_id for one in spec.devices)
    cpu = spec.device_ids.get("CPU")
    if cpu is not None and ids and ready.gpu_layers < ready.layer_count:
        return (*(one for one in ids if one != cpu), cpu)
    return ids


def ids_of(names: str, known: Mapping[str, str]) -> tuple[str, ...]:
    """The ids of devices by an engine's names, parted by commas; `known` has them in capitals.
    Empty if one of them is no single device's."""
    found = [known.get(name) for name in names.upper().removeprefix(_ALL_OF).split(",")]
    ids = [one for one in found if one is not None]
    return tuple(dict.fromkeys(ids)) if len(ids) == len(found) else ()


def device_bytes(spec: WorkerSpec, ready: Ready) -> dict[str, int]:
    """What a worker has at least of the memory of devices, by their ids: what its engine says it
    took, else what was expected."""
    return {
        device.device_id: ready.device_memory.get(device.name, device.bytes)
        for device in spec.devices
    }


def kind(spec: WorkerSpec, ready: Ready) -> Model.Kind.ValueType:
    """What calls of a loaded model are for: not all files tell."""
    if spec.kind in MEDIA:
        return spec.kind
    if ready.can_rank:
        return Model.RANKING
    return spec.kind if ready.can_generate else Model.EMBEDDING


def _set(message: LoadSettings | Ready, name: str) -> object:
    """A field's value; None if it is unset, or there is no such field."""
    described = message.DESCRIPTOR.fields_by_name.get(name)
    if described is None or (described.has_presence and not message.HasField(name)):  # type: ignore[arg-type]  # one of its fields
        return None
    return getattr(message, name)
