"""A server with accounts in this process, an admin and two who are none."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from funland.v1 import auth_pb2
from funland_gateway.dialects.openai.lines import OpenAILines
from funland_server.app import Server
from funland_server.batches.lines import Refused
from funland_server.config import ServerSettings
from tests.server.rpc.users import User, user


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def guarded(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Server]:
    home: Path = tmp_path_factory.mktemp("home")
    settings = ServerSettings(home=home, port=0, accounts=True, max_context_length=256)
    server = Server(settings, lines=OpenAILines(Refused))
    await server.start()
    yield server
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def admin(guarded: Server) -> User:
    nobody = User(guarded, "")
    first = guarded.auth.first_admin
    assert first is not None
    grant = auth_pb2.PasswordGrant(username=first.username, password=first.password)
    token = await nobody.call("CreateToken", auth_pb2.CreateTokenRequest(password=grant))
    return User(guarded, f"Bearer {token.access_token}")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def ada(admin: User) -> User:
    return await user(admin, "ada")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eve(admin: User) -> User:
    return await user(admin, "eve")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def users(ada: User, eve: User, admin: User) -> tuple[User, User, User]:
    return ada, eve, admin
