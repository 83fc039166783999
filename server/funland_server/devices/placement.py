"""Decides where a model is computed: by which engine, on which devices, how many layers on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.candidates import (
    Candidates,
    Engine,
    Readers,
    Rooms,
    Space,
    chosen,
    name_of,
    named,
)
from funland_server.devices.fitting import Parts, Spot, fit, segments
from funland_server.devices.naming import known_names
from funland_server.devices.rooms import in_machine
from funland_server.errors import FieldInvalidError, Violation
from funland_server.workers.errors import EngineUnsupportedError, ModelTooLargeError
from funland_server.workers.spec import PlacedDevice, ids_of

_FIELD = "settings"
_BY_LAYERS = (f"{_FIELD}.gpu_layers", f"{_FIELD}.device_split")
_NAMES = {
    LoadSettings.LLAMA_CPP: "llama.cpp",
    LoadSettings.OPENVINO: "OpenVINO",
    LoadSettings.CTRANSLATE2: "CTranslate2",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that is to be placed."""

    model_id: str
    readers: Readers
    parts: Parts
    corrections: Mapping[str, float] = field(default_factory=dict[str, float])
    """What it took the last time as a multiple of what was expected, by device."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a model is computed."""

    engine: Engine = LoadSettings.ENGINE_UNSPECIFIED
    """Unspecified: as the settings have it, or else as the worker chooses."""
    devices: tuple[PlacedDevice, ...] = ()
    """In the order of their layers; the CPU among them only if the engine wants it named. Empty:
    the CPU, or what `LoadSettings.device` names."""
    gpu_layers: int | None = None
    """How many layers are on devices, the output's included; None: the engine has no such parts."""
    host_bytes: int = 0
    """What is in the machine's memory, that of devices which share it included."""


@dataclass(frozen=True, slots=True)
class _Demand:
    """How firmly devices are asked for."""

    ids: tuple[str, ...]
    """Those that the load names, the CPU's too."""
    beside: tuple[Device, ...]
    """The CPU, if the load names it."""
    strict: bool
    """Whether at least a part of the model must be on them."""
    alone: bool
    """Whether all of it must be."""


@dataclass(frozen=True, slots=True)
class Machine:
    """What there is to place a model on."""

    devices: Sequence[Device]
    acceleration: Acceleration
    rooms: Rooms
    """What a model may take of each accelerator when all that are idle have left."""
    free: Rooms = field(default_factory=dict[str, int | None])
    """What it may take while none leaves."""


def place(wanted: LoadSettings, subject: Subject, machine: Machine) -> Placement:
    """Places a model.

    Raises:
        FieldInvalidError: The settings contradict each other, or ask an engine for what it has not.
        DeviceNotFoundError, DeviceUnavailableError: See `errors`.
        EngineUnsupportedError: No engine that reads the model computes on what is named.
        ModelTooLargeError: It does not fit on what is named.
    """
    check(wanted)
    readers = subject.readers
    ids = tuple(wanted.device_ids) or ids_of(wanted.device, known_names(machine.devices))
    # An engine that is told a name of its own, or a format that it does not read, says so itself.
    if (wanted.device and not ids) or not readers.engines:
        return on_cpu(subject)
    if ids:
        candidates = named(ids, machine.devices, readers)
    else:
        needed = subject.parts.whole + subject.parts.compute
        space = Space(needed, machine.rooms, machine.free)
        candidates = chosen(machine.acceleration, machine.devices, readers, space)
    _check_layers(wanted, candidates)
    if not candidates.devices or (wanted.HasField("gpu_layers") and not wanted.gpu_layers):
        return on_cpu(subject)
    demand = _demand(ids, machine)
    if candidates.engine == LoadSettings.LLAMA_CPP and subject.parts.layers:
        return _layers(wanted, subject, machine, candidates, demand)
    placement = _whole(subject, machine, candidates, demand)
    if placement.devices and wanted.HasField("gpu_layers"):
        return replace(placement, gpu_layers=wanted.gpu_layers)
    return placement


