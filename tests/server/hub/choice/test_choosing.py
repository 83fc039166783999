"""What a download is planned from: a variant, pinned, with all the places where its files are."""

from __future__ import annotations

from pathlib import Path

import pytest

from funland.v1.downloads_pb2 import StartDownloadRequest
from funland.v1.models_pb2 import LoadSettings, Model, Origin
from funland_server.downloads.plan import Plan, Resolver
from funland_server.downloads.starting import checked
from funland_server.errors import FunlandError
from funland_server.hub.catalog.store import Catalog
from funland_server.hub.choice.choosing import Choosing
from funland_server.hub.choice.ranking import Ranking
from funland_server.hub.errors import HubAnswerInvalidError, HubModelUnsupportedError
from funland_server.hub.hubs import Hubs
from funland_server.hub.knowledge import Knowledge
from funland_server.live import Live
from funland_server.models.choosing import Machine
from funland_server.storage.database import Database
from tests.hubs import content, hostile, kinds, models
from tests.hubs.server import FakeHub
from tests.server.hub.conftest import MakeHubs

MACHINE = Machine(2**34, frozenset({LoadSettings.LLAMA_CPP}), 4, 8192)


async def plan(
    hubs: Hubs, folder: Path, source: str, *, has_vllm: bool = False, **asked: object
) -> Plan:
    """The plan of a request, as the downloads check it."""
    database = Database(folder / "home" / "funland.sqlite3")
    await database.open()
    try:
        knowledge = Knowledge(hubs, Catalog(database), Live(24.0))
        resolver: Resolver = Choosing(
            hubs, knowledge, Ranking(lambda: MACHINE), has_vllm=lambda: has_vllm
        )
        request = StartDownloadRequest(source=source)
        request.MergeFrom(StartDownloadRequest(**asked))  # pyright: ignore[reportArgumentType] - fields by name
        return checked(await resolver.resolve(request))
    finally:
        await database.close()


async def test_a_plan_is_pinned_and_has_what_verifies_each_file(
    hub: FakeHub, hubs: Hubs, tmp_path: Path
) -> None:
    parts = models.split_gguf_files(tmp_path / "parts")
    commit = hub.huggingface.add("owner/tiny-GGUF", parts)

    planned = await plan(hubs, tmp_path, "hf.co/owner/tiny-GGUF")

    assert planned.origin == Origin(
        hub=Origin.HUGGINGFACE, model_id="owner/tiny-GGUF", revision=commit.id,
        variant="tiny-00001-of-00003.gguf",
    )  # fmt: skip
    assert [file.path for file in planned.files] == sorted(parts)
    assert [file.sha256 for file in planned.files] == [
        parts[file.path].sha256 for file in planned.files
    ]
    assert all(commit.id in url for file in planned.files for url in file.urls)
    assert planned.format == Model.GGUF
    assert planned.reason


async def test_what_git_keeps_itself_is_verified_by_its_name_there(
    hub: FakeHub, hubs: Hubs, tmp_path: Path
) -> None:
    hub.huggingface.add(
        "o/n", {"config.json": "{}", "tokenizer.json": "{}", "model.safetensors": "weights"}
    )

    with pytest.raises(FunlandError, match="CTranslate2"):  # which this machine has not
        await plan(hubs, tmp_path, "o/n")
    (client,) = hubs.asked(Origin.HUGGINGFACE)
    told = {file.path: file for file in (await client.details("o/n", "")).files}
    assert told["config.json"].git_sha1 == content.of("{}").git_sha1
    assert not told["model.safetensors"].git_sha1


async def test_where_vllm_is_safetensors_are_downloaded_that_no_other_engine_loads(
    hub: FakeHub, hubs: Hubs, tmp_path: Path
) -> None:
    config = '{"model_type": "qwen3"}'
    hub.huggingface.add(
        "o/n", {"config.json": config, "tokenizer.json": "{}", "model.safetensors": "weights"}
    )

    planned = await plan(hubs, tmp_path, "o/n", has_vllm=True)

    assert planned.format == Model.SAFETENSORS
    with pytest.raises(HubModelUnsupportedError):
        await plan(hubs, tmp_path, "o/n")


async def test_another_hub_and_the_mirrors_may_serve_the_same_bytes(
    hub: FakeHub, make_hubs: MakeHubs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("funland_server.hub.choice.choosing._TWIN_SECONDS", 20.0)
    hubs = make_hubs(modelscope_mirrors=("https://mirror.example",))
    files = {"a-Q4_0.gguf": "same", "a-Q8_0.gguf": "one"}
    hub.modelscope.add("o/n", files)
    hub.huggingface.add("o/n", {"other-name.gguf": "same", "a-Q8_0.gguf": "two"})

    (same,) = (await plan(hubs, tmp_path, "o/n:Q4_0")).files
    (own,) = (await plan(hubs, tmp_path, "o/n:Q8_0")).files
    (named,) = (await plan(hubs, tmp_path, "modelscope:o/n:Q4_0")).files

    def hosts(urls: tuple[str, ...]) -> list[str]:
        return [url.split("/")[2] for url in urls]

    ms, hf = (url.split("/")[2] for url in (hub.modelscope.url, hub.huggingface.url))
    assert hosts(same.urls) == [ms, "mirror.example", hf]
    assert "other-name.gguf" in same.urls[-1]
    assert hosts(own.urls) == hosts(named.urls) == [ms, "mirror.example"]


async def test_a_hub_that_does_not_answer_leaves_the_choice_to_the_next(
    hub: FakeHub, make_hubs: MakeHubs, tmp_path: Path
) -> None:
    hub.huggingface.add("o/n", {"a-Q4_0.gguf": "x"})
    hub.faults.add(kinds.silence(), host="modelscope")

    planned = await plan(make_hubs(hub_timeout_seconds=2), tmp_path, "o/n")

    assert planned.origin.hub == Origin.HUGGINGFACE


async def test_an_ollama_model_is_planned_with_all_its_layers(
    hub: FakeHub, hubs: Hubs, tmp_path: Path
) -> None:
    hub.ollama.add("library/tiny", models.ollama_layers(), tag="1m", config=models.ollama_config())

    planned = await plan(hubs, tmp_path, "tiny:1m")

    assert {file.path for file in planned.files} == {
        "model.gguf", "template", "params", "system", "license", "license-2", "config.json",
    }  # fmt: skip
    assert (planned.origin.model_id, planned.origin.variant) == ("tiny", "1m")
    assert (planned.model_id, planned.quantization) == ("tiny-1m", "F16")
    assert all(file.sha256 in url for file in planned.files for url in file.urls)


@pytest.mark.parametrize("name", hostile.NAMES, ids=lambda name: repr(name)[:40])
async def test_weights_of_a_hostile_name_are_not_planned(
    hub: FakeHub, hubs: Hubs, tmp_path: Path, name: str
) -> None:
    hub.huggingface.add("o/n", {name: "x"})

    with pytest.raises(FunlandError) as raised:
        await plan(hubs, tmp_path, "hf:o/n")

    assert isinstance(raised.value, HubAnswerInvalidError | HubModelUnsupportedError)
