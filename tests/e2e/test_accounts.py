"""Who may not call is let in nowhere: each RPC and each route, over each wire, with each kind of
credentials that do not count, before anything that is said is looked at."""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import grpc
import grpc.aio
import orjson
import pytest
import pytest_asyncio
from google.protobuf.descriptor import MethodDescriptor

from funland.v1.access_pb2 import Access
from funland.v1.auth_pb2 import (
    CreateAccessKeyRequest,
    CreateTokenRequest,
    CreateUserRequest,
    PasswordGrant,
    RevokeAccessKeyRequest,
    UpdateUserRequest,
    User,
)
from funland.v1.deployments_pb2 import WatchDeploymentsRequest
from funland.v1.errors_pb2 import Error, ErrorReason
from funland_gateway.app import (
    _CONTRACT,  # pyright: ignore[reportPrivateUsage] - the list of all services
    Gateway,
    spoken,
)
from funland_gateway.config import GatewaySettings
from funland_gateway.dialects.dialect import Dialect, Route
from funland_gateway.dialects.sharing import joint_routes
from funland_gateway.transcoding.routes import Route as NativeRoute
from funland_gateway.transcoding.routes import compile_routes
from funland_server.app import Server
from funland_server.auth.tokens import Claims, read, signed
from funland_server.config import ServerSettings
from funland_server.identity import rule
from tests.server.conftest import METHODS, details

pytestmark = pytest.mark.asyncio(loop_scope="module")

NATIVE = compile_routes([module.DESCRIPTOR for module in _CONTRACT])
RPCS = {route.rpc.full_name: route.rpc for route in NATIVE}
NOT_ENOUGH = {
    Access.READ: "infer",
    Access.INFER: "read",
    Access.MANAGE: "read",
    Access.ADMIN: "manage",
}
"""A scope that does not allow what the rule asks for."""
WRONG = "wrong scope"
BY_STATUS = {401: grpc.StatusCode.UNAUTHENTICATED, 403: grpc.StatusCode.PERMISSION_DENIED}


@dataclass(frozen=True)
class House:
    """A server with accounts, its gateway, and credentials that don't count."""

    server: Server
    gateway: Gateway
    http: aiohttp.ClientSession
    channel: grpc.aio.Channel
    admin: str
    bad: dict[str, str]
    """The `authorization` of each kind; empty: none is sent."""
    narrow: dict[str, str]
    """The `authorization` of a key that has one scope, by its scope."""

    def cases(self, rpc: MethodDescriptor) -> Iterator[tuple[str, str, int]]:
        """The credentials that a method refuses, and the HTTP status of that."""
        if rule(rpc) == Access.OPEN:
            return
        for name, authorization in self.bad.items():
            yield name, authorization, 401
        if rule(rpc) in NOT_ENOUGH:
            yield WRONG, self.narrow[NOT_ENOUGH[rule(rpc)]], 403


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home: Path = tmp_path_factory.mktemp("house") / "home"
    server = Server(ServerSettings(home=home, port=0, accounts=True))
    await server.start()
    gateway = Gateway(server.channel, GatewaySettings(port=0), server.auth.own_authorization)
    await gateway.start()
    first = server.auth.first_admin
    assert first is not None
    async with (
        aiohttp.ClientSession(gateway.url) as http,
        grpc.aio.insecure_channel(server.address) as channel,
    ):
        bad, narrow, admin = await credentials(server, first.username, first.password)
        yield House(server, gateway, http, channel, admin, bad, narrow)
    await gateway.stop(0)
    await server.stop(0)


async def credentials(
    server: Server, username: str, password: str
) -> tuple[dict[str, str], dict[str, str], str]:
    async def call(name: str, request: Any, bearer: str = "") -> Any:
        said = (("authorization", f"Bearer {bearer}"),) if bearer else ()
        return await server.channel.unary(METHODS[name], request, said, None)

    grant = PasswordGrant(username=username, password=password)
    admin = (await call("CreateToken", CreateTokenRequest(password=grant))).access_token
    narrow: dict[str, str] = {}
    for scope in ("read", "infer", "manage"):
        asked = CreateAccessKeyRequest(name=scope, scopes=[scope])
        narrow[scope] = f"Bearer {(await call('CreateAccessKey', asked, admin)).secret}"
    revoked = await call("CreateAccessKey", CreateAccessKeyRequest(name="revoked"), admin)
    await call("RevokeAccessKey", RevokeAccessKeyRequest(key_id=revoked.key_id), admin)
    user = await call("CreateUser", CreateUserRequest(username="gone", role=User.ADMIN), admin)
    gone = CreateAccessKeyRequest(name="gone", user_id=user.user_id)
    inactive = await call("CreateAccessKey", gone, admin)
    await call("UpdateUser", UpdateUserRequest(user_id=user.user_id, is_active=False), admin)
    signing = await server.auth.signing.current()
    claims: Claims = read(admin, {signing.kid: signing.secret})
    late = signed(claims, signing, time.time() - 600, 60)
    bad = {
        "nothing": "",
        "garbage": "Bearer garbage",
        "another scheme": "Basic " + admin,
        "expired": f"Bearer {late}",
        "revoked": f"Bearer {revoked.secret}",
        "of an inactive user": f"Bearer {inactive.secret}",
    }
    return bad, narrow, admin


