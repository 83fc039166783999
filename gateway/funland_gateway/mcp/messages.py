"""JSON-RPC 2.0 as MCP has it: one message a body, and its answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from funland_gateway.mcp.eras import Era

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
SERVER_ERROR: Final = -32000
HEADER_MISMATCH: Final = -32020
UNSUPPORTED_VERSION: Final = -32022
REQUEST_CANCELLED: Final = -32800

_STATUSES: Final[Mapping[int, int]] = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
_OF_NO_REQUEST: Final = (PARSE_ERROR, INVALID_REQUEST)
"""What older clients, who take any other status than 200 for a broken line, get a status for."""

_VERSION: Final = "2.0"

Id = int | str


class Refused(Exception):
    """A message that is answered with an error of the protocol's."""

    def __init__(self, code: int, message: str, data: Any = None, *, status: int = 0) -> None:
        """`status` is HTTP's, where it is not the code's own."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data
        self._status = status

    def http_status(self, era: Era) -> int:
        """The HTTP status of the answer."""
        if self._status:
            return self._status
        if era is Era.HANDSHAKE and self.code not in _OF_NO_REQUEST:
            return 200
        return _STATUSES.get(self.code, 200)


@dataclass(frozen=True, slots=True)
class Request:
    """A message that is answered."""

    request_id: Id
    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Notification:
    """A message that is not."""

    method: str
    params: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Response:
    """What a client answers; nobody has asked it."""


Message = Request | Notification | Response


def read_message(body: object) -> Message:
    """Reads parsed JSON; raises `Refused` with INVALID_REQUEST."""
    if isinstance(body, list):
        raise Refused(INVALID_REQUEST, "A body is one message: batches are not taken.")
    if not isinstance(body, dict):
        raise Refused(INVALID_REQUEST, "The body must be an object: one JSON-RPC message.")
    told = cast("dict[str, Any]", body)
    if told.get("jsonrpc") != _VERSION:
        raise Refused(INVALID_REQUEST, 'jsonrpc: must be "2.0".')
    if "method" not in told and "id" in told and ("result" in told or "error" in told):
        return Response()
    method, params = told.get("method"), told.get("params", {})
    if not isinstance(method, str) or not method:
        raise Refused(INVALID_REQUEST, "method: must be a string that is not empty.")
    if not isinstance(params, dict):
        raise Refused(INVALID_REQUEST, "params: must be an object.")
    named = cast("dict[str, Any]", params)
    if "id" not in told:
        return Notification(method, named)
    request_id = told["id"]
    if isinstance(request_id, bool) or not isinstance(request_id, int | str):
        raise Refused(INVALID_REQUEST, "id: must be a string or an integer.")
    return Request(request_id, method, named)


def id_of(body: object) -> Id | None:
    """The id by which the answer to a refused message is known; None if it has none."""
    found = cast("dict[str, object]", body).get("id") if isinstance(body, dict) else None
    return found if isinstance(found, int | str) and not isinstance(found, bool) else None


def result_message(request_id: Id, result: Mapping[str, Any]) -> dict[str, Any]:
    """The answer."""
    return {"jsonrpc": _VERSION, "id": request_id, "result": result}


def error_message(
    request_id: Id | None, code: int, message: str, data: Any = None
) -> dict[str, Any]:
    """The answer that there is none."""
    error: dict[str, Any] = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return {"jsonrpc": _VERSION, "id": request_id, "error": error}


def notification(method: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """What the server says unasked."""
    return {"jsonrpc": _VERSION, "method": method, "params": params}
