"""What can go wrong with plugins.

NotFoundError
└── PluginNotFoundError              PLUGIN_NOT_FOUND
AlreadyExistsError
└── PluginExistsError                PLUGIN_EXISTS
InvalidArgumentError
└── PluginInvalidError               PLUGIN_INVALID
FailedPreconditionError
├── PluginDisabledError              PLUGIN_DISABLED
├── PluginBrokenError                PLUGIN_BROKEN
├── PluginBundledError               PLUGIN_BUNDLED
└── PluginIsolationUnavailableError  PLUGIN_ISOLATION_UNAVAILABLE
UnknownError
└── PluginFailedError                PLUGIN_FAILED
ResourceExhaustedError
└── PluginLimitExceededError         PLUGIN_LIMIT_EXCEEDED
PermissionDeniedError
└── PluginDeniedError                PLUGIN_DENIED
"""

from __future__ import annotations

from funland.v1.errors_pb2 import ErrorReason
from funland_server.errors import (
    AlreadyExistsError,
    FailedPreconditionError,
    InvalidArgumentError,
    NotFoundError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
)


class PluginNotFoundError(NotFoundError):
    """No plugin of that id is installed."""

    reason = ErrorReason.PLUGIN_NOT_FOUND

    def __init__(self, plugin_id: str) -> None:
        super().__init__(
            f"There is no plugin {plugin_id!r}; `funland plugins` shows those that are.",
            plugin_id=plugin_id,
        )


class PluginExistsError(AlreadyExistsError):
    """A plugin of that id is installed."""

    reason = ErrorReason.PLUGIN_EXISTS

    def __init__(self, plugin_id: str, version: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} is installed in version {version}: replace or remove it first.",
            plugin_id=plugin_id,
            version=version,
        )


class PluginInvalidError(InvalidArgumentError):
    """This is no plugin, or its manifest says what none may."""

    reason = ErrorReason.PLUGIN_INVALID

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path} is no plugin that can be installed: {reason}", path=path)


class PluginDisabledError(FailedPreconditionError):
    """The plugin may not be executed."""

    reason = ErrorReason.PLUGIN_DISABLED

    def __init__(self, plugin_id: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} is disabled; `funland plugins enable {plugin_id}` changes that.",
            plugin_id=plugin_id,
        )


class PluginBrokenError(FailedPreconditionError):
    """The plugin's files are damaged or its code can't be imported."""

    reason = ErrorReason.PLUGIN_BROKEN

    def __init__(self, plugin_id: str, reason: str) -> None:
        super().__init__(f"Plugin {plugin_id!r} can't be run: {reason}", plugin_id=plugin_id)
        self.why = reason


class PluginBundledError(FailedPreconditionError):
    """The plugin comes with Funland and can't be removed."""

    reason = ErrorReason.PLUGIN_BUNDLED

    def __init__(self, plugin_id: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} comes with Funland and can't be removed; disable it instead.",
            plugin_id=plugin_id,
        )


class PluginIsolationUnavailableError(FailedPreconditionError):
    """This system can't keep the plugin from what it may not do."""

    reason = ErrorReason.PLUGIN_ISOLATION_UNAVAILABLE

    def __init__(self, plugin_id: str, reason: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} is not run: this system can't keep it from what it may not do"
            f" ({reason}).",
            plugin_id=plugin_id,
        )


class PluginFailedError(UnknownError):
    """The plugin's code raised an error, or its output breaks its schema."""

    reason = ErrorReason.PLUGIN_FAILED

    def __init__(self, plugin_id: str, reason: str) -> None:
        super().__init__(f"Plugin {plugin_id!r} failed: {reason}", plugin_id=plugin_id)


class PluginLimitExceededError(ResourceExhaustedError):
    """The plugin took more than it may, and was stopped."""

    reason = ErrorReason.PLUGIN_LIMIT_EXCEEDED

    def __init__(self, plugin_id: str, limit: str, allowed: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} was stopped: it took more than {allowed} of {limit}.",
            plugin_id=plugin_id,
            limit=limit,
        )


class PluginDeniedError(PermissionDeniedError):
    """The plugin tried what it may not."""

    reason = ErrorReason.PLUGIN_DENIED

    def __init__(self, plugin_id: str, permission: str) -> None:
        super().__init__(
            f"Plugin {plugin_id!r} tried what it may not: {permission}.",
            plugin_id=plugin_id,
            permission=permission,
        )
