"""The fake hub's faults do to the hubs' own packages what is known of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hubs import kinds, packages
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub

_BODY = seeded(24 << 20, "under faults")
_BEARER = "hf_secret1"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        for shelf in (hub.modelscope, hub.huggingface):
            shelf.token = _BEARER
            shelf.add("owner/model", {"m.gguf": _BODY, "a.txt": "text"})
            shelf.add("owner/private", {"m.gguf": seeded(1000), "a.txt": "text"}, private=True)
        yield hub


def modelscope(hub: FakeHub, home: Path, **environment: str) -> Any:
    return packages.run("""
import hashlib
from modelscope import snapshot_download
folder = snapshot_download("owner/model", cache_dir=home + "/cache")
result = hashlib.sha256(open(folder + "/m.gguf", "rb").read()).hexdigest()
""", home, MODELSCOPE_ENDPOINT=hub.modelscope.url, **environment)  # fmt: skip


def huggingface(hub: FakeHub, home: Path, code: str = "", **environment: str) -> Any:
    code = (
        code
        or """
import hashlib
from huggingface_hub import hf_hub_download
result = hashlib.sha256(open(hf_hub_download("owner/model", "m.gguf"), "rb").read()).hexdigest()
"""
    )
    own = {"HF_ENDPOINT": hub.huggingface.url, "HF_HUB_DISABLE_XET": "1", **environment}
    return packages.run(code, home, **own)


def test_modelscope_goes_on_where_it_was_cut(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.cut(after=5_000_001), path="m.gguf", times=1)

    assert modelscope(hub, tmp_path) == _BODY.sha256
    ranges = [asked.range for asked in hub.requests.of("m.gguf")]
    assert ranges == [None, "bytes=5000001-"]
    assert hub.bytes_sent("m.gguf") == _BODY.size


def test_modelscope_fetches_wrong_bytes_again(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.wrong_bytes(7, 8), path="m.gguf", times=1)

    assert modelscope(hub, tmp_path) == _BODY.sha256
    assert hub.bytes_sent("m.gguf") == 2 * _BODY.length


def test_modelscope_waits_as_long_as_it_is_told(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.status(429, retry_after=1), path="m.gguf", times=1)

    assert modelscope(hub, tmp_path) == _BODY.sha256
    assert [asked.status for asked in hub.requests.of("m.gguf")] == [429, 200]


def test_huggingface_goes_on_from_its_last_whole_piece(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.cut(after=15 << 20), path="m.gguf", method="GET", times=1)

    assert huggingface(hub, tmp_path) == _BODY.sha256
    ranges = [asked.range for asked in hub.requests.of("m.gguf", method="GET", host="cdn")]
    assert ranges == [None, f"bytes={10 << 20}-"]


def test_huggingface_takes_wrong_bytes_of_the_right_size(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.wrong_bytes(7, 8), path="m.gguf")

    assert huggingface(hub, tmp_path) not in (None, _BODY.sha256)


def test_huggingface_refuses_a_short_body(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.add(kinds.short(1), path="m.gguf", host="cdn")

    told = huggingface(hub, tmp_path, """
from huggingface_hub import hf_hub_download
try:
    result = hf_hub_download("owner/model", "m.gguf")
except OSError as error:
    result = str(error)
""")  # fmt: skip

    assert "Consistency check failed" in told


def test_huggingface_tells_what_is_not_there_by_its_header(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.add("owner/gated", {"a.txt": "text"}, gated="manual")
    hub.huggingface.add("owner/old", {"a.txt": "text"})
    hub.huggingface.rename("owner/old", "owner/new")

    told = huggingface(hub, tmp_path, """
from huggingface_hub import hf_hub_download
result = []
for repo, path, revision, token in [
    ("owner/model", "absent", "main", False), ("owner/model", "a.txt", "absent", False),
    ("owner/none", "a.txt", "main", "hf_other"), ("owner/gated", "a.txt", "main", "hf_other"),
    ("owner/old", "a.txt", "main", False),
]:
    try:
        result.append(open(hf_hub_download(repo, path, revision=revision, token=token)).read())
    except Exception as error:
        result.append(type(error).__name__)
""")  # fmt: skip

    assert told == [
        "RemoteEntryNotFoundError", "RevisionNotFoundError", "RepositoryNotFoundError",
        "GatedRepoError", "text",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["modelscope", "huggingface"])
def test_a_token_opens_what_is_private_and_stays_with_its_hub(
    hub: FakeHub, tmp_path: Path, name: str
) -> None:
    hub.modelscope.place = "cdn"

    if name == "modelscope":
        read = packages.run(f"""
from modelscope import snapshot_download
folder = snapshot_download("owner/private", cache_dir=home + "/cache", token="{_BEARER}")
result = open(folder + "/a.txt").read()
""", tmp_path, MODELSCOPE_ENDPOINT=hub.modelscope.url)  # fmt: skip
    else:
        read = huggingface(hub, tmp_path, f"""
from huggingface_hub import snapshot_download
folder = snapshot_download("owner/private", token="{_BEARER}")
result = open(folder + "/a.txt").read()
""")  # fmt: skip

    assert read == "text"
    assert hub.requests.of(host="cdn")
    assert {asked.host for asked in hub.requests.bearing(_BEARER)} == {name}
