"""All devices that are, or were since the start, each with its id and how it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from funland.v1.hardware_pb2 import Device
from funland_server.devices.joining import ENGINES, Joined, joined, merged
from funland_server.devices.numbering import Identity, numbered, order
from funland_server.devices.readers.protocol import Found

_GONE: Final = "It is not there any more."
_NOT_ASKED: Final = "The engines are still being asked what they compute on."
_NO_ENGINE: Final = "No engine that is installed computes on it."


class Inventory:
    """What follows from what readers told. It asks nobody."""

    def __init__(self, identities: Sequence[Identity] = ()) -> None:
        """`identities` are those of earlier runs."""
        self.identities = list(identities)
        self._looks: dict[str, Sequence[Found]] = {}
        self._silent: dict[str, str] = {}
        self._devices: dict[str, Device] = {}
        self._seen_by: dict[str, set[str]] = {}

    def all(self) -> list[Device]:
        """In their order."""
        return [self._devices[each] for each in sorted(self._devices, key=order)]

    def get(self, device_id: str) -> Device | None:
        """One of them."""
        return self._devices.get(device_id)

    def heard(self, reader: str, found: Sequence[Found]) -> None:
        """A reader has told what it found."""
        self._looks[reader] = found
        self._silent.pop(reader, None)

    def silent(self, reader: str, why: str) -> None:
        """A reader tells nothing, so that what it told before may not hold any more."""
        self._silent[reader] = why

    def update(self) -> list[str]:
        """Draws the conclusions; gives the ids of the devices that changed."""
        looks = dict(sorted(self._looks.items(), key=lambda look: look[0] == ENGINES))
        found = joined(looks)
        present = [each for each in found if each.first.device.kind]
        ids, self.identities = numbered(present, self.identities)
        devices = {
            device_id: self._standing(device_id, device)
            for device_id, device in zip(ids, present, strict=True)
        }
        by_uuid = {device.uuid: device_id for device_id, device in devices.items() if device.uuid}
        for device_id, device in zip(ids, present, strict=True):
            if device.first.parent_uuid:
                devices[device_id].parent_device_id = by_uuid.get(device.first.parent_uuid, "")
        for device_id, device in self._devices.items():
            devices.setdefault(device_id, _gone(device))
        changed = [each for each in devices if devices[each] != self._devices.get(each)]
        self._devices = devices
        return changed

    def _standing(self, device_id: str, device: Joined) -> Device:
        systems = device.told.keys() - {ENGINES}
        seen_by = self._seen_by.setdefault(device_id, set())
        seen_by |= systems
        if seen_by and not systems:  # the engines are not asked each time
            return _gone(merged(device), device_id)
        whole = merged(device)
        whole.device_id = device_id
        whole.state, whole.state_reason = standing(
            device, self._silent, engines_asked=ENGINES in self._looks or ENGINES in self._silent
        )
        return whole


def standing(
    device: Joined, silent: Mapping[str, str], *, engines_asked: bool
) -> tuple[Device.State.ValueType, str]:
    """Whether a device that is there can be computed on, and why not. `silent` are readers that
    don't answer, and why."""
    told = device.first
    silence = [silent[reader] for reader in device.told if reader in silent and reader != ENGINES]
    has_engine = any(found.device.engines for found in device.all)
    if told.trouble:
        return Device.UNAVAILABLE, told.trouble
    if silence and told.device.kind != Device.CPU:
        return Device.UNAVAILABLE, f"Its driver does not answer: {silence[0]}"
    if has_engine:
        return Device.AVAILABLE, ""
    if told.obstacle:
        return Device.UNSUPPORTED, told.obstacle
    return Device.UNSUPPORTED, _NO_ENGINE if engines_asked else _NOT_ASKED


def _gone(device: Device, device_id: str | None = None) -> Device:
    gone = Device()
    gone.CopyFrom(device)
    gone.device_id = device_id or device.device_id
    gone.state, gone.state_reason = Device.UNAVAILABLE, _GONE
    gone.ClearField("metrics")
    return gone