def on_cpu(subject: Subject) -> Placement:
    """All in the machine's memory."""
    parts = subject.parts
    return Placement(host_bytes=parts.host + parts.whole + parts.host_compute + parts.host_draft)


def check(wanted: LoadSettings) -> None:
    """Whether settings can be met at all, whatever the model and the machine.

    Raises:
        FieldInvalidError: They can't.
    """
    split = wanted.device_split
    violations: list[Violation] = []
    if wanted.device and wanted.device_ids:
        violations.append(Violation(f"{_FIELD}.device", "can't be set together with device_ids"))
    if split and len(split) != len(wanted.device_ids):
        what = f"must have a weight for each of the {len(wanted.device_ids)} device_ids"
        violations.append(Violation(f"{_FIELD}.device_split", what))
    elif split and not sum(split):
        violations.append(Violation(f"{_FIELD}.device_split", "must have a weight above 0"))
    if violations:
        raise FieldInvalidError(violations)


def _check_layers(wanted: LoadSettings, candidates: Candidates) -> None:
    """Only llama.cpp computes by layers, and only accelerators are counted."""
    set_ = [wanted.HasField("gpu_layers"), bool(wanted.device_split)]
    fields = [field for field, one in zip(_BY_LAYERS, set_, strict=True) if one]
    if not candidates.devices:
        what = "must be 0: there is no accelerator that an engine for this model computes on"
        if wanted.device_ids or wanted.device:
            what = "must be 0 on a CPU: it counts the layers on accelerators"
        fields = [_BY_LAYERS[0]] if wanted.gpu_layers else []
    else:
        name = _NAMES[candidates.engine]
        what = f"must be unset: {name} computes this model here, and takes it as a whole"
        if candidates.engine == LoadSettings.LLAMA_CPP:
            fields = []
    if fields:
        raise FieldInvalidError([Violation(field, what) for field in fields])


def _demand(ids: tuple[str, ...], machine: Machine) -> _Demand:
    cpus = [device for device in machine.devices if device.kind == Device.CPU]
    beside = tuple(device for device in cpus if device.device_id in ids)
    alone = machine.acceleration.mode == Acceleration.SINGLE and not ids
    return _Demand(ids, beside, strict=(bool(ids) and not beside) or alone, alone=alone)


def _layers(
    wanted: LoadSettings,
    subject: Subject,
    machine: Machine,
    candidates: Candidates,
    demand: _Demand,
) -> Placement:
    """For llama.cpp: layer by layer."""
    parts, devices = subject.parts, candidates.devices
    spots = [_spot(device, subject, machine) for device in devices]
    most = len(parts.layers)
    count = wanted.gpu_layers if wanted.HasField("gpu_layers") else None
    weights: list[float] | None = None
    if wanted.device_split:
        weight = dict(zip(demand.ids, wanted.device_split, strict=True))
        weights = [weight[device.device_id] for device in devices]
        if count is None and (share := sum(weights) / sum(wanted.device_split)) < 1:
            count = round(share * most)
        if not sum(weights):
            return on_cpu(subject)
    elif demand.ids and all(spot.room for spot in spots):
        weights = [float(spot.room or 0) for spot in spots]
    if count is None and demand.alone:
        count = most
    split = fit(parts, spots, weights=weights, exact=bool(wanted.device_split), wanted=count)
    if split is None or (demand.strict and count != 0 and not sum(split)):
        needed = sum(parts.layers[most - min(count or 1, most) :]) + parts.compute
        raise _too_large(subject, devices, spots, needed, layers=count)
    if not sum(split):
        return on_cpu(subject)
    placed = [
        _placed(device, spot, candidates.engine, layers=layers, bytes_=own, compute=parts.compute)
        for device, spot, layers, own in zip(
            devices, spots, split, segments(parts, split), strict=True
        )
        if layers
    ]
    rest = parts.layers[: most - sum(split)]
    moved = sum(parts.layers) - sum(rest) - (parts.layers[-1] if parts.tied else 0)
    if not rest:
        moved -= parts.draft  # which is no part of the whole
    return Placement(
        engine=candidates.engine,
        devices=tuple(placed),
        gpu_layers=sum(split),
        host_bytes=parts.host
        + max(0, parts.whole - moved)
        + (parts.host_compute + parts.host_draft if rest else 0)
        + _shared(placed),
    )


