"""The `mcp` package's client starts `funland mcp` as hosts do, and calls the real service by it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("mcp", reason="it comes with the development group")

from mcp import Client, StdioServerParameters

if TYPE_CHECKING:
    from tests.cli.conftest import Command
    from tests.conftest import Stack

HELLO = [{"role": "USER", "content": "Hello!"}]


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
async def test_a_host_starts_it_and_has_the_tools(
    funland: Command, stack: Stack, mode: str
) -> None:
    news: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        news.append(progress)

    server = StdioServerParameters(
        command=funland.path,
        args=["mcp", "--url", f"{stack.http_url}/mcp"],
        env=funland.environment(),
    )
    async with asyncio.timeout(120), Client(server, mode=mode) as client:
        version = client.protocol_version
        tools = (await client.list_tools()).tools
        arguments: dict[str, Any] = {"messages": HELLO, "temperature": 0}
        chat: Any = await client.call_tool("chat", arguments, progress_callback=note)
        ghost: Any = await client.call_tool("get_model", {"model_id": "ghost"})

    assert version == ("2025-11-25" if mode == "legacy" else "2026-07-28")
    assert "transcribe" in {tool.name for tool in tools}
    assert chat.structured_content["text"]
    assert news
    assert "MODEL_NOT_FOUND" in ghost.content[0].text


@pytest.mark.parametrize("url", ["127.0.0.1:8000", "ftp://a/mcp", "http://"])
def test_an_url_that_is_none_is_wrong_usage(funland: Command, url: str) -> None:
    ended = funland("mcp", "--url", url)

    assert ended.returncode == 2
    assert "is no URL" in ended.stderr
    assert ended.stdout == ""


def test_a_key_does_not_leave_the_machine_in_the_open(funland: Command) -> None:
    ended = funland("mcp", "--url", "http://192.0.2.1:8000/mcp", FUNLAND_KEY="secret-key")

    assert ended.returncode == 1
    assert "192.0.2.1:8000" in ended.stderr
    assert "secret-key" not in ended.stderr + ended.stdout


def test_it_ends_with_its_host(funland: Command) -> None:
    ended = funland("mcp", "--url", "http://127.0.0.1:9/mcp", stdin="")

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
