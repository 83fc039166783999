"""What can go wrong with devices.

NotFoundError
└── DeviceNotFoundError     DEVICE_NOT_FOUND
FailedPreconditionError
└── DeviceUnavailableError  DEVICE_UNAVAILABLE
UnavailableError
└── SettingsNotKeptError    STORAGE_UNAVAILABLE
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import FailedPreconditionError, NotFoundError, UnavailableError


class DeviceNotFoundError(NotFoundError):
    """No device has that id."""

    reason = ErrorReason.DEVICE_NOT_FOUND

    def __init__(self, device_id: str) -> None:
        super().__init__(
            f"There is no device {device_id!r}; `funland devices` lists them.", device_id=device_id
        )


class DeviceUnavailableError(FailedPreconditionError):
    """It is gone, its driver fails, or no engine that is installed uses it."""

    reason = ErrorReason.DEVICE_UNAVAILABLE

    def __init__(self, device_id: str, why: str) -> None:
        super().__init__(f"Device {device_id!r} can't be computed on: {why}", device_id=device_id)


class SettingsNotKeptError(UnavailableError):
    """The file that settings are kept in can't be written."""

    reason = ErrorReason.STORAGE_UNAVAILABLE

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"Nothing was changed: {file} in the home can't be written ({why}).")
