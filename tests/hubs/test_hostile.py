"""The fake hub tells what no hub should: names, digests and lists that nobody may believe."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import orjson
import pytest

from tests.hubs import hostile, kinds, models
from tests.hubs.repository import LEFT_OUT
from tests.hubs.server import FakeHub


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with FakeHub() as hub:
        yield hub


async def told(url: str) -> Any:
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return orjson.loads(await answer.read())


async def test_every_name_is_listed_as_it_is(hub: FakeHub) -> None:
    files = dict.fromkeys(hostile.NAMES, b"outside")
    hub.modelscope.add("o/n", files)
    hub.huggingface.add("o/n", files)
    hub.huggingface.tree_page = 10_000

    scope = await told(f"{hub.modelscope.url}/api/v1/models/o/n/repo/files?Recursive=True")
    face = await told(f"{hub.huggingface.url}/api/models/o/n/tree/main?recursive=true")

    blobs = [entry for entry in scope["Data"]["Files"] if entry["Type"] == "blob"]
    assert {entry["Path"] for entry in blobs} == set(hostile.NAMES)
    assert {entry["path"] for entry in face if entry["type"] == "file"} == set(hostile.NAMES)


async def test_entries_tell_what_the_test_wants(hub: FakeHub) -> None:
    listed = {"a.gguf": {"Sha256": LEFT_OUT, "Size": 5}}
    hub.modelscope.add("o/n", {"a.gguf": b"right", "b.gguf": b"b"}, listed=listed)

    answer = await told(f"{hub.modelscope.url}/api/v1/models/o/n/repo/files?Recursive=True")

    first, second = answer["Data"]["Files"]
    assert "Sha256" not in first
    assert first["Size"] == 5
    assert len(second["Sha256"]) == 64


async def test_a_hundred_thousand_files_are_listed_in_pages(hub: FakeHub) -> None:
    hub.huggingface.add("o/n", hostile.many_files(100_000))
    hub.huggingface.tree_page = 10_000
    paths: set[str] = set()

    async with aiohttp.ClientSession() as client:
        url = f"{hub.huggingface.url}/api/models/o/n/tree/main?recursive=true"
        while url:
            async with client.get(url) as answer:
                entries = orjson.loads(await answer.read())
                paths |= {entry["path"] for entry in entries if entry["type"] == "file"}
                links: Any = answer.links
                url = str(links["next"]["url"]) if "next" in links else ""

    assert len(paths) == 100_000
    assert len(hub.requests) == 11


async def test_modelscope_cuts_its_lists_off_without_a_word(hub: FakeHub) -> None:
    hub.modelscope.add("o/n", hostile.many_files(5000))
    url = f"{hub.modelscope.url}/api/v1/models/o/n/repo/files?Recursive=True"

    cut_off = await told(url)
    folder = await told(f"{url}&Root=folder-07")

    assert len(cut_off["Data"]["Files"]) == 3000
    assert len(folder["Data"]["Files"]) == 50


async def test_a_manifest_may_name_any_digest(hub: FakeHub) -> None:
    layers = [{"mediaType": "m", "digest": digest, "size": 1} for digest in hostile.DIGESTS]
    hub.ollama.add_manifest("library/n", {"schemaVersion": 2, "config": {}, "layers": layers})

    manifest = await told(f"{hub.ollama.url}/v2/library/n/manifests/latest")

    assert [layer["digest"] for layer in manifest["layers"]] == list(hostile.DIGESTS)


async def test_a_blob_may_lie_under_a_digest_that_is_not_its_own(hub: FakeHub) -> None:
    digest = hub.ollama.add_blob("library/n", b"other", digest="sha256:" + "0" * 64)

    url = f"{hub.ollama.url}/v2/library/n/blobs/{digest}"
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        assert await answer.read() == b"other"
    assert hub.bytes_sent(digest) == 5


async def test_a_manifest_without_end(hub: FakeHub) -> None:
    hub.ollama.add("library/n", models.ollama_layers(), config=models.ollama_config())
    hub.faults.add(kinds.answered(hostile.endless_manifest()), path="*/manifests/*")

    url = f"{hub.ollama.url}/v2/library/n/manifests/latest"
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        assert len(await answer.content.readexactly(50_000_000)) == 50_000_000

    await hub.until(lambda: hub.requests[0].ended)
