"""Users, their keys and tokens, and who may call what."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from funland.v1 import auth_pb2
from funland.v1.auth_pb2 import CreateUserRequest, User
from funland_server.auth.audit import Audit
from funland_server.auth.errors import UserExistsError
from funland_server.auth.gate import AccountsGate
from funland_server.auth.keys import Keys
from funland_server.auth.logging_in import LoggingIn
from funland_server.auth.logins import Logins
from funland_server.auth.managing import Managing
from funland_server.auth.passwords import Passwords
from funland_server.auth.people import People
from funland_server.auth.recognizing import Recognizer
from funland_server.auth.service import AuthService
from funland_server.auth.signing import SigningKeys
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.errors import FunlandError, StartError
from funland_server.identity import LOCAL
from funland_server.live import Live
from funland_server.storage.database import Database

logger = structlog.get_logger(__name__)

_SWEEP_SECONDS: Final = 3600.0
_DAY: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class FirstAdmin:
    """A user that nobody asked for, and how to log in as it."""

    username: str
    password: str = field(repr=False)


class Auth(Domain):
    """Those of one database."""

    def __init__(
        self,
        settings: Live[ServerSettings],
        database: Database,
        clock: Callable[[], float] = time.time,
        passwords: Passwords | None = None,
    ) -> None:
        """`clock` tells the seconds since 1970; `passwords` are hashed as usual, unless given."""
        self._settings = settings
        self.people = People(database)
        """All users."""
        self._passwords = passwords or Passwords()
        self._audit = Audit(database)
        keys, logins = Keys(database), Logins(database)
        signing = self.signing = SigningKeys(database)
        """What signs tokens."""
        self._recognizer = Recognizer(self.people, keys, logins, signing, clock)
        self.gate = AccountsGate(
            self._recognizer, self._audit, on=settings.now.accounts, clock=clock
        )
        """Says who may call."""
        self._logging_in = LoggingIn(
            settings, self.people, logins, signing, self._passwords, self._recognizer, clock=clock
        )
        self._managing = Managing(self.people, keys, self._passwords, self._recognizer, self.gate)
        self.first_admin: FirstAdmin | None = None
        """Whom `start` made; None: there was an admin."""
        self._sweeping: asyncio.Task[None] | None = None

    @property
    def own_authorization(self) -> str:
        """What parts of this process send to be let in."""
        return f"Bearer {self._recognizer.own_secret}"

    async def start(self) -> None:
        """Makes an admin, if accounts are on and there is none; raises StartError."""
        try:
            if self._settings.now.accounts and not await self.people.has_admin():
                self.first_admin = await self._made_admin()
        except FunlandError as error:
            raise StartError(error.message) from error
        self._audit.start()
        self._sweeping = asyncio.create_task(self._sweep_often())

    def services(self) -> list[Service]:
        """Answers `AuthService`."""
        service = AuthService(self._logging_in, self._managing, self._audit)
        return [(auth_pb2.DESCRIPTOR.services_by_name["AuthService"], service)]

    async def stop(self) -> None:
        """Writes what is still to be kept."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            await asyncio.wait([self._sweeping])
            await self._recognizer.close()
            await self._audit.stop()
        self._passwords.close()

    async def _made_admin(self) -> FirstAdmin | None:
        password = secrets.token_urlsafe(18)
        for name in ("admin", "admin-" + secrets.token_hex(3)):
            request = CreateUserRequest(username=name, password=password, role=User.ADMIN)
            try:
                await self._managing.make_user(request, LOCAL)
            except UserExistsError:
                if await self.people.has_admin():
                    return None  # another server of the database has made it meanwhile
            else:
                return FirstAdmin(name, password)
        return None

    async def _sweep_often(self) -> None:
        while True:
            now = time.time_ns() // 1000
            try:
                await self._audit.forget(now - int(self._settings.now.audit_days * _DAY))
            except FunlandError as error:
                logger.warning("audit_not_swept", reason=error.message)
            await asyncio.sleep(_SWEEP_SECONDS)