def _whole(
    subject: Subject, machine: Machine, candidates: Candidates, demand: _Demand
) -> Placement:
    """For an engine that does not part a model: on the first device that has room for all; on all
    that are named together, if it parts the work of a pass among them."""
    parts, engine = subject.parts, candidates.engine
    devices, beside = candidates.devices, demand.beside
    together = bool(demand.ids) and len(devices) + len(beside) > 1
    if together and engine == LoadSettings.CTRANSLATE2:
        raise EngineUnsupportedError(
            "CTranslate2 computes a model on one device; name one of device_ids.",
            engine=LoadSettings.Engine.Name(engine),
            feature="several devices",
        )
    spots = [_spot(device, subject, machine) for device in devices]
    if together:
        share = parts.whole // len(devices)
        if all(
            spot.room is None or spot.takes(share, parts.compute) <= spot.room for spot in spots
        ):
            placed = [
                _placed(device, spot, engine, bytes_=share, compute=parts.compute)
                for device, spot in zip(devices, spots, strict=True)
            ]
            named_too = [PlacedDevice(one.device_id, name_of(one, engine)) for one in beside]
            host = parts.host + parts.host_draft + _shared(placed)
            return Placement(engine, (*placed, *named_too), host_bytes=host)
    else:
        for device, spot in zip(devices, spots, strict=True):
            if spot.room is None or spot.takes(parts.whole, parts.compute) <= spot.room:
                only = _placed(device, spot, engine, bytes_=parts.whole, compute=parts.compute)
                host = parts.host + parts.host_draft + _shared([only])
                return Placement(engine, (only,), host_bytes=host)
    if not demand.strict:
        return on_cpu(subject)
    raise _too_large(subject, devices, spots, parts.whole + parts.compute)


def _spot(device: Device, subject: Subject, machine: Machine) -> Spot:
    correction = subject.corrections.get(device.device_id, 1.0)
    return Spot(machine.rooms.get(device.device_id), correction)


def _placed(
    device: Device,
    spot: Spot,
    engine: Engine,
    *,
    bytes_: int,
    compute: int,
    layers: int | None = None,
) -> PlacedDevice:
    return PlacedDevice(
        device_id=device.device_id,
        name=name_of(device, engine),
        weight=float(layers or 1),
        layers=layers,
        bytes=spot.takes(bytes_, compute),
        parts_bytes=bytes_ + compute,
        available_bytes=spot.room,
        max_prompt_tokens=device.accelerator.max_prompt_tokens,
        shares_memory=in_machine(device),
    )


def _shared(placed: Sequence[PlacedDevice]) -> int:
    return sum(one.bytes for one in placed if one.shares_memory)


def _too_large(
    subject: Subject,
    devices: Sequence[Device],
    spots: Sequence[Spot],
    needed: int,
    *,
    layers: int | None = None,
) -> ModelTooLargeError:
    available = sum(spot.room or 0 for spot in spots)
    where = ",".join(device.device_id for device in devices)
    what = f"{layers} layers of model" if layers is not None else "Model"
    return ModelTooLargeError(
        f"{what} {subject.model_id!r} {'need' if layers is not None else 'needs'} about"
        f" {needed / 1e9:.2f} GB on {where}, and {available / 1e9:.2f} GB can be had there. Ask for"
        " a shorter context_length or fewer slots, name more device_ids (cpu_0 too), or unload what"
        " is busy.",
        model=subject.model_id,
        needed_bytes=str(needed),
        available_bytes=str(available),
        devices=where,
    )