def each(values: Any, name: Callable[[Any], str]) -> Any:
    return pytest.mark.parametrize("tried", values, ids=name)


@each(list(RPCS.values()), lambda rpc: rpc.full_name.removeprefix("funland.v1."))
async def test_no_rpc_is_answered_over_grpc(house: House, tried: MethodDescriptor) -> None:
    for name, authorization, status in house.cases(tried):
        code, told = await grpc_end(house.channel, tried, authorization)

        assert code == BY_STATUS[status], name
        assert told["ErrorInfo"].reason in (
            "CREDENTIALS_MISSING", "CREDENTIALS_INVALID", "CREDENTIALS_EXPIRED", "SCOPE_MISSING",
        )  # fmt: skip


async def grpc_end(
    channel: grpc.aio.Channel, rpc: MethodDescriptor, authorization: str
) -> tuple[grpc.StatusCode, dict[str, Any]]:
    """How a call ends whose request is none."""
    path = f"/{rpc.containing_service.full_name}/{rpc.name}"
    kinds: dict[tuple[bool, bool], Any] = {
        (False, False): channel.unary_unary, (False, True): channel.unary_stream,
        (True, False): channel.stream_unary, (True, True): channel.stream_stream,
    }  # fmt: skip
    call = kinds[rpc.client_streaming, rpc.server_streaming](
        path, request_serializer=bytes, response_deserializer=bytes
    )
    metadata = (("authorization", authorization),) if authorization else ()
    request: Any = iter([b"\xff"]) if rpc.client_streaming else b"\xff"
    made = call(request, metadata=metadata, timeout=120)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await (made.read() if rpc.server_streaming else made)
    return raised.value.code(), details(raised.value)


@each(NATIVE, lambda route: f"{route.http_method} {route.path}")
async def test_no_native_route_is_answered(house: House, tried: NativeRoute) -> None:
    path = re.sub(r"\{\w+\}", "x", tried.path)
    for name, authorization, status in house.cases(tried.rpc):
        answer = await refused(house.http, tried.http_method, path, authorization)

        assert answer.status == status, name
        assert set(answer.body["error"]) >= {"code", "reason", "message", "request_id"}
        assert answer.challenge == ("Bearer" if status == 401 else None)


@each([route for route in NATIVE if route.rpc.server_streaming and route.rpc.client_streaming],
      lambda route: route.path)  # fmt: skip
async def test_no_websocket_opens(house: House, tried: NativeRoute) -> None:
    path = re.sub(r"\{\w+\}", "x", tried.path)
    for name, authorization, status in house.cases(tried.rpc):
        token = authorization.removeprefix("Bearer ")
        ways: list[dict[str, Any]] = [
            {"headers": {"authorization": authorization} if authorization else {}}
        ]
        if authorization.startswith("Bearer "):
            ways.append({"protocols": ("funland", f"funland.bearer.{token}")})
        for way in ways:
            with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
                await house.http.ws_connect(path, **way)
            assert raised.value.status == status, name


@each(joint_routes(spoken()), lambda pair: f"{pair[0].name} {pair[1].method} {pair[1].path}")
async def test_no_dialects_route_is_answered(house: House, tried: tuple[Dialect, Route]) -> None:
    dialect, route = tried
    path = re.sub(r"\{\w+\}", "1", route.path)
    error = Error(code="UNAUTHENTICATED", reason=ErrorReason.CREDENTIALS_INVALID, message="m")
    shape: Any = dialect.envelope.failure(error)
    for name, authorization in house.bad.items():
        if route.open:
            continue
        answer = await refused(house.http, route.method, path, authorization)

        assert answer.status == dialect.envelope.status(error) == 401, name
        assert answer.body is None or set(answer.body) == set(shape)
        assert (answer.body is None) == (route.method == "HEAD")
        assert answer.challenge == "Bearer"


@pytest.mark.parametrize(
    ("scope", "tool", "arguments", "told"),
    [
        ("read", "list_models", {}, '"models"'),
        ("read", "chat", {"messages": [{"role": "USER", "content": "a"}]}, "SCOPE_MISSING"),
        ("infer", "list_models", {}, "SCOPE_MISSING"),
        ("infer", "pull_model", {"source": "a"}, "SCOPE_MISSING"),
        ("manage", "pull_model", {"source": " "}, "FIELD_INVALID"),
    ],
)
async def test_a_tool_has_the_rights_of_who_calls_it(
    house: House, scope: str, tool: str, arguments: dict[str, Any], told: str
) -> None:
    params = {"name": tool, "arguments": arguments}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = {"authorization": house.narrow[scope], "accept": "*/*"}
    async with house.http.post("/mcp", json=body, headers=headers) as answer:
        result = (await answer.json())["result"]

    assert told in result["content"][0]["text"]
    assert result["isError"] == (told[0] != '"')


