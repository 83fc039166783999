"""Gives devices ids that they keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from pydantic.dataclasses import dataclass

from funland.v1.hardware_pb2 import Device
from funland.v1.models_pb2 import LoadSettings
from funland_server.devices.joining import Joined, plain

_KINDS: Final = {Device.CPU: "cpu", Device.GPU: "gpu", Device.NPU: "npu"}


@dataclass(frozen=True)
class Identity:
    """What a device is known by: its uuid, else its place and model, else an engine's word."""

    device_id: str
    """Empty: it has none yet."""
    uuid: str = ""
    place: str = ""
    """Its address on the bus and its model. Empty for slices, which share it."""
    word: str = ""
    """An engine and its name for the device. Empty if there is anything better."""
    name: str = ""
    """For people who read the file."""


def identity(device: Joined) -> Identity:
    """What a device is to be known by."""
    told = device.first
    driver_uuid, engines = device.driver_uuid, told.device.engines
    place = ""
    if device.pci_address and not told.parent_uuid:
        place = f"{device.pci_address} {told.pci_id}".strip()
    word = ""
    if not place and not driver_uuid and engines:
        # What stands in parentheses, and the uuid of what is emulated, change with the version.
        word = (
            f"{LoadSettings.Engine.Name(engines[0].engine)} {told.device.name.partition(' (')[0]}"
        )
    uuid = driver_uuid or (told.device.uuid if engines else "")
    return Identity("", uuid, place, word, told.device.name or told.spare_name)


def numbered(
    devices: Sequence[Joined], known: Sequence[Identity]
) -> tuple[list[str], list[Identity]]:
    """An id for each device, and all identities that are known from now on. One that is not known
    gets the number after the highest that its kind ever had."""
    identities = list(known)
    # There is but one CPU, whatever its name.
    ids = {at: "cpu_0" for at, each in enumerate(devices) if each.first.device.kind == Device.CPU}
    taken: set[str] = set()
    for rule in (_same_uuid, _same_place, _same_word):
        for at, device in enumerate(devices):
            if at in ids:
                continue
            own = identity(device)
            for number, other in enumerate(identities):
                of_kind = other.device_id.startswith(f"{_KINDS[device.first.device.kind]}_")
                if of_kind and other.device_id not in taken and rule(own, other):
                    ids[at] = other.device_id
                    taken.add(other.device_id)
                    if not device.first.device.engines:  # an engine knows less than the system
                        identities[number] = _newer(own, other)
                    break
    new = [at for at in range(len(devices)) if at not in ids]
    for at in sorted(new, key=lambda at: _rank(devices[at], at)):
        kind = _KINDS[devices[at].first.device.kind]
        ids[at] = _next(kind, identities)
        identities.append(replace(identity(devices[at]), device_id=ids[at]))
    return [ids[at] for at in range(len(devices))], identities


def order(device_id: str) -> tuple[int, int]:
    """Sorts ids: CPUs, then GPUs, then NPUs, each by number."""
    kind, _, number = device_id.partition("_")
    return list(_KINDS.values()).index(kind), int(number)


def is_id(device_id: str) -> bool:
    """Whether it is an id as they are given here."""
    kind, _, number = device_id.partition("_")
    return kind in _KINDS.values() and number.isdecimal() and number.isascii()


def _same_uuid(own: Identity, other: Identity) -> bool:
    return bool(own.uuid) and plain(own.uuid) == plain(other.uuid)


def _same_place(own: Identity, other: Identity) -> bool:
    """Unless both have a uuid: then another card of the same model is in this place now. An engine
    does not tell the model."""
    address, _, model = own.place.partition(" ")
    other_address, _, other_model = other.place.partition(" ")
    if not address or address != other_address or (own.uuid and other.uuid):
        return False
    return model == other_model or not (model and other_model)


def _same_word(own: Identity, other: Identity) -> bool:
    return bool(own.word) and own.word == other.word


def _newer(own: Identity, other: Identity) -> Identity:
    """What is known now; a driver that is gone for a while does not make a card lose its uuid."""
    return replace(own, device_id=other.device_id, uuid=own.uuid or other.uuid)


def _rank(device: Joined, at: int) -> tuple[bool, bool, str, bool, int]:
    """What is emulated after what is real, what only an engine knows after what is on the bus."""
    address = device.pci_address
    emulated = any(found.device.emulated for found in device.all)
    return emulated, not address, address, bool(device.first.parent_uuid), at


def _next(kind: str, identities: Sequence[Identity]) -> str:
    numbers = [order(each.device_id)[1] for each in identities if each.device_id.startswith(kind)]
    return f"{kind}_{max(numbers, default=-1) + 1}"
