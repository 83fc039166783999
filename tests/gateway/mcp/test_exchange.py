"""One message a request, over HTTP, before a server whose answers the test writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest
from structlog.testing import capture_logs

from funland.v1.inference_pb2 import Delta, Finish, GenerationEvent
from funland.v1.models_pb2 import ListModelsResponse, Model
from funland_gateway.mcp.eras import CAPABILITIES_KEY, SERVER_KEY, VERSION_KEY, VERSIONS
from tests.gateway.conftest import Answers, StartGateway

NEW = "2026-07-28"
OLD = "2025-11-25"
BOTH = "application/json, text/event-stream"
META: dict[str, Any] = {VERSION_KEY: NEW, CAPABILITIES_KEY: {}}
HELLO = {"messages": [{"role": "USER", "content": "Hello!"}]}


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Any, text: str) -> None:
        self.status, self.headers, self.text = status, headers, text

    @property
    def json(self) -> Any:
        return orjson.loads(self.text)

    @property
    def events(self) -> list[Any]:
        """The data of server-sent events."""
        lines = [line for line in self.text.splitlines() if line.startswith("data: ")]
        return [orjson.loads(line.removeprefix("data: ")) for line in lines]


async def post(http: aiohttp.ClientSession, body: Any, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    said = {"accept": BOTH, "content-type": "application/json", **named}
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    async with http.post("/mcp", headers=said, data=data) as answer:
        return Answer(answer.status, answer.headers, await answer.text())


def old(method: str, request_id: Any = 1, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


async def new(http: aiohttp.ClientSession, method: str, name: str = "", **params: Any) -> Answer:
    named = {"mcp_name": name} if name else {}
    body = old(method, **{"_meta": META, **({"name": name} if name else {}), **params})
    return await post(http, body, mcp_protocol_version=NEW, mcp_method=method, **named)


async def list_models(request: Any, context: Any) -> ListModelsResponse:
    return ListModelsResponse(models=[Model(model_id="tiny")], total_size=1)


async def stream_chat(request: Any, context: Any) -> AsyncIterator[GenerationEvent]:
    start = GenerationEvent()
    start.start.model = "tiny"
    yield start
    yield GenerationEvent(delta=Delta(text="Hello"))
    yield GenerationEvent(finish=Finish(reason=Finish.STOP))


class Endless:
    """A chat that goes on until its caller leaves."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()

    async def stream(self, request: Any, context: Any) -> AsyncIterator[GenerationEvent]:
        try:
            yield GenerationEvent(delta=Delta(text="Hello"))
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_a_handshake(http: aiohttp.ClientSession) -> None:
    first = await post(http, old("initialize", protocolVersion="2025-06-18", capabilities={}))
    told = await post(
        http,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        mcp_protocol_version="2025-06-18",
    )
    ping = await post(http, old("ping", "p"), mcp_protocol_version="2025-06-18")

    result = first.json["result"]
    assert first.status == 200
    assert result["protocolVersion"] == "2025-06-18"
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"]["name"] == "funland"
    assert len(first.headers["Mcp-Session-Id"]) == 32
    assert (told.status, told.text) == (202, "")
    assert ping.json == {"jsonrpc": "2.0", "id": "p", "result": {}}


async def test_a_discovery(http: aiohttp.ClientSession) -> None:
    answer = await new(http, "server/discover")

    result = answer.json["result"]
    assert answer.status == 200
    assert result["supportedVersions"] == list(VERSIONS)
    assert (result["resultType"], result["cacheScope"]) == ("complete", "public")
    assert result["ttlMs"] >= 0
    assert result["_meta"][SERVER_KEY]["name"] == "funland"
    assert "Mcp-Session-Id" not in answer.headers


async def test_tools_are_listed_as_each_era_has_it(http: aiohttp.ClientSession) -> None:
    older = (await post(http, old("tools/list"))).json["result"]
    newer = (await new(http, "tools/list")).json["result"]

    assert older == {"tools": newer["tools"]}
    assert (newer["resultType"], newer["cacheScope"]) == ("complete", "public")
    assert (await post(http, old("tools/list", cursor="x"))).json["error"]["code"] == -32602


