"""`funland gateway`: the gateway alone, before a server elsewhere."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import typer

from funland_cli import options
from funland_cli.failures import CommandError
from funland_cli.serve import Config, Host, HttpPort, Listen, LogFormat, given_flags

if TYPE_CHECKING:
    import grpc.aio

    from funland_cli.failures import ExitCode
    from funland_cli.running import Service
    from funland_cli.settings import Settings

EPILOG = """\b
Examples:
  funland gateway --server 127.0.0.1:50051
  funland gateway --server 127.0.0.1:50051 --http-port 8080

\b
Its settings are those of `funland serve`: the [gateway] table, and how to log of [server].
"""

_GRACE_SECONDS = 10


def gateway(
    context: typer.Context,
    *,
    server: options.Server = None,
    host: Host = None,
    http_port: HttpPort = None,
    listen: Listen = None,
    config: Config = None,
    log_format: LogFormat = None,
    as_json: options.Json = False,
) -> None:
    """Start the gateway alone: REST and OpenAI's API for a server elsewhere."""
    # The gateway's imports are no other command's cost.
    from funland_cli.settings import load_settings  # noqa: PLC0415 - as above

    flags = given_flags(
        {
            "server.log_format": (log_format, "--log-format"),
            "gateway.host": (host, "--host"),
            "gateway.port": (http_port, "--http-port"),
            "gateway.listen": (listen or None, "--listen"),
        }
    )
    settings = load_settings(flags, config, os.environ)
    session = options.session(context, server, as_json)
    raise typer.Exit(asyncio.run(_run(settings, session)))


async def _run(settings: Settings, session: options.Session) -> ExitCode:
    import grpc.aio  # noqa: PLC0415 - as in gateway

    from funland_cli.running import (  # noqa: PLC0415 - as in gateway
        listen_http,
        made_gateway,
        places,
        run,
    )
    from funland_client.channel import (  # noqa: PLC0415 - as in gateway
        CHANNEL_OPTIONS,
        secured,
    )
    from funland_gateway.channel import GrpcChannel  # noqa: PLC0415 - as in gateway
    from funland_server import logs  # noqa: PLC0415 - as in gateway
    from funland_server.errors import StartError  # noqa: PLC0415 - as in gateway
    from funland_server.tracing.choice import (  # noqa: PLC0415 - as in gateway
        CLOSE_SECONDS,
        traces,
    )

    logs.configure(settings.server)
    try:
        tracing = traces(settings.server.traces_endpoint, settings.server.traces_ratio)
    except StartError as error:
        raise CommandError(error.message) from error

    async def start(services: list[Service]) -> None:
        if settings.gateway.is_reached_by_others:
            await _make_sure_of_accounts(channel, session.address)
        service = made_gateway(GrpcChannel(channel), settings.gateway, tracing=tracing)
        services.append(service)
        await listen_http(service)
        if session.output.as_json:
            session.output.event({"grpc": session.address, **places(service)})
        else:
            session.output.line("The gateway is ready.", "bold")
            ports = [(port.name, port.url) for port in service.ports]
            session.output.pairs([*ports, ("server", session.address)])

    try:
        target, credentials = secured(session.address, None)
    except ValueError as error:
        raise CommandError(str(error)) from error
    opened = (
        grpc.aio.insecure_channel(target, CHANNEL_OPTIONS)
        if credentials is None
        else grpc.aio.secure_channel(target, credentials, CHANNEL_OPTIONS)
    )
    async with opened as channel:
        try:
            return await run(start, lambda: _GRACE_SECONDS)
        finally:
            await tracing.close(CLOSE_SECONDS)


async def _make_sure_of_accounts(channel: grpc.aio.Channel, address: str) -> None:
    """Raises CommandError for a server that answers whoever asks."""
    import grpc  # noqa: PLC0415 - as in gateway

    from funland.v1.models_pb2 import ListModelsRequest  # noqa: PLC0415 - as in gateway
    from funland.v1.models_pb2_grpc import ModelServiceStub  # noqa: PLC0415 - as in gateway

    stub: ModelServiceStub = ModelServiceStub(channel)
    try:
        await stub.ListModels(ListModelsRequest(page_size=1), timeout=_GRACE_SECONDS)
    except grpc.aio.AioRpcError as error:
        if error.code() == grpc.StatusCode.UNAUTHENTICATED:
            return
        raise CommandError(
            f"The server at {address} does not say that it has accounts: {error.details()}.",
            hint="Off loopback the gateway starts after its server.",
        ) from error
    raise CommandError(
        f"The server at {address} answers whoever asks, and the gateway would let others in.",
        hint="Set server.accounts = true there, or listen on 127.0.0.1.",
    )
