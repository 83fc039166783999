"""What a message must say of itself, in either era of the protocol: tables of what is refused."""

from __future__ import annotations

from typing import Any

import pytest
from multidict import CIMultiDict

from funland_gateway.mcp.checks import (
    check_content,
    check_envelope,
    check_version,
    decoded,
    progress_token,
)
from funland_gateway.mcp.eras import CAPABILITIES_KEY, VERSION_KEY, Era, era_of, negotiated
from funland_gateway.mcp.messages import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
    Notification,
    Refused,
    Request,
    Response,
    id_of,
    read_message,
)

NEW = "2026-07-28"
META: dict[str, Any] = {VERSION_KEY: NEW, CAPABILITIES_KEY: {}}
HEADERS = {"mcp-protocol-version": NEW, "mcp-method": "tools/call", "mcp-name": "chat"}


def call(**params: Any) -> Request:
    return Request(1, "tools/call", {"_meta": META, "name": "chat", **params})


def headers(**changed: str | None) -> CIMultiDict[str]:
    named = {name.replace("_", "-"): value for name, value in changed.items()}
    return CIMultiDict({k: v for k, v in {**HEADERS, **named}.items() if v is not None})


@pytest.mark.parametrize(
    ("version", "body", "era"),
    [
        (None, {}, Era.HANDSHAKE),
        (None, {"method": "initialize", "params": {"protocolVersion": NEW}}, Era.HANDSHAKE),
        (None, {"params": {"_meta": {"progressToken": 1}}}, Era.HANDSHAKE),
        (None, {"params": {"_meta": META}}, Era.ENVELOPE),
        (None, {"params": {"_meta": [VERSION_KEY]}}, Era.HANDSHAKE),
        (None, {"params": [1]}, Era.HANDSHAKE),
        (None, [1], Era.HANDSHAKE),
        ("2025-11-25", {"params": {"_meta": META}}, Era.HANDSHAKE),
        ("2024-11-05", {}, Era.HANDSHAKE),
        (NEW, {}, Era.ENVELOPE),
        ("2099-01-01", {}, Era.ENVELOPE),
        ("", {}, Era.ENVELOPE),
    ],
)
def test_the_header_says_the_era_or_else_the_message(
    version: str | None, body: object, era: Era
) -> None:
    assert era_of(version, body) is era


@pytest.mark.parametrize(
    ("asked", "answered"),
    [
        ("2025-06-18", "2025-06-18"),
        ("2024-11-05", "2024-11-05"),
        ("2025-11-25", "2025-11-25"),
        (NEW, "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        (None, "2025-11-25"),
        ([], "2025-11-25"),
    ],
)
def test_a_handshake_gets_the_version_that_it_asks_for_or_the_newest(
    asked: object, answered: str
) -> None:
    assert negotiated(asked) == answered


@pytest.mark.parametrize(
    ("content_type", "accept", "status"),
    [
        ("application/json", ["application/json, text/event-stream"], 0),
        ("application/json", ["application/json", "text/event-stream;q=0.5"], 0),
        ("application/json", ["*/*"], 0),
        ("application/json", ["Application/*, TEXT/*"], 0),
        ("application/json", ["application/json"], 406),
        ("application/json", ["text/event-stream"], 406),
        ("application/json", ["application/jsonx, text/event-stream"], 406),
        ("application/json", [], 406),
        ("text/plain", ["*/*"], 415),
        ("application/octet-stream", ["*/*"], 415),
        ("application/x-www-form-urlencoded", ["*/*"], 415),
    ],
)
def test_a_body_is_json_and_both_kinds_of_answers_are_taken(
    content_type: str, accept: list[str], status: int
) -> None:
    if not status:
        check_content(content_type, accept)
        return
    with pytest.raises(Refused) as raised:
        check_content(content_type, accept)

    assert {raised.value.http_status(era) for era in Era} == {status}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"jsonrpc": "2.0", "id": 1, "method": "ping"}, Request(1, "ping", {})),
        (
            {"jsonrpc": "2.0", "id": "a", "method": "m", "params": {"x": 1}},
            Request("a", "m", {"x": 1}),
        ),
        ({"jsonrpc": "2.0", "method": "notifications/x"}, Notification("notifications/x", {})),
        ({"jsonrpc": "2.0", "id": 1, "result": {}}, Response()),
        ({"jsonrpc": "2.0", "id": 1, "error": {}}, Response()),
    ],
)
def test_a_message_is_a_request_a_notification_or_a_response(body: Any, message: Any) -> None:
    assert read_message(body) == message


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ([], "batches"),
        ([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], "batches"),
        ("ping", "an object"),
        (None, "an object"),
        ({}, "jsonrpc"),
        ({"jsonrpc": "1.0", "id": 1, "method": "ping"}, "jsonrpc"),
        ({"jsonrpc": "2.0", "id": 1}, "method"),
        ({"jsonrpc": "2.0", "id": 1, "method": ""}, "method"),
        ({"jsonrpc": "2.0", "id": 1, "method": 7}, "method"),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": [1]}, "params"),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": None}, "params"),
        ({"jsonrpc": "2.0", "id": None, "method": "ping"}, "id"),
        ({"jsonrpc": "2.0", "id": True, "method": "ping"}, "id"),
        ({"jsonrpc": "2.0", "id": 1.5, "method": "ping"}, "id"),
        ({"jsonrpc": "2.0", "id": {}, "method": "ping"}, "id"),
    ],
)
def test_what_is_no_message_is_told_why(body: object, words: str) -> None:
    with pytest.raises(Refused) as raised:
        read_message(body)

    assert raised.value.code == INVALID_REQUEST
    assert words in raised.value.message
    assert {raised.value.http_status(era) for era in Era} == {400}


