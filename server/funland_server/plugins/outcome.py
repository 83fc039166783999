"""What follows from the last message of a plugin's process, and from how that ended."""

from __future__ import annotations

import signal
from collections.abc import Mapping, Sequence

from funland.worker.v1.plugin_pb2 import ExecutionEnded, PluginFailure
from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.plugins.errors import (
    PluginBrokenError,
    PluginDeniedError,
    PluginFailedError,
    PluginIsolationUnavailableError,
    PluginLimitExceededError,
)
from funland_server.plugins.manifest import Limits
from funland_server.plugins.words import plain
from funland_server.workers.errors import WorkerLostError

_LIMITS = ("memory", "threads", "disk", "output", "duration")
_LONGEST_PATH = 256
_LONGEST_DESCRIPTION = 300


def of_end(plugin_id: str, ended: ExecutionEnded, limits: Limits) -> FunlandError:
    """Why there is no result of a process that said nothing at its end."""
    if ended.not_started:
        why = f"There is no room for another process ({ended.not_started})"
        return WorkerLostError("", said=f"{why}: plugin {plugin_id!r} was not run. Call again.")
    if ended.exceeded:
        return exceeded(plugin_id, ended.exceeded, limits)
    code = ended.exit_code
    if code < 0:
        try:
            how = f"was ended by {signal.Signals(-code).name}"
        except ValueError:
            how = f"was ended by signal {-code}"
    else:
        how = f"ended itself with exit code {code}"
    return PluginFailedError(plugin_id, f"its process {how}.")


def of_failure(  # noqa: PLR0911 - a table
    plugin_id: str,
    failure: PluginFailure,
    limits: Limits,
    asked: Mapping[int, FunlandError],
    hidden: Sequence[str] = (),
) -> FunlandError:
    """What a process said at its end, for its caller. It is a stranger's word: it costs none but
    the caller of that plugin. Of paths, the `hidden` folders are not told."""
    message = plain(failure.message, hidden=hidden)
    match failure.kind:
        case PluginFailure.INVALID if failure.violations:
            return FieldInvalidError(
                [
                    Violation(
                        plain(one.field, longest=_LONGEST_PATH),
                        plain(one.description, longest=_LONGEST_DESCRIPTION),
                    )
                    for one in failure.violations[:10]
                ]
            )
        case PluginFailure.BROKEN:
            return PluginBrokenError(plugin_id, message)
        case PluginFailure.DENIED:
            return PluginDeniedError(plugin_id, _denied(failure))
        case PluginFailure.LIMIT:
            return exceeded(plugin_id, failure.subject, limits)
        case PluginFailure.ISOLATION:
            return PluginIsolationUnavailableError(plugin_id, message)
        case PluginFailure.ASKED:
            error = asked.get(failure.ask_number)
            return error or PluginFailedError(plugin_id, message)
        case _:
            return PluginFailedError(plugin_id, message or "it said nothing.")


def exceeded(plugin_id: str, limit: str, limits: Limits) -> PluginLimitExceededError:
    """It took more than it may of something."""
    allowed = {
        "memory": f"{limits.memory_bytes} bytes",
        "disk": f"{limits.disk_bytes} bytes",
        "output": f"{limits.output_bytes} bytes",
        "duration": f"{limits.duration_seconds:g} s",
    }
    return PluginLimitExceededError(
        plugin_id, limit if limit in _LIMITS else "memory", allowed.get(limit, "its share")
    )


def _denied(failure: PluginFailure) -> str:
    known = ("models", "network", "processes", "signals", "files")
    return failure.subject if failure.subject in known else "files"
