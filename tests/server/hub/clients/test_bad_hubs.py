"""Bad hubs are refused with a reason, in bounded time and memory."""

from __future__ import annotations

import json
import resource
from typing import Any

import pytest

from funland.v1.models_pb2 import Origin
from funland_server.errors import FunlandError
from funland_server.hub.clients.protocol import Wanted
from funland_server.hub.errors import (
    HubAnswerInvalidError,
    HubRateLimitedError,
    HubUnreachableError,
)
from funland_server.hub.hubs import Hubs
from funland_server.web.errors import AddressNotAllowedError, AnswerInvalidError, UnreachableError
from tests.hubs import content, hostile, kinds, models
from tests.hubs.server import FakeHub
from tests.server.hub.conftest import MakeHubs

MS, HF, OLLAMA = Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA


@pytest.fixture(autouse=True)
def shelves(hub: FakeHub) -> None:
    for shelf in (hub.modelscope, hub.huggingface):
        shelf.add("o/n", {"a.gguf": "weights"})
    hub.ollama.add("library/n", models.ollama_layers(), config=models.ollama_config())


async def details(hubs: Hubs, kind: Any) -> None:
    (client,) = hubs.asked(kind)
    await client.details("n" if kind == OLLAMA else "o/n", "")


@pytest.mark.parametrize(
    ("kind", "path", "body"),
    [
        (MS, "*/repo/files", hostile.endless_listing()),
        (MS, "/openapi/*", hostile.endless_text()),
        (HF, "*/tree/*", hostile.endless_tree()),
        (HF, "/api/models/o/n", hostile.endless_text()),
        (OLLAMA, "*/manifests/*", hostile.endless_manifest()),
        (OLLAMA, "*/blobs/*", hostile.endless_text()),
    ],
)
async def test_an_answer_without_end_is_cut_off(
    hub: FakeHub, hubs: Hubs, kind: Any, path: str, body: Any
) -> None:
    hub.faults.add(kinds.answered(body), path=path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    with pytest.raises((HubAnswerInvalidError, AnswerInvalidError), match="longer"):
        await details(hubs, kind)

    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown * 1024 < 256 * 2**20


@pytest.mark.parametrize("kind", [MS, HF, OLLAMA])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'"text"',
        b"7",
        b"<html>",
        b"\xff\xfe",
        b'{"Data": {"Files": 7}}',
    ],
)
async def test_an_answer_that_is_something_else_is_refused(
    hub: FakeHub, hubs: Hubs, kind: Any, body: bytes
) -> None:
    hub.faults.add(kinds.answered(content.of(body)))

    with pytest.raises(HubAnswerInvalidError):
        await details(hubs, kind)


@pytest.mark.parametrize("kind", [MS, HF, OLLAMA])
async def test_json_that_nests_too_deep_is_refused(hub: FakeHub, hubs: Hubs, kind: Any) -> None:
    hub.faults.add(kinds.answered(hostile.deep_json()))

    with pytest.raises(HubAnswerInvalidError, match="JSON"):
        await details(hubs, kind)


@pytest.mark.parametrize("kind", [MS, HF])
async def test_a_listing_of_100000_files_is_refused(hub: FakeHub, hubs: Hubs, kind: Any) -> None:
    shelf = hub.modelscope if kind == MS else hub.huggingface
    shelf.add("o/n", hostile.many_files())

    with pytest.raises(HubAnswerInvalidError, match="more than 10000 files"):
        await details(hubs, kind)


async def test_pages_that_lead_in_a_circle_end(hub: FakeHub, hubs: Hubs) -> None:
    hub.faults.add(kinds.headers(Link='<http://x/?cursor=0>; rel="next"'), path="*/tree/*")

    with pytest.raises(HubAnswerInvalidError, match="more than"):
        await details(hubs, HF)


async def test_the_next_page_is_asked_of_the_hub_and_of_nobody_else(
    hub: FakeHub, hubs: Hubs
) -> None:
    link = f'<{hub.cdn.url}/api?cursor=7>; rel="next"'
    hub.faults.add(kinds.headers(Link=link), path="*/tree/*", times=1)

    await details(hubs, HF)

    assert not hub.requests.of(host="cdn")
    assert [request.query.get("cursor") for request in hub.requests.of("*/tree/*")] == [None, "7"]