@pytest.mark.parametrize(
    ("body", "request_id"),
    [({"id": 1}, 1), ({"id": "x"}, "x"), ({"id": True}, None), ({}, None), ([], None), (1, None)],
)
def test_a_refused_message_is_answered_by_its_id_if_that_is_one(
    body: object, request_id: object
) -> None:
    assert id_of(body) == request_id


@pytest.mark.parametrize(
    ("said", "request_", "code"),
    [
        (headers(), call(), 0),
        (headers(mcp_name="=?base64?Y2hhdA==?="), call(), 0),
        (headers(), call(_meta={**META, "progressToken": 1}), 0),
        (headers(mcp_name=None), Request(1, "tools/call", {"_meta": META}), 0),
        (headers(), call(_meta=None), INVALID_PARAMS),
        (headers(), call(_meta=[]), INVALID_PARAMS),
        (headers(), call(_meta={}), INVALID_PARAMS),
        (headers(), call(_meta={VERSION_KEY: NEW}), INVALID_PARAMS),
        (headers(), call(_meta={CAPABILITIES_KEY: {}}), INVALID_PARAMS),
        (headers(), call(_meta={**META, CAPABILITIES_KEY: 1}), INVALID_PARAMS),
        (headers(mcp_protocol_version=None), call(), HEADER_MISMATCH),
        (headers(mcp_protocol_version="2099-01-01"), call(), HEADER_MISMATCH),
        (headers(), call(_meta={**META, VERSION_KEY: 7}), HEADER_MISMATCH),
        (headers(mcp_method=None), call(), HEADER_MISMATCH),
        (headers(mcp_method="tools/list"), call(), HEADER_MISMATCH),
        (headers(mcp_name=None), call(), HEADER_MISMATCH),
        (headers(mcp_name="embed"), call(), HEADER_MISMATCH),
        (headers(mcp_name="=?base64?!?="), call(), HEADER_MISMATCH),
        (
            headers(mcp_protocol_version="2099-01-01"),
            call(_meta={**META, VERSION_KEY: "2099-01-01"}),
            UNSUPPORTED_VERSION,
        ),
    ],
)
def test_headers_and_body_say_the_same_and_all_that_they_must(
    said: CIMultiDict[str], request_: Request, code: int
) -> None:
    if not code:
        check_envelope(said, request_)
        return
    with pytest.raises(Refused) as raised:
        check_envelope(said, request_)

    assert raised.value.code == code
    assert raised.value.http_status(Era.ENVELOPE) == 400


@pytest.mark.parametrize("name", ["Mcp-Method", "Mcp-Name", "MCP-Protocol-Version"])
def test_a_header_that_is_there_twice_says_nothing(name: str) -> None:
    said = headers()
    said.add(name, said[name])

    with pytest.raises(Refused, match="more than once") as raised:
        check_envelope(said, call())

    assert raised.value.code == HEADER_MISMATCH


def test_a_version_that_is_not_spoken_is_told_those_that_are() -> None:
    with pytest.raises(Refused) as raised:
        check_version("2099-01-01")

    assert raised.value.data["requested"] == "2099-01-01"
    assert raised.value.data["supported"][-1] == NEW
    assert "2025-11-25" in raised.value.data["supported"]


@pytest.mark.parametrize(
    ("params", "token"),
    [
        ({}, None),
        ({"_meta": {}}, None),
        ({"_meta": 1}, None),
        ({"_meta": {"progressToken": "a"}}, "a"),
        ({"_meta": {"progressToken": 0}}, 0),
    ],
)
def test_progress_is_told_under_a_token(params: dict[str, Any], token: object) -> None:
    assert progress_token(params) == token


@pytest.mark.parametrize("token", [True, 1.5, [], {}])
def test_a_token_that_is_none_is_refused(token: object) -> None:
    with pytest.raises(Refused, match="progressToken") as raised:
        progress_token({"_meta": {"progressToken": token}})

    assert raised.value.code == INVALID_PARAMS


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        (None, None),
        ("chat", "chat"),
        ("=?base64?w6Q=?=", "ä"),
        ("=?base64??=", ""),
        ("=?base64?w6Q?=", None),
        ("=?base64?/w==?=", None),
        ("=?base64?x", "=?base64?x"),
    ],
)
def test_a_headers_value_may_be_wrapped(value: str | None, plain: str | None) -> None:
    assert decoded(value) == plain


@pytest.mark.parametrize(
    ("code", "handshake", "envelope"),
    [
        (PARSE_ERROR, 400, 400),
        (INVALID_REQUEST, 400, 400),
        (INVALID_PARAMS, 200, 400),
        (METHOD_NOT_FOUND, 200, 404),
        (HEADER_MISMATCH, 200, 400),
    ],
)
def test_older_clients_read_errors_under_200_alone(
    code: int, handshake: int, envelope: int
) -> None:
    refused = Refused(code, "no")

    assert (refused.http_status(Era.HANDSHAKE), refused.http_status(Era.ENVELOPE)) == (
        handshake,
        envelope,
    )
