"""Puts models on devices: what one takes, and where it is computed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import structlog

from funland.v1.hardware_pb2 import Acceleration, Device
from funland.v1.models_pb2 import Footprint, LoadSettings, Model, PlannedDevice
from funland_server.devices.acceleration import Accelerations
from funland_server.devices.candidates import Readers, effective
from funland_server.devices.domain import Devices
from funland_server.devices.errors import DeviceUnavailableError
from funland_server.devices.naming import known_names
from funland_server.devices.placement import place
from funland_server.devices.rooms import free, in_machine, rooms
from funland_server.devices.subject import Machine, Placement, Subject, on_cpu
from funland_server.errors import FunlandError
from funland_server.models.choosing import Spare
from funland_server.models.installed.model import InstalledModel
from funland_server.models.loading.cache_types import CacheType, counted
from funland_server.models.loading.engines import READERS
from funland_server.models.loading.footprint import footprint, memory_limit_bytes, parts
from funland_server.models.loading.sizes import Sizes
from funland_server.workers.errors import (
    EngineUnavailableError,
    ModelLoadFailedError,
    ModelTooLargeError,
)
from funland_server.workers.spec import MEDIA, PlacedDevice, WorkerSpec
from funland_server.workers.taken import Taken

logger = structlog.get_logger(__name__)

_FAILURES = (ModelLoadFailedError, EngineUnavailableError)
"""Of a process that was to load a model: those that may be the device's fault."""
_CPU = ("", "CPU")


@dataclass(frozen=True, slots=True)
class Load:
    """A model that is to be loaded, with its settings."""

    model: InstalledModel
    sizes: Sizes
    settings: LoadSettings
    """Those of the load and of the server together."""
    max_context_length: int
    cache_type: CacheType = LoadSettings.CACHE_TYPE_UNSPECIFIED
    """What keys and values are kept as that the settings say nothing of; unspecified: F16."""
    draft: Sizes | None = None
    corrections: Mapping[str, float] = field(default_factory=dict[str, float])
    prefix_memory_bytes: int = 0
    compiled: Path | None = None
    """Where what engines compile of this model is kept."""

    @property
    def subject(self) -> Subject:
        """What its place depends on."""
        engine = self.settings.engine
        readers = READERS[self.model.format]
        wanted = tuple(one for one in readers if engine in (LoadSettings.ENGINE_UNSPECIFIED, one))
        return Subject(
            self.model.model_id,
            Readers(Model.Format.Name(self.model.format), wanted),
            parts(self.sizes, self._counted, self.max_context_length, self.draft),
            self.corrections,
        )

    @property
    def _counted(self) -> LoadSettings:
        return counted(self.settings, self.cache_type)

    def footprint(self, placement: Placement | None = None) -> Footprint:
        """What it takes, by parts."""
        told = footprint(self.sizes, self._counted, self.max_context_length, self.draft)
        if placement is None or not placement.devices:
            return told
        own = sum(one.bytes for one in placement.devices if not one.shares_memory)
        told.total_bytes = placement.host_bytes + own
        # What is not weights, cache or the process is what passes need, wherever they are computed.
        known = told.weights_bytes + told.cache_bytes + told.process_bytes
        told.compute_bytes = max(0, told.total_bytes - known)
        told.devices.extend(_planned(one) for one in placement.devices if one.bytes)
        return told


class Placing:
    """The devices of this machine, and which of them models get."""

    def __init__(self, devices: Devices, accelerations: Accelerations) -> None:
        self._devices = devices
        self._accelerations = accelerations

    @property
    def acceleration(self) -> Acceleration:
        """How devices are chosen, as it was set."""
        return self._accelerations.present

    async def look(self, device_ids: Sequence[str]) -> None:
        """Waits until it is known what there is, those that are named too, and has it read how much
        memory others have taken of accelerators, if there are any."""
        acceleration = self.acceleration
        primary = [acceleration.primary_device_id] if acceleration.primary_device_id else []
        await self._devices.settled(device_ids or [*primary, *acceleration.secondary_device_ids])
        if any(device.kind != Device.CPU for device in self._devices.all()):
            await self._devices.sample()

    async def check(self, device_ids: Sequence[str]) -> None:
        """Raises DeviceNotFoundError if one is not there."""
        await self._devices.settled(device_ids)
        for device_id in device_ids:
            self._devices.get(device_id)

    def machine(self, taken: Taken, own_fraction: float | None = None) -> Machine:
        """What there is, and how much of it is free beside what models have; see `rooms`."""
        devices = self._devices.all()
        room = rooms(devices, self.acceleration, taken, own_fraction)
        return Machine(devices, self.acceleration, room, free(room, taken))

    def spares(self, taken: Taken) -> tuple[Spare, ...]:
        """The accelerators with a memory of their own that loads get unasked."""
        machine = self.machine(taken)
        known = {device.device_id: device for device in machine.devices}
        ids = effective(machine.acceleration, machine.devices, machine.rooms)
        return tuple(
            Spare(one, room, frozenset(each.engine for each in known[one].engines))
            for one in ids
            if (room := machine.rooms.get(one)) is not None and not in_machine(known[one])
        )

    def accelerators(self) -> tuple[str, ...]:
        """The ids of those that loads get unasked, if they have room."""
        machine = self.machine(Taken(0))
        known = {device.device_id: device for device in machine.devices}
        ids = effective(machine.acceleration, machine.devices, machine.rooms)
        return tuple(one for one in ids if known[one].kind != Device.CPU)

    def driver(self, device_id: str) -> str:
        """The version of a device's driver."""
        return self._devices.get(device_id).driver_version or "unknown"

    def names(self) -> dict[str, str]:
        """The ids of devices by all names that engines have for them, in capitals."""
        return known_names(self._devices.all())

    def placer(self, load: Load) -> ModelPlacer:
        """Places a model when its turn has come."""
        return ModelPlacer(self, load)


