"""What roles and keys allow: pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from funland.v1.auth_pb2 import User

_OF_ROLES: Final[Mapping[User.Role.ValueType, frozenset[str]]] = {
    User.ADMIN: frozenset(("read", "infer", "manage", "admin")),
    User.MEMBER: frozenset(("read", "infer", "manage")),
    User.VIEWER: frozenset(("read",)),
}


def of_role(role: User.Role.ValueType) -> frozenset[str]:
    """The scopes of a role; of one that is not known, none."""
    return _OF_ROLES.get(role, frozenset())


def within(scopes: Iterable[str], allowed: frozenset[str]) -> frozenset[str]:
    """Those scopes that somebody with `allowed` may have: `manage:tasks` is within `manage`."""
    return frozenset(
        scope for scope in scopes if scope in allowed or scope.partition(":")[0] in allowed
    )


def beyond(scopes: Iterable[str], allowed: frozenset[str]) -> list[str]:
    """Those that they may not have, in order."""
    wanted = frozenset(scopes)
    return sorted(wanted - within(wanted, allowed))
