"""Which devices models are computed on unless a load names others: this machine's own settings."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import structlog
from google.protobuf import json_format

from funland.v1.hardware_pb2 import Acceleration, Device
from funland_server.devices.candidates import effective
from funland_server.devices.domain import Devices
from funland_server.devices.looking import PATIENCE
from funland_server.devices.rooms import rooms
from funland_server.domain import Domain
from funland_server.durable import write_whole
from funland_server.errors import FieldInvalidError, Violation
from funland_server.storage.errors import StorageFullError, StorageUnavailableError
from funland_server.workers.machine import machine_memory
from funland_server.workers.taken import Taken

logger = structlog.get_logger(__name__)

_FIELD = "acceleration"
_NAME = "acceleration.json"
_TOLD = ("update_time", "effective_device_ids")
"""What is not the caller's to set."""


class Accelerations(Domain):
    """The settings, kept in the home: servers on other machines have devices of their own."""

    def __init__(self, home: Path, devices: Devices) -> None:
        self._path = home / _NAME
        self._devices = devices
        self._turn = asyncio.Lock()
        self.present = Acceleration()
        """As it was set, without what is only told. Nobody changes it."""

    async def start(self) -> None:
        """Reads the file, if there is one."""
        self.present = await asyncio.to_thread(_read, self._path)

    def get(self) -> Acceleration:
        """The settings, and the devices that follow from them now."""
        told = Acceleration()
        told.CopyFrom(self.present)
        devices = self._devices.all()
        free = rooms(devices, self.present, Taken(machine_memory().available))
        told.effective_device_ids.extend(effective(self.present, devices, free))
        return told

    async def set(self, wanted: Acceleration) -> Acceleration:
        """Keeps the settings, for the loads that begin from now on.

        Raises:
            FieldInvalidError: They name what is not there, is there twice, or can't be used so.
            StorageFullError, StorageUnavailableError: They can't be written.
        """
        named = [*filter(None, [wanted.primary_device_id]), *wanted.secondary_device_ids]
        with suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE if named else 0):
                await self._devices.settled(named)
        asked = self._devices.engines_asked
        if violations := [*_violations(wanted, self._devices.all(), engines_asked=asked)]:
            raise FieldInvalidError(violations)
        kept = Acceleration()
        kept.CopyFrom(wanted)
        for name in _TOLD:
            kept.ClearField(name)  # type: ignore[arg-type]  # fields of it
        kept.update_time.FromDatetime(datetime.now(UTC))
        text = json_format.MessageToJson(kept, preserving_proto_field_name=True)
        async with self._turn:
            await asyncio.to_thread(_write, self._path, text.encode())
            self.present = kept
        logger.info("acceleration_set", primary=kept.primary_device_id or "automatic")
        return self.get()


def _read(path: Path) -> Acceleration:
    try:
        kept = json_format.Parse(path.read_bytes(), Acceleration(), ignore_unknown_fields=True)
        _check(kept)
        return kept
    except FileNotFoundError:
        return Acceleration()
    except (OSError, ValueError, json_format.ParseError) as error:
        # The server had better run on what it finds by itself than not at all.
        logger.error("acceleration_not_read", file=_NAME, error=str(error))
        return Acceleration()


def _check(kept: Acceleration) -> None:
    """Raises ValueError if somebody has written what no call could set."""
    # Importing it is a twentieth of a start, and few servers have the file.
    import protovalidate  # noqa: PLC0415 - as above

    for violation in protovalidate.collect_violations(kept):
        path = violation.proto.field
        fields = ".".join(element.field_name for element in (path.elements if path else ()))
        raise ValueError(f"{fields}: {violation.proto.message}")


def _write(path: Path, text: bytes) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageFullError from error
        raise StorageUnavailableError(
            f"Nothing was changed: {path.name} in the home can't be written ({error.strerror})."
        ) from error


def _violations(
    wanted: Acceleration, devices: Sequence[Device], *, engines_asked: bool
) -> Iterator[Violation]:
    """What of the settings can't be met here."""
    more = "" if engines_asked else "; the engines are still being asked for theirs, so try again"
    known = {device.device_id: device for device in devices}
    primary = wanted.primary_device_id
    if primary:
        yield from _unusable(f"{_FIELD}.primary_device_id", primary, known, more)
    elif wanted.mode == Acceleration.SINGLE:
        what = "must be set for the mode SINGLE, which uses it alone"
        yield Violation(f"{_FIELD}.primary_device_id", what)
    for number, device_id in enumerate(wanted.secondary_device_ids):
        field = f"{_FIELD}.secondary_device_ids[{number}]"
        if device_id == primary:
            yield Violation(field, f"{device_id} is the primary device already")
        else:
            yield from _unusable(field, device_id, known, more)
    threads = sum(device.cpu.threads for device in devices if device.kind == Device.CPU)
    if 0 < threads < wanted.cpu_threads:
        what = f"must be at most {threads}: this server has no more hardware threads"
        yield Violation(f"{_FIELD}.cpu_threads", what)


def _unusable(
    field: str, device_id: str, known: Mapping[str, Device], more: str
) -> Iterator[Violation]:
    device = known.get(device_id)
    if device is None:
        yield Violation(field, f"there is no device {device_id}; there is {', '.join(known)}{more}")
    elif device.state != Device.AVAILABLE:
        why = device.state_reason or "no engine that is installed computes on it."
        yield Violation(field, f"{device_id} can't be computed on: {why}")
