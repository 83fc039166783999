"""`funland serve`: the server and the gateway in one process."""

from __future__ import annotations

import asyncio
import gc
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from funland_cli.failures import CommandError, ExitCode
from funland_cli.general import said_before
from funland_cli.output import Output

if TYPE_CHECKING:
    from funland_cli.running import Service
    from funland_cli.settings import Settings
    from funland_gateway.app import Gateway
    from funland_server.auth.domain import FirstAdmin
    from funland_server.config import ServerSettings
    from funland_server.configuration.given import Given

EPILOG = """\b
Examples:
  funland serve
  funland serve --grpc-port 0 --http-port 0 --json
  funland serve --listen 5000=manager
  FUNLAND_SERVER__SLOTS=64 funland serve

\b
Settings are read from funland.toml (here, else in the home), then from FUNLAND_<SECTION>__<SETTING>
variables, then from flags:
  [server]
  threads = 4
  [gateway]
  allowed_hosts = ["funland.internal"]

\b
Ctrl-C or SIGTERM lets running calls end; a second one stops at once.
"""

Config = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The settings.  [default: ./funland.toml, else the home's]"),
]
Host = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="The address.  [default: 127.0.0.1]")
]
HttpPort = Annotated[
    int | None,
    typer.Option(metavar="PORT", help="The port of REST and web; 0: any.  [default: 8000]"),
]
Listen = Annotated[
    list[str] | None,
    typer.Option(
        metavar="[HOST:]PORT=DIALECT",
        help="A port where one dialect alone answers: 5000=manager. May be repeated.",
    ),
]
LogFormat = Annotated[
    Literal["text", "json"] | None, typer.Option(help="How log lines look.  [default: text]")
]


def serve(
    context: typer.Context,
    *,
    host: Host = None,
    grpc_port: Annotated[
        int | None, typer.Option(metavar="PORT", help="The port of gRPC; 0: any.  [default: 50051]")
    ] = None,
    http_port: HttpPort = None,
    listen: Listen = None,
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="The folder of models and state.  [default: $FUNLAND_HOME]"
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="The default model.  [default: funland-tiny]"
        ),
    ] = None,
    config: Config = None,
    log_format: LogFormat = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Write one line of JSON when it is ready.")
    ] = False,
) -> None:
    """Start the service: gRPC, REST and OpenAI's API."""
    flags = {
        "server.host": (host, "--host"),
        "server.port": (grpc_port, "--grpc-port"),
        "server.home": (home, "--home"),
        "server.default_model": (model, "--model"),
        "server.log_format": (log_format, "--log-format"),
        "gateway.host": (host, "--host"),
        "gateway.port": (http_port, "--http-port"),
        "gateway.listen": (listen or None, "--listen"),
    }
    output = Output(as_json or said_before(context).as_json)
    # Of what is imported little is garbage, and to go through it all, again and again, would be a
    # tenth of the start.
    gc.disable()
    try:
        # The service is a second of imports that no other command needs.
        from funland_cli.settings import (  # noqa: PLC0415 - as above
            check_accounts,
            load_settings,
        )
        from funland_server.errors import StartError  # noqa: PLC0415 - as above
        from funland_server.one_server import alone_in  # noqa: PLC0415 - as above

        settings = load_settings(given_flags(flags), config, os.environ)
        check_accounts(settings)
        try:
            with alone_in(settings.server.home):
                exit_code = asyncio.run(_serve(settings, output))
        except StartError as error:
            raise CommandError(error.message) from error
    finally:
        gc.enable()
    raise typer.Exit(exit_code)


def given_flags(flags: dict[str, tuple[Any, str]]) -> dict[str, Given]:
    """Makes a layer of the flags that were given."""
    from funland_cli.settings import flag  # noqa: PLC0415 - as in serve

    return {
        setting: flag(value, name) for setting, (value, name) in flags.items() if value is not None
    }


async def _serve(settings: Settings, output: Output) -> ExitCode:
    from funland_cli.running import (  # noqa: PLC0415 - as in serve
        listen,
        listen_http,
        made_gateway,
        run,
    )
    from funland_cli.settling import settle  # noqa: PLC0415 - as in serve
    from funland_gateway.dialects.openai.lines import OpenAILines  # noqa: PLC0415 - as in serve
    from funland_server import errors, logs  # noqa: PLC0415 - as in serve
    from funland_server.app import Server  # noqa: PLC0415 - as in serve
    from funland_server.batches.lines import Refused  # noqa: PLC0415 - as in serve
    from funland_server.tracing.choice import (  # noqa: PLC0415 - as in serve
        CLOSE_SECONDS,
        traces,
    )

    logs.configure(settings.server)

    tracing = traces(settings.server.traces_endpoint, settings.server.traces_ratio)
    server = Server(settings.server, settings.joined, OpenAILines(Refused), settings.mcp, tracing)

    async def start(services: list[Service]) -> None:
        services.append(server)
        try:
            await listen(
                server.start, "gRPC", settings.server.host, settings.server.port, "--grpc-port"
            )
        except errors.FunlandError as error:
            raise CommandError(error.message) from error
        gateway = made_gateway(
            server.channel, settings.gateway, server.auth.own_authorization, tracing
        )
        services.append(gateway)
        await listen_http(gateway)
        _announce(server.address, gateway, settings.server, output, server.auth.first_admin)
        await asyncio.to_thread(settle)

    try:
        return await run(start, lambda: server.settings.now.drain_seconds)
    finally:
        await tracing.close(CLOSE_SECONDS)


def _announce(
    grpc: str, gateway: Gateway, settings: ServerSettings, output: Output, admin: FirstAdmin | None
) -> None:
    """Says where it listens, and here alone how to log in for the first time."""
    from funland_cli.running import places  # noqa: PLC0415 - as in serve

    if output.as_json:
        first = {"username": admin.username, "password": admin.password} if admin else None
        told = {"first_admin": first} if first else {}
        output.event({"grpc": grpc, **places(gateway), "home": str(settings.home), **told})
        return
    ports = [(port.name, port.url) for port in gateway.ports]
    output.line("Funland is ready.", "bold")
    output.pairs([("gRPC", grpc), *ports, ("home", str(settings.home))])
    if admin is not None:
        output.line()
        output.line("Nobody could log in, so there is a user now. This is told once:")
        output.pairs([("user", admin.username), ("password", admin.password)])
    output.line()
    output.line("Try it:")
    if settings.accounts:
        output.line("""  export FUNLAND_KEY=...  # a token, or a key, of a user""")
    output.line(f"  curl {gateway.url}/v1/chat/completions -H 'content-type: application/json' \\")
    if settings.accounts:
        output.line("""    -H "authorization: Bearer $FUNLAND_KEY" \\""")
    output.line("""    -d '{"messages": [{"role": "user", "content": "Tell me a story."}]}'""")
    output.line()
    output.line("Ctrl-C stops it.", "dim")
