"""Each fault of the fake hub is what it says, as a plain client sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import aiohttp
import pytest

from tests.hubs import hostile, kinds
from tests.hubs.content import endless, seeded
from tests.hubs.faults import Fault
from tests.hubs.server import FakeHub

_BODY = seeded(1_000_000, "body")
_OTHER = seeded(1_000_000, "other")
_BEARER = "secret-1"


@dataclass(frozen=True, slots=True)
class Got:
    """What a client has of an answer; `whole` is whether it ended as it should."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    whole: bool


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        hub.modelscope.add("o/n", {"m.gguf": _BODY, "a.txt": "text"})
        hub.huggingface.add("o/n", {"m.gguf": _BODY, "a.txt": "text"})
        yield hub


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as client:
        yield client


async def get(
    client: aiohttp.ClientSession, url: str, *, method: str = "GET", **headers: str
) -> Got:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = bytearray()
    async with client.request(method, url, headers=named, allow_redirects=False) as answer:
        try:
            async for chunk in answer.content.iter_any():
                body += chunk
            whole = True
        except aiohttp.ClientError:
            whole = False
        return Got(answer.status, answer.headers, bytes(body), whole)


def file_url(hub: FakeHub, path: str = "m.gguf") -> str:
    return f"{hub.modelscope.url}/api/v1/models/o/n/repo?Revision=master&FilePath={path}"