async def test_openais_clients_know_the_error_of_a_wrong_key(house: House) -> None:
    for path in ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/responses"):
        answer = await refused(house.http, "POST", path, "Bearer sk-of-somebody-else")

        assert answer.body["error"]["code"] == "invalid_api_key"
        assert answer.body["error"]["type"] == "invalid_request_error"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any
    """None: it has none."""
    challenge: str | None


async def refused(
    http: aiohttp.ClientSession, method: str, path: str, authorization: str
) -> Answer:
    """The answer to a body that is no JSON."""
    headers = {"content-type": "application/json"}
    if authorization:
        headers["authorization"] = authorization
    data = None if method in ("GET", "HEAD") else b"{"
    async with http.request(method, path, data=data, headers=headers) as answer:
        told = await answer.read()
        body = orjson.loads(told) if told else None
        return Answer(answer.status, body, answer.headers.get("WWW-Authenticate"))


@pytest.mark.parametrize(
    "headers",
    [{"host": "evil.example"}, {"origin": "https://evil.example"}],
    ids=["host", "origin"],
)
async def test_who_is_meant_is_looked_at_before_who_calls(
    house: House, headers: dict[str, str]
) -> None:
    async with house.http.get("/funland/v1/models", headers=headers) as answer:
        assert answer.status == 403
        assert (await answer.json())["error"]["reason"] == "HOST_NOT_ALLOWED"


async def test_what_is_open_needs_nobody(house: House) -> None:
    async with house.http.get("/funland/v1/health") as answer:
        assert answer.status == 200
    async with house.http.post("/funland/v1/auth/token", json={}) as answer:
        assert answer.status == 400  # it is read
    for path in ("/docs", "/openapi.json"):
        async with house.http.get(path) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", ["/health", "/api/health", "/api/v1/health"])
async def test_who_watches_needs_no_key_and_is_told_that_the_server_lives(
    house: House, path: str
) -> None:
    async with house.http.get(path) as answer:
        assert answer.status == 200
        body = await answer.json()
    assert "healthy" in (body["status"], body.get("data", {}).get("status"))
    said = {**body, **body.pop("data", {})}
    more = ("model_loaded", "memory_usage", "active_connections", "version", "uptime")
    assert [said.get(name) for name in more] == [None] * len(more)
    assert set(said.get("components", {}).values()) <= {None, "online"}


async def test_who_has_a_key_is_told_all_of_the_health(house: House) -> None:
    headers = {"authorization": house.narrow["read"]}
    async with house.http.get("/health", headers=headers) as answer:
        body = await answer.json()
    assert body["version"]
    assert body["model_loaded"] in (True, False)

    headers = {"authorization": house.bad["revoked"]}
    async with house.http.get("/health", headers=headers) as answer:
        assert answer.status == 401


async def test_the_open_health_tells_of_no_models(house: House) -> None:
    async with house.http.get("/funland/v1/health") as answer:
        assert await answer.json() == {
            "state": "SERVING", "backing_off_models": [], "identity_required": True,
        }  # fmt: skip


@pytest.mark.parametrize("way", ["authorization", "x-api-key"])
async def test_a_key_lets_in_over_http(house: House, way: str) -> None:
    key = house.narrow["read"].removeprefix("Bearer ")
    headers = {way: key if way == "x-api-key" else f"Bearer {key}"}

    for path in ("/funland/v1/models", "/v1/models"):
        async with house.http.get(path, headers=headers) as answer:
            assert answer.status == 200


async def test_a_key_lets_in_over_grpc(house: House) -> None:
    make: Any = house.channel.unary_unary
    list_models = make("/funland.v1.ModelService/ListModels")

    assert await list_models(b"", metadata=(("authorization", house.narrow["read"]),))


async def test_a_page_opens_a_websocket_with_a_token_that_is_not_echoed(house: House) -> None:
    said = ("funland", f"funland.bearer.{house.admin}")

    async with house.http.ws_connect("/funland/v1/transcriptions:live", protocols=said) as socket:
        assert socket.protocol == "funland"


async def test_a_token_without_the_protocol_is_refused_and_not_logged(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    said = (f"funland.bearer.{house.admin}",)

    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        await house.http.ws_connect("/funland/v1/transcriptions:live", protocols=said)

    assert raised.value.status == 400
    assert house.admin not in caplog.text


async def test_the_gateways_own_calls_are_let_in(house: House) -> None:
    events = house.server.channel.stream(
        METHODS["WatchDeployments"],
        WatchDeploymentsRequest(),
        (("authorization", house.server.auth.own_authorization),),
        None,
    )

    async with events as told:
        assert await anext(aiter(told))
