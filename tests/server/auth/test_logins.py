"""Logins: what they give, how they go on, and what ends them."""

from __future__ import annotations

import asyncio
import time

import grpc.aio
import pytest

from funland.v1.auth_pb2 import (
    ChangePasswordRequest,
    DeleteUserRequest,
    GetCurrentUserRequest,
    RevokeTokenRequest,
    RotateSigningKeyRequest,
    Token,
    UpdateUserRequest,
    User,
)
from funland_server.auth.delays import FREE_TRIES
from funland_server.auth.tokens import Claims, read, signed
from tests.server.auth.conftest import (
    ADDRESS,
    PASSWORD,
    Accounts,
    Hand,
    StartAccounts,
    grant,
    refresh,
)
from tests.server.conftest import details

ME = GetCurrentUserRequest()
NO_TOKEN = RevokeTokenRequest(token="of nobody")  # noqa: S106 - it is none
ELSEWHERE = "198.51.100.1"


async def test_a_name_and_a_password_give_a_token(accounts: Accounts) -> None:
    user = await accounts.user("anna")

    token = await accounts.login("Anna")  # names have no case

    who = await accounts.call("GetCurrentUser", ME, token.access_token)
    assert (who.user.user_id, list(who.scopes)) == (user.user_id, ["infer", "manage", "read"])
    assert who.user.HasField("login_time")
    assert token.token_type == "bearer"  # noqa: S105 - OAuth's word
    assert token.expires_in.seconds == 86400


async def test_wrong_ones_are_told_alike(accounts: Accounts) -> None:
    await accounts.user("anna")
    without_password = await accounts.user("otto")
    await accounts.call(
        "UpdateUser",
        UpdateUserRequest(user_id=without_password.user_id, is_active=False),
        accounts.admin.access_token,
    )

    for asked in (grant("anna", "wrong"), grant("nobody"), grant("otto")):
        assert await accounts.refused("CreateToken", asked) == "PASSWORD_WRONG"


async def test_after_some_wrong_ones_even_the_right_one_waits(accounts: Accounts) -> None:
    await accounts.user("anna")
    for _ in range(FREE_TRIES):
        assert await accounts.refused("CreateToken", grant("anna", "wrong")) == "PASSWORD_WRONG"

    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await accounts.login("anna")
    told = details(raised.value)

    assert told["ErrorInfo"].reason == "LOGIN_DELAYED"
    assert 0 < told["RetryInfo"].retry_delay.ToTimedelta().total_seconds() <= 1
    assert (await accounts.login("anna", address=ELSEWHERE)).access_token


async def test_who_tries_all_at_once_gains_nothing(accounts: Accounts) -> None:
    await accounts.user("anna")
    tries = [accounts.refused("CreateToken", grant("anna", f"wrong {n}")) for n in range(12)]

    reasons = await asyncio.gather(*tries)

    assert reasons.count("PASSWORD_WRONG") == FREE_TRIES


async def test_a_refresh_token_gives_the_next_and_counts_once(accounts: Accounts) -> None:
    await accounts.user("anna")
    first = await accounts.login("anna")

    second: Token = await accounts.call("CreateToken", refresh(first.refresh_token))

    assert second.refresh_token != first.refresh_token
    assert await accounts.call("GetCurrentUser", ME, second.access_token)


async def test_a_refresh_token_that_comes_again_ends_the_login(accounts: Accounts) -> None:
    await accounts.user("anna")
    other = await accounts.login("anna")
    stolen = await accounts.login("anna")
    thieves: Token = await accounts.call("CreateToken", refresh(stolen.refresh_token))
    await accounts.call("GetCurrentUser", ME, thieves.access_token)  # it is known, for a while

    again = await accounts.refused("CreateToken", refresh(stolen.refresh_token))

    assert again == "CREDENTIALS_INVALID"
    for token in (stolen, thieves):
        assert (
            await accounts.refused("GetCurrentUser", ME, token.access_token)
            == "CREDENTIALS_INVALID"
        )
    assert (
        await accounts.refused("CreateToken", refresh(thieves.refresh_token))
        == "CREDENTIALS_INVALID"
    )
    assert await accounts.call("GetCurrentUser", ME, other.access_token)


