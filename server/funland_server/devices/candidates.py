"""Which devices a model may be computed on, in which order, and by which engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.errors import DeviceNotFoundError, DeviceUnavailableError
from funland_server.devices.rooms import in_machine
from funland_server.workers.errors import EngineUnsupportedError

Engine = LoadSettings.Engine.ValueType
Rooms = Mapping[str, int | None]
"""Bytes by the ids of devices; None: unknown."""


@dataclass(frozen=True, slots=True)
class Readers:
    """What loads a model's files."""

    format: str
    """The name of a `funland.v1.Model.Format`."""
    engines: tuple[Engine, ...]
    """Those that read it, the preferred one first; only the one that a load names, if it does."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Accelerators, and the engine that computes on all of them."""

    engine: Engine
    devices: tuple[Device, ...]
    """In the order of their layers. Empty: the CPU alone."""


@dataclass(frozen=True, slots=True)
class Space:
    """What a model needs, and what there is of accelerators' memory."""

    needed: int
    """All on one device, in bytes."""
    rooms: Rooms
    """When all models that are idle have left."""
    free: Rooms
    """When none has left."""


ON_CPU = Candidates(LoadSettings.ENGINE_UNSPECIFIED, ())


def named(ids: Iterable[str], devices: Sequence[Device], readers: Readers) -> Candidates:
    """Those that a load names, without the CPU.

    Raises:
        DeviceNotFoundError: One is not there.
        DeviceUnavailableError: One can't be computed on.
        EngineUnsupportedError: No engine that reads the model computes on all of them.
    """
    known = {device.device_id: device for device in devices}
    wanted: list[Device] = []
    for device_id in ids:
        if device_id not in known:
            raise DeviceNotFoundError(device_id)
        wanted.append(known[device_id])
    for device in wanted:
        if device.state != Device.AVAILABLE:
            raise DeviceUnavailableError(device.device_id, _why(device))
    accelerators = tuple(device for device in wanted if device.kind != Device.CPU)
    if not accelerators:
        return ON_CPU
    for engine in readers.engines:
        if all(name_of(device, engine) for device in accelerators):
            return Candidates(engine, accelerators)
    raise _no_engine(accelerators, readers)


def chosen(
    acceleration: Acceleration, devices: Sequence[Device], readers: Readers, space: Space
) -> Candidates:
    """Those that a load which names none gets.

    Raises:
        DeviceUnavailableError: The primary device is gone, or can't be computed on.
        EngineUnsupportedError: It is to compute alone, and no engine for the model does so there.
    """
    primary = _primary(acceleration, devices)
    if acceleration.mode == Acceleration.SINGLE and primary is not None:
        return named([primary.device_id], devices, readers)
    if primary is None:
        primary = _best(devices, readers, space)
    if primary is None or primary.kind == Device.CPU:
        return ON_CPU
    order = [primary]
    if acceleration.mode == Acceleration.HYBRID:
        known = {device.device_id: device for device in devices}
        beside = (known.get(device_id) for device_id in acceleration.secondary_device_ids)
        order += [one for one in beside if one is not None and _computes(one)]
    for engine in readers.engines:
        able = tuple(device for device in order if name_of(device, engine))
        if able and able[0] is primary:
            return Candidates(engine, able)
    return ON_CPU


def effective(
    acceleration: Acceleration, devices: Sequence[Device], rooms: Rooms
) -> tuple[str, ...]:
    """The ids of those that a model gets which every engine reads, if it fits; empty if the primary
    device can't be computed on."""
    engines = (LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2)
    try:
        found = chosen(acceleration, devices, Readers("", engines), Space(0, rooms, rooms)).devices
    except (DeviceUnavailableError, EngineUnsupportedError):
        return ()
    ids = tuple(device.device_id for device in found)
    return ids or tuple(device.device_id for device in devices if device.kind == Device.CPU)[:1]


def name_of(device: Device, engine: Engine) -> str:
    """An engine's name for a device; empty if it does not compute there."""
    return next((each.name for each in device.engines if each.engine == engine), "")


def _primary(acceleration: Acceleration, devices: Sequence[Device]) -> Device | None:
    device_id = acceleration.primary_device_id
    if not device_id:
        return None
    found = next((device for device in devices if device.device_id == device_id), None)
    if found is None:
        what = (
            "it is the primary device, but it is not there. `funland devices` lists those that are,"
            " and `funland devices use` chooses another."
        )
        raise DeviceUnavailableError(device_id, what)
    if found.state != Device.AVAILABLE:
        raise DeviceUnavailableError(device_id, _why(found))
    return found


def _best(devices: Sequence[Device], readers: Readers, space: Space) -> Device | None:
    """The GPU to use: one with memory of its own before one without, one that has room before one
    that others must leave or that has none, then the one with the most. None that is emulated or
    that slices are made of."""
    parents = {device.parent_device_id for device in devices if _computes(device)}
    able = [
        device
        for device in devices
        if device.kind == Device.GPU
        and _computes(device)
        and not device.emulated
        and device.device_id not in parents
        and any(name_of(device, engine) for engine in readers.engines)
    ]

    def order(device: Device) -> tuple[bool, int, int]:
        free = space.free.get(device.device_id) or 0
        room = space.rooms.get(device.device_id) or 0
        lack = 0 if space.needed <= free else 1 if space.needed <= room else 2
        return in_machine(device), lack, -(free if lack == 0 else room)

    # Of equal ones the first, so that a model does not go to and fro between them.
    return min(able, key=order, default=None)


def _computes(device: Device) -> bool:
    return device.state == Device.AVAILABLE and device.kind != Device.CPU


def _why(device: Device) -> str:
    return device.state_reason or "no engine that is installed computes on it."


def _no_engine(devices: Sequence[Device], readers: Readers) -> EngineUnsupportedError:
    """Says which engines read the model, and where they don't compute."""
    unable = {
        engine: [device.device_id for device in devices if not name_of(device, engine)]
        for engine in readers.engines
    }
    engines = " and ".join(LoadSettings.Engine.Name(engine) for engine in unable)
    missing = dict.fromkeys(device_id for ids in unable.values() for device_id in ids)
    where = " and ".join(missing)
    return EngineUnsupportedError(
        f"{engines}, which {'reads' if len(unable) == 1 else 'read'} {readers.format} models,"
        f" {'does' if len(unable) == 1 else 'do'} not compute on {where} here;"
        " `funland devices` shows what does.",
        engine=LoadSettings.Engine.Name(readers.engines[0]),
        feature=f"device {next(iter(missing))}",
    )
