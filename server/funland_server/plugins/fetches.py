"""What a plugin has fetched from hosts that it may connect to: it has no network of its own."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

from funland.worker.v1.plugin_pb2 import PluginFetch, PluginFetched
from funland_server.errors import FieldInvalidError, Violation
from funland_server.plugins.errors import PluginDeniedError
from funland_server.web.fetching import Web
from funland_server.web.urls import host_of, parse

_MOST_BYTES: Final = 16 * 1024**2
_MOST_HEADERS: Final = 32
_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_VALUE: Final = re.compile(r"[\x20-\x7e]{0,8192}")
_OURS: Final = (
    "accept-encoding", "connection", "content-length", "expect", "host", "proxy-authorization",
    "te", "trailer", "transfer-encoding", "upgrade",
)  # fmt: skip


class Fetches:
    """Those of one execution, by the safe fetch alone: it keeps them from this machine and site."""

    def __init__(self, plugin_id: str, web: Web, hosts: Collection[str]) -> None:
        """`hosts` are those that it may connect to, as `host:port`."""
        self._plugin_id = plugin_id
        self._web = web
        self._hosts = hosts

    async def fetch(self, wanted: PluginFetch) -> PluginFetched:
        """What the host answers; a redirect is an answer.

        Raises:
            PluginDeniedError: It may not connect to that host.
            FieldInvalidError: A header can't be sent.
            FunlandError: As `Web.open` and `Answer.read`.
        """
        url = parse(wanted.url)
        host = host_of(url)
        place = f"[{host}]:{url.port}" if ":" in host else f"{host}:{url.port}"
        if place not in self._hosts:
            raise PluginDeniedError(self._plugin_id, "network")
        headers = _checked(dict(wanted.headers))
        async with self._web.open(url, headers=headers, follow=False) as answer:
            return PluginFetched(
                status=answer.status,
                headers={
                    name.lower(): value.encode(errors="replace").decode()  # not all are UTF-8
                    for name, value in answer.headers.items()
                },
                data=await answer.read(_MOST_BYTES),
            )


def _checked(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        plain = _NAME.fullmatch(name) and _VALUE.fullmatch(value)
        if not plain or name.lower() in _OURS or len(headers) > _MOST_HEADERS:
            raise FieldInvalidError([Violation("headers", f"can't have {name[:64]!r}")])
    return headers
