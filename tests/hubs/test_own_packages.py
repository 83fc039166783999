"""The hubs' own packages find in the fake hub what they find in the real ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.hubs import packages
from tests.hubs.content import seeded
from tests.hubs.server import FakeHub

_FILES = {
    "README.md": "---\nlicense: apache-2.0\n---\n# A model\n",
    "config.json": '{"model_type": "llama"}',
    "big one+é#.gguf": seeded(3_000_001, "big"),
    "parts/model-00001-of-00002.gguf": seeded(1_500_000, 1),
    "parts/model-00002-of-00002.gguf": seeded(1_400_000, 2),
}
_BIG = seeded(1_200_000, 3)
_DIGESTS = """
import hashlib, pathlib
def digests(folder):
    root = pathlib.Path(folder)
    return {file.relative_to(root).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in root.rglob("*") if file.is_file() and not file.name.startswith(".")}
"""


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        for shelf in (hub.modelscope, hub.huggingface):
            shelf.add(
                "owner/model", _FILES, downloads=7, likes=3, license="apache-2.0", tags=["gguf"]
            )
            shelf.add("owner/other", {"a.txt": "a"}, downloads=9, tags=["text"])
        yield hub


def _digests() -> dict[str, str]:
    return {
        path: hashlib.sha256(
            given.encode() if isinstance(given, str) else given.bytes()
        ).hexdigest()
        for path, given in _FILES.items()
    }


def modelscope(hub: FakeHub, home: Path, code: str, **environment: str) -> Any:
    return packages.run(
        _DIGESTS + code, home, MODELSCOPE_ENDPOINT=hub.modelscope.url, **environment
    )


def huggingface(hub: FakeHub, home: Path, code: str, **environment: str) -> Any:
    own = {"HF_ENDPOINT": hub.huggingface.url, "HF_HUB_DISABLE_XET": "1", **environment}
    return packages.run(_DIGESTS + code, home, **own)


@pytest.mark.parametrize("place", ["hub", "same origin", "cdn"])
def test_modelscope_takes_a_snapshot_byte_right(hub: FakeHub, tmp_path: Path, place: Any) -> None:
    hub.modelscope.place = place

    taken = modelscope(hub, tmp_path, """
from modelscope import snapshot_download
result = digests(snapshot_download("owner/model", cache_dir=home + "/cache"))
""")  # fmt: skip

    assert taken == _digests()
    assert hub.bytes_sent("*.gguf") == sum(
        given.length for given in _FILES.values() if not isinstance(given, str)
    )


def test_modelscope_takes_one_file_byte_right(hub: FakeHub, tmp_path: Path) -> None:
    taken = modelscope(hub, tmp_path, """
from modelscope import model_file_download
path = model_file_download("owner/model", "big one+é#.gguf", cache_dir=home + "/cache")
result = hashlib.sha256(open(path, "rb").read()).hexdigest()
""")  # fmt: skip

    assert taken == _digests()["big one+é#.gguf"]
    assert hub.requests.of("*/revisions")


def test_modelscope_searches_and_lists(hub: FakeHub, tmp_path: Path) -> None:
    found = modelscope(hub, tmp_path, """
from modelscope_hub import HubApi
api = HubApi()
page = api.list_repos("model", search="model", page_number=1, page_size=5)
files = api.list_repo_files("owner/model", "model")
details = api.get_repo("owner/model", "model")
result = {
    "page": repr(page), "files": {file.path: [file.size, file.sha256] for file in files},
    "details": [details.id, details.downloads, details.likes, details.license],
    "revisions": repr(api.list_repo_revisions("owner/model", "model")),
}
""")  # fmt: skip

    assert "owner/model" in found["page"]
    assert "owner/other" not in found["page"]
    assert found["details"] == ["owner/model", 7, 3, "apache-2.0"]
    assert "master" in found["revisions"]
    gguf = _FILES["big one+é#.gguf"]
    assert not isinstance(gguf, str)
    assert found["files"]["big one+é#.gguf"] == [gguf.length, gguf.sha256]
    assert set(found["files"]) == {*_FILES, "parts"}


@pytest.mark.parametrize("place", ["hub", "same origin", "cdn"])
def test_huggingface_takes_a_snapshot_byte_right(hub: FakeHub, tmp_path: Path, place: Any) -> None:
    hub.huggingface.place = place

    taken = huggingface(hub, tmp_path, """