async def test_a_tool_is_called_as_each_era_has_it(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    answers["ListModels"] = list_models
    older = (await post(http, old("tools/call", name="list_models"))).json["result"]
    newer = (await new(http, "tools/call", "list_models", arguments={})).json["result"]

    assert older["structuredContent"]["models"][0]["model_id"] == "tiny"
    assert older["isError"] is False
    assert newer.pop("resultType") == "complete"
    assert newer.pop("_meta")
    assert newer == older


@pytest.mark.parametrize(
    ("method", "era", "status"),
    [
        ("server/discover", "old", 200),
        ("prompts/list", "old", 200),
        ("initialize", "new", 404),
        ("ping", "new", 404),
        ("prompts/list", "new", 404),
        ("subscriptions/listen", "new", 404),
    ],
)
async def test_a_method_that_an_era_lacks(
    http: aiohttp.ClientSession, method: str, era: str, status: int
) -> None:
    answer = await (post(http, old(method)) if era == "old" else new(http, method))

    assert (answer.status, answer.json["error"]["code"]) == (status, -32601)
    assert answer.json["id"] == 1


@pytest.mark.parametrize("params", [{}, {"name": 1}, {"name": "chat", "arguments": [1]}])
async def test_a_call_that_names_no_tool(
    http: aiohttp.ClientSession, params: dict[str, Any]
) -> None:
    answer = await post(http, old("tools/call", **params))

    assert (answer.status, answer.json["error"]["code"]) == (200, -32602)


async def test_an_unknown_tool_is_told_to_the_model(http: aiohttp.ClientSession) -> None:
    answer = await new(http, "tools/call", "paint")

    result = answer.json["result"]
    assert (answer.status, result["isError"]) == (200, True)
    assert "There is no tool 'paint', but chat" in result["content"][0]["text"]


async def test_a_failure_is_told_to_the_model(http: aiohttp.ClientSession) -> None:
    answer = await post(http, old("tools/call", name="get_storage"))

    assert answer.status == 200
    assert answer.json["result"]["isError"] is True
    assert "structuredContent" not in answer.json["result"]


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", -32600, 400),
        (b"{", -32700, 400),
        (b"[" * 70 + b"]" * 70, -32700, 400),
        (b"\xff", -32700, 400),
        (b"[]", -32600, 400),
        (b'[{"jsonrpc": "2.0", "id": 1, "method": "ping"}]', -32600, 400),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600, 400),
    ],
)
@pytest.mark.parametrize("version", ["", OLD, NEW])
async def test_a_body_that_is_no_message(
    http: aiohttp.ClientSession, body: bytes, code: int, status: int, version: str
) -> None:
    named = {"mcp_protocol_version": version} if version else {}
    answer = await post(http, body, **named)

    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert answer.json["id"] is None


async def test_a_body_that_is_too_large(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_body_bytes=100)
    async with aiohttp.ClientSession(gateway.url) as http:
        answer = await post(http, old("ping", x="x" * 100))

    assert (answer.status, answer.json["error"]["data"]["reason"]) == (413, "BODY_TOO_LARGE")


async def test_what_kinds_of_bodies_go_in_and_out(http: aiohttp.ClientSession) -> None:
    text = await post(http, old("ping"), content_type="text/plain")
    json_alone = await post(http, old("ping"), accept="application/json")
    any_kind = await post(http, old("ping"), accept="*/*")

    assert (text.status, json_alone.status, any_kind.status) == (415, 406, 200)


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_there_is_nothing_to_listen_to_and_nothing_to_end(
    http: aiohttp.ClientSession, method: str
) -> None:
    async with http.request(method, "/mcp", headers={"accept": "text/event-stream"}) as answer:
        assert answer.status == 405
        assert "POST" in answer.headers["Allow"]
        assert (await answer.json())["jsonrpc"] == "2.0"


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
async def test_pages_of_others_are_refused(
    http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    answer = await post(http, old("ping"), **headers)

    assert answer.status == 403
    assert answer.json["error"]["data"]["reason"] == "HOST_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("version", "body", "status"),
    [
        (NEW, {"method": "notifications/cancelled", "params": {"requestId": 1}}, 202),
        ("2099-01-01", {"method": "notifications/x"}, 400),
        (OLD, {"method": "notifications/x"}, 202),
        (OLD, {"method": "notifications/cancelled"}, 202),
        (OLD, {"id": 1, "result": {}}, 202),
        (NEW, {"id": 1, "result": {}}, 400),
    ],
)
async def test_what_wants_no_answer(
    http: aiohttp.ClientSession, version: str, body: dict[str, Any], status: int
) -> None:
    answer = await post(http, {"jsonrpc": "2.0", **body}, mcp_protocol_version=version)

    assert answer.status == status
    assert bool(answer.text) == (status != 202)


