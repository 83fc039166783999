"""Wires the gateway together and listens."""

from __future__ import annotations

import asyncio
import logging
from functools import partial
from types import ModuleType
from typing import cast

import structlog
from aiohttp import web

from funland.v1 import hub_pb2, inference_pb2, models_pb2, responses_pb2, system_pb2
from funland.v1.errors_pb2 import Error
from funland_gateway.calls import Calls
from funland_gateway.channel import Channel
from funland_gateway.config import GatewaySettings
from funland_gateway.connections import Connections
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.serving import add_dialect
from funland_gateway.guards import Guard
from funland_gateway.http_protocol import HttpProtocol, expecting
from funland_gateway.pages import add_pages
from funland_gateway.pipeline import pipeline
from funland_gateway.request_ids import HEADER, request_id
from funland_gateway.transcoding.native import add_native, error_response
from funland_gateway.transcoding.openapi import openapi_document
from funland_gateway.transcoding.routes import compile_routes

_log = structlog.get_logger(__name__)

_CONTRACT: tuple[ModuleType, ...] = (
    inference_pb2, models_pb2, hub_pb2, responses_pb2, system_pb2,
)  # fmt: skip
_LINGER_SECONDS = 1.0  # to take in the rest of a body that nobody reads
_CLOSE_SECONDS = 0.5  # for a handler to end after it was cancelled


class Gateway:
    """JSON for those who don't speak gRPC.

    ```python
    gateway = Gateway(channel, GatewaySettings(port=0))
    await gateway.start()
    print(gateway.url)
    await gateway.stop(grace_seconds=10)
    ```
    """

    def __init__(self, channel: Channel, settings: GatewaySettings) -> None:
        self._settings = settings
        self._connections = Connections(settings)
        self._runner = web.AppRunner(
            _application(channel, settings, self._connections),
            handler_cancellation=True,
            shutdown_timeout=_CLOSE_SECONDS,
        )
        self._listener: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens: `http://127.0.0.1:8000`. Raises `RuntimeError` before `start`."""
        if self._listener is None:
            raise RuntimeError("The gateway is not started.")
        host, port = self._listener.sockets[0].getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def start(self) -> None:
        """Listens. Raises `OSError` if the port is taken."""
        await self._runner.setup()
        server = cast("web.Server", self._runner.server)  # it is there after setup
        server.request_handler = expecting(server.request_handler, _respond)
        loop = asyncio.get_running_loop()
        protocol = partial(
            HttpProtocol,
            server,
            _respond,
            loop,
            access_log=None,  # the pipeline writes one
            logger=_http_logger(),
            lingering_time=_LINGER_SECONDS,
        )
        self._listener = await loop.create_server(
            self._connections.watched(protocol), self._settings.host, self._settings.port
        )
        _log.info("gateway_listens", url=self.url)

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more connections, lets requests end for so long, then cancels them."""
        if self._listener is not None:
            self._listener.close()
        if self._runner.server is not None:
            self._runner.server.pre_shutdown()  # each connection ends with its present request
            await self._connections.drain(grace_seconds)
        await self._runner.cleanup()


def _application(
    channel: Channel, settings: GatewaySettings, connections: Connections
) -> web.Application:
    guard = Guard(settings)
    app = web.Application(middlewares=[pipeline(settings, guard, connections, _respond)])
    calls = Calls(channel)
    routes = compile_routes([module.DESCRIPTOR for module in _CONTRACT])
    add_native(app, routes, calls, settings)
    for dialect in DIALECTS:
        add_dialect(app, dialect, calls, settings)
    documented = [route for dialect in DIALECTS for route in dialect.documented_routes]
    add_pages(app, openapi_document(routes, documented))

    async def prepare(request: web.Request, response: web.StreamResponse) -> None:
        response.headers[HEADER] = request_id(request)
        guard.share(request, response)

    app.on_response_prepare.append(prepare)
    return app


def _http_logger() -> logging.Logger:
    """Where aiohttp reports troubles, but not those of bodies that were broken off."""

    def is_ours(record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], web.RequestPayloadError))

    logger = logging.getLogger("funland_gateway.http")
    logger.addFilter(is_ours)
    return logger


def _respond(error: Error, path: str) -> web.Response:
    for dialect in DIALECTS:
        if dialect.owns(path):
            return dialect.error_response(error)
    return error_response(error)
