"""What a request must say of itself in HTTP's headers and in its body, and that both agree."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from multidict import MultiMapping

from funland_gateway.mcp.eras import (
    CAPABILITIES_KEY,
    ENVELOPES,
    METHOD_HEADER,
    NAME_HEADER,
    VERSION_HEADER,
    VERSION_KEY,
    VERSIONS,
)
from funland_gateway.mcp.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    UNSUPPORTED_VERSION,
    Id,
    Refused,
    Request,
)

JSON: Final = "application/json"
EVENTS: Final = "text/event-stream"
_NAMED: Final[Mapping[str, str]] = {
    "tools/call": "name",
    "prompts/get": "name",
    "resources/read": "uri",
}
"""The parameter that `Mcp-Name` repeats."""
_ENCODED: Final = re.compile(r"=\?base64\?(.*)\?=")


def check_content(content_type: str, accept: Iterable[str]) -> None:
    """Raises `Refused` for a body that does not say that it is JSON, and for a client that does not
    take both kinds of answers. `accept` are the header's values."""
    if content_type != JSON:
        raise Refused(
            INVALID_REQUEST,
            f"Content-Type: must be {JSON}, not {content_type[:100]!r}.",
            status=415,
        )
    taken = {one.partition(";")[0].strip().lower() for one in ",".join(accept).split(",")}
    for wanted in (JSON, EVENTS):
        if not taken & {wanted, f"{wanted.partition('/')[0]}/*", "*/*"}:
            raise Refused(INVALID_REQUEST, f"Accept: must have {JSON} and {EVENTS}.", status=406)


def check_envelope(headers: MultiMapping[str], request: Request) -> None:
    """Raises `Refused` for a request of the newer era that does not say what it must, or says
    different things in its headers and in itself; the first of them counts."""
    for name in (VERSION_HEADER, METHOD_HEADER, NAME_HEADER):
        if len(headers.getall(name, [])) > 1:
            raise Refused(HEADER_MISMATCH, f"{name}: is there more than once.")
    version = _envelope(request.params.get("_meta"))
    told = headers.get(VERSION_HEADER)
    if told is None or told != version:
        raise _mismatch(VERSION_HEADER, told, f"params._meta[{VERSION_KEY!r}]", version)
    method = headers.get(METHOD_HEADER)
    if method != request.method:
        raise _mismatch(METHOD_HEADER, method, "method", request.method)
    if (parameter := _NAMED.get(request.method)) is not None:
        wanted, named = request.params.get(parameter), headers.get(NAME_HEADER)
        if wanted is not None and decoded(named) != wanted:
            raise _mismatch(NAME_HEADER, named, f"params.{parameter}", wanted)
    check_version(version)


def check_version(version: object) -> None:
    """Raises `Refused` for a version without a handshake that is not spoken here."""
    if version not in ENVELOPES:
        raise Refused(
            UNSUPPORTED_VERSION,
            f"Version {str(version)[:40]!r} of the protocol is not spoken here, but"
            f" {', '.join(VERSIONS)}.",
            {"supported": list(VERSIONS), "requested": str(version)[:100]},
        )


def progress_token(params: Mapping[str, Any]) -> Id | None:
    """What progress is to be told under; None: it is not asked for. Raises `Refused`."""
    meta: object = params.get("_meta")
    token: object = meta.get("progressToken") if isinstance(meta, dict) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType] - it is JSON
    if token is None:
        return None
    if isinstance(token, bool) or not isinstance(token, int | str):
        raise Refused(INVALID_PARAMS, "params._meta.progressToken: must be a string or an integer.")
    return token


def decoded(value: str | None) -> str | None:
    """A header's value, which may be wrapped as `=?base64?...?=`; None if that is broken."""
    match = None if value is None else _ENCODED.fullmatch(value)
    if match is None:
        return value
    try:
        return base64.b64decode(match[1], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _envelope(meta: object) -> object:
    """The version that a request says in itself."""
    if not isinstance(meta, dict):
        raise Refused(
            INVALID_PARAMS,
            f"params._meta: must be an object with {VERSION_KEY!r} and {CAPABILITIES_KEY!r}.",
        )
    for key in (VERSION_KEY, CAPABILITIES_KEY):
        if key not in meta:
            raise Refused(INVALID_PARAMS, f"params._meta[{key!r}]: is required.")
    if not isinstance(meta[CAPABILITIES_KEY], dict):
        raise Refused(INVALID_PARAMS, f"params._meta[{CAPABILITIES_KEY!r}]: must be an object.")
    return meta[VERSION_KEY]  # pyright: ignore[reportUnknownVariableType] - it is JSON


def _mismatch(header: str, told: str | None, place: str, wanted: object) -> Refused:
    said = "is missing" if told is None else f"says {told[:100]!r}"
    return Refused(HEADER_MISMATCH, f"{header}: {said}, but {place} is {str(wanted)[:100]!r}.")
