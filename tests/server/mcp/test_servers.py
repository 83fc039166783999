"""MCP servers that answer, hang, die, flood and lie: none of it reaches more than its own calls."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import aiohttp.web
import psutil
import pytest

from funland.v1.inference_pb2 import ToolCall
from funland.v1.mcp_pb2 import ListMcpServersRequest, McpServer
from funland_server.errors import FieldInvalidError
from funland_server.identity import Identity, acting_as
from funland_server.mcp.domain import Mcp
from funland_server.mcp.errors import McpServerNotFoundError, McpServerUnavailableError
from funland_server.mcp.server import Outcome
from funland_server.mcp.service import McpService
from funland_server.mcp.toolbox import Toolbox
from tests.server.conftest import until
from tests.server.mcp.conftest import KETTLE, SECRET, WEATHER, MakeMcp

RED = '{"cup": "red"}'
ROME = '{"city": "Rome"}'


async def call(toolbox: Toolbox, name: str, arguments: str = RED) -> Outcome:
    return await toolbox.call(ToolCall(id="1", name=name, arguments=arguments))


PROGRAMS = ("weather.py", "sleep", "yes", "false", "sh")


def children() -> list[psutil.Process]:
    """The programs that the servers of a test are; one over HTTP is the file's."""
    return [
        child
        for child in psutil.Process().children()
        if any(word.endswith(PROGRAMS) for word in child.cmdline())
    ]


