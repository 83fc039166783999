"""What was downloaded becomes a model: whole, once, and known by its names on the hub."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from funland.v1.models_pb2 import Model, Origin
from funland_server.blobs.store import Blobs
from funland_server.downloads.plan import Installer, Plan, PlannedFile
from funland_server.errors import FunlandError
from funland_server.live import Live
from funland_server.models.adapters.store import Adapters
from funland_server.models.errors import ModelExistsError, ModelNotFoundError
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.installing import Installing
from funland_server.models.installed.model import InstalledModel, hub_names, hub_slug
from funland_server.models.installed.store import ModelStore
from funland_server.workers.errors import ModelFileInvalidError
from tests.server.conftest import until
from tests.server.models.formats.test_folder import WHOLE
from tests.server.models.formats.test_gguf import SMALL, gguf
from tests.split_files import split

OWNER = Origin(
    hub=Origin.HUGGINGFACE, model_id="owner/Small-GGUF", revision="c" * 40, variant="Q4_K_M"
)
ID = "small-q4_k_m"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def planned(
    files: Mapping[str, bytes],
    model_format: Model.Format.ValueType = Model.GGUF,
    origin: Origin = OWNER,
    *,
    told: bool = True,
) -> Plan:
    return Plan(
        origin=origin,
        format=model_format,
        quantization="",
        files=tuple(
            PlannedFile(path, len(content), sha256(content) if told else "", "", ())
            for path, content in files.items()
        ),
        model_id=hub_slug(origin),
        reason="",
    )


@dataclass
class Home:
    """A home without its server."""

    folder: Path
    changed: list[str]
    gone: list[str] = field(default_factory=list[str])
    """The SHA-256 of models that another version has taken the place of."""

    def __post_init__(self) -> None:
        self.blobs = Blobs(self.folder / "blobs")
        self.start()

    def start(self) -> None:
        store = ModelStore(self.folder / "models", self.blobs)
        self.catalog = ModelCatalog(store, Live("funland-tiny"), self.changed.append)
        self.adapters = Adapters(self.folder / "adapters", self.catalog.all(), self.blobs)
        self.installing: Installer = Installing(
            self.catalog, self.blobs, self.adapters, self.changed.append, self.let_go
        )

    async def let_go(self, old: InstalledModel) -> None:
        self.gone.append(old.sha256)

    async def install(
        self,
        files: Mapping[str, bytes],
        plan: Plan | None = None,
        model_id: str = "",
        *aliases: str,
    ) -> str:
        """As the download of a plan does when all files are there."""
        plan = plan or planned(files)
        digests = await asyncio.to_thread(self.fetch, files)
        return await self.installing.install(plan, model_id or plan.model_id, aliases, digests)

    def fetch(self, files: Mapping[str, bytes]) -> dict[str, str]:
        for number, content in enumerate(files.values()):
            file = self.folder / f"partial-{number}"
            file.write_bytes(content)
            self.blobs.adopt(file, sha256(content))
        return {path: sha256(content) for path, content in files.items()}

    def left(self) -> set[str]:
        """The models' folders, and the blobs that only the store holds."""
        models = {path.name for path in (self.folder / "models").iterdir()}
        return models | {
            path.name
            for path in (self.folder / "blobs").glob("sha256-*")
            if path.suffix != ".seal" and path.stat().st_nlink == 1
        }

    async def delete(self, name: str) -> None:
        async def let_go(_: str) -> None:
            pass

        await self.catalog.remove(self.catalog.get(name), let_go)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path, [])


async def test_a_gguf_file_becomes_a_model_that_is_known_by_its_names_on_the_hub(
    home: Home,
) -> None:
    assert await home.install({"gguf/Small.Q4_K_M.gguf": SMALL}, None, "", "mine") == ID
    home.start()

    model = home.catalog.get(ID)
    for name in ("owner/Small-GGUF", "owner/Small-GGUF:Q4_K_M", "mine"):
        assert home.catalog.get(name) == model
    assert model.path.read_bytes() == SMALL
    assert (model.source, model.origin, model.sha256) == (OWNER.model_id, OWNER, sha256(SMALL))
    assert home.changed == [ID]
    home.catalog.verify(model)


async def test_the_same_plan_again_finds_the_model_there(home: Home) -> None:
    files = {"small.gguf": SMALL}
    plan = planned(files)
    assert home.installing.has(plan) is None
    await home.install(files)
    made = home.catalog.get(ID).create_time
    home.start()

    assert home.installing.has(plan) == home.catalog.get(ID).path
    assert home.installing.taken(ID, (OWNER.model_id,), plan) is None
    assert await home.installing.install(plan, ID, (), {}) == ID
    assert home.catalog.get(ID).create_time == made


