"""MCP servers as strangers make them: programs, and one over HTTP."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from funland_server.config import ServerSettings
from funland_server.live import Live
from funland_server.mcp.domain import Mcp
from funland_server.mcp.settings import McpSettings

SERVERS = Path(__file__).parents[2] / "mcp_servers"
WEATHER = [sys.executable, "-I", str(SERVERS / "weather.py")]
KETTLE = [sys.executable, str(SERVERS / "kettle.py")]
SECRET = "s3cret-password"  # noqa: S105 - nobody's

MakeMcp = Callable[..., Mcp]


@pytest.fixture
async def make_mcp() -> Any:
    """Makes the domain of some servers: `make_mcp(weather={"command": WEATHER})`."""
    made: list[Mcp] = []

    def make(*, offline: bool = False, **servers: Any) -> Mcp:
        settings = McpSettings.model_validate({"servers": servers})
        mcp = Mcp(settings, Live(ServerSettings(offline=offline)))
        made.append(mcp)
        return mcp

    yield make
    for mcp in made:
        await mcp.stop()


@pytest.fixture
def kettle_url() -> Iterator[str]:
    """The URL of a kettle."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen([*KETTLE, str(port)])
    try:
        # It listens when the socket takes a connection, and says nothing of that.
        while process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                continue
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.kill()
        process.wait()
