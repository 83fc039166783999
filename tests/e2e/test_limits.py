"""A key's limits, as its calls over HTTP are told of them, inside a process and beside one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio
import pytest
import pytest_asyncio

from funland.v1.auth_pb2 import (
    CreateAccessKeyRequest,
    CreateTokenRequest,
    GetAccessKeyRequest,
    KeyLimits,
    PasswordGrant,
)
from funland.v1.batches_pb2 import CreateBatchRequest, WatchBatchRequest
from funland.v1.files_pb2 import DownloadFileRequest, UploadFileRequest
from funland.v1.inference_pb2 import ChatRequest, Message
from funland.v1.tasks_pb2 import SubmitTaskRequest, WatchTaskRequest, Work
from funland_gateway.app import Gateway
from funland_gateway.channel import GrpcChannel
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings
from funland_server.rpc.local_channel import Metadata
from tests.server.conftest import METHODS

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Place:
    """A server with accounts, and two gateways."""

    def __init__(self, server: Server, urls: dict[str, str], admin: str) -> None:
        self.server, self.urls, self._admin = server, urls, admin

    async def admin(self, name: str, request: Any) -> Any:
        said = (("authorization", f"Bearer {self._admin}"),)
        return await self.server.channel.unary(METHODS[name], request, said, None)

    async def call(self, name: str, request: Any, key: Any) -> Any:
        return await self.server.channel.unary(METHODS[name], request, _shown(key), None)

    async def sent(self, name: str, requests: Sequence[Any], key: Any) -> Any:
        async def each() -> AsyncIterator[Any]:
            for request in requests:
                yield request

        return await self.server.channel.collect(METHODS[name], each(), _shown(key), None)

    async def last(self, name: str, request: Any, key: Any) -> Any:
        """The last that a stream sends."""
        async with asyncio.timeout(120):
            stream = self.server.channel.stream(METHODS[name], request, _shown(key), None)
            async with stream as events:
                return [event async for event in events][-1]

    async def key(self, **limits: int) -> Any:
        asked = CreateAccessKeyRequest(name="k", limits=KeyLimits(**limits))  # type: ignore[arg-type]  # the test names fields
        return await self.admin("CreateAccessKey", asked)


def _shown(key: Any) -> Metadata:
    return (("authorization", f"Bearer {key.secret}"),)


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Place]:
    home: Path = tmp_path_factory.mktemp("limits") / "home"
    server = Server(ServerSettings(home=home, port=0, accounts=True))
    await server.start()
    first = server.auth.first_admin
    assert first is not None
    grant = PasswordGrant(username=first.username, password=first.password)
    token: Any = await server.channel.unary(
        METHODS["CreateToken"], CreateTokenRequest(password=grant), (), None
    )
    async with AsyncExitStack() as ends:
        ends.push_async_callback(server.stop, 0)
        channel = await ends.enter_async_context(grpc.aio.insecure_channel(server.address))
        urls: dict[str, str] = {}
        for name, way in (("inside", server.channel), ("beside", GrpcChannel(channel))):
            gateway = Gateway(way, GatewaySettings(port=0), server.auth.own_authorization)
            await gateway.start()
            ends.push_async_callback(gateway.stop, 0)
            urls[name] = gateway.url
        yield Place(server, urls, token.access_token)


@pytest.mark.parametrize("where", ["inside", "beside"])
@pytest.mark.parametrize(
    "path",
    [
        "/funland/v1/models",
        "/v1/files",
        "/api/v1/models",
        "/api/v1/plugins",
        "/api/system/load",
        "/api/v1/gpu",
        "/api/v1/tasks/ghost",
    ],
    ids=["native", "openai", "inference", "hellovm", "manager", "platform", "scheduler"],
)
async def test_answers_say_how_many_calls_are_left(house: Place, where: str, path: str) -> None:
    key = await house.key(requests_per_minute=3)
    headers = {"authorization": f"Bearer {key.secret}"}
    there = 404 if path.endswith("ghost") else 200
    told: list[tuple[int, str | None, str | None]] = []
    retry = "0"

    async with aiohttp.ClientSession(house.urls[where], headers=headers) as http:
        for _ in range(4):
            async with http.get(path) as answer:
                limits = [answer.headers.get(f"X-RateLimit-{n}") for n in ("Limit", "Remaining")]
                told.append((answer.status, limits[0], limits[1]))
                assert int(answer.headers["X-RateLimit-Reset"]) > 1_700_000_000
                retry = answer.headers.get("Retry-After", "0")

    assert told == [(there, "3", "2"), (there, "3", "1"), (there, "3", "0"), (429, "3", "0")]
    assert 0 < int(retry) <= 60


@pytest.mark.parametrize("where", ["inside", "beside"])
async def test_who_has_no_limit_is_told_none(house: Place, where: str) -> None:
    key = await house.key()
    headers = {"authorization": f"Bearer {key.secret}"}
    async with (
        aiohttp.ClientSession(house.urls[where], headers=headers) as http,
        http.get("/v1/models") as answer,
    ):
        assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


async def test_tokens_count_however_a_generation_ends(house: Place) -> None:
    key = await house.key(tokens_per_minute=1_000_000)
    headers = {"authorization": f"Bearer {key.secret}"}
    body = {
        "messages": [{"role": "user", "content": "Tell me a story."}],
        "temperature": 0,
        "max_tokens": 20,
    }
    async with aiohttp.ClientSession(house.urls["inside"], headers=headers) as http:
        async with http.post("/v1/chat/completions", json=body) as answer:
            usage = (await answer.json())["usage"]
        whole = await tokens(house, key)
        async with http.post("/v1/chat/completions", json={**body, "stream": True}) as answer:
            await answer.content.readline()
        asked = {"input": "x", "model": "funland-tiny"}
        async with http.post("/v1/embeddings", json=asked) as answer:
            embedded = (await answer.json()).get("usage", {}).get("prompt_tokens", 0)

    assert whole == usage["total_tokens"]
    assert await tokens(house, key) >= whole + embedded


async def tokens(house: Place, key: Any) -> int:
    shown = await house.admin("GetAccessKey", GetAccessKeyRequest(key_id=key.key_id))
    return shown.usage.tokens_in_minute


async def test_the_tokens_of_a_task_count_for_the_key_that_submitted_it(house: Place) -> None:
    key = await house.key(tokens_per_minute=1_000_000)
    work = Work(chat=ChatRequest(messages=[Message(role=Message.USER, content="Hello!")]))

    task = await house.call("SubmitTask", SubmitTaskRequest(work=work), key)
    ended = await house.last("WatchTask", WatchTaskRequest(task_id=task.task_id), key)

    assert ended.task.key_id == key.key_id
    assert ended.task.result.chat.usage.total_tokens > 0
    assert await tokens(house, key) == ended.task.result.chat.usage.total_tokens


async def test_the_tokens_of_a_batch_count_for_the_key_that_made_it(house: Place) -> None:
    key, other = await house.key(tokens_per_minute=1_000_000), await house.key()
    body = {"prompt": "Once upon a time", "sampling": {"max_tokens": 4, "temperature": 0}}
    url = "/funland/v1/generate"
    lines = [
        json.dumps({"custom_id": name, "method": "POST", "url": url, "body": body})
        for name in ("a", "b")
    ]
    upload = UploadFileRequest(name="l.jsonl", purpose="batch", data="\n".join(lines).encode())

    file = await house.sent("UploadFile", [upload], key)
    asked = CreateBatchRequest(input_file_id=file.file_id, endpoint=url)
    batch = await house.call("CreateBatch", asked, key)
    ended = await house.last("WatchBatch", WatchBatchRequest(batch_id=batch.batch_id), key)

    assert ended.completed_lines == 2
    asked = DownloadFileRequest(file_id=ended.output_file_id)
    async with house.server.channel.stream(METHODS["DownloadFile"], asked, _shown(key), None) as it:
        made = b"".join([part.data async for part in it])  # type: ignore[attr-defined]  # HttpBody
    usages = [json.loads(line)["response"]["body"]["usage"] for line in made.splitlines()]
    assert len(usages) == 2
    assert await tokens(house, key) == sum(usage["total_tokens"] for usage in usages) > 0
    assert await tokens(house, other) == 0


async def test_a_key_that_has_used_up_its_tokens_waits(house: Place) -> None:
    key = await house.key(tokens_per_minute=5)
    headers = {"authorization": f"Bearer {key.secret}"}
    body = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 3}
    statuses: list[int] = []
    last: Any = None
    async with aiohttp.ClientSession(house.urls["inside"], headers=headers) as http:
        for _ in range(2):
            async with http.post("/v1/chat/completions", json=body) as answer:
                statuses.append(answer.status)
                last = await answer.json()

    assert statuses == [200, 429]
    assert last["error"]["code"] == "rate_limit_exceeded"
