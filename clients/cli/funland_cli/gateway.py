"""`funland gateway`: the gateway alone, before a server elsewhere."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import typer

from funland_cli import options
from funland_cli.serve import Config, Host, HttpPort, Listen, LogFormat, given_flags

if TYPE_CHECKING:
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

    from funland_cli.running import listen_http, places, run  # noqa: PLC0415 - as in gateway
    from funland_client.channel import CHANNEL_OPTIONS  # noqa: PLC0415 - as in gateway
    from funland_gateway.app import Gateway  # noqa: PLC0415 - as in gateway
    from funland_gateway.channel import GrpcChannel  # noqa: PLC0415 - as in gateway
    from funland_server import logs  # noqa: PLC0415 - as in gateway

    logs.configure(settings.server)

    async def start(services: list[Service]) -> None:
        service = Gateway(GrpcChannel(channel), settings.gateway)
        services.append(service)
        await listen_http(service)
        if session.output.as_json:
            session.output.event({"grpc": session.address, **places(service)})
        else:
            session.output.line("The gateway is ready.", "bold")
            ports = [(port.name, port.url) for port in service.ports]
            session.output.pairs([*ports, ("server", session.address)])

    async with grpc.aio.insecure_channel(session.address, CHANNEL_OPTIONS) as channel:
        return await run(start, lambda: _GRACE_SECONDS)
