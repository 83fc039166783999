"""Finds out which of what readers and engines tell is the same device."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from funland.v1.hardware_pb2 import Device, DeviceEngine
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.readers.protocol import Found

ENGINES: Final = "engines"
"""The reader that asks the engines; the others ask the system."""
_PREFERRED: Final = (
    LoadSettings.LLAMA_CPP, LoadSettings.OPENVINO, LoadSettings.CTRANSLATE2,
)  # fmt: skip
_LAST_BACKEND: Final = "Vulkan"
"""A maker's own way goes before the one that all have."""
_VENDORS: Final = ("NVIDIA", "AMD", "Intel")


@dataclass(slots=True)
class Joined:
    """A device, and all that was told of it."""

    told: dict[str, list[Found]] = field(default_factory=dict[str, list[Found]])
    """By reader, the system's first."""

    @property
    def all(self) -> list[Found]:
        """Whatever was told, what the system tells first."""
        return [found for each in self.told.values() for found in each]

    @property
    def first(self) -> Found:
        """What decides."""
        return self.all[0]

    @property
    def driver_uuid(self) -> str:
        """What its driver tells it from others by; an engine's word may change with the engine."""
        return next(
            (each.device.uuid for name, told in self.told.items() if name != ENGINES
             for each in told if each.device.uuid),
            "",
        )  # fmt: skip

    @property
    def pci_address(self) -> str:
        """Where on the bus it is."""
        return next((each.device.pci_address for each in self.all if each.device.pci_address), "")

    def add(self, reader: str, found: Found) -> None:
        """One more reader, or engine, knows it."""
        self.told.setdefault(reader, []).append(found)


def joined(looks: Mapping[str, Sequence[Found]]) -> list[Joined]:
    """The devices that there are, by what each reader found."""
    devices: list[Joined] = []
    for reader, founds in looks.items():
        if reader != ENGINES:
            devices += [Joined({reader: [found]}) for found in founds]
    for found in looks.get(ENGINES, ()):
        home = _home(found, devices)
        if home is _Nowhere:
            continue
        if not isinstance(home, Joined):
            devices.append(home := Joined())
        home.add(ENGINES, found)
    return devices


def merged(device: Joined) -> Device:
    """All that is known of it, without an id and a state: what the system tells goes before."""
    whole = Device()
    whole.CopyFrom(device.first.device)
    others = [found.device for found in device.all[1:]]
    for other in others:
        for name in ("name", "architecture", "driver_version", "pci_address", "uuid"):
            if not getattr(whole, name):
                setattr(whole, name, getattr(other, name))
        total = other.metrics.memory_total_bytes
        if total and not whole.metrics.HasField("memory_total_bytes"):
            whole.metrics.memory_total_bytes = total
        whole.emulated = whole.emulated or other.emulated
        if whole.kind != Device.CPU:
            types = {*whole.accelerator.number_types, *other.accelerator.number_types}
            whole.accelerator.number_types[:] = sorted(types)
            if other.accelerator.HasField("max_prompt_tokens"):
                whole.accelerator.max_prompt_tokens = other.accelerator.max_prompt_tokens
    if whole.emulated:
        whole.shares_memory = True
    whole.name = whole.name or device.first.spare_name
    if not whole.vendor:
        named = (vendor for vendor in _VENDORS if whole.name.lower().startswith(vendor.lower()))
        whole.vendor = next(named, "")
    engines = [engine for found in device.all for engine in found.device.engines]
    del whole.engines[:]
    whole.engines.extend(_in_order(engines))
    return whole


def plain(uuid: str) -> str:
    """A uuid as digits: NVIDIA writes `GPU-` before it, others no dashes."""
    return re.sub(r"^(gpu|mig)-|-", "", uuid.lower())


class _Nowhere:
    """What is told of is no device of its own."""


def _home(found: Found, devices: Sequence[Joined]) -> Joined | type[_Nowhere] | None:
    """The device that an engine tells of; None: one that nobody knows yet."""
    told = found.device
    same_kind = [each for each in devices if each.first.device.kind == told.kind]
    if told.kind == Device.CPU:
        return same_kind[0] if same_kind else None
    for each in same_kind if told.uuid else ():
        if plain(told.uuid) in {plain(other.device.uuid) for other in each.all}:
            return each
    placed = [
        each for each in same_kind if told.pci_address and each.pci_address == told.pci_address
    ]
    if placed:
        # A whole card that is divided is not computed on, and its slices are all in one place.
        slices = [each for each in placed if each.first.parent_uuid]
        candidates = slices or placed
        return candidates[0] if len(candidates) == 1 else _Nowhere
    if told.pci_address:
        return None
    free = [each for each in same_kind if not _has(each, told.engines)]
    if told.kind == Device.NPU and len(free) == 1:
        return free[0]
    named = [each for each in free if _name(told.name) in {_name(e.device.name) for e in each.all}]
    return named[0] if len(named) == 1 else None


def _has(device: Joined, engines: Sequence[DeviceEngine]) -> bool:
    ways = {(each.engine, each.backend) for found in device.all for each in found.device.engines}
    return any((each.engine, each.backend) in ways for each in engines)


def _in_order(engines: Sequence[DeviceEngine]) -> list[DeviceEngine]:
    """Each way once, the preferred one first; of a CPU the engines' word goes before what was
    assumed of them."""
    ways: dict[tuple[int, str], DeviceEngine] = {}
    for each in engines:
        ways[(each.engine, each.name)] = each
    return sorted(
        ways.values(),
        key=lambda each: (
            _PREFERRED.index(each.engine) if each.engine in _PREFERRED else len(_PREFERRED),
            each.backend == _LAST_BACKEND,
            each.name,
        ),
    )


def _name(name: str) -> str:
    """A name as makers' registers of their marks don't part it; OpenVINO adds what sort it is."""
    return " ".join(re.sub(r"\((r|tm|igpu|dgpu)\)", " ", name.lower()).split())
