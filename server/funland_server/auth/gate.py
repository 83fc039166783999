"""Who may call a server with accounts."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Final

from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message import Message

from funland.v1.access_pb2 import Access
from funland.v1.auth_pb2 import KeyLimits, KeyUsage
from funland.v1.errors_pb2 import ErrorReason
from funland_server.auth.audit import Audit, Done, subject
from funland_server.auth.delays import place_of
from funland_server.auth.errors import QuotaExceededError, ScopeMissingError
from funland_server.auth.quotas import Taken
from funland_server.auth.recognizing import Recognized, Recognizer
from funland_server.auth.refusals import Refusals
from funland_server.errors import FunlandError, UnauthenticatedError
from funland_server.identity import LOCAL, SCOPES, Credentials, Identity, Rate, rule, short_name

_TOLD: Final = (Access.MANAGE, Access.ADMIN)
"""Calls under these rules are kept, however they end; of others, those that are refused."""
_ACCOUNTS: Final = "auth"
_OF_GATEWAYS: Final = ("admin", "deployments")
"""The scope that the key of a gateway has, which it reports its ports with."""
_NO_LIMITS: Final = KeyLimits()


@dataclass(slots=True)
class _Who:
    """Who makes a call, as soon as that is known."""

    identity: Identity = field(default_factory=Identity)


class AccountsGate:
    """See `Gate`. With `on` false, whoever reaches the server may do all, but is known if they say
    who they are."""

    def __init__(
        self,
        recognizer: Recognizer,
        audit: Audit,
        *,
        on: bool,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._clock = clock
        self._recognizer = recognizer
        self._audit = audit
        self._on = on
        self._taken: dict[str, Taken] = {}
        self._refusals = Refusals()

    def usage(self, key_id: str) -> KeyUsage:
        """What was done with a key of late."""
        return self._taken.get(key_id, Taken()).usage(self._clock())

    def counting(self, key_id: str) -> Callable[[int], None]:
        """Who is told how many tokens something takes that a key began and that outlasts its call;
        for an empty id nobody."""

        def count(tokens: int) -> None:
            if key_id:
                self._taken.setdefault(key_id, Taken()).took(tokens, self._clock())

        return count

    @asynccontextmanager
    async def admitted(
        self, method: MethodDescriptor, credentials: Credentials, request: Message | None
    ) -> AsyncGenerator[Identity]:
        """See `Gate`."""
        if not self._on:
            yield await self._known(credentials)
            return
        credentials = await self._placed(credentials)
        async with self._kept(method, credentials, request) as who:
            recognized = await self._recognized(method, credentials)
            who.identity = recognized.identity
            _check(method, who.identity)
            taken = self._begin(recognized)
            try:
                yield self._counting(who.identity, taken)
            finally:
                if taken is not None:
                    taken.end()

    async def check(self, method: MethodDescriptor, credentials: Credentials) -> Rate | None:
        """See `Gate`."""
        if not self._on:
            return None
        credentials = await self._placed(credentials)
        async with self._kept(method, credentials, None, if_refused=True) as who:
            recognized = await self._recognized(method, credentials)
            who.identity = recognized.identity
            _check(method, who.identity)
        taken = self._taken.get(who.identity.key_id, Taken())
        return taken.rate(recognized.limits, self._clock())

    @asynccontextmanager
    async def _kept(
        self,
        method: MethodDescriptor,
        credentials: Credentials,
        request: Message | None,
        *,
        if_refused: bool = False,
    ) -> AsyncGenerator[_Who]:
        """Within, a call is made; how it ends is kept, if it is to be."""
        who, code, reason = _Who(), "OK", ""
        try:
            yield who
        except FunlandError as error:
            code, reason = error.code, ErrorReason.Name(error.reason)
            raise
        except (asyncio.CancelledError, GeneratorExit):
            code = "CANCELLED"
            raise
        except Exception:
            code = "INTERNAL"
            raise
        finally:
            about, now, identity = subject(request), self._clock(), who.identity
            wanted = code != "OK" or not if_refused
            if (
                wanted
                and _is_told(method, code, identity)
                and (
                    not _is_anybodys(method, code, about)
                    or self._refusals.keeps(place_of(credentials.address), now)
                )
            ):
                self._audit.note(
                    Done(
                        time=int(now * 1e6),
                        user_id=identity.user_id,
                        key_id=identity.key_id,
                        rpc=f"{method.containing_service.name}.{method.name}",
                        code=code,
                        reason=reason,
                        subject=about,
                        address=credentials.address,
                        request_id=credentials.request_id,
                    )
                )

    async def _known(self, credentials: Credentials) -> Identity:
        """Without accounts: who they say that they are, if it is true."""
        identity = LOCAL
        if credentials.authorization:
            with suppress(UnauthenticatedError):
                identity = (await self._recognizer.recognize(credentials.authorization)).identity
        return replace(identity, scopes=LOCAL.scopes, is_admin=True, address=credentials.address)

    async def _placed(self, credentials: Credentials) -> Credentials:
        """With the address of the client that a gateway elsewhere passes on. Who has no gateway's
        key is believed nothing: then it is where the call comes from."""
        if not credentials.gateway or not credentials.client_address:
            return credentials
        gateway = Identity()
        with suppress(FunlandError):
            gateway = (await self._recognizer.recognize(credentials.gateway)).identity
        if not gateway.key_id or not gateway.may(*_OF_GATEWAYS):
            return credentials
        return replace(credentials, address=credentials.client_address)

    async def _recognized(self, method: MethodDescriptor, credentials: Credentials) -> Recognized:
        if rule(method) == Access.OPEN:
            return Recognized(Identity(address=credentials.address), _NO_LIMITS)
        recognized = await self._recognizer.recognize(credentials.authorization)
        if recognized.identity is LOCAL:
            return recognized
        return replace(
            recognized, identity=replace(recognized.identity, address=credentials.address)
        )

    def _begin(self, recognized: Recognized) -> Taken | None:
        """Counts a call of a key; of others nothing is counted."""
        if not recognized.identity.key_id:
            return None
        taken = self._taken.setdefault(recognized.identity.key_id, Taken())
        if refusal := taken.begin(recognized.limits, self._clock()):
            raise QuotaExceededError(refusal.limit, refusal.value, refusal.seconds)
        return taken

    def _counting(self, identity: Identity, taken: Taken | None) -> Identity:
        return (
            identity
            if taken is None
            else replace(identity, count_tokens=self.counting(identity.key_id))
        )


def _check(method: MethodDescriptor, identity: Identity) -> None:
    """Raises ScopeMissingError if a caller may not call a method."""
    scope = SCOPES.get(rule(method))
    if scope is not None and not identity.may(scope, short_name(method)):
        raise ScopeMissingError(scope)


def _is_anybodys(method: MethodDescriptor, code: str, about: str) -> bool:
    """Whether anybody can make as many of such events as they like: all but logins, and what those
    did who may."""
    return code != "OK" or (rule(method) == Access.OPEN and not about)


def _is_told(method: MethodDescriptor, code: str, identity: Identity) -> bool:
    if identity is LOCAL:
        return False
    about_accounts = short_name(method) == _ACCOUNTS and rule(method) != Access.READ
    refused = code in ("UNAUTHENTICATED", "PERMISSION_DENIED")
    return refused or rule(method) in _TOLD or about_accounts
