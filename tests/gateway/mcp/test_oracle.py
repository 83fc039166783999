"""What the protocol's own package for servers answers, ours answers too: status and code.

The package is asked in its process, as a web application; where we answer otherwise on purpose, the
table says so.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

pytest.importorskip("mcp", reason="it comes with the development group")

import httpx
from mcp.server import MCPServer

from funland_gateway.mcp.eras import CAPABILITIES_KEY, VERSION_KEY
from tests.gateway.mcp.test_exchange import BOTH, META, NEW, OLD

CALL = {"mcp-protocol-version": NEW, "mcp-method": "tools/call", "mcp-name": "ghost"}
LIST = {"mcp-protocol-version": NEW, "mcp-method": "tools/list"}
OLDER = {"mcp-protocol-version": OLD}


@dataclass(frozen=True)
class Case:
    """A request, and what comes of it."""

    name: str
    body: Any
    headers: dict[str, str] = field(default_factory=dict[str, str])
    ours: tuple[int, int | None] | None = None
    """Status and code, where they are not the package's."""


def asked(method: str, request_id: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


def called(**params: Any) -> dict[str, Any]:
    return asked("tools/call", **{"_meta": META, "name": "ghost", "arguments": {}, **params})


CASES = [
    Case(
        "discovery", asked("server/discover", _meta=META), {**LIST, "mcp-method": "server/discover"}
    ),
    Case("tools", asked("tools/list", _meta=META), LIST),
    Case("an unknown tool", called(), CALL),
    Case("a wrapped name", called(), {**CALL, "mcp-name": "=?base64?Z2hvc3Q=?="}),
    Case(
        "no method in the headers", called(), {k: v for k, v in CALL.items() if k != "mcp-method"}
    ),
    Case("another method", called(), {**CALL, "mcp-method": "tools/list"}),
    Case("no name in the headers", called(), {k: v for k, v in CALL.items() if k != "mcp-name"}),
    Case("another name", called(), {**CALL, "mcp-name": "other"}),
    Case("a broken name", called(), {**CALL, "mcp-name": "=?base64?!?="}),
    Case("no meta", asked("tools/list"), LIST),
    Case("an empty meta", asked("tools/list", _meta={}), LIST),
    Case("no capabilities", asked("tools/list", _meta={VERSION_KEY: NEW}), LIST),
    Case("wrong capabilities", asked("tools/list", _meta={**META, CAPABILITIES_KEY: 7}), LIST),
    Case(
        "another version",
        asked("tools/list", _meta=META),
        {**LIST, "mcp-protocol-version": "2099-01-01"},
    ),
    Case(
        "a version to come",
        asked("tools/list", _meta={**META, VERSION_KEY: "2099-01-01"}),
        {**LIST, "mcp-protocol-version": "2099-01-01"},
    ),
    Case("a method that is none", asked("x/y", _meta=META), {**LIST, "mcp-method": "x/y"}),
    Case("an old method", asked("ping", _meta=META), {**LIST, "mcp-method": "ping"}),
    Case("initialize", asked("initialize", _meta=META), {**LIST, "mcp-method": "initialize"}),
    Case("a name that is none", called(name=7), {**CALL, "mcp-name": "7"}),
    Case("arguments that are none", called(arguments=[1]), CALL),
    Case("a notification", {"jsonrpc": "2.0", "method": "notifications/x"}, LIST),
    Case(
        "a notification of a version to come",
        {"jsonrpc": "2.0", "method": "notifications/x"},
        {"mcp-protocol-version": "2099-01-01"},
    ),
    Case("a response", {"jsonrpc": "2.0", "id": 1, "result": {}}, LIST),
    Case("a batch", [asked("tools/list", _meta=META)], LIST),
    Case("a null id", asked("tools/list", None, _meta=META), LIST),
    Case("an id of a wrong type", asked("tools/list", 1.5, _meta=META), LIST),
    Case("no JSON", b"{", LIST),
    Case("nothing", b"", LIST, (400, -32600)),  # as everywhere here, no body is an empty object
    Case(
        "no kind of answer",
        asked("tools/list", _meta=META),
        {**LIST, "accept": "text/html"},
        (406, -32600),
    ),
    Case(
        "text",
        asked("tools/list", _meta=META),
        {**LIST, "content-type": "text/plain"},
        (415, -32600),
    ),
    Case("older: ping", asked("ping"), OLDER),
    Case("older: tools", asked("tools/list"), OLDER),
    Case("older: no version", asked("tools/list")),
    Case("older: an unknown tool", asked("tools/call", name="ghost", arguments={}), OLDER),
    Case("older: a method that is none", asked("x/y"), OLDER),
    Case("older: a name that is none", asked("tools/call", name=7), OLDER),
    Case("older: a notification", {"jsonrpc": "2.0", "method": "notifications/initialized"}, OLDER),
    Case("older: a response", {"jsonrpc": "2.0", "id": 1, "result": {}}, OLDER),
    Case("older: no JSON", b"{", OLDER),
    Case("older: a batch", [asked("ping")], OLDER, (400, -32600)),  # the package has -32602
]


@asynccontextmanager
async def package() -> AsyncGenerator[httpx.AsyncClient]:
    server = MCPServer("oracle")
    app = server.streamable_http_app(json_response=True, stateless_http=True)
    transport = httpx.ASGITransport(app=app)
    async with (
        server.session_manager.run(),
        httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8000") as client,
    ):
        yield client


def outcome(status: int, text: str) -> tuple[int, int | None]:
    """The status, and the code of the protocol's error if it is one."""
    try:
        told: Any = json.loads(text)
    except ValueError:
        return status, None
    return status, told.get("error", {}).get("code")


async def test_both_answer_alike(http: aiohttp.ClientSession) -> None:
    common = {"accept": BOTH, "content-type": "application/json"}
    ours: dict[str, Any] = {}
    theirs: dict[str, Any] = {}

    async with package() as client:
        for case in CASES:
            headers = {**common, **case.headers}
            body = case.body if isinstance(case.body, bytes) else json.dumps(case.body).encode()
            expected = await client.post("/mcp", content=body, headers=headers)
            theirs[case.name] = case.ours or outcome(expected.status_code, expected.text)
            async with http.post("/mcp", data=body, headers=headers) as answer:
                ours[case.name] = outcome(answer.status, await answer.text())

    assert ours == theirs