async def test_of_two_that_refresh_at_once_one_at_most_goes_on(accounts: Accounts) -> None:
    await accounts.user("anna")
    for _ in range(5):
        token = await accounts.login("anna")
        asked = [accounts.call("CreateToken", refresh(token.refresh_token)) for _ in range(4)]

        answers = await asyncio.gather(*asked, return_exceptions=True)

        given = [answer for answer in answers if isinstance(answer, Token)]
        assert len(given) <= 1
        for late in given:
            assert (
                await accounts.refused("CreateToken", refresh(late.refresh_token))
                == "CREDENTIALS_INVALID"
            )


async def test_a_login_ends_when_its_time_is_over(start_accounts: StartAccounts) -> None:
    clock = Hand(time.time())
    accounts = await start_accounts(clock, refresh_days=1)
    first = accounts.auth.first_admin
    assert first is not None
    token = await accounts.login(first.username, first.password)

    clock.now += 86_401

    assert (
        await accounts.refused("CreateToken", refresh(token.refresh_token)) == "CREDENTIALS_EXPIRED"
    )
    assert await accounts.refused("GetCurrentUser", ME, token.access_token) == "CREDENTIALS_INVALID"


async def test_garbage_is_no_refresh_token(accounts: Accounts) -> None:
    for text in ("x", "flr_", "flr_" + "A" * 48, accounts.admin.access_token):
        assert await accounts.refused("CreateToken", refresh(text)) == "CREDENTIALS_INVALID"


@pytest.mark.parametrize("which", ["refresh_token", "access_token"])
async def test_a_login_is_ended_by_either_of_its_tokens(accounts: Accounts, which: str) -> None:
    await accounts.user("anna")
    token = await accounts.login("anna")
    await accounts.call("GetCurrentUser", ME, token.access_token)

    await accounts.call("RevokeToken", RevokeTokenRequest(token=getattr(token, which)))
    await accounts.call("RevokeToken", NO_TOKEN)

    assert await accounts.refused("GetCurrentUser", ME, token.access_token) == "CREDENTIALS_INVALID"
    assert (
        await accounts.refused("CreateToken", refresh(token.refresh_token)) == "CREDENTIALS_INVALID"
    )


async def test_a_new_password_ends_all_logins(accounts: Accounts) -> None:
    await accounts.user("anna")
    one, other = await accounts.login("anna"), await accounts.login("anna")
    change = ChangePasswordRequest(old_password=PASSWORD, new_password="another password")  # noqa: S106 - a user's of this test

    wrong = ChangePasswordRequest(old_password="wrong", new_password="another password")  # noqa: S106 - as above
    assert await accounts.refused("ChangePassword", wrong, one.access_token) == "PASSWORD_WRONG"
    await accounts.call("ChangePassword", change, one.access_token)

    for token in (one, other):
        assert (
            await accounts.refused("GetCurrentUser", ME, token.access_token)
            == "CREDENTIALS_INVALID"
        )
    assert await accounts.refused("CreateToken", grant("anna")) == "PASSWORD_WRONG"
    assert (await accounts.login("anna", "another password")).access_token


@pytest.mark.parametrize("how", ["inactive", "removed"])
async def test_who_may_not_call_any_more_is_out_at_once(accounts: Accounts, how: str) -> None:
    user = await accounts.user("anna")
    token = await accounts.login("anna")
    key = await accounts.key(token.access_token)
    for bearer in (token.access_token, key.secret):
        await accounts.call("GetCurrentUser", ME, bearer)

    ends = (
        ("UpdateUser", UpdateUserRequest(user_id=user.user_id, is_active=False))
        if how == "inactive"
        else ("DeleteUser", DeleteUserRequest(user_id=user.user_id))
    )
    await accounts.call(*ends, accounts.admin.access_token)

    for bearer in (token.access_token, key.secret):
        assert await accounts.refused("GetCurrentUser", ME, bearer) == "CREDENTIALS_INVALID"
    assert (
        await accounts.refused("CreateToken", refresh(token.refresh_token)) == "CREDENTIALS_INVALID"
    )
    assert await accounts.refused("CreateToken", grant("anna")) == "PASSWORD_WRONG"


