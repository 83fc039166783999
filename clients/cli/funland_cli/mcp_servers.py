"""`funland mcp-servers`: the MCP servers whose tools chats may use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Final

import typer

from funland.v1.mcp_pb2 import McpServer, McpTool
from funland_cli import options
from funland_cli.documents import document
from funland_cli.views import word

EPILOG = """\b
Examples:
  funland mcp-servers
  funland mcp-servers --connect
  funland mcp-servers files
  funland chat "What is in my notes?" --mcp files

\b
They stand in the settings file of the server, as tables [mcp.servers.NAME].
"""

_COLUMNS: Final = ("SERVER", "BY", "STATE", ">TOOLS", "FOR", "ERROR")
_OF_TOOLS: Final = ("TOOL", "DESCRIPTION")


def mcp_servers(
    context: typer.Context,
    *,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="The tools of this one.")
    ] = None,
    connect: Annotated[
        bool, typer.Option("--connect", help="Reach those first that were not needed yet.")
    ] = False,
    server: options.Server = None,
    as_json: options.Json = False,
) -> None:
    """List the MCP servers that chats may use, or the tools of one."""
    session = options.session(context, server, as_json)
    with session.client() as client:
        found = client.mcp.list(name or "", connect=connect or name is not None)
    if session.output.as_json:
        session.output.document({"servers": [document(each) for each in found]})
    elif name is None:
        session.output.table(_COLUMNS, map(_row, found))
    else:
        session.output.table(_OF_TOOLS, (row for each in found for row in _tools(each)))


def _row(server: McpServer) -> tuple[str, ...]:
    return (
        server.name,
        word(McpServer.Transport, server.transport),
        word(McpServer.State, server.state),
        str(len(server.tools)),
        "admins" if server.admins_only else "all",
        server.error.message,
    )


def _tools(server: McpServer) -> Iterator[tuple[str, ...]]:
    for tool in server.tools:
        yield tool.told_name, _described(tool)


def _described(tool: McpTool) -> str:
    """The first line, or why no model is told of it."""
    if tool.left_out:
        return f"(left out: {tool.left_out})"
    return next(iter(tool.description.splitlines()), "")