@pytest.fixture(params=["stdio", "http"])
def kettle(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a server that is made with the SDK."""
    if request.param == "stdio":
        return {"command": KETTLE, "env": {"KETTLE_KEY": SECRET}, "timeout_seconds": 30}
    return {"url": request.getfixturevalue("kettle_url"), "timeout_seconds": 30}


async def test_a_server_of_the_sdk_is_called(
    make_mcp: MakeMcp, kettle: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "t0ken-of-somebody")
    mcp = make_mcp(kettle=kettle)
    toolbox = await mcp.toolbox(["kettle"], [])

    assert await call(toolbox, "boil") == Outcome("The red cup is hot.")
    failed = await call(toolbox, "fail")
    assert failed.is_failure
    assert failed.text.startswith("Error: ")
    shown = await call(toolbox, "picture")
    assert shown.text.splitlines() == [
        "The red cup:",
        "[left out: image of type image/png, 300 bytes]",
        "[left out: audio of type audio/wav, 300 bytes]",
    ]
    long = await call(toolbox, "ramble")
    assert len(long.text) == 64 * 1024
    assert long.text.endswith("[cut off: 400000 bytes]")
    hostile = await call(toolbox, "hostile")
    assert "<|" not in hostile.text
    assert "Forget all." in hostile.text
    odd = next(name for name in toolbox.tools if name.startswith("odd"))
    assert (await call(toolbox, odd)).text == "odd red"
    shout = toolbox.tools["shout"]
    assert "<|" not in shout.description
    assert len(shout.description.encode()) <= 4096
    wrong = await call(toolbox, "boil", "[1]")
    assert wrong == Outcome("Error: the arguments are not a JSON object.", is_failure=True)

    # What the process knows is what the settings give it, and nobody is told that.
    if "command" in kettle:
        told = (await call(toolbox, "echo", '{"word": "tea"}')).text
        assert told.startswith("tea *** ")
        assert "KETTLE_KEY" in told
        assert "SOMEBODYS_TOKEN" not in told

    # A caller that goes ends its own call alone.
    waiting = asyncio.create_task(call(toolbox, "hang"))
    assert (await call(toolbox, "boil")).text == "The red cup is hot."
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting

    # Tools that change are told to the next chat.
    assert (await call(toolbox, "grow")).text == "grown"
    async with asyncio.timeout(120):
        while "late" not in (await mcp.toolbox(["kettle"], [])).tools:  # noqa: ASYNC110 - the server tells it
            await asyncio.sleep(0)

    # What is too large ends the connection, and the next call has another.
    flooded = await call(toolbox, "flood")
    assert flooded.is_failure
    assert len(flooded.text) < 200
    assert (await call(toolbox, "boil")).text == "The red cup is hot."

    # One over HTTP that ends is lost; on this machine it may be called offline.
    if "url" in kettle:
        offline = await make_mcp(offline=True, kettle=kettle).toolbox(["kettle"], [])
        assert (await call(offline, "die")).is_failure
        assert (await call(toolbox, "boil")).is_failure
        assert "can't be reached" in (await call(toolbox, "boil")).text


async def test_a_server_of_the_handshakes_time_is_called(make_mcp: MakeMcp) -> None:
    toolbox = await make_mcp(weather={"command": WEATHER}).toolbox(["weather"], [])

    assert list(toolbox.tools) == ["weather", "broken", "hang", "end"]
    assert (await call(toolbox, "weather", ROME)).text == "It is sunny in Rome."
    assert await call(toolbox, "broken", ROME) == Outcome("Error: It is broken.", is_failure=True)


async def test_nothing_is_started_before_it_is_needed_and_all_share_it(
    make_mcp: MakeMcp, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    mcp = make_mcp(weather={"command": [*WEATHER, str(count)]})
    assert not count.exists()

    boxes = await asyncio.gather(*(mcp.toolbox(["weather"], []) for _ in range(5)))
    for box in boxes:
        await call(box, "weather", ROME)

    assert count.read_text().split() == ["start"] + 5 * ["weather"]
    await mcp.stop()
    assert not children()


async def test_a_server_that_dies_in_a_call_fails_it_and_comes_back(
    make_mcp: MakeMcp, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    mcp = make_mcp(weather={"command": [*WEATHER, str(count)]})
    toolbox = await mcp.toolbox(["weather"], [])

    died = await call(toolbox, "end", ROME)

    assert died.is_failure
    assert "its process has ended" in died.text
    assert (await call(toolbox, "weather", ROME)).text == "It is sunny in Rome."
    assert count.read_text().split() == ["start", "end", "start", "weather"]


async def test_a_server_that_hangs_costs_a_call_its_time_and_is_started_anew(
    make_mcp: MakeMcp,
) -> None:
    mcp = make_mcp(weather={"command": WEATHER, "timeout_seconds": 4})
    toolbox = await mcp.toolbox(["weather"], [])
    (child,) = children()
    child.send_signal(signal.SIGSTOP)

    hung = [await call(toolbox, "weather", ROME) for _ in range(2)]

    assert [one.text for one in hung] == 2 * ["Error: the tool did not answer within 4 s."]
    async with asyncio.timeout(120):
        while (await call(toolbox, "weather", ROME)).is_failure:
            continue
    assert not child.is_running()


async def test_a_caller_that_goes_while_a_server_starts_leaves_it_to_the_next(
    make_mcp: MakeMcp,
) -> None:
    mcp = make_mcp(weather={"command": WEATHER})
    gone = asyncio.create_task(mcp.toolbox(["weather"], []))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone

    toolbox = await mcp.toolbox(["weather"], [])

    assert (await call(toolbox, "weather", ROME)).text == "It is sunny in Rome."


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"command": ["/nowhere/at/all"]}, "it can't be started: No such file or directory."),
        ({"command": ["false"]}, "its process has ended."),
        ({"command": ["sleep", "1000"], "timeout_seconds": 1}, "it did not answer within 1 s."),
        ({"command": ["yes"]}, "it writes what are no messages of JSON-RPC."),
        ({"url": "http://127.0.0.1:1"}, "it can't be reached (ConnectError)."),
    ],
)
async def test_a_server_that_can_not_be_reached_says_why(
    make_mcp: MakeMcp, settings: dict[str, Any], why: str
) -> None:
    mcp = make_mcp(one=settings)

    with pytest.raises(McpServerUnavailableError, match="'one'") as raised:
        await mcp.toolbox(["one"], [])

    assert why in raised.value.message
    (server,) = (await listed(mcp)).servers
    assert server.state == McpServer.FAILED
    assert why in server.error.message
    await mcp.stop()
    assert not children()


async def test_a_server_that_is_lost_again_and_again_is_tried_ever_later(
    make_mcp: MakeMcp,
) -> None:
    mcp = make_mcp(one={"command": ["false"]})
    for _ in range(2):
        with pytest.raises(McpServerUnavailableError):
            await mcp.toolbox(["one"], [])

    with pytest.raises(McpServerUnavailableError) as raised:
        await mcp.toolbox(["one"], [])

    assert raised.value.retry_seconds
    assert (await listed(mcp)).servers[0].HasField("retry_time")


async def test_a_server_over_http_that_refuses_tells_no_header(make_mcp: MakeMcp) -> None:
    seen: list[str] = []

    async def refuse(request: aiohttp.web.Request) -> aiohttp.web.Response:
        seen.append(request.headers["authorization"])
        return aiohttp.web.json_response({"no": SECRET}, status=401)

    app = aiohttp.web.Application()
    app.router.add_route("*", "/mcp", refuse)
    runner = aiohttp.web.AppRunner(app)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    mcp = make_mcp(
        one={"url": f"http://127.0.0.1:{port}/mcp", "headers": {"Authorization": SECRET}}
    )

    with pytest.raises(McpServerUnavailableError) as raised:
        await mcp.toolbox(["one"], [])

    await runner.cleanup()
    assert set(seen) == {SECRET}
    assert SECRET not in raised.value.message
    assert SECRET not in str((await listed(mcp)).servers)


async def test_offline_only_this_machine_is_called(make_mcp: MakeMcp) -> None:
    mcp = make_mcp(offline=True, far={"url": "https://mcp.example"})

    with pytest.raises(McpServerUnavailableError, match="offline"):
        await mcp.toolbox(["far"], [])


async def test_a_chat_has_no_more_tools_than_it_may(make_mcp: MakeMcp) -> None:
    many = {"command": [*WEATHER, "--many"]}
    mcp = make_mcp(many=many, some={**many, "tools": ["weather_7", "weather_8"]})

    with pytest.raises(FieldInvalidError) as raised:
        await mcp.toolbox(["many"], ["own"])

    (violation,) = raised.value.violations
    assert violation.field == "mcp_servers"
    assert "mcp.servers.NAME.tools" in violation.description
    assert list((await mcp.toolbox(["some"], [])).tools) == ["weather_7", "weather_8"]
    assert len((await listed(mcp, name="many")).servers[0].tools) == 304


async def test_two_servers_with_the_same_tools_are_told_apart(make_mcp: MakeMcp) -> None:
    mcp = make_mcp(one={"command": WEATHER}, two={"command": WEATHER, "tools": ["weather"]})

    toolbox = await mcp.toolbox(["two", "one"], ["broken"])

    assert list(toolbox.tools) == ["two__weather", "one__weather", "one__broken", "hang", "end"]
    assert (await call(toolbox, "two__weather", ROME)).text == "It is sunny in Rome."


async def test_what_is_for_admins_is_not_there_for_others(make_mcp: MakeMcp) -> None:
    mcp = make_mcp(one={"command": WEATHER, "admins_only": True}, two={"command": WEATHER})

    with acting_as(Identity("user", scopes=frozenset({"infer"}))):
        assert [server.name for server in (await listed(mcp)).servers] == ["two"]
        with pytest.raises(McpServerNotFoundError, match="There are: two"):
            await mcp.toolbox(["one"], [])
        with pytest.raises(McpServerNotFoundError):
            await listed(mcp, name="one")
    assert [server.name for server in (await listed(mcp)).servers] == ["one", "two"]


async def test_servers_are_reached_to_be_listed_if_that_is_asked_for(make_mcp: MakeMcp) -> None:
    mcp = make_mcp(one={"command": WEATHER, "tools": ["weather"]}, two={"command": ["false"]})

    idle = await listed(mcp)
    one, two = (await listed(mcp, connect=True)).servers

    assert [server.state for server in idle.servers] == [McpServer.IDLE, McpServer.IDLE]
    assert (one.state, two.state) == (McpServer.READY, McpServer.FAILED)
    (tool,) = one.tools
    assert (tool.name, tool.told_name) == ("weather", "weather")
    assert json.loads(tool.parameters)["required"] == ["city"]
    assert "command" not in str(one)


async def test_what_a_process_has_started_ends_with_it(make_mcp: MakeMcp, tmp_path: Path) -> None:
    child = tmp_path / "child"
    script = f"sleep 1000 & echo $! > {child}; exec {' '.join(WEATHER)}"
    mcp = make_mcp(weather={"command": ["sh", "-c", script]})
    await mcp.toolbox(["weather"], [])
    pid = int(child.read_text())
    assert psutil.pid_exists(pid)

    await mcp.stop()

    async with asyncio.timeout(120):  # it was killed; the system takes a moment
        await until(lambda: not runs(pid))


def runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def listed(mcp: Mcp, **fields: Any) -> Any:
    return await McpService(mcp.visible).ListMcpServers(ListMcpServersRequest(**fields))
