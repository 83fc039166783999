"""Streams of a line of JSON each, as Ollama's clients read them, and bodies that are taken in as
they are."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import aiohttp
import grpc
import orjson
import pytest

from funland.v1.files_pb2 import File, ListFilesResponse, UploadFileRequest
from funland.v1.inference_pb2 import Delta, GenerationEvent, Start
from funland_gateway.listening import Place
from tests.gateway.test_heartbeat import BEAT, CHAT, Slow, comments

if TYPE_CHECKING:
    from tests.gateway.conftest import Answers, StartGateway

ASKED = {"model": "tiny", "messages": [{"role": "user", "content": "Hi"}]}
CONTENT = b"GGUF" * 1000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Waiting(Slow):
    """One whose calls are counted."""

    def __init__(self) -> None:
        super().__init__(queued=3)
        self._calls = 0
        self._called = asyncio.Condition()

    async def counted(self, request: Any, context: Any) -> AsyncIterator[GenerationEvent]:
        async with self._called:
            self._calls += 1
            self._called.notify_all()
        async for event in self.chat(request, context):
            yield event

    async def until(self, calls: int) -> None:
        async with self._called:
            await self._called.wait_for(lambda: self._calls == calls)


async def read(http: aiohttp.ClientSession) -> tuple[str, bytes]:
    async with http.post("/api/chat", json=ASKED) as response:
        return response.content_type, await response.read()


async def test_lines_have_no_comments_however_long_they_wait(
    answers: Answers, start_gateway: StartGateway
) -> None:
    slow = Waiting()
    answers["StreamChat"] = slow.counted
    gateway = await start_gateway(heartbeat_seconds=BEAT)

    async with (
        aiohttp.ClientSession(gateway.url) as http,
        http.post("/v1/chat/completions", json=CHAT) as events,
    ):
        lines = asyncio.create_task(read(http))
        await slow.until(calls=2)
        await comments(events, 3)
        slow.go.set()
        content_type, body = await lines

    assert content_type == "application/x-ndjson"
    assert body.endswith(b"\n")
    told = [orjson.loads(line) for line in body[:-1].split(b"\n")]
    assert [each["done"] for each in told] == [False, True]
    assert told[0]["message"]["content"] == "Hi"


async def test_a_failure_amid_lines_is_the_last_of_them(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    async def chat(_: Any, context: Any) -> AsyncIterator[GenerationEvent]:
        yield GenerationEvent(start=Start(id="7"))
        yield GenerationEvent(delta=Delta(text="Hi"))
        await context.abort(grpc.StatusCode.UNAVAILABLE, "The worker is lost.")

    answers["StreamChat"] = chat

    async with http.post("/api/chat", json=ASKED) as response:
        body = await response.read()

    assert response.status == 200
    first, last = map(orjson.loads, body[:-1].split(b"\n"))
    assert first["message"]["content"] == "Hi"
    assert set(last) == {"error"}
    assert isinstance(last["error"], str)


async def test_a_failure_before_the_first_line_has_its_status(
    answers: Answers, http: aiohttp.ClientSession
) -> None:
    slow = Slow(code=grpc.StatusCode.NOT_FOUND)
    slow.go.set()
    answers["StreamChat"] = slow.chat

    async with http.post("/api/chat", json=ASKED) as response:
        assert (response.status, await response.json()) == (404, {"error": "No."})


async def test_on_a_port_of_its_own_somebody_is_there(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(listen=(Place("", 0, "ollama"),))
    common, own = (port.url for port in gateway.ports)

    async with aiohttp.ClientSession() as http:
        async with http.get(own) as there:
            assert (await there.text()).startswith("Ollama is running")
        async with http.head(own) as there:
            assert there.status == 200
        async with http.get(common) as elsewhere:
            assert elsewhere.content_type == "text/html"


async def test_a_blob_is_taken_in_as_it_is(answers: Answers, http: aiohttp.ClientSession) -> None:
    taken: list[UploadFileRequest] = []

    async def upload(requests: AsyncIterator[UploadFileRequest], _: Any) -> File:
        taken.extend([request async for request in requests])
        return File(file_id="7")

    async def files(_: Any, __: Any) -> ListFilesResponse:
        kept = [File(file_id="6", sha256="0" * 64), File(file_id="7", sha256=DIGEST)]
        return ListFilesResponse(files=kept if taken else [])

    answers["UploadFile"] = upload
    answers["ListFiles"] = files

    path = f"/api/blobs/sha256:{DIGEST}"
    async with http.head(path) as before:
        pass
    async with http.post(path, data=CONTENT) as response:
        assert (response.status, await response.read()) == (201, b"")
    async with http.head(path) as after:
        pass

    assert (before.status, after.status) == (404, 200)
    assert taken[0].sha256 == DIGEST
    assert b"".join(each.data for each in taken) == CONTENT


@pytest.mark.parametrize("digest", ["sha256:7", "md5:" + "0" * 64, DIGEST])
async def test_what_is_no_digest_is_refused(http: aiohttp.ClientSession, digest: str) -> None:
    async with http.post(f"/api/blobs/{digest}", data=b"x") as response:
        told = await response.json()

    assert response.status == 400
    assert told["error"].startswith("digest: ")
