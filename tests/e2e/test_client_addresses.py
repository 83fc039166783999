"""Where a client is, as a server with accounts sees it behind a gateway elsewhere: as the gateway
says, if that shows its key, and else where the gateway is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
import pytest_asyncio

from funland.v1.auth_pb2 import (
    CreateAccessKeyRequest,
    CreateTokenRequest,
    ListAuditEventsRequest,
    PasswordGrant,
)
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.auth.delays import FREE_TRIES
from funland_server.config import ServerSettings
from tests.server.conftest import METHODS

pytestmark = pytest.mark.asyncio(loop_scope="module")

GATEWAYS = ("read:deployments", "admin:deployments")
"""The scopes of a gateway's key."""


class Place:
    """A server with accounts, and gateways beside it by what they show."""

    def __init__(self, server: Server, urls: dict[str, str], password: str, admin: str) -> None:
        self.server, self.urls, self.password, self._admin = server, urls, password, admin

    async def log_in(self, url: str, client: str, username: str, password: str) -> int:
        """The status of a login by a client at an address of this machine's."""
        connector = aiohttp.TCPConnector(local_addr=(client, 0))
        form = {"username": username, "password": password}
        async with (
            aiohttp.ClientSession(url, connector=connector) as http,
            http.post("/api/v1/auth/token", data=form) as answer,
        ):
            return answer.status

    async def addresses(self, username: str) -> set[str]:
        """Where those were who tried to log in by a name, as it is kept."""
        said = (("authorization", f"Bearer {self._admin}"),)
        request = ListAuditEventsRequest(page_size=1000)
        method = METHODS["ListAuditEvents"]
        found: Any = await self.server.channel.unary(method, request, said, None)
        return {event.address for event in found.events if event.subject == f"username={username}"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    home: Path = tmp_path_factory.mktemp("addresses") / "home"
    server = Server(ServerSettings(home=home, port=0, accounts=True))
    await server.start()
    first = server.auth.first_admin
    assert first is not None
    grant = CreateTokenRequest(
        password=PasswordGrant(username=first.username, password=first.password)
    )
    token: Any = await server.channel.unary(METHODS["CreateToken"], grant, (), None)
    said = (("authorization", f"Bearer {token.access_token}"),)
    keys: dict[str, str | None] = {"none": None, "garbage": "funland_garbage"}
    for name, scopes in (("gateway", GATEWAYS), ("manager", ("read", "infer", "manage"))):
        asked = CreateAccessKeyRequest(name=name, scopes=scopes)
        made: Any = await server.channel.unary(METHODS["CreateAccessKey"], asked, said, None)
        keys[name] = made.secret
    async with AsyncExitStack() as ends:
        ends.push_async_callback(server.stop, 0)
        urls: dict[str, str] = {}
        for name, key in keys.items():
            channel = await ends.enter_async_context(grpc.aio.insecure_channel(server.address))
            settings = GatewaySettings.model_validate({"port": 0, "access_key": key})
            gateway = Gateway(GrpcChannel(channel), settings)
            await gateway.start()
            ends.push_async_callback(gateway.stop, 0)
            urls[name] = gateway.url
        yield Place(server, urls, first.password, token.access_token)


async def test_who_tries_passwords_behind_a_gateway_keeps_nobody_else_out(place: Place) -> None:
    url, name = place.urls["gateway"], "ada"
    tries = [place.log_in(url, "127.0.0.2", name, "no") for _ in range(FREE_TRIES + 1)]
    others = [place.log_in(url, "127.0.0.3", name, "no") for _ in range(FREE_TRIES)]

    told = await asyncio.gather(*tries, *others)

    assert sorted(told[: len(tries)]) == [401] * FREE_TRIES + [429]
    assert told[len(tries) :] == [401] * FREE_TRIES
    assert await place.log_in(url, "127.0.0.4", "admin", place.password) == 200
    assert await place.addresses(name) == {"127.0.0.2", "127.0.0.3"}


async def test_behind_one_that_is_not_believed_all_are_delayed_together(place: Place) -> None:
    url, clients = place.urls["none"], [f"127.0.0.{number}" for number in range(2, 6)]

    told = await asyncio.gather(
        *(place.log_in(url, client, "bob", "no") for client in clients for _ in range(3))
    )

    assert 429 in told


@pytest.mark.parametrize("shown", ["none", "garbage", "manager"])
async def test_a_gateway_that_shows_no_key_of_one_is_believed_no_address(
    place: Place, shown: str
) -> None:
    name = f"ghost-{shown}"

    assert await place.log_in(place.urls[shown], "127.0.0.4", name, "no") == 401

    assert await place.addresses(name) == {"127.0.0.1"}


async def test_a_client_of_a_gateway_can_t_say_where_it_is(place: Place) -> None:
    forged = {"x-client-address": "192.0.2.7", "x-forwarded-for": "192.0.2.7"}
    form = {"username": "ghost-forged", "password": "no"}
    async with (
        aiohttp.ClientSession(place.urls["gateway"], headers=forged) as http,
        http.post("/api/v1/auth/token", data=form) as answer,
    ):
        assert answer.status == 401

    assert await place.addresses("ghost-forged") == {"127.0.0.1"}


async def test_a_caller_over_grpc_can_t_say_where_it_is(place: Place) -> None:
    request = CreateTokenRequest(
        password=PasswordGrant(username="ghost-of-grpc", password="no")  # noqa: S106 - a wrong one
    )
    async with grpc.aio.insecure_channel(place.server.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await GrpcChannel(channel).unary(
                METHODS["CreateToken"], request, (("x-client-address", "192.0.2.7"),), None
            )

    assert await place.addresses("ghost-of-grpc") == {"127.0.0.1"}
