"""What is asked of the hubs, and what is made of their answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from funland.v1.hub_pb2 import SearchHubModelsRequest
from funland.v1.models_pb2 import Model, Origin
from funland_server.hub.clients.protocol import Hub, Wanted
from funland_server.hub.errors import HubModelNotFoundError, HubModelUnsupportedError
from funland_server.hub.hubs import Hubs
from tests.hubs import content, models, packages
from tests.hubs.repository import LEFT_OUT
from tests.hubs.server import FakeHub
from tests.server.hub.conftest import MakeHubs

MS, HF, OLLAMA = Origin.MODELSCOPE, Origin.HUGGINGFACE, Origin.OLLAMA
FILES: dict[str, Any] = {
    "README.md": "---\nlicense: mit\n---\n# A model\n",
    "a b+\u00e9#.gguf": content.seeded(5000, 1),
    "sub/config.json": "{}",
}


def the(hubs: Hubs, kind: Any) -> Hub:
    (hub,) = hubs.asked(kind)
    return hub


@pytest.fixture
def shelves(hub: FakeHub) -> FakeHub:
    for shelf in (hub.modelscope, hub.huggingface):
        shelf.add("owner/small", {"a.txt": "a"}, downloads=1, likes=9, tags=["text"])
        shelf.add("owner/model", FILES, downloads=7, likes=3, license="mit", tags=["gguf", "zh"],
                  task="text-generation", tasks=["text-generation"], trending=5)  # fmt: skip
        shelf.add("other/model", {"b.txt": "b"}, downloads=3, likes=5, tags=["text"])
    return hub


@pytest.mark.parametrize("kind", [MS, HF])
async def test_a_search_gives_all_models_page_by_page(
    shelves: FakeHub, hubs: Hubs, kind: Any
) -> None:
    hub, cursor, ids = the(hubs, kind), "", list[str]()
    while True:
        found = await hub.search(Wanted(sort=SearchHubModelsRequest.DOWNLOADS), 1, cursor)
        ids += [model.model_id for model in found.models]
        cursor = found.cursor
        if not cursor:
            break

    assert ids == ["owner/model", "other/model", "owner/small"]


@pytest.mark.parametrize("kind", [MS, HF])
@pytest.mark.parametrize(
    ("wanted", "ids"),
    [
        (Wanted("model"), {"owner/model", "other/model"}),
        (Wanted(owner="other"), {"other/model"}),
        (Wanted(format=Model.GGUF), {"owner/model"}),
        (Wanted("nothing"), set[str]()),
    ],
)
async def test_a_search_has_words_owner_and_format(
    shelves: FakeHub, hubs: Hubs, kind: Any, wanted: Wanted, ids: set[str]
) -> None:
    found = await the(hubs, kind).search(wanted, 10, "")

    assert {model.model_id for model in found.models} == ids


@pytest.mark.parametrize(
    ("sort", "first"),
    [
        (SearchHubModelsRequest.DOWNLOADS, "owner/model"),
        (SearchHubModelsRequest.LIKES, "owner/small"),
    ],
)
@pytest.mark.parametrize("kind", [MS, HF])
async def test_a_search_is_sorted(
    shelves: FakeHub, hubs: Hubs, kind: Any, sort: Any, first: str
) -> None:
    found = await the(hubs, kind).search(Wanted(sort=sort), 10, "")

    assert found.models[0].model_id == first


async def test_what_is_in_demand_is_the_hubs_own_ranking_or_the_downloads(
    shelves: FakeHub, hubs: Hubs
) -> None:
    for kind in (MS, HF):
        found = await the(hubs, kind).search(Wanted(trending=True), 10, "")
        assert found.models[0].model_id == "owner/model"

    asked = [request.query.get("sort") for request in shelves.requests]
    assert asked == ["downloads", "trendingScore"]


@pytest.mark.parametrize("kind", [MS, HF])
async def test_details_tell_the_model_and_its_files_of_one_commit(
    shelves: FakeHub, hubs: Hubs, kind: Any
) -> None:
    hub = the(hubs, kind)
    commit = (shelves.modelscope if kind == MS else shelves.huggingface).repositories[
        "owner/model"
    ].newest  # fmt: skip

    listing = await hub.details("owner/model", "")

    model = listing.model
    assert (model.hub, model.model_id, model.owner) == (kind, "owner/model", "owner")
    assert (model.downloads, model.likes, model.model_type) == (7, 3, "text-generation")
    assert (list(model.tags), list(model.languages)) == (["gguf", "zh"], ["zh"])
    assert list(model.formats) == [Model.GGUF]
    assert model.revision == commit.id
    assert model.size_bytes == sum(file.content.length for file in commit.files.values())
    told = {file.path: file for file in listing.files}
    assert set(told) == set(FILES)
    for path, file in commit.files.items():
        assert told[path].size_bytes == file.content.length
        if kind == MS or file.lfs:
            assert told[path].sha256 == file.content.sha256
        else:
            assert told[path].git_sha1 == file.content.git_sha1
    assert "# A model" in await hub.card(listing)


@pytest.mark.parametrize("kind", [MS, HF])
async def test_a_branch_a_tag_and_a_commit_are_revisions(
    hub: FakeHub, hubs: Hubs, kind: Any
) -> None:
    shelf = hub.modelscope if kind == MS else hub.huggingface
    old = shelf.add("o/n", {"a.gguf": "old"}, tag="v1")
    shelf.add("o/n", {"a.gguf": "new"})
    shelf.add("o/n", {"a.gguf": "branch"}, revision="a/b")

    for revision, size in (("v1", 3), (old.id, 3), ("a/b", 6), ("", 3)):
        listing = await the(hubs, kind).details("o/n", revision)
        assert listing.files[0].size_bytes == size, revision
    with pytest.raises(HubModelNotFoundError, match="o/n"):
        await the(hubs, kind).details("o/n", "none")


async def test_a_commit_under_which_modelscope_has_other_files_is_not_believed(
    hub: FakeHub, hubs: Hubs
) -> None:
    listed = {"a.gguf": {"CommitId": "0" * 40, "Revision": "0" * 40}}
    hub.modelscope.add("o/n", {"a.gguf": "weights"}, listed=listed)

    listing = await the(hubs, MS).details("o/n", "")

    assert listing.model.revision == "master"
    assert listing.files[0].sha256


async def test_a_list_that_modelscope_cut_off_is_walked_folder_by_folder(
    hub: FakeHub, hubs: Hubs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.hub.clients.modelscope_answers.MOST_LISTED", 8)
    hub.modelscope.most_listed = 8
    files = {f"{folder}/{number}.json": "{}" for folder in "abc" for number in range(5)}
    hub.modelscope.add("o/n", {"a.gguf": "weights", **files})

    listing = await the(hubs, MS).details("o/n", "")

    assert sorted(file.path for file in listing.files) == sorted(["a.gguf", *files])


async def test_a_tree_of_several_pages_is_read_to_its_end(hub: FakeHub, hubs: Hubs) -> None:
    hub.huggingface.tree_page = 3
    hub.huggingface.add("o/n", {f"{number}.json": "{}" for number in range(10)})

    assert len((await the(hubs, HF).details("o/n", "")).files) == 10


@pytest.mark.parametrize("kind", [MS, HF])
async def test_a_model_that_is_not_there_is_told_so(hub: FakeHub, hubs: Hubs, kind: Any) -> None:
    with pytest.raises(HubModelNotFoundError, match="o/none") as raised:
        await the(hubs, kind).details("o/none", "")

    assert raised.value.metadata["model"] == "o/none"


async def test_a_renamed_model_is_found_under_its_old_name(hub: FakeHub, hubs: Hubs) -> None:
    hub.huggingface.add("o/old", {"a.gguf": "weights"})
    hub.huggingface.rename("o/old", "o/new")

    assert (await the(hubs, HF).details("o/old", "")).model.model_id == "o/new"


async def test_the_hubs_own_packages_tell_the_same_files(
    shelves: FakeHub, hubs: Hubs, tmp_path: Path
) -> None:
    ours = {
        kind: {
            file.path: [file.size_bytes, file.sha256 or None]
            for file in (await the(hubs, kind).details("owner/model", "")).files
        }
        for kind in (MS, HF)
    }
    with FakeHub() as own:  # in a thread: the packages block
        for shelf in (own.modelscope, own.huggingface):
            shelf.add("owner/model", FILES)
        theirs = {
            MS: packages.run(
                "from modelscope_hub import HubApi\n"
                "files = HubApi().list_repo_files('owner/model', 'model')\n"
                "result = {f.path: [f.size, f.sha256] for f in files if f.path != 'sub'}",
                tmp_path, MODELSCOPE_ENDPOINT=own.modelscope.url,
            ),
            HF: packages.run(
                "from huggingface_hub import HfApi, RepoFile\n"
                "files = HfApi().list_repo_tree('owner/model', recursive=True)\n"
                "result = {f.path: [f.size, f.lfs.sha256 if f.lfs else None]"
                " for f in files if isinstance(f, RepoFile)}",
                tmp_path, HF_ENDPOINT=own.huggingface.url,
            ),
        }  # fmt: skip

    assert ours == theirs


async def test_files_that_modelscope_tells_little_of_are_listed_all_the_same(
    hub: FakeHub, hubs: Hubs
) -> None:
    listed = {"a.gguf": {"Size": LEFT_OUT, "Sha256": "", "CommitId": LEFT_OUT, "Revision": "x"}}
    hub.modelscope.add("o/n", {"a.gguf": "weights"}, listed=listed)

    listing = await the(hubs, MS).details("o/n", "")

    assert (listing.files[0].size_bytes, listing.files[0].sha256) == (None, "")
    assert listing.model.revision == "master"


async def test_an_ollama_model_is_its_layers_by_the_names_they_get_here(
    hub: FakeHub, hubs: Hubs
) -> None:
    layers: dict[str, Any] = {
        **models.ollama_layers(),
        "projector": "p",
        "adapter": ["a", "b"],
        "draft": "d",
    }
    manifest = hub.ollama.add("library/tiny", layers, tag="1m", config=models.ollama_config(
        context_length=1024, capabilities=["completion"]))  # fmt: skip

    listing = await the(hubs, OLLAMA).details("tiny:1m", "")

    told = {file.path: file.sha256 for file in listing.files}
    digests = [layer["digest"].removeprefix("sha256:") for layer in manifest["layers"]]
    names = ["model.gguf", "template", "params", "system", "license", "license-2",
             "projector.gguf", "adapter.gguf", "adapter-2.gguf"]  # fmt: skip
    assert told == dict(zip(names, digests, strict=False)) | {
        "config.json": manifest["config"]["digest"].removeprefix("sha256:")
    }
    model = listing.model
    assert (model.model_id, model.owner, model.display_name) == ("tiny:1m", "library", "tiny 1m")
    assert (model.architecture, model.parameter_count) == ("llama", 6_700_000)
    assert (model.context_length, listing.quantization) == (1024, "F16")
    assert model.revision.startswith("sha256:")


async def test_the_last_of_several_models_in_a_manifest_counts(hub: FakeHub, hubs: Hubs) -> None:
    hub.ollama.add("library/tiny", {"model": ["one", "second"]}, config=models.ollama_config())

    listing = await the(hubs, OLLAMA).details("tiny", "")

    assert [file.size_bytes for file in listing.files if file.path == "model.gguf"] == [6]


@pytest.mark.parametrize(
    ("config", "layers", "why"),
    [
        ({"remote_host": "https://ollama.example"}, {"model": "x"}, "cloud"),
        ({"model_format": "safetensors"}, {"model": "x"}, "not GGUF"),
        ({"model_format": "safetensors"}, {"tensor": ["x", "y"]}, "MLX"),
    ],
)
async def test_ollama_models_that_run_elsewhere_are_refused(
    hub: FakeHub, hubs: Hubs, config: Any, layers: Any, why: str
) -> None:
    hub.ollama.add("library/tiny", layers, config=models.ollama_config(**config))

    with pytest.raises(HubModelUnsupportedError, match=why) as raised:
        await the(hubs, OLLAMA).details("tiny", "")

    assert raised.value.metadata["model"] == "tiny"


async def test_a_registry_that_wants_a_token_gives_one_to_everybody(
    hub: FakeHub, hubs: Hubs
) -> None:
    hub.ollama.token = "anonymous-1"  # noqa: S105 - a test's
    hub.ollama.add("library/tiny", models.ollama_layers(), config=models.ollama_config())

    listing = await the(hubs, OLLAMA).details("tiny", "")

    (url, *_) = the(hubs, OLLAMA).urls(listing, listing.files[0])
    shown = await hubs.credential(url, anew=False)
    assert shown is not None
    assert shown.headers == {"Authorization": "Bearer anonymous-1"}
    (token,) = hub.requests.of("/v2/token")
    assert (token.query["service"], token.query["scope"]) == (
        hub.ollama.host, "repository:library/tiny:pull",
    )  # fmt: skip
    assert {request.host for request in hub.requests.bearing("anonymous-1")} == {"ollama"}

    hub.ollama.token = "anonymous-2"  # noqa: S105 - a test's
    renewed = await hubs.credential(url, anew=True)

    assert renewed is not None
    assert renewed.headers == {"Authorization": "Bearer anonymous-2"}


@pytest.mark.parametrize("kind", [MS, HF])
async def test_urls_are_pinned_and_mirrors_follow(
    hub: FakeHub, make_hubs: MakeHubs, kind: Any
) -> None:
    mirrors = ("http://mirror.example/path", "https://other.example")
    hubs = make_hubs(modelscope_mirrors=mirrors, huggingface_mirrors=mirrors)
    shelf = hub.modelscope if kind == MS else hub.huggingface
    commit = shelf.add("o/n", {"a b/m+\u00e9#?.gguf": "weights"})

    listing = await the(hubs, kind).details("o/n", "")
    first, *others = the(hubs, kind).urls(listing, listing.files[0])

    assert commit.id in first
    assert others == [first.replace(shelf.url, mirror) for mirror in mirrors]
    assert first.isascii()
    assert " " not in first