async def test_progress_is_told_to_who_asks_for_it(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    answers["StreamChat"] = stream_chat
    asked = {"name": "chat", "arguments": HELLO}
    plain = await post(http, old("tools/call", **asked))
    told = await post(http, old("tools/call", **asked, _meta={"progressToken": "t"}))
    newer = await new(
        http, "tools/call", "chat", arguments=HELLO, _meta={**META, "progressToken": 7}
    )

    assert plain.json["result"]["structuredContent"]["text"] == "Hello"
    assert told.headers["Content-Type"].startswith("text/event-stream")
    *news, last = told.events
    assert last == plain.json
    assert [each["params"]["progressToken"] for each in news] == ["t"] * len(news) != []
    assert newer.events[0]["params"]["progressToken"] == 7
    assert newer.events[-1]["result"]["resultType"] == "complete"


async def test_a_failure_amid_progress_is_told_to_the_model(
    http: aiohttp.ClientSession, answers: Answers
) -> None:
    async def half(request: Any, context: Any) -> AsyncIterator[GenerationEvent]:
        yield GenerationEvent(delta=Delta(text="Hello"))

    answers["StreamChat"] = half
    asked = old("tools/call", name="chat", arguments=HELLO, _meta={"progressToken": 1})
    answer = await post(http, asked)

    assert answer.status == 200
    assert answer.events[-1]["result"]["isError"] is True
    assert "half-way" in answer.events[-1]["result"]["content"][0]["text"]


@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}], ids=["whole", "events"])
async def test_a_session_takes_its_call_back_and_no_other_does(
    http: aiohttp.ClientSession, answers: Answers, meta: dict[str, Any]
) -> None:
    chat = Endless()
    answers["StreamChat"] = chat.stream
    asked = old("tools/call", 5, name="chat", arguments=HELLO, _meta=meta)
    cancelled = {
        "jsonrpc": "2.0",
        "method": "notifications/cancelled",
        "params": {"requestId": 5},
    }
    async with asyncio.timeout(120):
        call = asyncio.create_task(post(http, asked, mcp_session_id="mine"))
        await chat.begun.wait()
        await post(http, cancelled)
        await post(http, cancelled, mcp_session_id="another")
        await post(http, cancelled, mcp_session_id="mine", authorization="Bearer another")
        assert not chat.ended.is_set()
        await post(http, cancelled, mcp_session_id="mine")
        answer = await call
        await chat.ended.wait()

    last = answer.events[-1] if meta else answer.json
    assert (last["id"], last["error"]["code"]) == (5, -32800)


@pytest.mark.parametrize("meta", [{}, {"progressToken": 1}], ids=["whole", "events"])
@pytest.mark.parametrize("version", [OLD, NEW])
async def test_a_call_ends_when_its_client_goes(
    http: aiohttp.ClientSession, answers: Answers, meta: dict[str, Any], version: str
) -> None:
    chat = Endless()
    answers["StreamChat"] = chat.stream
    asked = {"arguments": HELLO, "_meta": {**META, **meta}}
    async with asyncio.timeout(120):
        call = asyncio.create_task(
            new(http, "tools/call", "chat", **asked)
            if version == NEW
            else post(http, old("tools/call", name="chat", **asked), mcp_protocol_version=OLD)
        )
        await chat.begun.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await chat.ended.wait()


async def test_a_refused_discovery_is_logged(http: aiohttp.ClientSession) -> None:
    with capture_logs() as logs:
        headers = {"mcp_protocol_version": NEW, "mcp_method": "server/discover"}
        await post(
            http, old("server/discover", _meta=META), **headers, origin="http://evil.example"
        )
        await post(http, old("server/discover"), **headers)
        await post(http, old("server/discover", _meta=META), mcp_protocol_version=NEW)
        await post(http, old("server/discover", _meta=META), **headers)

    told = [(each["status"], each["reason"]) for each in logs if "discovery" in each["event"]]
    assert told[0] == (403, "HOST_NOT_ALLOWED")
    assert [status for status, _ in told] == [403, 400, 400]
    assert told[2][1].startswith("Mcp-Method: is missing")


async def test_a_port_of_its_own_speaks_nothing_else(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(listen=("0=mcp",))
    async with aiohttp.ClientSession(gateway.ports[1].url) as http:
        ping = await post(http, old("ping"))
        async with http.get("/v1/models") as other:
            told = await other.json()

    assert ping.json["result"] == {}
    assert (other.status, told["error"]["code"]) == (404, -32601)
