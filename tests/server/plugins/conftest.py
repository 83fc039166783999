"""A server in this process, and plugins that a test writes."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc.aio
import psutil
import pytest
import pytest_asyncio

from funland.v1 import plugins_pb2
from funland_server.app import Server
from funland_server.config import ServerSettings
from tests.server.conftest import call, details

_PROBE = "from funland_plugin.isolation.probing import missing; print(missing())"
MISSING = subprocess.run(
    [sys.executable, "-I", "-c", _PROBE],
    capture_output=True, text=True, check=True, timeout=60,
).stdout.strip()  # fmt: skip
"""What this machine lacks to run plugins; where that is something, they must not run."""

BEGIN = "def execute(context, input, config):\n"

Write = Callable[..., Path]


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Write:
    """Writes a plugin's folder: `write("name", "return {}", limits="memory_bytes = 1")`."""
    place = tmp_path_factory.mktemp("plugins")

    def write(plugin_id: str, body: str, head: str = "", **tables: str) -> Path:
        folder = place / plugin_id
        folder.mkdir(exist_ok=True)
        lines = "\n".join("    " + line for line in body.splitlines())
        code = body if body.startswith("#") else BEGIN + lines + "\n"
        (folder / f"{plugin_id}_code.py").write_text(code, encoding="utf-8")
        told = [
            f'id = "{plugin_id}"',
            f'name = "Plugin {plugin_id}"',
            'version = "1.0"',
            'category = "utility"',
            f'entry = "{plugin_id}_code:execute"',
            head,
        ]
        told += [f"[{name}]\n{content}" for name, content in tables.items()]
        (folder / "plugin.toml").write_text("\n".join(told), encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of the file's server."""
    return tmp_path_factory.mktemp("server") / "home"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """A port of this machine that takes connections."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def plugins(home: Path) -> AsyncIterator[Server]:
    """One server for a file's tests."""
    server = Server(
        ServerSettings(
            home=home, port=0, slots=4, max_context_length=256, allowed_private_hosts=("127.0.0.1",)
        )
    )
    await server.start()
    yield server
    await server.stop(0)


async def install(server: Server, folder: Path, **more: Any) -> plugins_pb2.Plugin:
    more = {"enable": True, "replace": True, **more}
    request = plugins_pb2.InstallPluginRequest(path=str(folder), **more)
    return await call(server, "InstallPlugin", request)


async def execute(
    server: Server, plugin_id: str, given: str = "{}", **more: Any
) -> plugins_pb2.PluginExecution:
    request = plugins_pb2.ExecutePluginRequest(plugin_id=plugin_id, input=given, **more)
    return await call(server, "ExecutePlugin", request)


def reason(error: grpc.aio.AioRpcError) -> str:
    return details(error)["ErrorInfo"].reason


def metadata(error: grpc.aio.AioRpcError) -> dict[str, str]:
    return dict(details(error)["ErrorInfo"].metadata)


async def refused(server: Server, plugin_id: str, given: str = "{}", **more: Any) -> Any:
    """The error of an execution; where plugins can't be kept in, the test ends as that is told."""
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await execute(server, plugin_id, given, **more)
    if MISSING:
        assert reason(raised.value) == "PLUGIN_ISOLATION_UNAVAILABLE"
        pytest.skip(f"plugins are refused here: {MISSING}")
    return raised.value


def hosts() -> list[psutil.Process]:
    """The processes that start plugins for this process's servers."""
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):  # it has ended
            if "funland_plugin.host" in child.cmdline():
                found.append(child)
    return found


def children_of_host() -> list[psutil.Process]:
    """The processes of executions that this process's servers have now."""
    return [child for host in hosts() for child in host.children(recursive=True)]
