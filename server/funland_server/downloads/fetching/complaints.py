"""What people are told of an answer that has no bytes."""

from __future__ import annotations

from typing import Final

from funland_server.downloads.errors import DownloadSourceChangedError
from funland_server.downloads.fetching.verdicts import Kind
from funland_server.errors import FunlandError
from funland_server.hub.errors import (
    HubAccessDeniedError,
    HubAnswerInvalidError,
    HubModelNotFoundError,
    HubRateLimitedError,
    HubUnreachableError,
)

_TOO_MANY: Final = 429
_DENIED: Final = (401, 403, 407, 451)
_NOT_THERE: Final = (404, 410)
_SERVER_ERRORS: Final = range(500, 600)
_WHY: Final = {
    Kind.NO_RANGE: "it sends the whole file where a part was asked for",
    Kind.WRONG_RANGE: "it sends another part than was asked for",
    Kind.ENCODED: "it is compressed, which was not asked for",
}


def error_of(kind: Kind, status: int, host: str, path: str) -> FunlandError:
    """The error of one refused request for a file."""
    if kind is Kind.STATUS:
        return _of_status(status, host, path)
    if why := _WHY.get(kind):
        return HubAnswerInvalidError(
            f"The answer of {host} for {path} can't be used: {why}.", hub=host, file=path
        )
    return DownloadSourceChangedError(
        f"{path} is not what it was: {host} has another version of it now. Download it anew.",
        file=path,
    )


def _of_status(status: int, host: str, path: str) -> FunlandError:
    if status in _DENIED:
        return HubAccessDeniedError(
            f"{host} does not give {path} to everybody (status {status}): set a token, or accept"
            " the model's license on the hub's site.",
            hub=host, model="",
        )  # fmt: skip
    if status in _NOT_THERE:
        return HubModelNotFoundError(f"{host} has no {path} (status {status}).", hub=host, model="")
    if status == _TOO_MANY:
        return HubRateLimitedError(f"{host} takes no more calls for a while.", hub=host)
    if status in _SERVER_ERRORS:
        return HubUnreachableError(f"{host} fails for now (status {status}).", hub=host)
    return HubAnswerInvalidError(
        f"{host} answers with status {status} where {path} was asked for.", hub=host, file=path
    )