async def test_another_key_signs_and_the_one_before_counts_on(accounts: Accounts) -> None:
    before = accounts.admin
    me = await accounts.call("GetCurrentUser", ME, before.access_token)

    await accounts.call("RotateSigningKey", RotateSigningKeyRequest(), before.access_token)
    after: Token = await accounts.call("CreateToken", refresh(before.refresh_token))

    known = await accounts.signing.known()
    assert len(known) == 2
    assert read(after.access_token, known).user_id == me.user.user_id
    for token in (before, after):
        assert await accounts.call("GetCurrentUser", ME, token.access_token)


async def test_with_another_key_all_tokens_can_be_ended(accounts: Accounts) -> None:
    token = accounts.admin

    await accounts.call(
        "RotateSigningKey", RotateSigningKeyRequest(revoke_tokens=True), token.access_token
    )

    assert len(await accounts.signing.known()) == 1
    assert await accounts.refused("GetCurrentUser", ME, token.access_token) == "CREDENTIALS_INVALID"
    assert (
        await accounts.refused("CreateToken", refresh(token.refresh_token)) == "CREDENTIALS_INVALID"
    )


async def test_a_token_says_when_it_has_expired(accounts: Accounts) -> None:
    key = await accounts.signing.current()
    claims = read(accounts.admin.access_token, {key.kid: key.secret})

    late = signed(claims, key, time.time() - 600, 60)

    assert await accounts.refused("GetCurrentUser", ME, late) == "CREDENTIALS_EXPIRED"


async def test_a_token_counts_with_its_login_and_its_user_only(accounts: Accounts) -> None:
    anna = await accounts.user("anna")
    key = await accounts.signing.current()
    admin = read(accounts.admin.access_token, {key.kid: key.secret})

    for claims in (
        Claims(anna.user_id, admin.login_id, admin.scopes),
        Claims(admin.user_id, "log_none", admin.scopes),
    ):
        token = signed(claims, key, time.time(), 60)
        assert await accounts.refused("GetCurrentUser", ME, token) == "CREDENTIALS_INVALID"


async def test_a_token_allows_no_more_than_the_role_that_its_user_has_now(
    accounts: Accounts,
) -> None:
    user = await accounts.user("anna")
    token = await accounts.login("anna")

    await accounts.call(
        "UpdateUser",
        UpdateUserRequest(user_id=user.user_id, role=User.VIEWER),
        accounts.admin.access_token,
    )

    who = await accounts.call("GetCurrentUser", ME, token.access_token)
    assert list(who.scopes) == ["read"]


async def test_without_an_admin_one_is_made_and_only_then(start_accounts: StartAccounts) -> None:
    one = await start_accounts()
    other = await start_accounts()

    assert one.auth.first_admin is not None
    assert one.auth.first_admin.username == "admin"
    assert one.auth.first_admin.password not in repr(one.auth.first_admin)
    assert len(one.auth.first_admin.password) >= 20
    assert other.auth.first_admin is None


@pytest.mark.parametrize("place", ["postgresql"], indirect=True)
async def test_two_servers_that_start_at_once_make_one_admin(
    start_accounts: StartAccounts,
) -> None:
    started = await asyncio.gather(*(start_accounts() for _ in range(3)))

    assert len([each for each in started if each.auth.first_admin is not None]) == 1


async def test_an_admin_is_made_beside_a_user_of_that_name(start_accounts: StartAccounts) -> None:
    off = await start_accounts(accounts=False)
    assert off.auth.first_admin is None
    await off.user("admin")

    on = await start_accounts()

    assert on.auth.first_admin is not None
    assert on.auth.first_admin.username.startswith("admin-")
    assert (await on.login(on.auth.first_admin.username, on.auth.first_admin.password)).scopes


async def test_where_accounts_are_off_nobody_needs_one_but_may_say_who_they_are(
    start_accounts: StartAccounts,
) -> None:
    off = await start_accounts(time.time, accounts=False)
    await off.user("anna")
    token = await off.login("anna", address=ADDRESS)

    who = await off.call("GetCurrentUser", ME, token.access_token)

    assert who.user.username == "anna"
    assert await off.refused("GetCurrentUser", ME) == "CREDENTIALS_MISSING"
    assert await off.refused("GetCurrentUser", ME, "none") == "CREDENTIALS_MISSING"
