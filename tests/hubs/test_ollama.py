"""The Ollama registry has the shapes that Ollama's own client and a client of registries take."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.hubs import models, packages
from tests.hubs.server import FakeHub

_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
_BEARER = "registry-token-1"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        hub.ollama.add("library/tiny", models.ollama_layers(), config=models.ollama_config())
        yield hub


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as client:
        yield client


async def test_a_manifest_names_config_and_layers(
    hub: FakeHub, client: aiohttp.ClientSession
) -> None:
    url = f"{hub.ollama.url}/v2/library/tiny/manifests/latest"
    async with client.get(url, headers={"Accept": _MANIFEST}) as answer:
        manifest = json.loads(await answer.read())

    assert answer.headers["Content-Type"] == manifest["mediaType"] == _MANIFEST
    assert manifest["schemaVersion"] == 2
    assert manifest["config"]["mediaType"] == "application/vnd.docker.container.image.v1+json"
    assert [layer["mediaType"].split(".")[-1] for layer in manifest["layers"]] == [
        "model", "template", "params", "system", "license", "license",
    ]  # fmt: skip
    tiny = models.TINY.read_bytes()
    assert manifest["layers"][0]["size"] == len(tiny)
    assert manifest["layers"][0]["digest"] == f"sha256:{hashlib.sha256(tiny).hexdigest()}"


async def test_a_blob_has_a_size_and_lies_elsewhere(
    hub: FakeHub, client: aiohttp.ClientSession
) -> None:
    digest = hub.ollama.add_blob("library/tiny", "0123456789")
    url = f"{hub.ollama.url}/v2/library/tiny/blobs/{digest}"

    async with client.head(url) as size:
        pass
    async with client.get(url, allow_redirects=False) as found:
        pass
    async with client.get(found.headers["Location"], headers={"Range": "bytes=2-4"}) as part:
        body = await part.read()

    assert (size.status, size.headers["Content-Length"]) == (200, "10")
    assert found.status == 307
    assert found.headers["Location"].startswith(hub.cdn.url)
    assert (part.status, body) == (206, b"234")


@pytest.mark.parametrize(
    "path", ["library/none/manifests/latest", "library/tiny/manifests/none",
             f"library/tiny/blobs/sha256:{'0' * 64}"],
    ids=["model", "tag", "blob"],
)  # fmt: skip
async def test_what_is_not_there(hub: FakeHub, client: aiohttp.ClientSession, path: str) -> None:
    async with client.get(f"{hub.ollama.url}/v2/{path}") as answer:
        told = await answer.json()

    assert answer.status == 404
    assert told["errors"][0]["code"].endswith("UNKNOWN")


async def test_a_challenge_names_a_realm_of_the_same_host(
    hub: FakeHub, client: aiohttp.ClientSession
) -> None:
    hub.ollama.token = _BEARER

    async with client.get(f"{hub.ollama.url}/v2/library/tiny/manifests/latest") as refused:
        challenge = refused.headers["WWW-Authenticate"]

    assert refused.status == 401
    assert challenge == (
        f'Bearer realm="{hub.ollama.url}/v2/token",service="{hub.ollama.host}",'
        'scope="repository:library/tiny:pull"'
    )


@pytest.mark.parametrize("token", [None, _BEARER], ids=["open", "challenged"])
def test_a_client_of_registries_pulls_byte_right(
    hub: FakeHub, tmp_path: Path, token: str | None
) -> None:
    hub.ollama.token = token

    pulled = packages.run(f"""
import hashlib
from oras.provider import Registry
registry = Registry(hostname="{hub.ollama.host}", insecure=True, auth_backend="token")
container = registry.get_container("{hub.ollama.host}/library/tiny:latest")
manifest = registry.get_manifest(container, allowed_media_type=["{_MANIFEST}"])
result = []
for number, layer in enumerate([manifest["config"], *manifest["layers"]]):
    path = registry.download_blob(container, layer["digest"], f"{{home}}/{{number}}")
    result.append(["sha256:" + hashlib.sha256(open(path, "rb").read()).hexdigest(),
                   layer["digest"]])
""", tmp_path)  # fmt: skip

    assert len(pulled) == 7
    assert all(found == told for found, told in pulled)
    blobs = hub.requests.of(host="cdn")
    assert len(blobs) == 7
    assert bool(hub.requests.of("/v2/token")) == (token is not None)
    assert not [asked for asked in blobs if asked.bears(_BEARER)]
