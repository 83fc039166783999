"""Access keys: what they open, what ends them, and what they can't make."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import grpc.aio
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from funland.v1.auth_pb2 import (
    AccessKey,
    ChangePasswordRequest,
    CreateAccessKeyRequest,
    CreateUserRequest,
    GetAccessKeyRequest,
    GetCurrentUserRequest,
    KeyLimits,
    ListAccessKeysRequest,
    ListUsersRequest,
    RevokeAccessKeyRequest,
    UpdateUserRequest,
    User,
)
from funland_server.auth.keys import KeptKey, hashed, id_of, new_secret
from tests.server.auth.conftest import PASSWORD, Accounts, Hand, StartAccounts
from tests.server.conftest import details

ME = GetCurrentUserRequest()


def at(seconds: float) -> Timestamp:
    when = Timestamp()
    when.FromMicroseconds(int(seconds * 1e6))
    return when


@pytest.mark.parametrize(
    "secret",
    ["", "fl_", "fl_" + "a" * 47, "fl_" + "a" * 49, "FL_" + "a" * 48, "fl_" + "a" * 47 + "\0",
     "fl_" + "a" * 47 + "é", "fl_" + "a" * 47 + " ", "fl_../" + "a" * 45],
)  # fmt: skip
def test_what_does_not_look_like_a_secret_is_none(secret: str) -> None:
    assert id_of(secret) is None


def test_a_secret_has_its_id_and_much_chance() -> None:
    secrets = {new_secret() for _ in range(100)}

    assert len({id_of(secret) for secret in secrets}) == 100
    assert all(secret.startswith(id_of(secret) or "?") for secret in secrets)


def test_a_wrong_secret_of_a_right_id_is_wrong() -> None:
    secret = new_secret()
    kept = KeptKey(AccessKey(), hashed(secret))

    assert kept.is_of(secret)
    assert not kept.is_of(secret[:-1] + ("a" if secret[-1] != "a" else "b"))
    assert secret not in repr(kept)


async def test_a_key_says_who_calls_and_its_secret_is_told_once(accounts: Accounts) -> None:
    await accounts.user("anna")
    token = await accounts.login("anna")
    key = await accounts.key(token.access_token, scopes=["read", "manage:tasks"])

    who = await accounts.call("GetCurrentUser", ME, key.secret)
    listed = await accounts.call("ListAccessKeys", ListAccessKeysRequest(), token.access_token)
    shown = await accounts.call(
        "GetAccessKey", GetAccessKeyRequest(key_id=key.key_id), token.access_token
    )

    assert who.user.username == "anna"
    assert list(who.scopes) == ["manage:tasks", "read"]
    assert who.key.key_id == key.key_id == id_of(key.secret)
    assert [one.key_id for one in listed.keys] == [key.key_id]
    assert shown.secret == who.key.secret == listed.keys[0].secret == ""


async def test_wrong_revoked_and_expired_ones_are_refused(accounts: Accounts) -> None:
    admin = accounts.admin.access_token
    key = await accounts.key(admin)
    wrong = key.key_id + "x" * 36

    assert await accounts.refused("GetCurrentUser", ME, wrong) == "CREDENTIALS_INVALID"
    assert await accounts.refused("GetCurrentUser", ME, new_secret()) == "CREDENTIALS_INVALID"
    await accounts.call("GetCurrentUser", ME, key.secret)
    revoked = await accounts.call(
        "RevokeAccessKey", RevokeAccessKeyRequest(key_id=key.key_id), admin
    )
    assert revoked.HasField("revoke_time")
    assert await accounts.refused("GetCurrentUser", ME, key.secret) == "CREDENTIALS_INVALID"


async def test_an_expired_one_says_so(start_accounts: StartAccounts) -> None:
    clock = Hand(time.time())
    accounts = await start_accounts(clock)
    first = accounts.auth.first_admin
    assert first is not None
    admin = (await accounts.login(first.username, first.password)).access_token
    key = await accounts.key(admin, expire_time=at(clock.now + 60))
    await accounts.call("GetCurrentUser", ME, key.secret)

    clock.now += 61

    assert await accounts.refused("GetCurrentUser", ME, key.secret) == "CREDENTIALS_EXPIRED"
    late = CreateAccessKeyRequest(name="k", expire_time=at(time.time() - 1))
    assert await accounts.refused("CreateAccessKey", late, admin) == "FIELD_INVALID"


async def test_what_another_server_changes_counts_soon(
    accounts: Accounts, start_accounts: StartAccounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.auth.recognizing._FRESH_SECONDS", 0.0)
    other = await start_accounts(time.time)
    admin = accounts.admin.access_token
    key = await accounts.key(admin)
    await other.call("GetCurrentUser", ME, key.secret)

    await accounts.call("RevokeAccessKey", RevokeAccessKeyRequest(key_id=key.key_id), admin)

    assert await other.refused("GetCurrentUser", ME, key.secret) == "CREDENTIALS_INVALID"


@pytest.mark.parametrize(
    ("scopes", "users", "keys"),
    [
        (["admin"], "OK", "OK"),
        (["admin:auth"], "OK", "OK"),
        (["admin:models"], "SCOPE_MISSING", "OK"),
        (["read", "infer", "manage"], "SCOPE_MISSING", "OK"),
    ],
)
async def test_a_key_does_what_its_scopes_say_at_the_service_that_they_name(
    accounts: Accounts, scopes: list[str], users: str, keys: str
) -> None:
    key = await accounts.key(accounts.admin.access_token, scopes=scopes)

    assert await ending(accounts, "ListUsers", ListUsersRequest(), key.secret) == users
    assert await ending(accounts, "ListAccessKeys", ListAccessKeysRequest(), key.secret) == keys


async def ending(accounts: Accounts, name: str, request: Any, bearer: str) -> str:
    try:
        await accounts.call(name, request, bearer)
    except grpc.aio.AioRpcError as error:
        return details(error)["ErrorInfo"].reason
    return "OK"


async def test_a_key_is_allowed_no_more_than_its_maker(accounts: Accounts) -> None:
    await accounts.user("anna")
    anna = (await accounts.login("anna")).access_token
    viewer = await accounts.user("otto", User.VIEWER)
    narrow = await accounts.key(anna, scopes=["read", "manage:auth"])
    unable = await accounts.key(anna, scopes=["read", "infer"])

    async def asks(bearer: str, **asked: Any) -> str:
        return await ending(
            accounts, "CreateAccessKey", CreateAccessKeyRequest(name="k", **asked), bearer
        )

    assert await asks(anna, scopes=["admin"]) == "SCOPE_MISSING"
    assert await asks(anna, scopes=["admin:auth"]) == "SCOPE_MISSING"
    assert await asks(anna, user_id=viewer.user_id) == "SCOPE_MISSING"
    assert await asks(narrow.secret, scopes=["infer"]) == "SCOPE_MISSING"
    assert await asks(narrow.secret, scopes=["read:tasks"]) == "OK"
    assert await asks(unable.secret, scopes=["read"]) == "SCOPE_MISSING"
    admin = accounts.admin.access_token
    assert await asks(admin, user_id=viewer.user_id, scopes=["infer"]) == "SCOPE_MISSING"
    assert await asks(admin, user_id=viewer.user_id) == "OK"
    assert await asks(admin, user_id="usr_none") == "USER_NOT_FOUND"


@pytest.mark.parametrize("bound", ["limits", "expire_time"])
async def test_a_key_with_limits_can_not_make_one_without(accounts: Accounts, bound: str) -> None:
    bounds: dict[str, Any] = {
        "limits": KeyLimits(requests_per_minute=100),
        "expire_time": at(time.time() + 600),
    }
    key = await accounts.key(accounts.admin.access_token, **{bound: bounds[bound]})

    asked = CreateAccessKeyRequest(name="another")

    assert await accounts.refused("CreateAccessKey", asked, key.secret) == "SCOPE_MISSING"


async def test_who_manages_users_alone_makes_nobody_who_may_more(accounts: Accounts) -> None:
    admin = accounts.admin.access_token
    me = await accounts.call("GetCurrentUser", ME, admin)
    helper = (await accounts.key(admin, scopes=["admin:auth", "read"])).secret

    async def asks(name: str, request: Any) -> str:
        return await ending(accounts, name, request, helper)

    viewer = CreateUserRequest(username="v", password=PASSWORD, role=User.VIEWER)
    assert await asks("CreateUser", viewer) == "OK"
    for role in (User.ADMIN, User.MEMBER, User.ROLE_UNSPECIFIED):
        made = CreateUserRequest(username=f"x{role}", password=PASSWORD, role=role)
        assert await asks("CreateUser", made) == "SCOPE_MISSING"
    mine = UpdateUserRequest(user_id=me.user.user_id, password="of somebody else")  # noqa: S106 - a user's of this test
    assert await asks("UpdateUser", mine) == "SCOPE_MISSING"
    raised = UpdateUserRequest(user_id=await id_of_user(accounts, "v"), role=User.ADMIN)
    assert await asks("UpdateUser", raised) == "SCOPE_MISSING"


async def id_of_user(accounts: Accounts, username: str) -> str:
    return (await accounts.auth.people.named(username)).user.user_id


async def test_others_keys_are_not_there(accounts: Accounts) -> None:
    await accounts.user("anna")
    await accounts.user("otto")
    anna = (await accounts.login("anna")).access_token
    otto = (await accounts.login("otto")).access_token
    key = await accounts.key(anna)

    for name, request in (
        ("GetAccessKey", GetAccessKeyRequest(key_id=key.key_id)),
        ("RevokeAccessKey", RevokeAccessKeyRequest(key_id=key.key_id)),
    ):
        assert await accounts.refused(name, request, otto) == "ACCESS_KEY_NOT_FOUND"
        assert await accounts.call(name, request, accounts.admin.access_token)
    others = ListAccessKeysRequest(user_id=key.user_id)
    assert await accounts.refused("ListAccessKeys", others, otto) == "SCOPE_MISSING"
    mine = await accounts.call("ListAccessKeys", ListAccessKeysRequest(include_ended=True), otto)
    assert list(mine.keys) == []
    assert mine.total_size == 0


async def test_a_key_can_not_change_the_password(accounts: Accounts) -> None:
    key = await accounts.key(accounts.admin.access_token)
    change = ChangePasswordRequest(old_password="x", new_password="another password")  # noqa: S106 - a user's of this test

    assert await accounts.refused("ChangePassword", change, key.secret) == "SCOPE_MISSING"


async def test_a_demoted_users_key_loses_what_the_role_loses(accounts: Accounts) -> None:
    user = await accounts.user("anna")
    key = await accounts.key((await accounts.login("anna")).access_token)

    await accounts.call(
        "UpdateUser",
        UpdateUserRequest(user_id=user.user_id, role=User.VIEWER),
        accounts.admin.access_token,
    )

    assert list((await accounts.call("GetCurrentUser", ME, key.secret)).scopes) == ["read"]


async def test_limits_are_those_of_the_key_and_say_when_to_come_again(accounts: Accounts) -> None:
    admin = accounts.admin.access_token
    key = await accounts.key(admin, limits=KeyLimits(requests_per_minute=3))
    other = await accounts.key(admin)
    for _ in range(3):
        await accounts.call("GetCurrentUser", ME, key.secret)

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await accounts.call("GetCurrentUser", ME, key.secret)

    told = details(raised.value)
    assert raised.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert told["ErrorInfo"].reason == "QUOTA_EXCEEDED"
    assert dict(told["ErrorInfo"].metadata) == {"limit": "requests_per_minute", "value": "3"}
    assert 0 < told["RetryInfo"].retry_delay.ToTimedelta().total_seconds() <= 60
    shown = await accounts.call("GetAccessKey", GetAccessKeyRequest(key_id=key.key_id), admin)
    assert shown.usage.requests_in_minute == 3
    assert shown.usage.concurrent_requests == 0
    assert await accounts.call("GetCurrentUser", ME, other.secret)


async def test_a_page_of_keys_follows_another(accounts: Accounts) -> None:
    admin = accounts.admin.access_token
    made = [await accounts.key(admin) for _ in range(5)]

    seen: list[str] = []
    request = ListAccessKeysRequest(page_size=2)
    while True:
        page = await accounts.call("ListAccessKeys", request, admin)
        assert page.total_size == 5
        seen += [key.key_id for key in page.keys]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert seen == [key.key_id for key in reversed(made)]
    for token in ("x", "1", "1:", "-1:k", "9" * 30 + ":k", "²:k"):
        bad = ListAccessKeysRequest(page_token=token)
        assert await accounts.refused("ListAccessKeys", bad, admin) == "FIELD_INVALID"


async def test_many_keys_are_made_at_once(accounts: Accounts) -> None:
    keys = await asyncio.gather(*(accounts.key(accounts.admin.access_token) for _ in range(20)))

    assert len({key.key_id for key in keys}) == 20
