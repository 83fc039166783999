"""What was done is kept; what was said, and what is secret, is not."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest

from funland.v1.auth_pb2 import (
    AuditEvent,
    ChangePasswordRequest,
    CreateUserRequest,
    GetCurrentUserRequest,
    ListAuditEventsRequest,
    ListUsersRequest,
    RevokeTokenRequest,
    UpdateUserRequest,
)
from funland_server.auth.refusals import OF_ALL, OF_ONE, Refusals
from tests.server.auth.conftest import ADDRESS, PASSWORD, Accounts, grant, refresh

ME = GetCurrentUserRequest()
NO_TOKEN = RevokeTokenRequest(token="of nobody")  # noqa: S106 - it is none


async def events(accounts: Accounts, **asked: object) -> list[AuditEvent]:
    request = ListAuditEventsRequest(**asked)  # type: ignore[arg-type]  # the test knows it
    return list(
        (await accounts.call("ListAuditEvents", request, accounts.admin.access_token)).events
    )


async def test_a_login_is_kept_with_the_name_whether_right_or_wrong(accounts: Accounts) -> None:
    await accounts.user("anna")
    await accounts.login("anna")
    await accounts.refused("CreateToken", grant("anna", "not her password"))
    await accounts.refused("CreateToken", grant("nobody"))

    kept = await events(accounts, rpc="AuthService.CreateToken")

    assert [(e.code, e.reason, e.subject, e.address) for e in kept] == [
        ("UNAUTHENTICATED", "PASSWORD_WRONG", "username=nobody", ADDRESS),
        ("UNAUTHENTICATED", "PASSWORD_WRONG", "username=anna", ADDRESS),
        ("OK", "", "username=anna", ADDRESS),
        ("OK", "", "username=admin", ADDRESS),
    ]
    assert all(e.time.seconds > time.time() - 600 and e.request_id for e in kept)


async def test_what_admins_do_is_kept_and_what_they_look_at_is_not(accounts: Accounts) -> None:
    user = await accounts.user("anna")
    admin = (await accounts.auth.people.named("admin")).user.user_id
    await accounts.call("ListUsers", ListUsersRequest(), accounts.admin.access_token)
    await accounts.call("GetCurrentUser", ME, accounts.admin.access_token)
    change = UpdateUserRequest(user_id=user.user_id, email="a@b.c")
    await accounts.call("UpdateUser", change, accounts.admin.access_token)

    kept = await events(accounts, user_id=admin)

    told = [(e.rpc.partition(".")[2], e.subject) for e in kept]
    assert ("UpdateUser", f"user_id={user.user_id}") in told
    assert ("CreateUser", "username=anna") in told


async def test_a_refused_call_is_kept_with_who_made_it(accounts: Accounts) -> None:
    user = await accounts.user("anna")
    token = await accounts.login("anna")
    key = await accounts.key(token.access_token, scopes=["read"])

    await accounts.refused("ListUsers", ListUsersRequest(), key.secret)
    await accounts.refused("ListUsers", ListUsersRequest())

    missing, short = await events(accounts, rpc="AuthService.ListUsers", failed_only=True)
    assert (short.user_id, short.key_id, short.reason) == (
        user.user_id, key.key_id, "SCOPE_MISSING",
    )  # fmt: skip
    assert (missing.user_id, missing.key_id, missing.reason) == ("", "", "CREDENTIALS_MISSING")


async def test_nothing_secret_is_kept(accounts: Accounts, place: Path | str) -> None:
    await accounts.user("anna")
    token = await accounts.login("anna")
    key = await accounts.key(token.access_token)
    await accounts.refused("CreateToken", grant("anna", "a guess at it"))
    change = ChangePasswordRequest(old_password=PASSWORD, new_password="what comes next")  # noqa: S106 - a user's of this test
    await accounts.call("ChangePassword", change, token.access_token)
    after = await accounts.login("anna", "what comes next")
    await accounts.refused("ListUsers", ListUsersRequest(), after.access_token)
    await accounts.call("RevokeToken", RevokeTokenRequest(token=after.access_token))
    await accounts.refused("CreateToken", refresh(after.refresh_token))
    await accounts.refused("ListUsers", ListUsersRequest(), key.key_id + "y" * 36)
    secrets = (
        PASSWORD, "a guess at it", "what comes next", token.access_token, token.refresh_token,
        after.access_token, after.refresh_token, key.secret, "y" * 36,
    )  # fmt: skip

    kept = [str(event) for event in await events(accounts)]

    assert len(kept) > 8
    for secret in secrets:
        assert not [event for event in kept if secret in event]
    if isinstance(place, Path):
        whole = "".join(sqlite3.connect(place).iterdump())
        assert not [secret for secret in secrets if secret in whole]
        assert "anna" in whole


async def test_who_is_refused_again_and_again_does_not_fill_the_disk(accounts: Accounts) -> None:
    for _ in range(2 * OF_ONE + 5):
        await accounts.refused("GetCurrentUser", ME, "garbage")
        await accounts.call("RevokeToken", NO_TOKEN)
    await accounts.login("admin", accounts.auth.first_admin.password)  # type: ignore[union-attr]  # the test knows it

    kept = await events(accounts, page_size=1000)

    assert kept[0].subject == "username=admin"
    assert len(kept) <= 2 * OF_ONE + 3  # the machine's clock may have begun another minute


@pytest.mark.parametrize(
    ("places", "each", "kept"),
    [(1, OF_ONE, OF_ONE), (1, OF_ONE + 9, OF_ONE), (20, OF_ONE, OF_ALL), (2, 5, 10)],
)
def test_so_many_refusals_are_kept_in_a_minute(places: int, each: int, kept: int) -> None:
    refusals = Refusals()

    def minute(now: float) -> int:
        return sum(
            refusals.keeps(f"192.0.2.{place}", now) for place in range(places) for _ in range(each)
        )

    assert minute(600.0) == kept
    assert minute(661.0) == kept


async def test_what_is_old_is_forgotten(accounts: Accounts) -> None:
    await accounts.user("anna")
    audit = accounts.auth._audit  # pyright: ignore[reportPrivateUsage] - what the hourly sweep calls
    assert await events(accounts, rpc="AuthService.CreateUser")

    await audit.forget(int((time.time() + 1) * 1e6))

    assert await events(accounts, rpc="AuthService.CreateUser") == []


async def test_pages_follow_each_other(accounts: Accounts) -> None:
    for number in range(5):
        await accounts.user(f"user{number}")
    seen: list[int] = []
    request = ListAuditEventsRequest(page_size=2, rpc="AuthService.CreateUser")
    while True:
        page = await accounts.call("ListAuditEvents", request, accounts.admin.access_token)
        seen += [event.event_id for event in page.events]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token

    assert len(seen) == 5
    assert seen == sorted(seen, reverse=True)


async def test_what_is_asked_to_be_made_is_no_part_of_it(accounts: Accounts) -> None:
    asked = CreateUserRequest(username="anna", password="a very secret one", email="a@b.c")  # noqa: S106 - a user's of this test
    await accounts.call("CreateUser", asked, accounts.admin.access_token)

    (made,) = await events(accounts, rpc="AuthService.CreateUser")

    assert made.subject == "username=anna"
