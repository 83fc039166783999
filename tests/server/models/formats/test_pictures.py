"""Folders of models that paint: several networks, of which only what is known is looked at."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from funland.v1.models_pb2 import Model
from funland_server.blobs.store import Blobs
from funland_server.live import Live
from funland_server.models.errors import ModelFileChangedError
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.header import PictureFacts
from funland_server.models.formats.openvino import input_shape
from funland_server.models.formats.pictures import picture_files
from funland_server.models.formats.reading import read_model
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.layout import layout
from funland_server.models.installed.store import ModelStore
from funland_server.workers.errors import ModelFileInvalidError
from tests.picture_models import FACTOR, FILES, OWN_SIZE

NEEDED = [name for name in FILES if "encoder/" not in name or not name.startswith("vae")]
"""All but what a model begins with pictures with, and what the tokenizer says of itself."""
NEEDED.remove("tokenizer/tokenizer_config.json")


@pytest.fixture
def folder(picture_model: Path, tmp_path: Path) -> Path:
    """A copy, to be damaged."""
    return Path(shutil.copytree(picture_model, tmp_path / "Some Painter"))


def refusal(folder: Path) -> str:
    with pytest.raises(ModelFileInvalidError) as raised:
        read_model(folder)
    assert str(folder.parent) not in raised.value.message
    return raised.value.message


def change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **values}))


def test_a_whole_folder_is_described(picture_model: Path) -> None:
    header = read_model(picture_model)

    assert (header.format, header.purpose) == ("OPENVINO_IR", "IMAGE")
    assert header.architecture == "StableDiffusionPipeline"
    assert header.parameter_count > 2000
    assert header.picture == PictureFacts(
        width=OWN_SIZE,
        height=OWN_SIZE,
        unit=FACTOR,
        fixed=False,
        edits=True,
        scheduler="DDIMScheduler",
    )
    assert not header.writes_text
    assert read_folder(picture_model).files == tuple(sorted(FILES))


@pytest.mark.parametrize("name", NEEDED)
def test_a_folder_that_lacks_a_file_is_refused(folder: Path, name: str) -> None:
    (folder / name).unlink()

    message = refusal(folder)

    assert name in message or name == "model_index.json"


def test_a_model_that_reads_no_pictures_is_one_too(folder: Path) -> None:
    shutil.rmtree(folder / "vae_encoder")
    (folder / "tokenizer" / "tokenizer_config.json").unlink()

    facts = read_model(folder).picture

    assert facts is not None
    assert not facts.edits


def test_a_network_of_a_fixed_size_tells_it(folder: Path) -> None:
    xml = folder / "unet" / "openvino_model.xml"
    text = xml.read_text()
    assert input_shape(xml.parent, "openvino_model", "sample") == (None, 4, None, None)
    assert input_shape(xml.parent, "openvino_model", "hidden_states") == ()
    xml.write_text(text.replace('shape="?,4,?,?"', 'shape="2,4,6,10"', 1))

    facts = read_model(folder).picture

    assert facts is not None
    assert (facts.width, facts.height, facts.fixed) == (10 * FACTOR, 6 * FACTOR, True)


@pytest.mark.parametrize(
    ("part", "values", "size", "unit"),
    [
        ("unet", {"sample_size": [6, 10]}, (40, 24), 4),
        ("unet", {"sample_size": 2**40}, (512, 512), 4),
        ("unet", {"sample_size": "64"}, (512, 512), 4),
        ("unet", {"sample_size": 4096}, (4096, 4096), 4),
        ("unet", {"down_block_types": ["a", "b", "c", "d"]}, (32, 32), 32),
        ("vae_decoder", {"block_out_channels": [1, 2, 3, 4]}, (64, 64), 8),
        ("vae_decoder", {"block_out_channels": None}, (64, 64), 8),
    ],
)
def test_sizes_follow_from_what_the_networks_say(
    folder: Path, part: str, values: dict[str, object], size: tuple[int, int], unit: int
) -> None:
    change(folder / part / "config.json", **values)

    facts = read_model(folder).picture

    assert facts is not None
    assert (facts.width, facts.height, facts.unit) == (*size, unit)


@pytest.mark.parametrize("levels", [[], [8] * 9])
def test_an_impossible_number_of_levels_is_refused(folder: Path, levels: list[int]) -> None:
    change(folder / "vae_decoder" / "config.json", block_out_channels=levels)

    assert "block_out_channels" in refusal(folder)


@pytest.mark.parametrize("kind", ["LTXPipeline", None, 7, "x" * 10_000])
def test_a_model_of_another_kind_is_refused_and_told_what_runs(folder: Path, kind: object) -> None:
    change(folder / "model_index.json", _class_name=kind)

    message = refusal(folder)

    assert "StableDiffusionPipeline" in message
    assert len(message) < 500


@pytest.mark.parametrize("part", ["unet", "vae_decoder", "text_encoder"])
def test_of_files_of_one_name_it_is_told_which_is_wrong(folder: Path, part: str) -> None:
    (folder / part / "config.json").write_text("{")

    assert f"of {part}, config.json is not JSON" in refusal(folder)


@pytest.mark.parametrize(
    "name",
    ["unet/openvino_model", "tokenizer/openvino_tokenizer", "vae_encoder/openvino_model"],
)
def test_weights_that_are_cut_short_are_refused(folder: Path, name: str) -> None:
    data = (folder / f"{name}.bin").read_bytes()
    if name.startswith("vae"):
        (folder / f"{name}.xml").write_bytes(b"<net>")
    else:
        (folder / f"{name}.bin").write_bytes(data[: len(data) // 2])

    assert name.partition("/")[0] in refusal(folder)


@pytest.mark.parametrize("name", FILES)
def test_links_are_not_followed(folder: Path, tmp_path: Path, name: str) -> None:
    (folder / name).rename(tmp_path / "elsewhere")
    (folder / name).symlink_to(tmp_path / "elsewhere")

    assert "link" in refusal(folder)


@pytest.mark.parametrize("part", ["unet", "tokenizer", "scheduler"])
def test_folders_that_are_links_are_not_followed(folder: Path, tmp_path: Path, part: str) -> None:
    (folder / part).rename(tmp_path / "elsewhere")
    (folder / part).symlink_to(tmp_path / "elsewhere")

    assert "link" in refusal(folder)


def test_a_fifo_is_not_waited_for(folder: Path) -> None:
    (folder / "scheduler" / "scheduler_config.json").unlink()
    os.mkfifo(folder / "scheduler" / "scheduler_config.json")

    assert "regular" in refusal(folder)


def catalog(home: Path) -> ModelCatalog:
    return ModelCatalog(
        ModelStore(home / "models", Blobs(home / "blobs")), Live(""), lambda _: None
    )


async def test_only_what_counts_is_installed_and_found_again(folder: Path, tmp_path: Path) -> None:
    for name in ("unet/modeling.py", "unet/weights.pkl", "README.md", "safety_checker/model.bin"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"import os")
    (folder / "unet" / "link").symlink_to("/etc/passwd")

    model = await catalog(tmp_path).import_file(str(folder), "", (), "")

    found = [one for one in model.path.rglob("*") if not one.is_dir()]
    assert sorted(str(one.relative_to(model.path)) for one in found) == sorted(FILES)
    assert model.kind == Model.IMAGE
    assert catalog(tmp_path).get("some-painter") == model
    assert model.fingerprint.size_bytes == sum((folder / name).stat().st_size for name in FILES)


async def test_a_changed_part_is_refused_and_a_touched_one_is_not(
    folder: Path, tmp_path: Path
) -> None:
    models = catalog(tmp_path)
    model = await models.import_file(str(folder), "mine", (), "")
    os.utime(model.path / "unet" / "config.json", ns=(1, 1))

    models.verify(model)
    change(model.path / "unet" / "config.json", sample_size=4)

    with pytest.raises(ModelFileChangedError):
        models.verify(models.get("mine"))


def without(*names: str) -> Callable[[str], bool]:
    return lambda path: not path.startswith(names)


@pytest.mark.parametrize(
    ("keeps", "whole"),
    [
        (without("nothing"), True),
        (without("vae_encoder/"), True),
        (without("vae_encoder/openvino_model.bin"), False),
        (without("tokenizer/openvino_tokenizer.xml"), False),
        (without("unet/"), False),
        (without("model_index.json"), False),
    ],
)
def test_a_list_of_files_is_a_model_if_all_parts_are_there(
    keeps: Callable[[str], bool], whole: bool
) -> None:
    there = [*filter(keeps, FILES), "README.md", "unet/x.pkl"]

    found = picture_files(there)

    assert (set(found) if found else None) == ({*filter(keeps, FILES)} if whole else None)


def test_files_of_a_hub_get_the_places_that_they_have_there() -> None:
    paths = [f"int8/{name}" for name in FILES]

    assert layout(Model.OPENVINO_IR, paths) == {f"model/{name}": f"int8/{name}" for name in FILES}


@pytest.mark.parametrize(
    "name",
    ["README.md", "int8/unet/modeling.py", "int8/../x", "int8/a/b/c", "other/unet/config.json"],
)
def test_files_that_are_no_part_of_it_get_none(name: str) -> None:
    with pytest.raises(ModelFileInvalidError):
        layout(Model.OPENVINO_IR, [*(f"int8/{one}" for one in FILES), name])
