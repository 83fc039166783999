"""Accounts on each database, called through the pipeline as a server calls them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from google.protobuf.message import Message

from funland.v1.auth_pb2 import (
    AccessKey,
    CreateAccessKeyRequest,
    CreateTokenRequest,
    CreateUserRequest,
    PasswordGrant,
    Token,
    User,
)
from funland_server.auth.domain import Auth
from funland_server.auth.passwords import Passwords
from funland_server.auth.signing import SigningKeys
from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.metrics import Metrics
from funland_server.rpc.local_channel import CLIENT_ADDRESS, LocalChannel
from funland_server.rpc.pipeline import Pipeline
from funland_server.storage.database import Database
from tests.server.conftest import METHODS, details

PASSWORD = "correct horse battery"  # noqa: S105 - a user's of these tests
ADDRESS = "192.0.2.7"


@dataclass
class Hand:
    """A clock that a test sets forward, in seconds since 1970."""

    now: float = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Accounts:
    """Those of one server."""

    auth: Auth
    database: Database
    channel: LocalChannel
    clock: Callable[[], float]
    admin: Token = field(default_factory=Token)
    """The login of the first admin."""

    async def call(
        self, name: str, request: Message, bearer: str = "", address: str = ADDRESS
    ) -> Any:
        """Calls an RPC with a token or a key; raises AioRpcError."""
        metadata = [(CLIENT_ADDRESS, address)]
        if bearer:
            metadata.append(("authorization", f"Bearer {bearer}"))
        return await self.channel.unary(METHODS[name], request, metadata, None)

    async def refused(
        self, name: str, request: Message, bearer: str = "", address: str = ADDRESS
    ) -> str:
        """The reason why an RPC is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await self.call(name, request, bearer, address)
        return details(raised.value)["ErrorInfo"].reason

    async def user(self, username: str, role: User.Role.ValueType = User.MEMBER) -> User:
        """A new one, with `PASSWORD`."""
        request = CreateUserRequest(username=username, password=PASSWORD, role=role)
        return await self.call("CreateUser", request, self.admin.access_token)

    async def login(self, username: str, password: str = PASSWORD, address: str = ADDRESS) -> Token:
        return await self.call("CreateToken", grant(username, password), address=address)

    async def key(self, bearer: str, **asked: Any) -> AccessKey:
        return await self.call("CreateAccessKey", CreateAccessKeyRequest(name="k", **asked), bearer)

    @property
    def signing(self) -> SigningKeys:
        """The keys that sign, read anew."""
        return SigningKeys(self.database)


def grant(username: str, password: str = PASSWORD) -> CreateTokenRequest:
    return CreateTokenRequest(password=PasswordGrant(username=username, password=password))


def refresh(token: str) -> CreateTokenRequest:
    return CreateTokenRequest(refresh_token=token)


StartAccounts = Callable[..., Awaitable[Accounts]]


@pytest.fixture
async def start_accounts(place: Path | str, tmp_path: Path) -> AsyncIterator[StartAccounts]:
    """Starts servers of accounts on one database: `start_accounts(accounts=False)`."""
    async with AsyncExitStack() as stack:

        async def start(clock: Callable[[], float] | None = None, **settings: Any) -> Accounts:
            given = ServerSettings.model_validate(
                {"home": tmp_path / "home", "accounts": True, **settings}
            )
            database = Database(place)
            await database.open()
            stack.push_async_callback(database.close)
            used = clock or Hand()
            auth = Auth(Live(given), database, used, Passwords(1, 64))
            pipeline = Pipeline(Metrics(), auth.gate)
            for service, implementation in auth.services():
                pipeline.add(service, implementation)
            await auth.start()
            stack.push_async_callback(auth.stop)
            return Accounts(auth, database, LocalChannel(pipeline), used)

        (tmp_path / "home").mkdir(exist_ok=True)
        yield start


@pytest.fixture
async def clock() -> Hand:
    return Hand()


@pytest.fixture
async def accounts(start_accounts: StartAccounts) -> Accounts:
    """A server whose first admin is logged in. Its clock is the machine's, which tokens have."""
    import time  # noqa: PLC0415 - only here

    started = await start_accounts(time.time)
    first = started.auth.first_admin
    assert first is not None
    started.admin = await started.login(first.username, first.password)
    return started
