"""Every fault of hub, mirror and line: the file is right in the end, or the download says why."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import pytest

from funland.v1.errors_pb2 import ErrorReason
from funland_server.downloads.errors import (
    DownloadCorruptError,
    DownloadInterruptedError,
    DownloadSourceChangedError,
)
from funland_server.downloads.fetching.settings import FetchSettings
from funland_server.downloads.fetching.transfer import Stalled
from funland_server.errors import FunlandError
from funland_server.web.fetching import Credential, Deadlines
from funland_server.web.urls import origin_of, parse
from tests.hubs import kinds
from tests.hubs.content import seeded
from tests.hubs.faults import Fault
from tests.hubs.server import FakeHub
from tests.server.downloads.fetching import MIB, Site, is_right, planned

LARGE = seeded(12 * MIB + 321)
NAME = "model.gguf"


@pytest.fixture(autouse=True)
def model(hub: FakeHub) -> None:
    hub.huggingface.add("o/n", {NAME: LARGE})


@pytest.fixture
async def site(tmp_path: Path) -> Site:
    return Site(tmp_path, deadlines=Deadlines(connect=5, first_byte=0.5, stall=0.5))


PASSING: dict[str, tuple[Fault, dict[str, int]]] = {
    "a line that drops once": (kinds.cut(MIB), {"times": 1}),
    "a line that drops with a reset": (kinds.cut(MIB, reset=True), {"times": 3}),
    "a line that drops every 300 kB": (kinds.cut(300_000), {}),
    "a line that drops now and then": (kinds.drops(2 * MIB), {}),
    "a body that stalls": (kinds.stall(MIB), {"times": 2}),
    "a server that never answers": (kinds.silence(), {"times": 2}),
    "a server that ignores Range once": (kinds.ignores_range(), {"skip": 1, "times": 1}),
    "a server that ignores Range": (kinds.ignores_range(), {}),
    "a server that forgets ranges halfway": (kinds.ignores_range(), {"skip": 2}),
    "a wrong Content-Range": (kinds.wrong_content_range(), {"times": 1}),
    "a wrong total": (kinds.wrong_total(), {"times": 1}),
    "a short body": (kinds.short(1000), {"times": 3}),
    "a long body": (kinds.long(1000), {}),
    "a body longer than told": (kinds.longer_than_told(1000), {}),
    "wrong bytes once": (kinds.wrong_bytes(2 * MIB, 2 * MIB + 3), {"times": 1}),
    "a file that changes between two tries": (
        kinds.replaced(seeded(12 * MIB + 321, "old")), {"times": 1},
    ),
    "an ETag that changes each time": (kinds.changing_etag(), {}),
    "a body without Content-Length": (kinds.chunked(), {}),
    "gzip though identity was asked for": (kinds.gzipped(), {"times": 1}),
    "408": (kinds.status(408), {"times": 1}),
    "416": (kinds.status(416), {"times": 1}),
    "429 with Retry-After in seconds": (kinds.status(429, retry_after=0), {"times": 2}),
    "429 of HuggingFace": (kinds.rate_limited(0), {"times": 1}),
    "500": (kinds.status(500), {"times": 1}),
    "503": (kinds.status(503), {"times": 3}),
    "503 with a Retry-After of the past": (
        kinds.status(503, retry_after=datetime(2020, 1, 1, tzinfo=UTC)), {"times": 1},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "how"), PASSING.values(), ids=PASSING)
async def test_a_fault_that_passes_leaves_the_file_right(
    hub: FakeHub, site: Site, fault: Fault, how: dict[str, int]
) -> None:
    hub.faults.add(fault, path=NAME, host="cdn", skip=how.get("skip", 0), times=how.get("times"))

    await site.fetched(planned(hub, NAME), connections=4)

    assert any(asked.faults for asked in hub.requests)
    assert is_right(site, hub, NAME)
    await site.close()


LASTING: dict[str, tuple[Fault, type[FunlandError] | None, str]] = {
    "wrong bytes": (kinds.wrong_bytes(0, 5), DownloadCorruptError, "DOWNLOAD_CORRUPT"),
    "another size": (
        kinds.replaced(seeded(11 * MIB)), DownloadSourceChangedError, "DOWNLOAD_SOURCE_CHANGED",
    ),
    "always gzip": (kinds.gzipped(), None, "HUB_ANSWER_INVALID"),
    "always a wrong range": (kinds.wrong_content_range(), None, "HUB_ANSWER_INVALID"),
    "401": (kinds.status(401), None, "HUB_ACCESS_DENIED"),
    "403": (kinds.status(403), None, "HUB_ACCESS_DENIED"),
    "404": (kinds.status(404), None, "HUB_MODEL_NOT_FOUND"),
    "410": (kinds.status(410), None, "HUB_MODEL_NOT_FOUND"),
    "a private address": (
        kinds.redirected("http://169.254.169.254/latest/meta-data"), None, "ADDRESS_NOT_ALLOWED",
    ),
    "a file URL": (kinds.redirected("file:///etc/passwd"), None, "ADDRESS_NOT_ALLOWED"),
    "a loop": (kinds.redirected_to_itself(), None, "ADDRESS_NOT_ALLOWED"),
    "many redirects": (kinds.redirected_often(30), None, "ADDRESS_NOT_ALLOWED"),
}  # fmt: skip


@pytest.mark.parametrize(("fault", "kind", "reason"), LASTING.values(), ids=LASTING)
async def test_a_fault_that_lasts_ends_the_download_and_says_why(
    hub: FakeHub, site: Site, fault: Fault, kind: type[FunlandError] | None, reason: str
) -> None:
    hub.faults.add(fault, path=f"*{NAME}*")

    with pytest.raises(kind or FunlandError) as raised:
        await site.fetched(planned(hub, NAME), connections=4)

    assert ErrorReason.Name(raised.value.reason) == reason
    assert site.blobs.find(LARGE.sha256) is None
    assert not any(signature in str(raised.value) for signature in hub.cdn.signatures())
    await site.close()


async def test_a_wrong_file_tells_both_digests_and_keeps_nothing(hub: FakeHub, site: Site) -> None:
    hub.faults.add(kinds.wrong_bytes(0, 5), path=NAME)

    with pytest.raises(DownloadCorruptError) as raised:
        await site.fetched(planned(hub, NAME))

    assert raised.value.metadata["expected"] == LARGE.sha256
    assert raised.value.metadata["found"] != LARGE.sha256
    assert list((site.home / "downloads" / "one").iterdir()) == []
    assert hub.bytes_sent(NAME) <= 2.1 * LARGE.length
    await site.close()


async def test_a_mirror_with_wrong_bytes_is_mended_from_the_hub(hub: FakeHub, site: Site) -> None:
    hub.modelscope.add("o/n", {NAME: LARGE})
    mirror = f"{hub.modelscope.url}/api/v1/models/o/n/repo?Revision=master&FilePath={NAME}"
    hub.faults.add(kinds.wrong_bytes(5 * MIB, 5 * MIB + 9), path=NAME, host="modelscope")
    file = planned(hub, NAME)

    await site.fetched(replace(file, urls=(mirror, *file.urls)), connections=4)

    assert is_right(site, hub, NAME)
    await site.close()


async def test_a_hub_that_fails_is_replaced_by_its_mirror(hub: FakeHub, site: Site) -> None:
    hub.modelscope.add("o/n", {NAME: LARGE})
    mirror = f"{hub.modelscope.url}/api/v1/models/o/n/repo?Revision=master&FilePath={NAME}"
    hub.faults.add(kinds.status(503), host="huggingface")
    file = planned(hub, NAME)

    await site.fetched(replace(file, urls=(*file.urls, mirror)), connections=4)

    assert is_right(site, hub, NAME)
    await site.close()


async def test_versions_are_never_mixed_where_nobody_tells_a_hash(hub: FakeHub, site: Site) -> None:
    hub.huggingface.place = "hub"
    old = seeded(12 * MIB + 321, "old")
    hub.faults.add(kinds.headers(X_Linked_ETag=None, X_Repo_Commit=None))
    hub.faults.add(kinds.replaced(old), path=NAME, times=2)
    hub.faults.add(kinds.ignores_if_range(), path=NAME)

    await site.fetched(planned(hub, NAME, hashed=False), connections=2)

    assert is_right(site, hub, NAME)
    await site.close()


async def test_a_signed_url_that_runs_out_is_asked_for_anew(hub: FakeHub, site: Site) -> None:
    hub.cdn.uses = 2
    hub.faults.add(kinds.cut(MIB))

    await site.fetched(planned(hub, NAME), connections=2)

    assert is_right(site, hub, NAME)
    assert len(hub.cdn.signatures()) > 3
    await site.close()


async def test_a_token_goes_to_its_own_host_and_never_across_a_redirect(
    hub: FakeHub, site: Site
) -> None:
    hub.huggingface.token = "hf_secret"  # noqa: S105 - the fake hub's
    hub.huggingface.repositories["o/n"].private = True
    origin = origin_of(parse(hub.huggingface.url))
    headers = {"Authorization": "Bearer hf_secret", "Cookie": "session=hf_secret"}
    site.tokens.known = {hub.huggingface.url: Credential(origin, headers)}

    await site.fetched(planned(hub, NAME), connections=2)

    assert is_right(site, hub, NAME)
    assert {asked.host for asked in hub.requests.bearing("hf_secret")} == {"huggingface"}
    await site.close()


@pytest.mark.parametrize("form", ["seconds", "date"])
async def test_a_server_that_asks_to_wait_is_not_asked_before(
    hub: FakeHub, site: Site, form: str
) -> None:
    wait = 120 if form == "seconds" else datetime.now(UTC) + timedelta(seconds=120)
    hub.faults.add(kinds.status(429, retry_after=wait), path=NAME)

    stalled = await site.transfer(planned(hub, NAME)).run()

    assert isinstance(stalled, Stalled)
    assert 110 < stalled.until - time() < 125
    assert ErrorReason.Name(stalled.error.reason) == "HUB_RATE_LIMITED"
    await site.close()


async def test_patience_ends_when_no_byte_comes(hub: FakeHub, tmp_path: Path) -> None:
    site = Site(tmp_path, settings=FetchSettings(tries=5, first_backoff=0.001))
    hub.faults.add(kinds.status(503), path=NAME)

    with pytest.raises(DownloadInterruptedError):
        await site.fetched(planned(hub, NAME))

    assert len(hub.requests.of(NAME)) == 5
    await site.close()
