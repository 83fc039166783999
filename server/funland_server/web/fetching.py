"""The one way to fetch from a foreign URL, and to send there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

import aiohttp
from yarl import URL

from funland_server.live import Live
from funland_server.web.addresses import address_of, is_public
from funland_server.web.answers import Answer, Headers
from funland_server.web.errors import AddressNotAllowedError, Trouble, UnreachableError
from funland_server.web.policy import WebPolicy
from funland_server.web.sessions import Sessions
from funland_server.web.urls import Origin, host_of, origin_of, parse

_REDIRECTS: Final = (301, 302, 303, 307, 308)
_HOPS: Final = 8
_THROWN_AWAY: Final = 1024
"""So many bytes are read of an answer that nobody wants: then the connection can be used again."""
_THROWING_AWAY: Final = 1.0
"""Seconds for that."""


@dataclass(frozen=True, slots=True)
class Credential:
    """Headers that go to one origin and to no other, whatever redirects there are."""

    origin: Origin
    headers: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait, in seconds."""

    connect: float = 20.0
    first_byte: float = 30.0
    """From the request until the head of the answer."""
    stall: float = 30.0
    """Between two pieces of a body."""
    post: float = 10.0
    """For all of a request that has a body, until the answer's head."""


@dataclass(frozen=True, slots=True)
class Posted:
    """How a host answered what it was sent."""

    status: int
    headers: Headers = field(repr=False)


class Web:
    """Fetches under a policy: each hop is checked, and the connection goes to what was checked.

    ```python
    async with web.open("https://hub.example/model.json") as answer:
        body = await answer.read(limit=1024**2)
    ```

    It keeps no cookies, takes nothing from the environment, and asks for bodies as they are.
    """

    def __init__(self, policy: Live[WebPolicy], deadlines: Live[Deadlines] | None = None) -> None:
        self._policy = policy
        self._deadlines = deadlines or Live(Deadlines())
        self._sessions = Sessions(policy, self._deadlines.now.connect)

    @property
    def offline(self) -> bool:
        """Whether nothing is sent now."""
        return self._policy.now.offline

    def check(self, url: str) -> None:
        """Refuses a URL that no request would be sent to, as far as it shows by itself.

        Raises:
            OfflineError, AddressNotAllowedError: As a request would.
        """
        self._policy.now.check_target(parse(url))

    async def close(self) -> None:
        """Ends all connections. Closing twice is no error."""
        await self._sessions.close()

    @asynccontextmanager
    async def open(
        self,
        url: str | URL,
        *,
        method: str = "GET",
        headers: Mapping[str, str] | None = None,
        credential: Credential | None = None,
        follow: bool = True,
    ) -> AsyncGenerator[Answer]:
        """Sends a request without a body and follows redirects, unless `follow` is false; any
        status is an answer.

        Raises:
            OfflineError: Nothing was sent, since nothing is to be.
            AddressNotAllowedError: The URL, or a redirect, leads where none may.
            UnreachableError: There is no answer.
        """
        target = parse(str(url))
        self._policy.now.check_target(target)
        passed: list[Headers] = []
        while True:
            sent = dict(headers or {})
            if credential is not None and credential.origin == origin_of(target):
                sent.update(credential.headers)
            proxy = self._proxy(target)
            async with self._sessions.session(proxied=proxy is not None) as session:
                response = await self._send(
                    session.request(
                        method, target, headers=sent, allow_redirects=False, proxy=proxy
                    ),
                    host_of(target),
                    self._deadlines.now.first_byte,
                )
                try:
                    location = response.headers.get("Location")
                    if not follow or response.status not in _REDIRECTS or location is None:
                        stall = self._deadlines.now.stall
                        yield Answer(response, target, tuple(passed), stall)
                        return
                finally:
                    # What was read to its end is used again, all else is closed.
                    response.release()
            passed.append(response.headers)
            if len(passed) > _HOPS:
                raise AddressNotAllowedError(
                    host_of(target), f"it redirects more than {_HOPS} times"
                )
            before, target = target, parse(location, base=target)
            self._policy.now.check_redirect(before, target)

    async def post(self, url: str | URL, body: bytes, headers: Mapping[str, str]) -> Posted:
        """Sends a body, and follows no redirect: any status is an answer, and what else the host
        says is thrown away.

        Raises:
            OfflineError: Nothing was sent, since nothing is to be.
            AddressNotAllowedError: The URL leads where none may.
            UnreachableError: There is no answer; the host may have got the body all the same.
        """
        target = parse(str(url))
        self._policy.now.check_target(target)
        proxy = self._proxy(target)
        async with self._sessions.session(proxied=proxy is not None) as session:
            response = await self._send(
                session.request("POST", target, headers=headers, data=body,
                                allow_redirects=False, proxy=proxy),
                host_of(target), self._deadlines.now.post,
            )  # fmt: skip
            try:
                await _throw_away(response)
                return Posted(response.status, response.headers)
            finally:
                response.release()

    async def _send(
        self, request: Awaitable[aiohttp.ClientResponse], host: str, seconds: float
    ) -> aiohttp.ClientResponse:
        """The head of an answer, in so many seconds; raises UnreachableError."""
        try:
            async with asyncio.timeout(seconds):
                return await request
        except TimeoutError:  # aiohttp's own are of this kind too
            raise UnreachableError.by(host, Trouble.NO_FIRST_BYTE) from None
        except aiohttp.ClientConnectorDNSError:
            raise UnreachableError.by(host, Trouble.UNKNOWN_HOST) from None
        except aiohttp.ClientSSLError:
            raise UnreachableError.by(host, Trouble.BAD_CERTIFICATE) from None
        except (aiohttp.ClientConnectionError, OSError):
            raise UnreachableError.by(host, Trouble.NO_CONNECTION) from None
        except aiohttp.ClientError:
            raise UnreachableError.by(host, Trouble.NO_HTTP) from None

    def _proxy(self, url: URL) -> URL | None:
        """The proxy of a request. It can't reach what lies in this machine or site."""
        policy = self._policy.now
        host = host_of(url)
        address = address_of(host)
        inside = policy.may_be_private(host, url.port or 0) and (
            host == "localhost" or (address is not None and not is_public(address))
        )
        return None if inside or host in policy.private_hosts else policy.proxy


async def _throw_away(response: aiohttp.ClientResponse) -> None:
    """Reads the end of an answer that is short; what is longer is closed with its connection.
    Whatever comes of it: the status is there."""
    with suppress(aiohttp.ClientError, OSError):  # a TimeoutError is one
        async with asyncio.timeout(_THROWING_AWAY):
            await response.content.read(_THROWN_AWAY)
