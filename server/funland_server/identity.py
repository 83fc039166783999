"""Who calls, and what they may do: known all along a call, and to what it begins."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final, Protocol

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland.v1 import access_pb2
from funland.v1.access_pb2 import Access

SCOPES: Final = {
    Access.READ: "read",
    Access.INFER: "infer",
    Access.MANAGE: "manage",
    Access.ADMIN: "admin",
}
"""The scope that a rule asks for."""


def _not_counted(tokens: int) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who calls."""

    user_id: str = ""
    """Empty: nobody in particular."""
    username: str = ""
    scopes: frozenset[str] = frozenset()
    """As `AccessKey.scopes` has them."""
    is_admin: bool = False
    """Whether they see what others made: an admin whose credentials allow `admin`."""
    key_id: str = ""
    """Of the access key that came; empty: a token came."""
    login_id: str = ""
    """Of the login that the token belongs to; empty: a key came."""
    address: str = ""
    """Where they are; empty: in this process."""
    count_tokens: Callable[[int], None] = field(default=_not_counted, compare=False)
    """Is told how many tokens a call has read and written."""

    def may(self, scope: str, service: str) -> bool:
        """Whether they may do what needs a scope, at a service by its short name, such as
        `tasks`."""
        return scope in self.scopes or f"{scope}:{service}" in self.scopes

    def sees(self, owner_id: str | None) -> bool:
        """Whether what this user made is there for them. What nobody made is there for admins."""
        return self.is_admin or (bool(owner_id) and owner_id == self.user_id)


LOCAL: Final = Identity(scopes=frozenset(SCOPES.values()), is_admin=True)
"""Whoever reaches a server without accounts, and the server itself."""


def on_behalf_of(user_id: str, count_tokens: Callable[[int], None] = _not_counted) -> Identity:
    """Whom the server acts for when it does later what a user was allowed to ask for. Nothing that
    needs `admin` is done so."""
    scopes = frozenset(SCOPES.values()) - {"admin"}
    return Identity(user_id, scopes=scopes, count_tokens=count_tokens)


_caller: ContextVar[Identity] = ContextVar("caller", default=LOCAL)


def caller() -> Identity:
    """Who calls; outside of calls, the server itself."""
    return _caller.get()


def act_as(identity: Identity) -> None:
    """From here on this task, and those that it begins, act for somebody."""
    _caller.set(identity)


@contextmanager
def acting_as(identity: Identity) -> Generator[None]:
    """Within, this task acts for somebody; it is left in the task that it was entered in."""
    token = _caller.set(identity)
    try:
        yield
    finally:
        _caller.reset(token)


@dataclass(frozen=True, slots=True)
class Credentials:
    """What came with a call."""

    authorization: str = ""
    """The metadata of that name."""
    address: str = ""
    """Where the caller is: an IP address, or empty for one in this process."""
    request_id: str = ""
    gateway: str = ""
    """What a gateway elsewhere, which passes the call on, shows to be believed; empty: none."""
    client_address: str = ""
    """Where that says that the caller is."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many calls may begin in a minute."""

    limit: int
    remaining: int
    """After the one that is to begin."""
    reset: int
    """When the next of those that were made counts no longer, in seconds since 1970."""

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """As callers are told."""
        return (
            ("x-ratelimit-limit", str(self.limit)),
            ("x-ratelimit-remaining", str(self.remaining)),
            ("x-ratelimit-reset", str(self.reset)),
        )


class Gate(Protocol):
    """Says who may call."""

    def admitted(
        self, method: MethodDescriptor, credentials: Credentials, request: Message | None
    ) -> AbstractAsyncContextManager[Identity]:
        """Who calls, for as long as the call lasts. Without a request, it comes as a stream, or
        can't be decoded.

        Raises:
            FunlandError: They may not, or it is not known who it is.
        """
        ...

    async def check(self, method: MethodDescriptor, credentials: Credentials) -> Rate | None:
        """Whether they may call, before what they say is looked at; nothing is counted. Raises as
        `admitted` does, but for what is no question of who they are. Gives how many calls their
        key has left; None: it has as many as they like."""
        ...


def rule(method: MethodDescriptor) -> Access.Rule.ValueType:
    """The RPC's option `access`.

    Raises:
        ValueError: It has none, so nobody may call it.
    """
    said = method.GetOptions().Extensions[access_pb2.access]
    if said == Access.RULE_UNSPECIFIED:
        raise ValueError(f"{method.full_name} lacks the option `access`: nobody may call it.")
    return said


class OpenGate:
    """A server without accounts: whoever reaches it may do all."""

    @asynccontextmanager
    async def admitted(
        self, method: MethodDescriptor, credentials: Credentials, request: Message | None
    ) -> AsyncGenerator[Identity]:
        """See `Gate`."""
        yield LOCAL

    async def check(self, method: MethodDescriptor, credentials: Credentials) -> Rate | None:
        """See `Gate`."""
        return None


def short_name(method: MethodDescriptor) -> str:
    """Of a method's service, as scopes have it: the name of its file, such as `tasks`."""
    name: str = method.containing_service.file.name
    return name.rpartition("/")[2].removesuffix(".proto")
