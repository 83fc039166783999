"""What HTTP's headers must say of messages that came without any."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from typing import Any, Final, cast

from funland_gateway.mcp.eras import (
    METHOD_HEADER,
    NAME_HEADER,
    SESSION_HEADER,
    VERSION_HEADER,
    VERSION_KEY,
    meta_of,
)

_COMMON: Final = {
    "Content-Type": "application/json",
    "Accept": "application/json, text/event-stream",
}
_PLAIN: Final = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_WRAPPED: Final = re.compile(r"=\?base64\?.*\?=")
_NAMED: Final = ("name", "uri")


class Handshake:
    """What was agreed on with a server, if anything was."""

    def __init__(self) -> None:
        self._version = ""
        self._session = ""

    def headers(self, message: Mapping[str, Any]) -> dict[str, str]:
        """The headers of a message, as its era has them."""
        version = own_version(message)
        if version is None:
            agreed = {VERSION_HEADER: self._version, SESSION_HEADER: self._session}
            if message.get("method") == "initialize":
                agreed = {}
            return _COMMON | {name: value for name, value in agreed.items() if value}
        headers = _COMMON | {VERSION_HEADER: version}
        if isinstance(method := message.get("method"), str):
            headers[METHOD_HEADER] = encoded(method)
        params: object = message.get("params")
        for name in _NAMED:
            value = (
                cast("dict[str, object]", params).get(name) if isinstance(params, dict) else None
            )
            if isinstance(value, str):
                headers[NAME_HEADER] = encoded(value)
        return headers

    def note(self, message: Mapping[str, Any], answer: object, session: str) -> None:
        """Takes the answer to a message, and the session that came with it."""
        if message.get("method") != "initialize" or not isinstance(answer, dict):
            return
        result = cast("dict[str, object]", answer).get("result")
        version = (
            cast("dict[str, object]", result).get("protocolVersion")
            if isinstance(result, dict)
            else None
        )
        if isinstance(version, str):
            self._version, self._session = version, session


def own_version(message: Mapping[str, Any]) -> str | None:
    """The version that a message of the newer era says in itself."""
    version = meta_of(message).get(VERSION_KEY)
    return version if isinstance(version, str) else None


def encoded(value: str) -> str:
    """A header's value: as it is, or wrapped where a header could not hold it."""
    if _PLAIN.fullmatch(value) and not _WRAPPED.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="
