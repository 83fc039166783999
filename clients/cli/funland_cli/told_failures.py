"""Tells what went wrong, in calls of the server too, to someone at a terminal."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import typer

from funland_cli.failures import CommandError, ExitCode, Failure
from funland_client import FunlandError
from funland_client.errors import (
    CredentialsExpiredError,
    CredentialsInvalidError,
    CredentialsMissingError,
    DeploymentExistsError,
    DeploymentNotFoundError,
    HubModelNotFoundError,
    HubRateLimitedError,
    HubUnreachableError,
    LaneFullError,
    LastAdminError,
    LoginDelayedError,
    LoginsUnreadableError,
    ModelBuiltInError,
    ModelDeployedError,
    ModelExistsError,
    ModelPinnedError,
    ModelTooLargeError,
    NotFoundError,
    OfflineError,
    PluginBundledError,
    PluginExistsError,
    PortTakenError,
    QueueFullError,
    QuotaExceededError,
    ScopeMissingError,
    ServerUnreachableError,
    SessionNotFoundError,
    StorageFullError,
    TemplateError,
    TrainingRunNotFoundError,
    TrainingTooLargeError,
    TrainingUnsupportedError,
    UserNotFoundError,
)

_PYDANTICS: Final = "Value error, "
"""What pydantic puts before the words of typer's own checks."""

TOLD: Final = (typer.TyperException, CommandError, FunlandError, UnicodeError)
"""What a command may end with; all else is a defect."""


def failure_of(error: Exception) -> Failure:
    """Tells what `error` means to someone at a terminal."""
    match error:
        case FunlandError():
            return _failure_of_call(error)
        case CommandError():
            return Failure(error.message, error.hint, error.exit_code, error.details)
        case typer.TyperException():
            said = error.format_message().replace(_PYDANTICS, "")
            return Failure(said, _usage_hint(error), error.exit_code)
        case UnicodeError():
            return Failure("The text is not UTF-8.", exit_code=ExitCode.USAGE)
        case _:
            return Failure(str(error))


_AGAIN: Final = "Log in again with: funland login, or give another key in FUNLAND_KEY."
_HINTS: Final[Mapping[type[FunlandError], str]] = {
    ModelBuiltInError: "To free its memory: funland models unload",
    ModelTooLargeError: "To see what is in memory: funland ps",
    QueueFullError: "Try again in a while, or raise server.queue_limit.",
    HubModelNotFoundError: "To find its name: funland search WORDS",
    HubUnreachableError: "To search what is known here: funland search --offline",
    OfflineError: "To search what is known here: funland search --offline",
    ModelExistsError: "Take another id with --id, or delete that model: funland models rm",
    StorageFullError: "To free some of the disk: funland models rm, funland downloads delete",
    SessionNotFoundError: "To see them: funland sessions",
    DeploymentNotFoundError: "To see them: funland deployments",
    DeploymentExistsError: "Take another with --name, or see who has it: funland deployments",
    PluginExistsError: "To put this one in its place: --replace",
    PluginBundledError: "To let it run no more: funland plugins disable",
    TrainingRunNotFoundError: "To see them: funland train",
    TrainingUnsupportedError: "To see what can be: funland train models, funland train templates",
    TrainingTooLargeError: "Take less at a time, such as --batch-size 1 or --max-tokens 128",
    LaneFullError: "Try again in a while. To see what waits: funland tasks",
    PortTakenError: "Free it, or take another: funland deploy --port",
    ModelPinnedError: "To let it go: funland models unpin, or --force",
    ModelDeployedError: "To see its deployments: funland deployments",
    CredentialsMissingError: "Log in with: funland login",
    CredentialsInvalidError: _AGAIN,
    CredentialsExpiredError: _AGAIN,
    LoginsUnreadableError: "Remove the file, and log in again with: funland login",
    ScopeMissingError: "To see what you may do: funland whoami",
    UserNotFoundError: "To see them: funland users",
    LastAdminError: "To make another: funland users edit USER --role admin",
    TemplateError: "To go round the template: funland generate",
}
"""What to do, by the error."""


def _failure_of_call(error: FunlandError) -> Failure:
    message, hint, exit_code = error.message, _HINTS.get(type(error), ""), ExitCode.FAILED
    match error:
        case ServerUnreachableError():
            exit_code = ExitCode.UNREACHABLE
            message = f"No Funland server at {error.metadata['address']}."
            hint = "Start one with: funland serve"
        case NotFoundError():
            exit_code = ExitCode.NOT_FOUND
        case (
            HubRateLimitedError(retry_delay=timedelta() as delay)
            | LoginDelayedError(retry_delay=timedelta() as delay)
            | QuotaExceededError(retry_delay=timedelta() as delay)
        ):
            hint = f"Try again in {max(math.ceil(delay.total_seconds()), 1)} s."
        case _:
            pass
    details: dict[str, Any] = {
        "code": error.code.name,
        "reason": error.reason,
        "metadata": error.metadata,
        "field_violations": [
            {"field": violation.field, "description": violation.description}
            for violation in error.field_violations
        ],
        "request_id": error.request_id,
    }
    if error.retry_delay is not None:
        details["retry_delay"] = f"{error.retry_delay.total_seconds():g}s"
    return Failure(message, hint, exit_code, details)


def _usage_hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)  # Only errors of usage know their command.
    return f"See: {context.command_path} --help" if context else ""