from huggingface_hub import snapshot_download
result = digests(snapshot_download("owner/model"))
""")  # fmt: skip

    assert taken == _digests()
    assert bool(hub.requests.of(host="cdn")) == (place == "cdn")


def test_huggingface_takes_one_file_byte_right_at_a_revision(hub: FakeHub, tmp_path: Path) -> None:
    old = hub.huggingface.repositories["owner/model"].newest.id
    hub.huggingface.add("owner/model", {"config.json": "{}"}, revision="refs/pr/1")

    taken = huggingface(hub, tmp_path, f"""
from huggingface_hub import hf_hub_download
result = [open(hf_hub_download("owner/model", "config.json", revision=revision)).read()
          for revision in ("main", "{old}", "refs/pr/1")]
""")  # fmt: skip

    assert taken == [_FILES["config.json"], _FILES["config.json"], "{}"]


def test_huggingface_searches_and_lists_over_pages(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.tree_page = 2
    hub.huggingface.list_page = 1

    found = huggingface(hub, tmp_path, """
from huggingface_hub import HfApi
api = HfApi()
info = api.model_info("owner/model", files_metadata=True)
result = {
    "all": [model.id for model in api.list_models(sort="downloads", limit=5)],
    "found": [model.id for model in api.list_models(search="mod", filter="gguf")],
    "files": api.list_repo_files("owner/model"),
    "sizes": {one.rfilename: [one.size, one.lfs and one.lfs["sha256"]] for one in info.siblings},
    "sha": info.sha,
    "refs": [ref.target_commit for ref in api.list_repo_refs("owner/model").branches],
    "paths": [path.lfs.sha256 for path in
              api.get_paths_info("owner/model", ["big one+é#.gguf", "absent"])],
}
""")  # fmt: skip

    commit = hub.huggingface.repositories["owner/model"].newest.id
    digest = _digests()["big one+é#.gguf"]
    assert found["all"] == ["owner/other", "owner/model"]
    assert found["found"] == ["owner/model"]
    assert set(found["files"]) == set(_FILES)
    assert found["sizes"]["big one+é#.gguf"] == [3_000_001, digest]
    assert found["sizes"]["config.json"] == [23, None]
    assert found["sha"] == commit
    assert found["refs"] == [commit]
    assert found["paths"] == [digest]
    assert len(hub.requests.of("/api/models/owner/model/tree/*")) > 1


def test_huggingface_takes_a_dataset(hub: FakeHub, tmp_path: Path) -> None:
    hub.huggingface.datasets.add("owner/chats", {"train/a.jsonl": "{}", "big.gguf": _BIG})

    taken = huggingface(hub, tmp_path, """
from huggingface_hub import HfApi, snapshot_download
files = HfApi().list_repo_files("owner/chats", repo_type="dataset")
result = [sorted(files), digests(snapshot_download("owner/chats", repo_type="dataset"))]
""")  # fmt: skip

    assert taken[0] == ["big.gguf", "train/a.jsonl"]
    assert taken[1] == {
        "train/a.jsonl": hashlib.sha256(b"{}").hexdigest(),
        "big.gguf": _BIG.sha256,
    }


def test_modelscope_lists_a_dataset_over_pages(hub: FakeHub, tmp_path: Path) -> None:
    files = {f"train/{number:03}.jsonl": "{}" for number in range(250)}
    hub.modelscope.datasets.add("owner/chats", files)

    listed = modelscope(hub, tmp_path, """
from modelscope_hub import HubApi
files = HubApi().list_repo_files("owner/chats", "dataset")
result = sorted(file.path for file in files)
""")  # fmt: skip

    assert [path for path in listed if path.endswith(".jsonl")] == sorted(files)
    assert len(hub.requests.of("/api/v1/datasets/owner/chats/repo/tree")) == 2
