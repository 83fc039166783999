"""Users: who may be made, changed and removed, and that an admin is always left."""

from __future__ import annotations

import asyncio

import grpc.aio
import pytest

from funland.v1.auth_pb2 import (
    ChangePasswordRequest,
    CreateUserRequest,
    DeleteUserRequest,
    GetCurrentUserRequest,
    GetUserRequest,
    ListUsersRequest,
    UpdateUserRequest,
    User,
)
from funland_server.auth.people import Changes
from tests.server.auth.conftest import PASSWORD, Accounts, StartAccounts

ME = GetCurrentUserRequest()


async def me(accounts: Accounts) -> str:
    who = await accounts.call("GetCurrentUser", ME, accounts.admin.access_token)
    return who.user.user_id


async def test_a_name_is_there_once_however_it_is_written(accounts: Accounts) -> None:
    await accounts.user("Anna")

    for name in ("Anna", "anna", "ANNA"):
        asked = CreateUserRequest(username=name)
        assert (
            await accounts.refused("CreateUser", asked, accounts.admin.access_token)
            == "USER_EXISTS"
        )


async def test_users_that_are_made_at_once_have_numbers_of_their_own(accounts: Accounts) -> None:
    made = await asyncio.gather(*(accounts.user(f"user{n}") for n in range(8)))

    assert sorted(user.number for user in made) == list(range(2, 10))


async def test_one_of_a_name_is_made_by_those_who_ask_at_once(accounts: Accounts) -> None:
    asked = [accounts.user("anna") for _ in range(4)]

    answers = await asyncio.gather(*asked, return_exceptions=True)

    assert len([answer for answer in answers if isinstance(answer, User)]) == 1
    for answer in answers:
        if not isinstance(answer, User):
            assert isinstance(answer, grpc.aio.AioRpcError)
            assert answer.code() == grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.parametrize(
    "change",
    [UpdateUserRequest(role=User.MEMBER), UpdateUserRequest(is_active=False)],
    ids=["demoted", "inactive"],
)
async def test_the_last_admin_stays_one(accounts: Accounts, change: UpdateUserRequest) -> None:
    admin = accounts.admin.access_token
    change.user_id = await me(accounts)

    assert await accounts.refused("UpdateUser", change, admin) == "LAST_ADMIN"
    removal = DeleteUserRequest(user_id=change.user_id)
    assert await accounts.refused("DeleteUser", removal, admin) == "LAST_ADMIN"
    assert await accounts.call("GetCurrentUser", ME, admin)

    await accounts.user("other", User.ADMIN)
    changed = await accounts.call("UpdateUser", change, admin)
    assert (changed.role, changed.is_active) != (User.ADMIN, True)


async def test_the_only_user_can_not_be_removed(accounts: Accounts) -> None:
    removal = DeleteUserRequest(user_id=await me(accounts))

    assert (
        await accounts.refused("DeleteUser", removal, accounts.admin.access_token) == "LAST_ADMIN"
    )


async def test_two_admins_who_demote_each_other_at_once_do_not_both(accounts: Accounts) -> None:
    for number in range(3):
        other = await accounts.user(f"other{number}", User.ADMIN)
        ids = [await me(accounts), other.user_id]
        demoted = Changes(role=User.MEMBER)

        ends = await asyncio.gather(
            *(accounts.auth.people.change(one, demoted, ends_logins=False) for one in ids),
            return_exceptions=True,
        )

        assert len([end for end in ends if isinstance(end, BaseException)]) == 1
        assert await accounts.auth.people.has_admin()
        for one in ids:
            await accounts.auth.people.change(one, Changes(role=User.ADMIN), ends_logins=False)
        await accounts.auth.people.change(other.user_id, demoted, ends_logins=False)


async def test_where_there_is_no_admin_yet_users_change_freely(
    start_accounts: StartAccounts,
) -> None:
    off = await start_accounts(accounts=False)
    user = await off.user("anna")

    changed = await off.call("UpdateUser", UpdateUserRequest(user_id=user.user_id, email="a@b.c"))
    await off.call("DeleteUser", DeleteUserRequest(user_id=user.user_id))

    assert changed.email == "a@b.c"
    assert (await off.call("ListUsers", ListUsersRequest())).total_size == 0


async def test_a_user_whose_password_changes_stays_as_others_make_them_meanwhile(
    accounts: Accounts,
) -> None:
    admin = accounts.admin.access_token
    user = await accounts.user("anna", User.ADMIN)
    token = await accounts.login("anna")
    change = ChangePasswordRequest(old_password=PASSWORD, new_password="another password")  # noqa: S106 - a user's of this test
    changing = asyncio.create_task(accounts.call("ChangePassword", change, token.access_token))
    await asyncio.sleep(0)

    await accounts.call(
        "UpdateUser", UpdateUserRequest(user_id=user.user_id, role=User.VIEWER), admin
    )
    await changing

    kept = await accounts.call("GetUser", GetUserRequest(user_id=user.user_id), admin)
    assert kept.role == User.VIEWER


async def test_users_are_listed_in_pages(accounts: Accounts) -> None:
    for number in range(4):
        await accounts.user(f"user{number}")
    admin = accounts.admin.access_token

    first = await accounts.call("ListUsers", ListUsersRequest(page_size=3), admin)
    second = await accounts.call(
        "ListUsers", ListUsersRequest(page_size=3, page_token=first.next_page_token), admin
    )

    names = [user.username for page in (first, second) for user in page.users]
    assert names == ["admin", "user0", "user1", "user2", "user3"]
    assert first.total_size == 5
    assert second.next_page_token == ""


async def test_nobody_but_an_admin_sees_users(accounts: Accounts) -> None:
    user = await accounts.user("anna")
    anna = (await accounts.login("anna")).access_token

    for name, request in (
        ("ListUsers", ListUsersRequest()),
        ("GetUser", GetUserRequest(user_id=user.user_id)),
        ("UpdateUser", UpdateUserRequest(user_id=user.user_id, role=User.ADMIN)),
        ("CreateUser", CreateUserRequest(username="x", role=User.ADMIN)),
        ("DeleteUser", DeleteUserRequest(user_id=user.user_id)),
    ):
        assert await accounts.refused(name, request, anna) == "SCOPE_MISSING"


async def test_who_is_not_there_is_not_found(accounts: Accounts) -> None:
    for name, request in (
        ("GetUser", GetUserRequest(user_id="usr_none")),
        ("UpdateUser", UpdateUserRequest(user_id="usr_none", email="")),
        ("DeleteUser", DeleteUserRequest(user_id="usr_none")),
    ):
        assert (
            await accounts.refused(name, request, accounts.admin.access_token) == "USER_NOT_FOUND"
        )
