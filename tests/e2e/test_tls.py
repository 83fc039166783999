"""Off loopback: real handshakes over both ports, and what does not start."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import grpc
import pytest
import pytest_asyncio

from funland_cli.certificate import self_signed
from funland_client import AsyncFunland, FunlandError
from funland_client.refreshing import next_token
from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_gateway.tls import CertificateUnusableError
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.errors import StartError

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANY = "0.0.0.0"  # noqa: S104 - what it is about


@dataclass(frozen=True)
class Pair:
    certificate: Path
    key: Path


def pair(folder: Path, *names: str, days: float = 1) -> Pair:
    folder.mkdir()
    made, key = self_signed(list(names), datetime.timedelta(days=days))
    (folder / "certificate.pem").write_bytes(made)
    (folder / "key.pem").write_bytes(key)
    return Pair(folder / "certificate.pem", folder / "key.pem")


@dataclass(frozen=True)
class Open:
    """A server and a gateway that listen on all addresses."""

    grpc: str
    http: str
    ca: Path
    password: str
    """Of the first admin."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def open_house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Open]:
    folder = tmp_path_factory.mktemp("tls")
    own = pair(folder / "own", "localhost", "127.0.0.1")
    tls = {"tls_certificate": own.certificate, "tls_key": own.key}
    server = Server(
        ServerSettings.model_validate(
            {"home": folder / "home", "port": 0, "host": ANY, "accounts": True, **tls}
        )
    )
    await server.start()
    settings = GatewaySettings.model_validate(
        {"host": ANY, "port": 0, "allowed_hosts": ["box.example"], **tls}
    )
    gateway = Gateway(server.channel, settings, server.auth.own_authorization)
    await gateway.start()
    first = server.auth.first_admin
    assert first is not None
    ports = server.address.rpartition(":")[2], gateway.url.rpartition(":")[2]
    yield Open(
        f"localhost:{ports[0]}", f"https://localhost:{ports[1]}", own.certificate, first.password
    )
    await gateway.stop(0)
    await server.stop(0)


