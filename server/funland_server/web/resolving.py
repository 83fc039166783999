"""Looks hosts up, and gives only addresses that were checked."""

from __future__ import annotations

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

from funland_server.web.policy import WebPolicy


class CheckedResolver(AbstractResolver):
    """The connection goes to an address that this gave, so a name can't lead elsewhere later."""

    def __init__(self, policy: WebPolicy) -> None:
        self._policy = policy
        self._inner = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host.

        Raises:
            AddressNotAllowedError: One of them is private.
            OSError: It has none.
        """
        found = await self._inner.resolve(host, port, family)
        self._policy.check_addresses(host, port, (one["host"] for one in found))
        return found

    async def close(self) -> None:
        """Nothing to close."""
        await self._inner.close()
