"""`funland mcp`: the service's tools for hosts that start MCP servers as commands."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from funland_cli import general
from funland_cli.failures import CommandError, ExitCode

EPILOG = """\b
Examples:
  {"mcpServers": {"funland": {"command": "funland", "args": ["mcp"]}}}
  funland mcp --url https://funland.internal:8000/mcp

\b
It speaks MCP over its standard input and output with the host that starts it, and sends all on to
a service that runs. Hosts that take a URL need it not: docs/mcp.md. A key is taken from
FUNLAND_KEY.
"""

_DEFAULT: Final = "http://127.0.0.1:8000/mcp"


def mcp(
    url: Annotated[
        str, typer.Option(metavar="URL", help="Where the service's MCP endpoint is.")
    ] = _DEFAULT,
    *,
    as_json: general.Json = False,
) -> None:
    """Bring the service's tools to a host that starts MCP servers as commands."""
    asyncio.run(_run(url))


async def _run(url: str) -> None:
    # The imports are no other command's cost.
    import ssl  # noqa: PLC0415 - as above

    import aiohttp  # noqa: PLC0415 - as above

    from funland_cli.bridge import carry  # noqa: PLC0415 - as above
    from funland_client.channel import CA_VARIABLE  # noqa: PLC0415 - as above

    headers = _headers(url)
    believed = os.environ.get(CA_VARIABLE)
    trust = ssl.create_default_context(cafile=believed) if believed else True
    connector = aiohttp.TCPConnector(limit=0, ssl=trust)
    forever = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with aiohttp.ClientSession(headers=headers, connector=connector, timeout=forever) as http:
        await carry(http, url)


def _headers(url: str) -> dict[str, str]:
    """What shows who calls; raises `KeyUnsafeError` where that would leave the machine in the
    open."""
    from funland_client.channel import is_loopback  # noqa: PLC0415 - as in _run
    from funland_client.credentials import KEY_VARIABLE, checked  # noqa: PLC0415 - as in _run
    from funland_client.errors import KeyUnsafeError  # noqa: PLC0415 - as in _run

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise CommandError(
            f"{url} is no URL: write one such as {_DEFAULT}.", exit_code=ExitCode.USAGE
        )
    if not (key := os.environ.get(KEY_VARIABLE, "").strip()):
        return {}
    if parts.scheme == "http" and not is_loopback(parts.netloc):
        raise KeyUnsafeError(parts.netloc)
    return {"Authorization": f"Bearer {checked(key)}"}