def believing(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


async def test_http_answers_over_tls_and_says_to_come_so_again(open_house: Open) -> None:
    async with (
        aiohttp.ClientSession(open_house.http) as http,
        http.get("/funland/v1/health", ssl=believing(open_house.ca)) as answer,
    ):
        assert answer.status == 200
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


async def test_a_call_without_an_identity_is_refused_there_too(open_house: Open) -> None:
    async with (
        aiohttp.ClientSession(open_house.http) as http,
        http.get("/v1/models", ssl=believing(open_house.ca)) as answer,
    ):
        assert answer.status == 401
    async with AsyncFunland(f"grpcs://{open_house.grpc}", retries=0, ca=open_house.ca) as client:
        with pytest.raises(FunlandError) as raised:
            await client.models.list()
    assert raised.value.reason == "CREDENTIALS_MISSING"


async def test_who_logs_in_over_tls_is_let_in_and_refreshed(open_house: Open) -> None:
    address = f"grpcs://{open_house.grpc}"
    async with AsyncFunland(address, retries=0, ca=open_house.ca, key="") as client:
        token = await client.auth.login("admin", open_house.password, keep=False)
        assert (await client.auth.whoami()).user.username == "admin"
    after = await asyncio.to_thread(next_token, address, open_house.ca, token.refresh_token)
    async with AsyncFunland(address, retries=0, ca=open_house.ca, key=after.access_token) as later:
        assert await later.models.list()


async def test_grpc_answers_over_tls(open_house: Open) -> None:
    async with AsyncFunland(open_house.grpc, retries=0, ca=open_house.ca) as client:
        health = await client.system.health()

    assert health.state == 1


async def test_who_does_not_believe_the_certificate_says_nothing(
    open_house: Open, tmp_path: Path
) -> None:
    other = pair(tmp_path / "other", "localhost")
    for context in (ssl.create_default_context(), believing(other.certificate)):
        async with aiohttp.ClientSession(open_house.http) as http:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await http.get("/funland/v1/health", ssl=context)
    for ca in (None, other.certificate):
        async with AsyncFunland(f"grpcs://{open_house.grpc}", retries=0, ca=ca) as client:
            with pytest.raises(FunlandError) as raised:
                await client.system.health()
        assert raised.value.reason == "SERVER_UNREACHABLE"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
async def test_tls_1_2_and_1_3_are_spoken(open_house: Open, version: ssl.TLSVersion) -> None:
    context = believing(open_house.ca)
    context.minimum_version = context.maximum_version = version
    async with aiohttp.ClientSession(open_house.http) as http:
        answer = await http.get("/funland/v1/health", ssl=context)

    assert answer.status == 200


async def test_what_is_not_encrypted_is_not_answered(open_house: Open) -> None:
    async with aiohttp.ClientSession(open_house.http.replace("https", "http")) as http:
        with pytest.raises(aiohttp.ClientError):
            await http.get("/funland/v1/health")
    async with grpc.aio.insecure_channel(open_house.grpc) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await channel.unary_unary("/funland.v1.SystemService/GetHealth")(b"")  # pyright: ignore[reportUnknownMemberType] - of bytes
    assert raised.value.code() == grpc.StatusCode.UNAVAILABLE


async def test_only_hosts_that_are_named_are_answered(open_house: Open) -> None:
    context = believing(open_house.ca)
    async with aiohttp.ClientSession(open_house.http) as http:
        for host, status in (("box.example", 200), ("evil.example", 403), (ANY, 403)):
            async with http.get(
                "/funland/v1/health", ssl=context, headers={"host": host}
            ) as answer:
                assert answer.status == status, host


@pytest.mark.parametrize("what", ["missing", "another key", "no certificate", "a password"])
async def test_a_certificate_that_is_none_does_not_start(tmp_path: Path, what: str) -> None:
    one, other = pair(tmp_path / "one", "localhost"), pair(tmp_path / "other", "localhost")
    certificate, key = one.certificate, one.key
    match what:
        case "missing":
            certificate = tmp_path / "none.pem"
        case "another key":
            key = other.key
        case "no certificate":
            certificate.write_text("nothing")
        case _:
            key.write_bytes(encrypted(key.read_bytes()))
    tls = {"tls_certificate": certificate, "tls_key": key}

    server = Server(ServerSettings.model_validate({"home": tmp_path / "home", "port": 0, **tls}))
    with pytest.raises(StartError, match=r"server\.tls_certificate and server\.tls_key"):
        await server.start()
    await server.stop(0)
    with pytest.raises(CertificateUnusableError, match=r"gateway\.tls_certificate"):
        Gateway(server.channel, GatewaySettings.model_validate({"port": 0, **tls}))


def encrypted(key: bytes) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only here

    return serialization.load_pem_private_key(key, None).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


@pytest.mark.parametrize(
    ("section", "given", "said"),
    [
        ("server", {"host": ANY}, "accounts = true"),
        ("server", {"host": ANY, "accounts": True}, "tls_certificate"),
        ("server", {"host": ANY, "tls_certificate": "c", "tls_key": "k"}, "accounts = true"),
        ("server", {"tls_certificate": "c"}, "both or neither"),
        ("server", {"tls_key": "k"}, "both or neither"),
        ("gateway", {"host": "192.0.2.7"}, "SSH tunnel"),
        ("gateway", {"host": ANY, "tls_certificate": "c", "tls_key": "k"}, "allowed_hosts"),
        ("gateway", {"listen": ["0.0.0.0:5000=manager"]}, "SSH tunnel"),
        ("gateway", {"tls_certificate": "c"}, "both or neither"),
        ("gateway", {"access_key": "a b"}, "without spaces"),
    ],
)
async def test_settings_that_would_let_anybody_in_are_refused(
    section: str, given: dict[str, object], said: str
) -> None:
    model = ServerSettings if section == "server" else GatewaySettings

    with pytest.raises(ValueError, match=said):
        model.model_validate(given)