class ModelPlacer:
    """See `funland_server.workers.spec.Placer`."""

    def __init__(self, placing: Placing, load: Load, failed: str = "") -> None:
        """`failed` says why nothing but the CPU is left."""
        self._placing = placing
        self._load = load
        self._failed = failed

    def place(self, spec: WorkerSpec, taken: Taken) -> WorkerSpec:
        """See `Placer`."""
        placement, reason = self._place(self._machine(taken))
        return self._placed(spec, placement, reason)

    def instead(self, spec: WorkerSpec, error: FunlandError) -> WorkerSpec | None:
        """See `Placer`."""
        elsewhere = spec.devices or self._load.settings.device not in _CPU
        failed = isinstance(error, _FAILURES) and elsewhere and not self._failed
        if not failed or not self._falls_back:
            return None
        return replace(spec, placer=ModelPlacer(self._placing, self._load, error.message))

    def elsewhere(self, spec: WorkerSpec) -> WorkerSpec:
        """See `Placer`."""
        placed = self._placed(spec, on_cpu(self._load.subject), "")
        return replace(placed, placer=None, device_ids={})

    @property
    def better_here(self) -> bool:
        """See `Placer`."""
        settings = self._load.settings
        if self._load.model.kind in MEDIA:
            return True
        if settings.device_ids or settings.device not in _CPU:
            return True
        return bool(self._placing.accelerators())

    def plan(self, taken: Taken) -> tuple[Placement, bool]:
        """Where it would be computed, and whether the devices have room for it; raises as `place`
        but for ModelTooLargeError."""
        machine = self._machine(taken)
        try:
            return self._place(machine)[0], True
        except ModelTooLargeError:
            unbounded = replace(machine, rooms=dict.fromkeys(machine.rooms))
            placement, _ = self._place(unbounded)
            devices = tuple(
                replace(one, available_bytes=machine.rooms.get(one.device_id))
                for one in placement.devices
            )
            return replace(placement, devices=devices), False

    def _machine(self, taken: Taken) -> Machine:
        settings = self._load.settings
        own = settings.gpu_memory_fraction if settings.HasField("gpu_memory_fraction") else None
        return self._placing.machine(taken, own)

    @property
    def _falls_back(self) -> bool:
        settings = self._load.settings
        if settings.HasField("fallback_to_cpu"):
            return settings.fallback_to_cpu
        return self._placing.acceleration.fallback_to_cpu

    def _place(self, machine: Machine) -> tuple[Placement, str]:
        """Where it is computed, and why on the CPU if devices failed."""
        load = self._load
        if self._failed:
            return on_cpu(load.subject), self._failed
        try:
            return place(load.settings, load.subject, machine), ""
        except (DeviceUnavailableError, ModelTooLargeError) as error:
            if not self._falls_back:
                raise
            logger.warning("model_falls_back", model=load.model.model_id, reason=error.message)
            return on_cpu(load.subject), error.message

    def _placed(self, spec: WorkerSpec, placement: Placement, reason: str) -> WorkerSpec:
        load = self._load
        limit = 0
        if load.settings.HasField("memory_limit_bytes"):
            limit = load.settings.memory_limit_bytes
        elif not placement.devices and (reason or load.settings.device in _CPU):
            settings = LoadSettings()
            settings.CopyFrom(load.settings)
            settings.ClearField("device")
            limit = memory_limit_bytes(
                load.model, settings, placement.host_bytes, load.prefix_memory_bytes
            )
        return replace(
            spec,
            engine=placement.engine,
            devices=placement.devices,
            gpu_layers=placement.gpu_layers,
            needed_bytes=placement.host_bytes,
            memory_limit_bytes=limit,
            compile_folder=self._compile_folder(placement),
            npu_power_mode=(
                self._placing.acceleration.npu_power_mode
                if placement.devices
                else Acceleration.POWER_MODE_UNSPECIFIED
            ),
            fallback_reason=reason,
            device_ids=self._placing.names(),
        )

    def _compile_folder(self, placement: Placement) -> Path | None:
        """For what OpenVINO compiles, which is of no use to another device, driver or version."""
        compiled = self._load.compiled
        if compiled is None or placement.engine != LoadSettings.OPENVINO:
            return None
        first = placement.devices[0]
        driver = self._placing.driver(first.device_id)
        parts_ = (first.name, driver, _openvino_version(), self._load.model.sha256[:16])
        return compiled / "-".join(re.sub(r"[^A-Za-z0-9._]+", "_", part) for part in parts_)


def _planned(placed: PlacedDevice) -> PlannedDevice:
    return PlannedDevice(
        device_id=placed.device_id,
        layers=placed.layers,
        bytes=placed.bytes,
        available_bytes=placed.available_bytes,
    )


def _openvino_version() -> str:
    try:
        return version("openvino")
    except PackageNotFoundError:
        return "none"