@pytest.mark.parametrize("digest", [*hostile.DIGESTS, 7, None, ["sha256:" + "0" * 64]], ids=repr)
@pytest.mark.parametrize("place", ["config", "layer"])
async def test_digests_that_are_none_are_refused_by_the_files_name(
    hub: FakeHub, hubs: Hubs, digest: Any, place: str
) -> None:
    manifest = hub.ollama.add("library/n", {"model": "weights"}, config=models.ollama_config())
    (manifest["config"] if place == "config" else manifest["layers"][0])["digest"] = digest
    hub.ollama.add_manifest("library/n", manifest)

    with pytest.raises(HubAnswerInvalidError, match=r"digest of (config.json|model.gguf)"):
        await details(hubs, OLLAMA)


@pytest.mark.parametrize("size", [-1, 2**60, "7", None, 1.5, True])
async def test_sizes_that_are_none_are_refused_by_the_files_name(
    hub: FakeHub, hubs: Hubs, size: Any
) -> None:
    manifest = hub.ollama.add("library/n", {"model": "weights"}, config=models.ollama_config())
    manifest["layers"][0]["size"] = size
    hub.ollama.add_manifest("library/n", manifest)

    with pytest.raises(HubAnswerInvalidError, match=r"size of model\.gguf"):
        await details(hubs, OLLAMA)


async def test_a_configuration_that_is_not_what_its_digest_says_is_refused(
    hub: FakeHub, hubs: Hubs
) -> None:
    manifest = hub.ollama.add("library/n", {"model": "weights"}, config=models.ollama_config())
    hub.ollama.add_blob("library/n", json.dumps({"a": 1}), digest=manifest["config"]["digest"])

    with pytest.raises(HubAnswerInvalidError, match="digest"):
        await details(hubs, OLLAMA)


@pytest.mark.parametrize(
    "target",
    ["http://127.0.0.9/x", "http://169.254.169.254/latest", "file:///etc/passwd", "http://[::1]/"],
)
async def test_redirects_to_private_addresses_are_not_followed(
    hub: FakeHub, hubs: Hubs, target: str
) -> None:
    hub.faults.add(kinds.redirected(target))

    with pytest.raises(AddressNotAllowedError):
        await details(hubs, HF)


@pytest.mark.parametrize("kind", [MS, HF, OLLAMA])
@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (kinds.status(500), HubUnreachableError),
        (kinds.status(503, retry_after=7), HubUnreachableError),
        (kinds.status(429, retry_after=7), HubRateLimitedError),
        (kinds.rate_limited(7), HubRateLimitedError),
        (kinds.status(418), HubAnswerInvalidError),
        (kinds.cut(1, reset=True), UnreachableError),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
async def test_a_hub_that_fails_is_told_by_its_reason(
    hub: FakeHub, hubs: Hubs, kind: Any, fault: Any, error: type[FunlandError]
) -> None:
    hub.faults.add(fault)

    with pytest.raises(error) as raised:
        await details(hubs, kind)

    assert "Traceback" not in str(raised.value)
    if error is HubRateLimitedError:
        assert raised.value.retry_seconds == 7


@pytest.mark.parametrize("kind", [MS, HF, OLLAMA])
async def test_a_hub_that_says_nothing_is_given_up(
    hub: FakeHub, make_hubs: MakeHubs, kind: Any
) -> None:
    hub.faults.add(kinds.silence())

    with pytest.raises(HubUnreachableError, match=r"within 0\.2 seconds"):
        await details(make_hubs(hub_timeout_seconds=0.2), kind)


async def test_entries_that_are_no_models_are_passed_over(hub: FakeHub, hubs: Hubs) -> None:
    listed: list[Any] = [
        {"id": "o/good", "downloads": 5, "likes": "many", "tags": ["a", 7, None, "a", "x" * 999]},
        {"id": "../evil"}, {"id": "o/n/m"}, {"id": 7}, {}, 7, None, "text",
        {"id": "o/odd", "downloads": -1, "createdAt": "never", "gated": "auto",
         "lastModified": "9999-99-99", "cardData": [], "gguf": {"context_length": 2**40}},
    ]  # fmt: skip
    hub.faults.add(kinds.answered(content.of(json.dumps(listed))))
    (client,) = hubs.asked(HF)

    found = await client.search(Wanted(), 100, "")

    good, odd = found.models
    assert (good.model_id, good.downloads, good.HasField("likes")) == ("o/good", 5, False)
    assert list(good.tags) == ["a", "7", "x" * 128]
    assert (odd.model_id, odd.gated) == ("o/odd", True)
    for name in ("downloads", "create_time", "update_time", "context_length"):
        assert not odd.HasField(name)
