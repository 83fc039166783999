"""Wires the gateway together and listens."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import ModuleType

from aiohttp import web

from funland.v1 import (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)
from funland.v1.errors_pb2 import Error
from funland_gateway.calls import LIMITS, Calls
from funland_gateway.channel import Channel
from funland_gateway.config import GatewaySettings
from funland_gateway.connections import Connections
from funland_gateway.dialects import DIALECTS
from funland_gateway.dialects.dialect import Dialect
from funland_gateway.dialects.openai.routes import OPENAI
from funland_gateway.dialects.serving import add_dialects
from funland_gateway.dialects.sharing import joint_routes, owners
from funland_gateway.endpoints import Endpoints
from funland_gateway.guards import Guard, protect
from funland_gateway.mcp.routes import mcp
from funland_gateway.page import add_page
from funland_gateway.pages import add_pages
from funland_gateway.pipeline import pipeline
from funland_gateway.ports import Port
from funland_gateway.request_ids import HEADER, request_id
from funland_gateway.sockets import Sockets
from funland_gateway.tls import context
from funland_gateway.traced_channel import TracedChannel
from funland_gateway.tracing import Tracing
from funland_gateway.transcoding.native import add_native, error_response
from funland_gateway.transcoding.openapi import openapi_document
from funland_gateway.transcoding.routes import compile_routes

_CONTRACT: tuple[ModuleType, ...] = (
    auth_pb2,
    batches_pb2,
    datasets_pb2,
    deployments_pb2,
    downloads_pb2,
    files_pb2,
    hardware_pb2,
    hub_pb2,
    images_pb2,
    inference_pb2,
    mcp_pb2,
    models_pb2,
    nodes_pb2,
    plugins_pb2,
    projects_pb2,
    responses_pb2,
    sessions_pb2,
    speech_pb2,
    system_pb2,
    tasks_pb2,
    training_pb2,
    uploads_pb2,
)

_ALL = "HTTP"
"""The name of the port for all that is spoken."""


def spoken() -> tuple[Dialect, ...]:
    """All that a gateway speaks beside the contract's own JSON, in the order of `SPOKEN`."""
    return (*DIALECTS, mcp())


class Gateway:
    """JSON for those who don't speak gRPC.

    ```python
    gateway = Gateway(channel, GatewaySettings(port=0))
    await gateway.start()
    print(gateway.url)
    await gateway.stop(grace_seconds=10)
    ```
    """

    def __init__(
        self,
        channel: Channel,
        settings: GatewaySettings,
        authorization: str = "",
        tracing: Tracing | None = None,
    ) -> None:
        """`authorization` is what the gateway's own calls show; by default the settings' key.
        `tracing` keeps traces of what it answers; without, or if it is off, nobody does.

        Raises:
            CertificateUnusableError
        """
        key = settings.access_key
        self._own = f"Bearer {key.get_secret_value()}" if key is not None else ""
        authorization = authorization or self._own
        self._tls = context(settings)
        self._tracing = tracing if tracing is not None and tracing.on else None
        if self._tracing is not None:
            channel = TracedChannel(channel, self._tracing)
        self._channel = channel
        self._settings = settings
        self._connections = Connections(settings)
        self._sockets = Sockets(settings)
        dialects = spoken()
        by_name = {dialect.name: (dialect,) for dialect in dialects}
        common = self._port(_ALL, settings.host, settings.port, dialects, native=True)
        others = [
            self._port(
                place.dialect, place.host or settings.host, place.port, by_name[place.dialect]
            )
            for place in settings.listen
        ]
        self.ports: tuple[Port, ...] = (common, *others)
        """Where it listens: first for all that it speaks, then for `settings.listen`."""
        self._endpoints = Endpoints(
            channel, self._endpoint, self._common_urls, authorization=authorization
        )

    @property
    def url(self) -> str:
        """The first port: `http://127.0.0.1:8000`. Raises `RuntimeError` before `start`."""
        return self.ports[0].url

    async def start(self) -> None:
        """Listens on all ports. Raises `OSError` if one is taken."""
        for port in self.ports:
            await port.start()
        self.follow_deployments()

    def follow_deployments(self) -> None:
        """Opens ports of deployments from now on; to be called once all ports listen."""
        self._endpoints.begin()

    async def stop(self, grace_seconds: float) -> None:
        """Takes no more connections, lets requests end for so long, then cancels them. WebSockets
        end at once."""
        self._endpoints.rest()
        for port in self.ports:
            port.close()
        self._sockets.stop()
        await self._connections.drain(grace_seconds)
        await asyncio.gather(*(port.end() for port in self.ports), self._endpoints.end())

    def _endpoint(self, name: str, number: int, dialect: Dialect) -> Port:
        """A port of a deployment."""
        return self._port(name, self._settings.host, number, (dialect,))

    def _common_urls(self) -> list[str]:
        """Where OpenAI's API is answered for all models."""
        return [port.url for port in self.ports if port.name in (_ALL, OPENAI.name)]

    def _port(
        self,
        name: str,
        host: str,
        number: int,
        dialects: Sequence[Dialect],
        *,
        native: bool = False,
    ) -> Port:
        """A port for dialects, and with `native` for the contract's own JSON."""
        settings, connections = self._settings, self._connections
        owner = owners(dialects)

        def respond(error: Error, path: str) -> web.Response:
            dialect = owner(path) if native else dialects[0]
            return dialect.error_response(error) if dialect else error_response(error)

        guard = Guard(settings, host)
        passing = pipeline(settings, guard, connections, respond, self._tracing)
        app = web.Application(middlewares=[passing])
        if not native:
            dialects = [replace(one, routes=one.routes + one.own_routes) for one in dialects]
        calls = Calls(self._channel, self._own)
        files = [module.DESCRIPTOR for module in _CONTRACT if native]
        routes = compile_routes(files)
        add_native(app, routes, calls, self._sockets, settings)
        add_dialects(app, dialects, calls, self._sockets, settings)
        documented = [route for _, route in joint_routes(dialects)]
        add_pages(app, partial(openapi_document, routes, documented), at_root=not native)
        if native:
            add_page(app)

        async def prepare(request: web.Request, response: web.StreamResponse) -> None:
            response.headers[HEADER] = request_id(request)
            response.headers.update(request.get(LIMITS, ()))
            protect(response, secure=self._tls is not None)
            guard.share(request, response)

        app.on_response_prepare.append(prepare)
        return Port(
            name, host, number, app,
            connections=connections, respond=respond,
            tls=self._tls, handshake_seconds=settings.header_timeout_seconds,
        )  # fmt: skip
