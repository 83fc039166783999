"""Connections to other hosts, and what they may lead to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import aiohttp

from funland_server.live import Live
from funland_server.web.policy import WebPolicy
from funland_server.web.resolving import CheckedResolver
from funland_server.web.urls import origin_of

_BUFFER: Final = 256 * 1024
_LOOK_UPS: Final = 10  # seconds for which checked addresses are kept
_HEADERS: Final = {"User-Agent": "funland", "Accept-Encoding": "identity"}


@dataclass(slots=True)
class _Kept:
    session: aiohttp.ClientSession
    policy: WebPolicy
    users: int = 0


class Sessions:
    """One for what goes through the proxy and one for the rest. When the policy changes, others are
    made: what was looked up and connected under the one before is not used for anything new."""

    def __init__(self, policy: Live[WebPolicy], connect_seconds: float) -> None:
        self._policy = policy
        self._connect_seconds = connect_seconds
        self._kept: dict[bool, _Kept] = {}
        self._before: list[_Kept] = []

    @asynccontextmanager
    async def session(self, *, proxied: bool) -> AsyncGenerator[aiohttp.ClientSession]:
        """One for the block, whatever changes meanwhile."""
        kept = self._kept.get(proxied)
        if kept is None or kept.policy != self._policy.now:
            if kept is not None:
                self._before.append(kept)
            kept = self._kept[proxied] = self._made(proxied=proxied)
        kept.users += 1
        try:
            yield kept.session
        finally:
            kept.users -= 1
            await self._close_unused()

    async def close(self) -> None:
        """Ends all connections. Closing twice is no error."""
        all_of_them = [*self._kept.values(), *self._before]
        self._kept.clear()
        self._before.clear()
        for kept in all_of_them:
            await kept.session.close()

    async def _close_unused(self) -> None:
        unused = [kept for kept in self._before if not kept.users]
        self._before = [kept for kept in self._before if kept.users]
        for kept in unused:
            await kept.session.close()

    def _made(self, *, proxied: bool) -> _Kept:
        policy = self._policy.now
        allowed = policy
        if proxied and policy.proxy is not None:
            # The only host that is looked up here is then the proxy.
            allowed = WebPolicy(endpoints=frozenset({origin_of(policy.proxy)}))
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=0, resolver=CheckedResolver(allowed), ttl_dns_cache=_LOOK_UPS
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
            auto_decompress=False,
            read_bufsize=_BUFFER,
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_seconds),
        )
        return _Kept(session, policy)
