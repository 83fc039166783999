"""The `mcp` package's client calls every tool of the real service, in each of its modes; and no
argument, however wrong, is more than a tool's error."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

pytest.importorskip("mcp", reason="it comes with the development group")

from jsonschema import Draft202012Validator
from mcp import Client, MCPError

from funland_gateway.mcp.listing import described_tools
from tests.hubs import models
from tests.hubs.kinds import stall
from tests.hubs.server import FakeHub

if TYPE_CHECKING:
    from tests.conftest import Stack, StartStack

MODEL = "funland-tiny"
HELLO = [{"role": "USER", "content": "Hello!"}]
STORY = [{"role": "USER", "content": "Tell me a story."}]
TOOLS = {tool["name"]: tool for tool in described_tools()}
MODES = {"auto": "2026-07-28", "legacy": "2025-11-25", "2026-07-28": "2026-07-28"}
"""How the client comes to a version, and to which."""


Connect = Callable[[], AbstractAsyncContextManager[Client]]


@pytest.fixture(params=MODES)
def connect(request: pytest.FixtureRequest, stack: Stack) -> Connect:
    """A client, which is left in the task that entered it."""

    @asynccontextmanager
    async def connected() -> AsyncGenerator[Client]:
        mode: str = request.param
        async with asyncio.timeout(120), Client(f"{stack.http_url}/mcp", mode=mode) as client:
            assert client.protocol_version == MODES[mode]
            yield client

    return connected


async def call(client: Client, name: str, **arguments: Any) -> Any:
    """What a tool gives; the client has checked it against the tool's schema."""
    result: Any = await client.call_tool(name, arguments)
    assert not result.is_error, result.content
    validator: Any = Draft202012Validator(TOOLS[name]["outputSchema"])
    validator.validate(result.structured_content)
    return result


async def told(client: Client, name: str, **arguments: Any) -> dict[str, Any]:
    result = await call(client, name, **arguments)
    return result.structured_content


async def failure(client: Client, name: str, **arguments: Any) -> str:
    """What is said of a call that fails."""
    result: Any = await client.call_tool(name, arguments)
    assert result.is_error
    return result.content[0].text


async def test_all_tools_are_listed(connect: Connect) -> None:
    async with connect() as client:
        listed = (await client.list_tools()).tools

        assert [tool.name for tool in listed] == list(TOOLS)
        assert listed[0].input_schema == TOOLS["chat"]["inputSchema"]
        assert listed[0].annotations is not None
        assert listed[0].annotations.read_only_hint is True
        assert client.server_capabilities.prompts is None


async def test_texts(connect: Connect) -> None:
    async with connect() as client:
        chat = await call(client, "chat", messages=HELLO, temperature=0)
        bound = await told(client, "chat", messages=HELLO, json_schema='{"const": 7}', max_tokens=9)
        more = await told(client, "generate", prompt="Once", max_tokens=4, temperature=0)
        vectors = await told(client, "embed", inputs=["a", "b"], dimensions=8)
        ranks = await told(client, "rerank", query="a", documents=["x", "a"])

        assert chat.content[0].text == chat.structured_content["text"] != ""
        assert chat.structured_content["model"] == MODEL
        assert bound["text"] == "7"
        assert more["completion_tokens"] == 4
        assert [len(each["values"]) for each in vectors["embeddings"]] == [8, 8]
        assert sorted(each["index"] for each in ranks["results"]) == [0, 1]


async def test_progress_grows_to_the_end(connect: Connect) -> None:
    async with connect() as client:
        news: list[tuple[float, float | None]] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            assert message
            news.append((progress, total))

        arguments = {"prompt": "a red circle on a blue background", "seed": 7, "n": 2}
        result: Any = await client.call_tool("generate_image", arguments, progress_callback=note)

        assert not result.is_error
        assert [part.type for part in result.content] == ["image", "image", "text"]
        assert base64.b64decode(result.content[0].data)[:3] == b"\xff\xd8\xff"
        assert [image["seed"] for image in result.structured_content["images"]] == [7, 8]
        assert news == sorted(set(news)) != []
        assert {total for _, total in news} == {2 * result.structured_content["steps"]}


async def test_speech_goes_out_and_in(connect: Connect) -> None:
    async with connect() as client:
        voices = (await told(client, "list_voices"))["voices"]
        spoken = await call(client, "synthesize_speech", text="Hello there.", voice="hibari:heart")
        sound = spoken.content[0]
        heard = await call(client, "transcribe", audio=sound.data, language="en")

        assert "hibari:heart" in {voice["voice_id"] for voice in voices}
        assert (sound.type, sound.mime_type) == ("audio", "audio/mpeg")
        assert heard.content[0].text == heard.structured_content["text"] == "Hello there."


async def test_models_and_the_machine(connect: Connect) -> None:
    async with connect() as client:
        listed = (await told(client, "list_models"))["models"]
        model = await told(client, "get_model", model_id=MODEL)
        estimate = await told(client, "estimate_model", model_id=MODEL, context_length=256)
        devices = (await told(client, "list_devices"))["devices"]
        storage = await told(client, "get_storage")
        downloads = await told(client, "list_downloads", states=["FAILED"])

        assert {each["model_id"]: each["kind"] for each in listed}[MODEL] == "TEXT"
        assert model["can_chat"]
        assert estimate["footprint"]["context_length"] == 256
        assert devices[0]["device_id"] == "cpu_0"
        assert storage["free_bytes"] > 0
        assert downloads["total_size"] == 0


