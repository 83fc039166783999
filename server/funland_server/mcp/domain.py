"""The MCP servers of the settings; where there are none, nothing is imported, started or called."""

from __future__ import annotations

import asyncio
import importlib.util
from collections.abc import Collection, Sequence

from funland.v1 import mcp_pb2
from funland_server.config import ServerSettings
from funland_server.domain import Domain, Service
from funland_server.errors import FieldInvalidError, StartError, Violation
from funland_server.identity import caller
from funland_server.live import Live
from funland_server.mcp.errors import McpServerNotFoundError
from funland_server.mcp.held import Connect, HeldServer
from funland_server.mcp.http import Place, is_here
from funland_server.mcp.naming import MOST_TOOLS, named
from funland_server.mcp.server import ConnectionLostError
from funland_server.mcp.service import McpService
from funland_server.mcp.settings import McpServerSettings, McpSettings
from funland_server.mcp.stdio import Program
from funland_server.mcp.toolbox import Toolbox, usable


class Mcp(Domain):
    """What inference uses of it is there at once: servers are reached when they are needed."""

    def __init__(self, settings: McpSettings, server: Live[ServerSettings]) -> None:
        self._server = server
        self._servers = {
            name: HeldServer(name, one, self._connect(name, one))
            for name, one in sorted(settings.servers.items())
        }

    async def start(self) -> None:
        """Raises StartError if there are servers, and nothing that speaks to them."""
        if self._servers and importlib.util.find_spec("mcp") is None:
            raise StartError(
                "The settings have MCP servers, and the package `mcp` is not installed: install"
                " funland[mcp], or take [mcp.servers] out of the settings file."
            )

    def services(self) -> list[Service]:
        """Answers `McpService`."""
        service = McpService(self.visible)
        return [(mcp_pb2.DESCRIPTOR.services_by_name["McpService"], service)]

    def visible(self) -> list[HeldServer]:
        """Those that the caller may use, by name."""
        admin = caller().is_admin
        return [one for one in self._servers.values() if admin or not one.settings.admins_only]

    async def toolbox(self, names: Sequence[str], taken: Collection[str]) -> Toolbox:
        """The tools of servers, for one chat.

        Args:
            names: Of the servers.
            taken: The names of the caller's own tools.

        Raises:
            McpServerNotFoundError, McpServerUnavailableError, FieldInvalidError
        """
        visible = {one.name: one for one in self.visible()}
        for name in names:
            if name not in visible:
                raise McpServerNotFoundError(name, list(visible))
        servers = [visible[name] for name in dict.fromkeys(names)]
        tasks = [asyncio.create_task(one.tools()) for one in servers]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
        tools = [tool for task in tasks for tool in usable(task.result())]
        if len(tools) + len(taken) > MOST_TOOLS:
            raise FieldInvalidError([
                Violation(
                    "mcp_servers",
                    f"have {len(tools)} tools, and a chat has at most {MOST_TOOLS} with its own:"
                    " name those to use in the settings, as mcp.servers.NAME.tools",
                )
            ])  # fmt: skip
        return Toolbox(named(tools, taken), {one.name: one for one in servers})

    async def stop(self) -> None:
        """Ends the servers that were started."""
        await asyncio.gather(*(one.close() for one in self._servers.values()))

    def _connect(self, name: str, settings: McpServerSettings) -> Connect:
        """How a server is reached."""
        from funland_server.mcp import sdk  # noqa: PLC0415 - only where there are servers

        def transport() -> sdk.Transport:
            if settings.url is None:
                variables = {key: one.get_secret_value() for key, one in settings.env.items()}
                return sdk.by_command(Program(name, settings.command, variables, settings.secrets))
            now = self._server.now
            if now.offline and not is_here(settings.url):
                raise ConnectionLostError("server.offline is true, and it is not on this machine.")
            headers = {key: one.get_secret_value() for key, one in settings.headers.items()}
            return sdk.by_url(Place(settings.url, headers, now.proxy, settings.timeout_seconds))

        return lambda changed, lost: sdk.connected(
            transport(), changed=changed, lost=lost, timeout_seconds=settings.timeout_seconds
        )