async def test_ranges_are_as_the_standard_says(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    url = file_url(hub)
    etag = (await get(client, url, method="HEAD")).headers["ETag"]

    first = await get(client, url, Range="bytes=10-19")
    rest = await get(client, url, Range="bytes=999990-")
    last = await get(client, url, Range="bytes=-5")
    beyond = await get(client, url, Range="bytes=1000000-")
    same = await get(client, url, Range="bytes=0-3", If_Range=etag)
    changed = await get(client, url, Range="bytes=0-3", If_Range='"other"')

    assert (first.status, first.body) == (206, _BODY.read(10, 20))
    assert first.headers["Content-Range"] == "bytes 10-19/1000000"
    assert rest.body == _BODY.read(999_990, 1_000_000)
    assert last.body == _BODY.read(999_995, 1_000_000)
    assert (beyond.status, beyond.headers["Content-Range"]) == (416, "bytes */1000000")
    assert (same.status, same.body) == (206, _BODY.read(0, 4))
    assert (changed.status, changed.body) == (200, _BODY.bytes())


async def test_all_is_recorded(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    await get(client, file_url(hub), Range="bytes=10-19", Authorization=f"Bearer {_BEARER}")
    await get(client, file_url(hub, "a.txt"))
    await hub.until(lambda: all(asked.ended for asked in hub.requests))

    assert hub.bytes_sent() == 14
    assert hub.bytes_sent("*.gguf") == 10
    assert [asked.range for asked in hub.requests.of("m.gguf")] == ["bytes=10-19"]
    assert [asked.path for asked in hub.requests.bearing(_BEARER)] == ["m.gguf"]


@pytest.mark.parametrize("chunked", [False, True])
async def test_cut(hub: FakeHub, client: aiohttp.ClientSession, chunked: bool) -> None:
    hub.faults.add(kinds.cut(after=300_001), times=1)
    if chunked:
        hub.faults.add(kinds.chunked())

    got = await get(client, file_url(hub))

    assert not got.whole
    assert got.body == _BODY.read(0, 300_001)
    assert (await get(client, file_url(hub))).body == _BODY.bytes()
    assert hub.requests[0].faults[0] == "cut"
    assert hub.requests[0].sent == 300_001


async def test_cut_by_a_reset(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.cut(after=300_001, reset=True))

    got = await get(client, file_url(hub))

    assert not got.whole
    assert len(got.body) <= 300_001


async def test_a_line_drops_more_often_the_more_bytes_go_over_it(
    hub: FakeHub, client: aiohttp.ClientSession
) -> None:
    hub.faults.add(kinds.drops(250_000, seed=3))

    small = [await get(client, file_url(hub), Range="bytes=0-49999") for _ in range(100)]
    large = [await get(client, file_url(hub)) for _ in range(20)]

    assert 8 <= [got.whole for got in small].count(False) <= 30  # 18 are expected
    assert 15 <= [got.whole for got in large].count(False) <= 20  # 19.6 are


async def test_every_hundredth_is_cut(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.cut(after=2), every=100, path="a.txt")

    whole = [(await get(client, file_url(hub, "a.txt"))).whole for _ in range(201)]

    assert [number for number, one in enumerate(whole, 1) if not one] == [100, 200]


async def test_skipped_and_limited_faults(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.status(503), skip=1, times=2)

    seen = [(await get(client, file_url(hub))).status for _ in range(5)]

    assert seen == [200, 503, 503, 200, 200]


async def test_stall(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.stall(after=300_001))
    getting = asyncio.create_task(get(client, file_url(hub)))

    await hub.until_stalled()
    assert hub.requests[0].sent == 300_001
    assert not getting.done()
    hub.release()

    assert (await getting).body == _BODY.bytes()
    assert not hub.stalled


async def test_a_stall_from_an_offset_on(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.stall_from(500_000))

    before = await get(client, file_url(hub), Range="bytes=0-499999")
    across = asyncio.create_task(get(client, file_url(hub), Range="bytes=400000-599999"))
    behind = asyncio.create_task(get(client, file_url(hub), Range="bytes=600000-"))
    await hub.until_stalled(2)

    assert before.body == _BODY.bytes()[:500_000]
    assert sorted(asked.sent for asked in hub.requests) == [0, 100_000, 500_000]
    hub.release()
    assert (await across).body == _BODY.bytes()[400_000:600_000]
    assert (await behind).body == _BODY.bytes()[600_000:]


async def test_silence(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.silence(), times=1)
    getting = asyncio.create_task(get(client, file_url(hub)))

    await hub.until_stalled()
    assert hub.requests[0].status is None
    hub.release()

    assert (await getting).body == _BODY.bytes()


async def test_a_client_that_leaves_a_stall_ends_its_request(hub: FakeHub) -> None:
    hub.faults.add(kinds.silence())
    async with aiohttp.ClientSession() as client:
        getting = asyncio.create_task(get(client, file_url(hub)))
        await hub.until_stalled()
        getting.cancel()

    await hub.until(lambda: hub.requests[0].ended)


async def test_delay_and_rate(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.delay(0.05))
    hub.faults.add(kinds.rate(10_000_000))
    started = time.monotonic()

    got = await get(client, file_url(hub))

    assert got.body == _BODY.bytes()
    assert time.monotonic() - started >= 0.15


@pytest.mark.parametrize(
    ("fault", "status", "headers"),
    [
        (kinds.status(401), 401, {}),
        (kinds.status(429, retry_after=7), 429, {"Retry-After": "7"}),
        (
            kinds.status(503, retry_after=datetime(2026, 11, 28, 12, tzinfo=UTC)),
            503,
            {"Retry-After": "Sat, 28 Nov 2026 12:00:00 GMT"},
        ),
        (kinds.rate_limited(30), 429, {"RateLimit": '"api";r=0;t=30'}),
        (kinds.redirected("file:///etc/passwd", 307), 307, {"Location": "file:///etc/passwd"}),
        (
            kinds.redirected("http://169.254.169.254/latest"),
            302,
            {"Location": "http://169.254.169.254/latest"},
        ),
    ],
    ids=["401", "429", "503 by a date", "429 of HuggingFace", "to a file", "to a private address"],
)
async def test_other_statuses(
    hub: FakeHub,
    client: aiohttp.ClientSession,
    fault: Fault,
    status: int,
    headers: dict[str, str],
) -> None:
    hub.faults.add(fault, path="*.gguf")

    got = await get(client, file_url(hub), Range="bytes=0-9")

    assert got.status == status
    assert {name: got.headers[name] for name in headers} == headers
    assert (await get(client, file_url(hub, "a.txt"))).body == b"text"


async def test_redirects(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.redirected_often(3), path="m.gguf")
    async with client.get(file_url(hub)) as answer:
        assert await answer.read() == _BODY.bytes()
        assert len(answer.history) == 3

    hub.faults.clear()
    hub.faults.add(kinds.redirected_to_itself())
    with pytest.raises(aiohttp.TooManyRedirects):
        await client.get(file_url(hub))


@pytest.mark.parametrize(
    ("fault", "status", "span", "body"),
    [
        (kinds.ignores_range(), 200, None, _BODY.bytes()),
        (kinds.wrong_content_range(5), 206, "bytes 15-24/1000000", _BODY.read(10, 20)),
        (kinds.wrong_total(5), 206, "bytes 10-19/1000005", _BODY.read(10, 20)),
        (kinds.short(4), 206, "bytes 10-19/1000000", _BODY.read(10, 16)),
        (kinds.long(4), 206, "bytes 10-19/1000000", _BODY.read(10, 24)),
        (kinds.replaced(_OTHER), 206, "bytes 10-19/1000000", _OTHER.read(10, 20)),
    ],
    ids=["range ignored", "other place", "other total", "short", "long", "replaced"],
)
async def test_wrong_parts(
    *,
    hub: FakeHub,
    client: aiohttp.ClientSession,
    fault: Fault,
    status: int,
    span: str | None,
    body: bytes,
) -> None:
    hub.faults.add(fault)

    got = await get(client, file_url(hub), Range="bytes=10-19")

    assert (got.status, got.headers.get("Content-Range"), got.body) == (status, span, body)
    assert got.whole
    assert got.headers["Content-Length"] == str(len(body))


async def test_longer_than_told(hub: FakeHub) -> None:
    hub.faults.add(kinds.longer_than_told(5))
    address = hub.modelscope.url.removeprefix("http://")
    reader, writer = await asyncio.open_connection(*address.split(":"))

    writer.write(f"GET {file_url(hub)[len(hub.modelscope.url) :]} HTTP/1.1\r\n".encode())
    writer.write(f"Host: {address}\r\nConnection: close\r\n\r\n".encode())
    head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()

    assert b"Content-Length: 1000000" in head
    assert body == _BODY.bytes() + bytes(5)


async def test_wrong_bytes(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.wrong_bytes(500_000, 500_002), times=1)

    first = await get(client, file_url(hub), Range="bytes=0-499999")
    wrong = await get(client, file_url(hub))
    right = await get(client, file_url(hub))

    assert first.body == _BODY.read(0, 500_000)
    assert right.body == _BODY.bytes()
    differ = [at for at, (a, b) in enumerate(zip(wrong.body, right.body, strict=True)) if a != b]
    assert differ == [500_000, 500_001]


@pytest.mark.parametrize("honoured", [True, False])
async def test_a_file_that_changes_between_two_tries(
    hub: FakeHub, client: aiohttp.ClientSession, honoured: bool
) -> None:
    hub.faults.add(kinds.replaced(_OTHER), skip=1)
    if not honoured:
        hub.faults.add(kinds.ignores_if_range())
    etag = (await get(client, file_url(hub))).headers["ETag"]

    got = await get(client, file_url(hub), Range="bytes=10-19", If_Range=etag)

    assert got.headers["ETag"] != etag
    assert got.body == (_OTHER.bytes() if honoured else _OTHER.read(10, 20))


async def test_etags_that_change(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.changing_etag())

    seen = {(await get(client, file_url(hub), method="HEAD")).headers["ETag"] for _ in range(3)}

    assert len(seen) == 3


async def test_bodies_without_a_length(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.chunked(), times=1)
    plain = await get(client, file_url(hub))
    hub.faults.add(kinds.gzipped())
    async with aiohttp.ClientSession() as unpacking, unpacking.get(file_url(hub)) as answer:
        unpacked = await answer.read()

    assert "Content-Length" not in plain.headers
    assert plain.body == _BODY.bytes()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert unpacked == _BODY.bytes()


async def test_headers_that_lack(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.headers(ETag=None, Last_Modified=None, X_Odd="1"))

    got = await get(client, file_url(hub))

    assert "ETag" not in got.headers
    assert "Last-Modified" not in got.headers
    assert got.headers["X-Odd"] == "1"


async def test_a_body_without_end(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.faults.add(kinds.answered(hostile.endless_listing()), path="*/repo/files")
    url = f"{hub.modelscope.url}/api/v1/models/o/n/repo/files?Recursive=True"

    async with client.get(url) as answer:
        read = await answer.content.readexactly(10_000_000)

    assert read.startswith(b'{"Code":200')
    assert read.count(b'"Path"') > 100_000
    await hub.until(lambda: hub.requests[0].ended)


def test_content_without_end_goes_on_where_it_was() -> None:
    body = endless(b"head", b"abc")

    assert body.read(0, 10) == b"headabcabc"
    assert b"".join(body.read(at, at + 1) for at in range(20)) == body.read(0, 20)
    assert body.read(5, 9) == b"bcab"


async def test_a_signed_url_runs_out(hub: FakeHub, client: aiohttp.ClientSession) -> None:
    hub.cdn.uses = 2
    url = f"{hub.huggingface.url}/o/n/resolve/main/m.gguf"
    signed = (await get(client, url)).headers["Location"]

    seen = [(await get(client, signed)).status for _ in range(3)]

    assert seen == [200, 200, 403]
    again = (await get(client, url)).headers["Location"]
    assert again != signed
    assert (await get(client, again)).body == _BODY.bytes()


@pytest.mark.parametrize("name", ["modelscope", "huggingface"])
async def test_a_private_repository_wants_its_token(
    hub: FakeHub, client: aiohttp.ClientSession, name: str
) -> None:
    shelf = hub.modelscope if name == "modelscope" else hub.huggingface
    shelf.token = _BEARER
    shelf.add("o/private", {"a.txt": "text"}, private=True)
    path = {
        "modelscope": "/api/v1/models/o/private/repo?FilePath=a.txt",
        "huggingface": "/o/private/resolve/main/a.txt",
    }[name]

    assert (await get(client, shelf.url + path)).status in (401, 404)
    assert (await get(client, shelf.url + path, Authorization="Bearer other")).status == 404
    told = await get(client, shelf.url + path, Authorization=f"Bearer {_BEARER}")
    assert told.body == b"text"


def test_seeded_bytes_are_the_same_however_they_are_read() -> None:
    whole = seeded(3_000_000, "ranges").bytes()
    again = seeded.__wrapped__(3_000_000, "ranges")

    assert again.bytes() == whole
    assert again.read(1_048_570, 1_048_590) == whole[1_048_570:1_048_590]
    assert len({whole[at : at + 4096] for at in range(0, 2_998_272, 4096)}) == 732
    assert seeded(3_000_000, "other").bytes() != whole