async def test_what_fails_is_told_in_words(connect: Connect) -> None:
    async with connect() as client:
        assert "MODEL_NOT_FOUND: Model 'ghost'" in await failure(
            client, "get_model", model_id="ghost"
        )
        assert "temperature: must be" in await failure(
            client, "chat", messages=HELLO, temperature=9
        )
        assert "perhaps messages is meant" in await failure(client, "chat", mesages=HELLO)
        assert "DOWNLOAD_NOT_FOUND" in await failure(
            client, "wait_for_download", download_id="ghost"
        )
        assert "There is no tool 'ghost'" in await failure(client, "ghost")
        with pytest.raises(MCPError) as raised:
            await client.list_prompts()
        assert raised.value.error.code == -32601


async def test_who_cancels_a_call_goes_on_with_others(connect: Connect) -> None:
    async with connect() as client:
        begun = asyncio.Event()

        async def note(progress: float, total: float | None, message: str | None) -> None:
            begun.set()

        arguments: dict[str, Any] = {"messages": STORY, "max_tokens": 100_000}
        long = asyncio.create_task(client.call_tool("chat", arguments, progress_callback=note))
        await begun.wait()
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)

        assert (await told(client, "chat", messages=HELLO, max_tokens=1))["text"]


async def test_models_come_from_hubs(start_stack: StartStack) -> None:
    async with FakeHub() as hub:
        for name in ("library/small", "library/other"):
            hub.ollama.add(name, models.ollama_layers(), tag="1m", config=models.ollama_config())
        hub.faults.add(stall(after=0), path="*blobs*")
        stack = await asyncio.to_thread(
            start_stack,
            FUNLAND_SERVER__HUBS="ollama",
            **hub.settings,
        )
        async with asyncio.timeout(120), Client(f"{stack.http_url}/mcp") as client:
            found = await told(client, "search_models", query="small")
            looked = await told(client, "get_hub_model", model_id="small:1m", hub="OLLAMA")
            other = await told(client, "pull_model", source="other:1m")
            gone = await told(client, "cancel_download", download_id=other["download_id"])
            begun = await told(client, "pull_model", source="small:1m")
            named = {"download_id": begun["download_id"]}
            paused = await told(client, "pause_download", **named)
            rests = await told(client, "wait_for_download", **named)
            hub.faults.clear()
            resumed = await told(client, "resume_download", **named)
            ended = await told(client, "wait_for_download", **named)
            seen = await told(client, "get_download", **named)
            late = await failure(client, "cancel_download", **named)
            listed = await told(client, "list_models")

    assert found["models"] == []
    assert looked["variants"]
    assert gone["state"] == "CANCELLED"
    assert paused["state"] == rests["state"] == "PAUSED"
    assert resumed["state"] in ("QUEUED", "DOWNLOADING", "INSTALLING", "COMPLETED")
    assert ended["state"] == seen["state"] == "COMPLETED"
    assert "DOWNLOAD_STATE" in late
    assert ended["model_id"] in {each["model_id"] for each in listed["models"]}


RIGHT: dict[str, dict[str, Any]] = {
    "chat": {"messages": HELLO},
    "generate": {"prompt": "a"},
    "embed": {"inputs": ["a"]},
    "rerank": {"query": "a", "documents": ["a"]},
    "generate_image": {"prompt": "a"},
    "synthesize_speech": {"text": "a"},
    "transcribe": {"audio": "AA=="},
    "get_model": {"model_id": MODEL},
    "estimate_model": {"model_id": MODEL},
    "search_models": {"query": "a"},
    "get_hub_model": {"model_id": "a"},
    "pull_model": {"source": "a"},
    "wait_for_download": {"download_id": "a"},
    "get_download": {"download_id": "a"},
    "pause_download": {"download_id": "a"},
    "resume_download": {"download_id": "a"},
    "cancel_download": {"download_id": "a"},
}
WRONG: dict[str, list[Any]] = {
    "string": [7, True, [], {}, 1.5],
    "integer": ["x", True, [], {}, 1.5],
    "number": ["x", True, [], {}],
    "boolean": ["x", 7, [], {}],
    "array": ["x", 7, True, {}, [[[]]], [None]],
}


@pytest.mark.parametrize("name", TOOLS)
async def test_an_argument_of_a_wrong_type_is_the_tools_error(stack: Stack, name: str) -> None:
    asked = TOOLS[name]["inputSchema"]["properties"]
    headers = {"accept": "application/json, text/event-stream"}
    async with aiohttp.ClientSession(stack.http_url, headers=headers) as http:
        for argument, schema in asked.items():
            wrong: list[Any] = (
                ["x", [], {}, True, 1.5] if "enum" in schema else WRONG[schema["type"]]
            )
            for value in wrong:
                params = {"name": name, "arguments": {**RIGHT.get(name, {}), argument: value}}
                body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
                async with asyncio.timeout(120), http.post("/mcp", json=body) as answer:
                    assert answer.status == 200, (argument, value)
                    result = (await answer.json())["result"]
                assert result["isError"] is True, (argument, value)
                assert argument in result["content"][0]["text"], (argument, value)
