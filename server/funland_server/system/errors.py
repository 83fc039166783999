"""What can go wrong with the configuration.

FailedPreconditionError
└── SettingFixedError          SETTING_FIXED
AbortedError
└── ConfigurationChangedError  CONFIGURATION_CHANGED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import AbortedError, FailedPreconditionError


class SettingFixedError(FailedPreconditionError):
    """A flag or a variable has set it, which goes before the file."""

    reason = ErrorReason.SETTING_FIXED

    def __init__(self, setting: str, origin: str) -> None:
        super().__init__(
            f"{setting} is set by {origin}, which goes before the settings file: start the server"
            " without it, and set it here then.",
            setting=setting,
            origin=origin,
        )


class ConfigurationChangedError(AbortedError):
    """It has changed since it was read."""

    reason = ErrorReason.CONFIGURATION_CHANGED

    def __init__(self, etag: str) -> None:
        super().__init__(
            "The configuration has changed since it was read; read it again, and then change it.",
            etag=etag,
        )
