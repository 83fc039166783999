"""What roles and keys allow."""

from __future__ import annotations

import pytest

from funland.v1.auth_pb2 import User
from funland_server.auth.roles import beyond, of_role, within
from funland_server.identity import LOCAL, Identity


@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (User.ADMIN, {"read", "infer", "manage", "admin"}),
        (User.MEMBER, {"read", "infer", "manage"}),
        (User.VIEWER, {"read"}),
        (User.ROLE_UNSPECIFIED, set[str]()),
    ],
)
def test_a_role_has_scopes(role: User.Role.ValueType, scopes: set[str]) -> None:
    assert of_role(role) == scopes


@pytest.mark.parametrize(
    ("wanted", "allowed", "more"),
    [
        (["read"], {"read", "infer"}, []),
        (["read:tasks"], {"read"}, []),
        (["read"], {"read:tasks"}, ["read"]),
        (["read:models"], {"read:tasks"}, ["read:models"]),
        (["read:tasks"], {"read:tasks"}, []),
        (["admin", "read"], {"read"}, ["admin"]),
    ],
)
def test_who_has_a_scope_may_give_its_parts(
    wanted: list[str], allowed: set[str], more: list[str]
) -> None:
    assert beyond(wanted, frozenset(allowed)) == more
    assert within(wanted, frozenset(allowed)) == set(wanted) - set(more)


@pytest.mark.parametrize(
    ("scopes", "scope", "service", "may"),
    [
        ({"read"}, "read", "tasks", True),
        ({"read:tasks"}, "read", "tasks", True),
        ({"read:tasks"}, "read", "models", False),
        ({"read:tasks"}, "manage", "tasks", False),
        (set[str](), "read", "tasks", False),
    ],
)
def test_a_scope_is_for_all_services_or_for_one(
    scopes: set[str], scope: str, service: str, may: bool
) -> None:
    assert Identity(scopes=frozenset(scopes)).may(scope, service) is may


def test_one_sees_ones_own_and_an_admin_all() -> None:
    anna, admin = Identity("usr_1"), Identity("usr_2", is_admin=True)

    assert [anna.sees(owner) for owner in ("usr_1", "usr_2", "", None)] == [
        True,
        False,
        False,
        False,
    ]
    assert all(admin.sees(owner) for owner in ("usr_1", "", None))
    assert LOCAL.sees("usr_1")
    assert not Identity().sees("")
