"""The Python client at a real server with accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from funland.v1.auth_pb2 import KeyLimits, User
from funland.v1.projects_pb2 import Project, ProjectMember
from funland_client import AsyncFunland, Funland
from funland_client.credentials import KEY_VARIABLE, Origin
from funland_client.errors import (
    AccessKeyNotFoundError,
    CredentialsInvalidError,
    CredentialsMissingError,
    LastAdminError,
    LastOwnerError,
    PasswordWrongError,
    ProjectNotFoundError,
    QuotaExceededError,
    ScopeMissingError,
    UserExistsError,
    UserNotFoundError,
)
from funland_client.kept_logins import KeptLogin, KeptLogins
from funland_server.app import Server
from funland_server.auth.tokens import read, signed
from funland_server.config import ServerSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

PASSWORD = "correct horse battery"  # noqa: S105 - a user's of these tests


@dataclass(frozen=True)
class House:
    """A server with accounts, and its first admin's password."""

    server: Server
    address: str
    password: str

    def admin(self) -> AsyncFunland:
        return AsyncFunland(self.address, retries=0, key="")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    home = tmp_path_factory.mktemp("house") / "home"
    server = Server(ServerSettings(home=home, port=0, accounts=True))
    await server.start()
    first = server.auth.first_admin
    assert first is not None
    yield House(server, server.address, first.password)
    await server.stop(0)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody is logged in when a test begins."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))


async def test_a_login_is_for_this_client_and_those_after_it(house: House) -> None:
    async with AsyncFunland(house.address, retries=0) as client:
        with pytest.raises(CredentialsMissingError):
            await client.models.list()
        assert client.auth.origin is Origin.NOWHERE
        await client.auth.login("admin", house.password)
        assert await client.models.list()

    def blocking() -> str:
        with Funland(house.address, retries=0) as later:
            assert later.auth.origin is Origin.LOGIN
            return later.auth.whoami().user.username

    assert await asyncio.to_thread(blocking) == "admin"


async def test_a_login_that_is_not_kept_is_this_clients_alone(house: House) -> None:
    async with house.admin() as client, AsyncFunland(house.address, retries=0) as other:
        await client.auth.login("admin", house.password, keep=False)
        assert (await client.auth.whoami()).user.role == User.ADMIN
        with pytest.raises(CredentialsMissingError):
            await other.auth.whoami()
        assert await client.auth.logout()
    assert KeptLogins().get(house.address) is None


async def test_a_wrong_password_changes_nothing(house: House) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password)
        before = KeptLogins().get(house.address)
        with pytest.raises(PasswordWrongError):
            await client.auth.login("admin", "a guess at it")
        with pytest.raises(CredentialsInvalidError):
            await client.auth.login_with_key("fl_" + "x" * 48)
        assert (await client.auth.whoami()).user.username == "admin"
    assert KeptLogins().get(house.address) == before


async def test_logging_out_ends_the_login_on_the_server_too(house: House) -> None:
    async with house.admin() as client:
        token = await client.auth.login("admin", house.password)
        assert await client.auth.logout()
        assert not await client.auth.logout()
    assert KeptLogins().get(house.address) is None
    async with AsyncFunland(house.address, retries=0, key=token.access_token) as client:
        with pytest.raises(CredentialsInvalidError):
            await client.auth.whoami()


async def test_an_expired_token_is_refreshed_at_the_server(house: House) -> None:
    async with house.admin() as client:
        token = await client.auth.login("admin", house.password)
    signing = await house.server.auth.signing.current()
    claims = read(token.access_token, {signing.kid: signing.secret})
    late = signed(claims, signing, time.time() - 600, 60)
    logins = KeptLogins()
    with logins.locked():
        logins.put(house.address, KeptLogin("admin", late, token.refresh_token))

    async with AsyncFunland(house.address, retries=0) as one, AsyncFunland(house.address) as other:
        models, text = await asyncio.gather(
            one.models.list(), other.generate("Once", temperature=0, max_tokens=3)
        )
        file = await one.files.upload(b"content")

    kept = logins.get(house.address)
    assert models
    assert text.text
    assert file.size_bytes == len(b"content")
    assert kept is not None
    assert kept.secret != late
    assert kept.refresh_token != token.refresh_token


async def test_a_key_goes_before_the_login(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password)
        key = await client.auth.create_key("reader", scopes=["read"])
    monkeypatch.setenv(KEY_VARIABLE, key.secret + "\n")

    async with AsyncFunland(house.address, retries=0) as client:
        assert client.auth.origin is Origin.VARIABLE
        who = await client.auth.whoami()
        assert (who.key.key_id, who.scopes) == (key.key_id, ["read"])
        with pytest.raises(ScopeMissingError) as raised:
            await client.projects.create("p")
        assert raised.value.metadata["scope"] == "manage"


