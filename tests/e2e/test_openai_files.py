"""OpenAI's files, by its own client and by hand-made forms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import openai
import pytest
import pytest_asyncio

from funland_gateway.app import Gateway
from funland_gateway.config import GatewaySettings
from funland_server.app import Server
from funland_server.config import ServerSettings

pytestmark = pytest.mark.asyncio(loop_scope="module")

LINES = b'{"custom_id": "a"}\n' * 30_000
MOST = 1 << 20
BOUNDARY = "cut-here"
PURPOSE = b'Content-Disposition: form-data; name="purpose"\r\n\r\nbatch'
FILE = b'Content-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{}'


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    home = tmp_path_factory.mktemp("home")
    server = Server(ServerSettings(home=home, port=0, file_bytes=MOST))
    await server.start()
    settings = GatewaySettings(port=0, max_body_bytes=1024, body_timeout_seconds=1)
    gateway = Gateway(server.channel, settings)
    await gateway.start()
    (home / "files").mkdir(exist_ok=True)
    yield gateway
    assert not list((home / "files").glob(".new-*"))
    await gateway.stop(0.01)
    await server.stop(0)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(gateway: Gateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        base_url=f"{gateway.url}/v1", api_key="any", max_retries=0
    ) as client:
        yield client


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def http(gateway: Gateway) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(gateway.url) as session:
        yield session


def form(*fields: bytes, end: bytes = b"--\r\n") -> bytes:
    cut = b"--" + BOUNDARY.encode()
    return b"".join(cut + b"\r\n" + field + b"\r\n" for field in fields) + cut + end


async def posted(
    http: aiohttp.ClientSession, body: Any, content_type: str = ""
) -> tuple[int, dict[str, Any]]:
    kind = content_type or f"multipart/form-data; boundary={BOUNDARY}"
    async with http.post("/v1/files", data=body, headers={"Content-Type": kind}) as answer:
        return answer.status, await answer.json()


async def test_a_file_lives_and_dies_by_openais_client(client: openai.AsyncOpenAI) -> None:
    made = await client.files.create(
        file=("lines.jsonl", LINES),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 7200},
    )

    assert (made.object, made.status, made.filename) == ("file", "processed", "lines.jsonl")
    assert (made.bytes, made.purpose) == (len(LINES), "batch")
    assert made.expires_at == made.created_at + 7200
    assert await client.files.retrieve(made.id) == made
    assert (await client.files.content(made.id)).read() == LINES
    deleted = await client.files.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
    with pytest.raises(openai.NotFoundError) as raised:
        await client.files.content(made.id)
    assert f"No such File object: {made.id}" in raised.value.message


async def test_files_for_batches_are_forgotten_after_a_month_and_others_never(
    client: openai.AsyncOpenAI,
) -> None:
    batch = await client.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    other = await client.files.create(file=("a.txt", b"text"), purpose="user_data")

    assert batch.expires_at == batch.created_at + 30 * 24 * 3600
    assert other.expires_at is None


async def test_files_are_listed_in_pages(client: openai.AsyncOpenAI) -> None:
    made = [
        (await client.files.create(file=(f"{n}.txt", b"x"), purpose="evals")).id for n in range(5)
    ]

    newest = [file.id async for file in client.files.list(purpose="evals", limit=2)]
    oldest = await client.files.list(purpose="evals", order="asc", after=made[1])

    assert newest == made[::-1]
    assert [file.id for file in oldest.data] == made[2:]
    assert oldest.has_more is False


async def test_the_file_may_stand_before_what_it_is_for(http: aiohttp.ClientSession) -> None:
    status, file = await posted(http, form(FILE, PURPOSE))

    assert (status, file["purpose"], file["filename"], file["bytes"]) == (
        200,
        "batch",
        "a.jsonl",
        2,
    )


def field(name: str, value: str) -> bytes:
    return f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode()


ANCHOR = field("expires_after[anchor]", "created_at")
MANY = b"x" * 140_000


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (form(PURPOSE), "file"),
        (form(FILE), "purpose"),
        (form(field("purpose", "poetry"), FILE), "purpose"),
        (form(PURPOSE, FILE, FILE), "file"),
        (form(PURPOSE, PURPOSE, FILE), "purpose"),
        (
            form(PURPOSE, field("expires_after[seconds]", "60"), ANCHOR, FILE),
            "expires_after[seconds]",
        ),
        (form(PURPOSE, ANCHOR, FILE), "expires_after[seconds]"),
        (form(PURPOSE, field("expires_after[seconds]", "3600"), FILE), "expires_after[anchor]"),
        (form(PURPOSE, field("expires_after[anchor]", "now"), FILE), "expires_after[anchor]"),
    ],
)
async def test_what_a_form_lacks_or_has_wrong_is_named(
    http: aiohttp.ClientSession, body: bytes, param: str
) -> None:
    status, answer = await posted(http, body)

    assert (status, answer["error"]["param"]) == (400, param)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(PURPOSE, FILE), "multipart/form-data"),
        (form(PURPOSE, FILE), f"multipart/form-data; boundary={'b' * 200}"),
        (form(PURPOSE, FILE), "multipart/form-data; boundary=another"),
        (b"", ""),
        (b"no form at all", ""),
        (form(PURPOSE, FILE)[:-20], ""),
        (form(PURPOSE, FILE)[:-6], ""),
        (form(PURPOSE, FILE)[:70], ""),
        (form(PURPOSE, FILE, end=b"\r\n"), ""),
        (form(PURPOSE, b"X-Long: " + MANY + b"\r\n" + FILE), ""),
        (form(PURPOSE, b"X-Many: 1\r\n" * 500 + FILE), ""),
        (form(*[field(f"f{n}", "x") for n in range(100)], PURPOSE, FILE), ""),
        (form(field("long", "x" * 140_000), PURPOSE, FILE), ""),
        (form(b"Content-Disposition: form-data; name=\"purpose\"\r\n\r\n\xff", FILE), ""),
        (form(PURPOSE, b"Content-Transfer-Encoding: base64\r\n" + FILE), ""),
        (form(PURPOSE, b"Content-Type: multipart/mixed; boundary=in\r\n" + FILE), ""),
        (form(PURPOSE, b"no header\r\n\r\n{}", FILE), ""),
    ],
)  # fmt: skip
async def test_a_form_that_is_broken_is_refused(
    http: aiohttp.ClientSession, body: bytes, content_type: str
) -> None:
    before = {file["id"] for file in await everything(http)}

    status, answer = await posted(http, body, content_type)

    assert (status, answer["error"]["type"]) == (400, "invalid_request_error")
    assert "form can't be read" in answer["error"]["message"]
    assert {file["id"] for file in await everything(http)} == before


async def everything(http: aiohttp.ClientSession) -> list[dict[str, Any]]:
    async with http.get("/v1/files") as answer:
        return (await answer.json())["data"]


async def test_what_is_no_form_is_refused_by_its_type(http: aiohttp.ClientSession) -> None:
    status, answer = await posted(http, b"{}", "application/json")

    assert status == 415
    assert "multipart/form-data" in answer["error"]["message"]


async def test_a_file_that_is_too_large_is_refused(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=f"more than {MOST} bytes"):
        await client.files.create(file=("a", b"x" * (MOST + 1)), purpose="user_data")


async def test_a_form_that_stops_half_way_is_late(http: aiohttp.ClientSession) -> None:
    ended = asyncio.Event()

    async def half() -> AsyncIterator[bytes]:
        yield form(PURPOSE, FILE)[:-30]
        await ended.wait()

    status, answer = await posted(http, half())
    ended.set()

    assert (status, answer["error"]["message"]) == (
        400,
        "The body did not arrive within 1.0 seconds.",
    )
