"""A port, and the application that answers there."""

from __future__ import annotations

import asyncio
import logging
import ssl
from functools import partial
from typing import cast

import structlog
from aiohttp import web

from funland_gateway.connections import Connections
from funland_gateway.http_protocol import HttpProtocol, Respond, expecting

_log = structlog.get_logger(__name__)

_LINGER_SECONDS = 1.0  # to take in the rest of a body that nobody reads
_CLOSE_SECONDS = 0.5  # for a handler to end after it was cancelled


class Port:
    """Listens for an application."""

    def __init__(
        self,
        name: str,
        host: str,
        number: int,
        app: web.Application,
        *,
        connections: Connections,
        respond: Respond,
        tls: ssl.SSLContext | None = None,
        handshake_seconds: float = 10.0,
    ) -> None:
        """With `tls` it speaks https; a handshake may take `handshake_seconds`."""
        self._tls = tls
        self._handshake_seconds = handshake_seconds
        self.name = name
        """What is spoken there."""
        self.host = host
        self.number = number
        """As it was asked for; `url` has the one that 0 became."""
        self._runner = web.AppRunner(
            app, handler_cancellation=True, shutdown_timeout=_CLOSE_SECONDS
        )
        self._connections = connections
        self._respond = respond
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:8000`. Raises `RuntimeError` before `start`."""
        if self._listener is None:
            raise RuntimeError("The gateway is not started.")
        host, port = self._listener.sockets[0].getsockname()[:2]
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    async def start(self) -> None:
        """Listens. Raises `OSError` if the port is taken."""
        await self._runner.setup()
        server = cast("web.Server", self._runner.server)  # it is there after setup
        server.request_handler = expecting(server.request_handler, self._respond)
        loop = asyncio.get_running_loop()
        protocol = partial(
            HttpProtocol,
            server,
            self._respond,
            loop,
            access_log=None,  # the pipeline writes one
            logger=_http_logger(),
            lingering_time=_LINGER_SECONDS,
        )
        self._listener = await loop.create_server(
            self._connections.watched(protocol),
            self.host,
            self.number,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else self._handshake_seconds,
        )
        _log.info("gateway_listens", url=self.url, speaks=self.name)

    def close(self) -> None:
        """Takes no more connections; each that there is ends with its present request."""
        if self._listener is not None:
            self._listener.close()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()

    async def end(self) -> None:
        """Cancels what still runs."""
        await self._runner.cleanup()


def _http_logger() -> logging.Logger:
    """Where aiohttp reports troubles, but not those of bodies that were broken off."""

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], web.RequestPayloadError))

    logger = logging.getLogger("funland_gateway.http")
    logger.addFilter(is_ours)
    return logger