async def test_a_key_is_kept_as_a_login(house: House) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password, keep=False)
        key = await client.auth.create_key("kept", scopes=["read"])
    async with house.admin() as client:
        assert (await client.auth.login_with_key(f" {key.secret}\n")).key.name == "kept"
    async with AsyncFunland(house.address, retries=0) as client:
        assert (await client.auth.whoami()).scopes == ["read"]
        assert await client.auth.logout()
    assert KeptLogins().get(house.address) is None


async def test_keys_have_an_end_limits_and_a_list(house: House) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password, keep=False)
        end = datetime.now(UTC) + timedelta(hours=1)
        key = await client.auth.create_key(
            "narrow", scopes=["read"], expire_time=end, limits=KeyLimits(requests_per_minute=1)
        )
        listed = await client.auth.list_keys()
        async with AsyncFunland(house.address, retries=0, key=key.secret) as narrow:
            await narrow.models.list()
            with pytest.raises(QuotaExceededError) as raised:
                await narrow.models.list()
        assert raised.value.retry_delay
        assert key.expire_time.ToDatetime(tzinfo=UTC) == end
        assert (await client.auth.get_key(key.key_id)).usage.requests_in_minute == 1
        assert [each.secret for each in listed if each.key_id == key.key_id] == [""]

        revoked = await client.auth.revoke_key(key.key_id)
        assert revoked.HasField("revoke_time")
        left = await client.auth.list_keys()
        assert key.key_id not in [each.key_id for each in left]
        ended = await client.auth.list_keys(include_ended=True)
        assert key.key_id in [each.key_id for each in ended]
        with pytest.raises(AccessKeyNotFoundError):
            await client.auth.revoke_key("fl_none")


async def test_users_are_made_changed_and_removed(house: House) -> None:
    async with house.admin() as client, house.admin() as theirs:
        await client.auth.login("admin", house.password, keep=False)
        user = await client.auth.create_user("uma", PASSWORD, email="uma@example.com")
        assert user.role == User.MEMBER
        with pytest.raises(UserExistsError):
            await client.auth.create_user("uma")
        await theirs.auth.login("uma", PASSWORD, keep=False)
        await theirs.auth.change_password(PASSWORD, PASSWORD + "!")
        await theirs.auth.login("uma", PASSWORD + "!", keep=False)
        changed = await client.auth.update_user(user.user_id, role="viewer", email="")
        assert (changed.role, changed.email) == (User.VIEWER, "")
        assert user.user_id in [each.user_id for each in await client.auth.list_users()]
        await client.auth.update_user(user.user_id, is_active=False)
        with pytest.raises(CredentialsInvalidError):
            await theirs.models.list()
        await client.auth.delete_user(user.user_id)
        with pytest.raises(UserNotFoundError):
            await client.auth.get_user(user.user_id)
        me = (await client.auth.whoami()).user.user_id
        with pytest.raises(LastAdminError):
            await client.auth.delete_user(me)


async def test_what_was_done_is_followed_over_its_pages(house: House) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password, keep=False)
        for _ in range(3):
            await client.projects.create("p")
        made = [
            event
            async for event in client.auth.audit(rpc="ProjectService.CreateProject", page_size=1)
        ]
        failed = [event.code async for event in client.auth.audit(failed_only=True)]

    assert len(made) >= 3
    assert [event.event_id for event in made] == sorted(
        (event.event_id for event in made), reverse=True
    )
    assert "OK" not in failed


async def test_projects_have_members(house: House) -> None:
    async with house.admin() as client, house.admin() as theirs:
        await client.auth.login("admin", house.password, keep=False)
        await client.auth.create_user("pat", PASSWORD)
        await theirs.auth.login("pat", PASSWORD, keep=False)
        project = await client.projects.create("Bees", description="All of them.")
        with pytest.raises(ProjectNotFoundError):
            await theirs.projects.get(project.project_id)

        joined = await client.projects.set_member(project.project_id, "pat", "editor")
        assert [(m.username, m.role) for m in joined.members] == [
            ("admin", ProjectMember.OWNER),
            ("pat", ProjectMember.EDITOR),
        ]
        assert [p.name for p in await theirs.projects.list()] == ["Bees"]
        archived = await theirs.projects.update(project.project_id, status="archived")
        assert archived.status == Project.ARCHIVED
        assert await theirs.projects.list(status="active") == []
        with pytest.raises(LastOwnerError):
            await client.projects.remove_member(project.project_id, "admin")
        await theirs.projects.remove_member(project.project_id, "pat")
        await client.projects.delete(project.project_id)
        with pytest.raises(ProjectNotFoundError):
            await client.projects.get(project.project_id)


async def test_a_new_signing_key_ends_tokens_if_that_is_asked_for(house: House) -> None:
    async with house.admin() as client:
        await client.auth.login("admin", house.password, keep=False)
        await client.auth.rotate_signing_key()
        await client.auth.whoami()
        await client.auth.rotate_signing_key(revoke_tokens=True)
        with pytest.raises(CredentialsInvalidError):
            await client.auth.whoami()