async def test_a_commit_that_changed_nothing_of_the_files_is_the_same(home: Home) -> None:
    files = {"small.gguf": SMALL}
    await home.install(files)
    origin = Origin()
    origin.CopyFrom(OWNER)
    origin.revision = "d" * 40

    assert home.installing.has(planned(files, origin=origin)) is not None
    assert home.installing.has(planned(files, origin=origin, told=False)) is None
    assert home.installing.has(planned({"small.gguf": gguf(data=bytes(65))}, origin=origin)) is None


async def test_one_plan_under_two_names_has_its_files_once(home: Home) -> None:
    files = {"small.gguf": SMALL}
    await home.install(files)

    assert await home.installing.install(planned(files), "other", (), {}) == "other"

    one, other = home.catalog.get(ID), home.catalog.get("other")
    assert one.path.samefile(other.path)
    assert home.catalog.get(OWNER.model_id) == one, "the first keeps the name"
    await home.delete(ID)
    assert other.path.read_bytes() == SMALL
    assert home.catalog.get(OWNER.model_id) == other
    await home.delete("other")
    assert home.left() == set()
    assert home.blobs.find(sha256(SMALL)) is None


async def test_an_import_and_a_download_share_a_blob(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(SMALL)

    imported = await home.catalog.import_file(str(source), "mine", (), "")
    await home.install({"small.gguf": SMALL})

    assert imported.path.samefile(home.catalog.get(ID).path)
    await home.delete("mine")
    assert source.read_bytes() == SMALL
    home.catalog.verify(home.catalog.get(ID))


async def test_names_of_other_models_are_taken(home: Home, tmp_path: Path) -> None:
    source = tmp_path / "mine.gguf"
    source.write_bytes(SMALL)
    await home.catalog.import_file(str(source), ID, ("alias",), "")
    files = {"small.gguf": SMALL}
    plan = planned(files)

    assert home.installing.taken(ID, (), plan) == ID
    assert home.installing.taken("free", ("alias",), plan) == "alias"
    assert home.installing.taken("free", ("funland-tiny",), plan) == "funland-tiny"
    assert home.installing.taken("free", ("also free",), plan) is None
    for names in ((ID,), ("free", "alias")):
        with pytest.raises(ModelExistsError):
            await home.install(files, plan, *names)


async def test_a_model_that_was_damaged_is_mended_by_another_download(home: Home) -> None:
    files = {"small.gguf": SMALL}
    plan = planned(files)
    await home.install(files)
    path = home.catalog.get(ID).path
    path.unlink()

    assert home.installing.has(plan) is None
    assert home.installing.taken(ID, (), plan) is None
    assert await home.install(files) == ID
    home.catalog.verify(home.catalog.get(ID))


async def test_files_that_were_touched_alone_are_not_the_reason_for_another_model(
    home: Home,
) -> None:
    files = {"small.gguf": SMALL}
    await home.install(files)
    made = home.catalog.get(ID)
    os.utime(made.path, ns=(1, 1))

    await home.install(files)

    assert home.catalog.get(ID).create_time == made.create_time


async def test_several_gguf_files_become_one_model(
    home: Home, model_path: Path, tmp_path: Path
) -> None:
    shards = await asyncio.to_thread(split, model_path, tmp_path, "big", 3)
    files = {f"Q4_K_M/{shard.name}": shard.read_bytes() for shard in reversed(shards)}

    await home.install(files)

    model = home.catalog.get(ID)
    assert model.header.files == 3
    assert [path.name for path in sorted(model.path.parent.iterdir())] == [
        "model-00001-of-00003.gguf",
        "model-00002-of-00003.gguf",
        "model-00003-of-00003.gguf",
        "model.json",
    ]
    home.start()
    home.catalog.verify(home.catalog.get(ID))
    await home.delete(ID)
    assert home.left() == set()


@pytest.mark.parametrize("kind", sorted(WHOLE))
async def test_a_folder_becomes_a_model(home: Home, kind: str) -> None:
    described = dict.fromkeys(("config.json", "tokenizer.json"), b"{}")
    files = {f"int4/{name}": content for name, content in (WHOLE[kind] | described).items()}
    plan = planned(files | {"int4/README.md": b"#"}, Model.Format.Value(kind))

    await home.install(files | {"int4/README.md": b"#"}, plan)

    model = home.catalog.get(ID)
    assert model.header.format == kind
    assert {path.name: path.read_bytes() for path in model.path.iterdir()} == {
        name.removeprefix("int4/"): content for name, content in files.items()
    }
    home.start()
    home.catalog.verify(home.catalog.get(ID))
    await home.delete(ID)
    assert home.left() == {f"sha256-{sha256(b'#')}"}, "what was left out waits for the sweep"


GOOD = {f"m-0000{number}-of-00002.gguf": SMALL for number in (1, 2)}


@pytest.mark.parametrize(
    ("files", "model_format", "why"),
    [
        ({"small.gguf": SMALL[:-1]}, Model.GGUF, "cut short"),
        ({"small.gguf": b"<html>"}, Model.GGUF, "letters GGUF"),
        ({"README.md": b"#"}, Model.GGUF, "no GGUF file"),
        ({"a.gguf": SMALL, "b.gguf": SMALL}, Model.GGUF, "b.gguf can't be installed"),
        ({"m-00001-of-00003.gguf": SMALL, "m-00003-of-00003.gguf": SMALL}, Model.GGUF,
         "m-00002-of-00003.gguf can't be installed: it is missing"),
        ({"m-00001-of-00002.gguf": SMALL, "n-00002-of-00002.gguf": SMALL}, Model.GGUF, "no part"),
        ({"a/m-00001-of-00002.gguf": SMALL, "b/m-00002-of-00002.gguf": SMALL}, Model.GGUF,
         "no part"),
        (GOOD, Model.GGUF, "is a whole model, and no part of one"),
        ({"a/config.json": b"{}", "b/tokenizer.json": b"{}"}, Model.SAFETENSORS, "one folder"),
        ({"config.json": b"{}", "tokenizer.json": b"{}"}, Model.SAFETENSORS, "no weights"),
        ({"a/..": b"{}"}, Model.SAFETENSORS, "its name is none"),
        ({"a\\b": b"{}"}, Model.SAFETENSORS, "its name is none"),
    ],
)  # fmt: skip
async def test_what_is_no_model_is_refused_and_leaves_nothing(
    home: Home, files: Mapping[str, bytes], model_format: Model.Format.ValueType, why: str
) -> None:
    with pytest.raises(ModelFileInvalidError, match=why) as raised:
        await home.install(files, planned(files, model_format))

    assert str(home.folder) not in raised.value.message
    assert list((home.folder / "models").iterdir()) == []
    with pytest.raises(ModelNotFoundError):
        home.catalog.get(ID)
    home.blobs.sweep()
    assert list((home.folder / "blobs").iterdir()) == []


async def test_a_shard_of_another_model_is_refused(
    home: Home, model_path: Path, tmp_path: Path
) -> None:
    shards = await asyncio.to_thread(split, model_path, tmp_path, "big", 3)
    files = {shard.name: shard.read_bytes() for shard in shards}
    names = list(files)
    files[names[1]], files[names[2]] = files[names[2]], files[names[1]]

    with pytest.raises(ModelFileInvalidError, match="not part 2 of the model"):
        await home.install(files)


async def test_a_file_that_is_not_in_the_store_is_told(home: Home) -> None:
    plan = planned({"small.gguf": SMALL})

    for digests in ({}, {"small.gguf": ""}, {"small.gguf": "0" * 64}):
        with pytest.raises(FunlandError, match=r"not downloaded|can't be put"):
            await home.installing.install(plan, ID, (), digests)


async def test_of_two_installations_of_one_plan_one_model_is_made(home: Home) -> None:
    files = {"small.gguf": SMALL}
    digests = await asyncio.to_thread(home.fetch, files)
    plan = planned(files)

    made = await asyncio.gather(*(home.installing.install(plan, ID, (), digests) for _ in range(3)))

    assert made == [ID] * 3
    assert home.changed == [ID]


@pytest.mark.parametrize(
    ("hub", "model_id", "variant", "slug"),
    [
        (Origin.OLLAMA, "qwen2.5", "0.5b", "qwen2.5-0.5b"),
        (Origin.OLLAMA, "qwen2.5", "latest", "qwen2.5"),
        (Origin.OLLAMA, "owner/tiny", "1b", "tiny-1b"),
        (Origin.HUGGINGFACE, "Qwen/Qwen2.5-0.5B-Instruct-GGUF", "Q4_K_M",
         "qwen2.5-0.5b-instruct-q4_k_m"),
        (Origin.HUGGINGFACE, "o/n_gguf", "sub/Other.Q8_0.gguf", "other.q8_0"),
        (Origin.HUGGINGFACE, "o/n", "big-00001-of-00003.gguf", "big"),
        (Origin.MODELSCOPE, "o/Phi-int4", "INT4", "phi-int4"),
        (Origin.MODELSCOPE, "o/" + "x" * 200, "Q4_K_M", "x" * 89 + "-q4_k_m"),
        (Origin.HUGGINGFACE, "o/好", "", "model"),
    ],
)  # fmt: skip
def test_an_id_is_made_of_a_place_on_a_hub(
    hub: Origin.Hub.ValueType, model_id: str, variant: str, slug: str
) -> None:
    assert hub_slug(Origin(hub=hub, model_id=model_id, variant=variant)) == slug


async def test_a_model_of_ollama_is_known_by_its_name_and_tag(home: Home) -> None:
    origin = Origin(hub=Origin.OLLAMA, model_id="qwen2.5", revision="a" * 64, variant="latest")
    files = {"model.gguf": SMALL, "license": b"MIT"}

    await home.install(files, planned(files, origin=origin))

    assert home.catalog.get("qwen2.5:latest") == home.catalog.get("qwen2.5")
    newer = replace(planned(files, origin=origin), origin=Origin())
    newer.origin.CopyFrom(origin)
    newer.origin.revision = "b" * 64
    assert home.installing.has(newer) is None
    assert home.installing.taken("qwen2.5", (), newer) is None


async def test_another_version_takes_the_place_of_the_one_before(home: Home) -> None:
    newer = SMALL + bytes(64)
    plan = planned({"small.gguf": newer}, origin=_of("d" * 40))
    await home.install({"small.gguf": SMALL}, None, ID, "short")

    assert home.installing.taken(ID, (), plan) is None
    assert await home.install({"small.gguf": newer}, plan) == ID

    model = home.catalog.get("short")
    assert (model.sha256, model.origin) == (sha256(newer), plan.origin)
    assert home.gone == [sha256(SMALL)]
    assert home.left() == {ID}
    home.start()
    assert [one.sha256 for one in home.catalog.all() if not one.built_in] == [sha256(newer)]


async def test_a_version_that_is_no_model_leaves_the_one_before(home: Home) -> None:
    await home.install({"small.gguf": SMALL})
    broken = {"small.gguf": b"GGUF, it says"}

    with pytest.raises(ModelFileInvalidError):
        await home.install(broken, planned(broken, origin=_of("d" * 40)))

    home.catalog.verify(home.catalog.get(ID))
    assert home.catalog.get(ID).sha256 == sha256(SMALL)


async def test_a_model_is_installed_again_while_it_is_deleted(home: Home) -> None:
    files = {"small.gguf": SMALL}
    await home.install(files)
    leaving, go = asyncio.Event(), asyncio.Event()

    async def let_go(_: str) -> None:
        leaving.set()
        await go.wait()

    digests = home.fetch(files)
    removing = asyncio.create_task(home.catalog.remove(home.catalog.get(ID), let_go))
    await leaving.wait()
    plan = planned(files)
    installing = asyncio.create_task(home.installing.install(plan, ID, (), digests))
    home.blobs.keep_for(lambda: set(digests.values()))  # as its download does
    await until(lambda: any("ModelCatalog._install" in repr(one) for one in asyncio.all_tasks()))
    await asyncio.sleep(0)  # it has taken its first step
    go.set()
    await removing

    assert await installing == ID
    home.catalog.verify(home.catalog.get(ID))
    assert home.left() == {ID}


def _of(revision: str) -> Origin:
    origin = Origin()
    origin.CopyFrom(OWNER)
    origin.revision = revision
    return origin


@pytest.mark.parametrize(
    ("origin", "names"),
    [
        (
            Origin(hub=Origin.HUGGINGFACE, model_id="o/n", variant="Q8_0"),
            {"o/n", "o/n:Q8_0", "hf.co/o/n", "hf:o/n:Q8_0", "huggingface:o/n"},
        ),
        (
            Origin(hub=Origin.MODELSCOPE, model_id="o/n", variant="Q8_0"),
            {"ms:o/n", "modelscope:o/n"},
        ),
        (
            Origin(hub=Origin.OLLAMA, model_id="n", variant="latest"),
            {"n", "ollama:n", "ollama:n:latest"},
        ),
        (Origin(hub=Origin.OLLAMA, model_id="n", variant="7b"), {"n:7b", "ollama:n:7b"}),
    ],
)
def test_a_model_is_found_by_the_names_it_is_pulled_by(origin: Origin, names: set[str]) -> None:
    assert names <= {*hub_names(origin)}
