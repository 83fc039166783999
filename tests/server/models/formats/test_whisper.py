"""Folders of Whisper in CTranslate2's form: what is read, and what is refused before it is."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import orjson
import pytest

from funland_server.models.formats.folder import read_folder
from funland_server.workers.errors import ModelFileInvalidError
from tests.worker.hearing.tiny_whisper import make


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("whisper") / "model")


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def configured(folder: Path, **changed: Any) -> None:
    file = folder / "config.json"
    file.write_bytes(orjson.dumps({**orjson.loads(file.read_bytes()), **changed}))


def complaint(folder: Path) -> str:
    with pytest.raises(ModelFileInvalidError) as raised:
        read_folder(folder)
    assert str(folder.parent) not in raised.value.message
    return raised.value.message


def test_it_is_a_model_that_hears(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text("{}")
    (folder / "model.py").write_text("raise SystemExit")

    found = read_folder(folder)

    assert found.files == (
        "config.json", "model.bin", "preprocessor_config.json", "vocabulary.json",
    )  # fmt: skip
    header = found.header
    assert (header.format, header.purpose) == ("CTRANSLATE2", "TRANSCRIPTION")
    assert (header.architecture, header.vocabulary_size) == ("whisper", 51865)
    assert header.parameter_count > 800_000
    assert not header.writes_text


def test_its_vocabulary_may_be_lines(folder: Path) -> None:
    names: list[str] = orjson.loads((folder / "vocabulary.json").read_bytes())
    (folder / "vocabulary.json").unlink()
    (folder / "vocabulary.txt").write_text("\n".join(names) + "\n", "utf-8")

    assert "vocabulary.txt" in read_folder(folder).files


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"lang_ids": [51865]}, "lang_ids"),
        ({"lang_ids": [-1]}, "lang_ids"),
        ({"lang_ids": "50259"}, "lang_ids"),
        ({"suppress_ids": [1.5]}, "suppress_ids"),
        ({"suppress_ids_begin": [True]}, "suppress_ids_begin"),
        ({"alignment_heads": [[1, 0]]}, "alignment_heads"),
        ({"alignment_heads": [[0, 999]]}, "alignment_heads"),
        ({"alignment_heads": [0, 0]}, "alignment_heads"),
        ({"alignment_heads": {"0": 0}}, "alignment_heads"),
    ],
)
def test_a_configuration_that_points_nowhere_is_refused(
    folder: Path, changed: dict[str, Any], told: str
) -> None:
    configured(folder, **changed)

    assert told in complaint(folder)


def test_a_vocabulary_of_another_size_is_refused(folder: Path) -> None:
    (folder / "vocabulary.json").write_bytes(orjson.dumps(["a", "b"]))

    assert "2 tokens" in complaint(folder)


def test_what_is_cut_short_or_missing_is_refused(folder: Path) -> None:
    weights = (folder / "model.bin").read_bytes()
    (folder / "model.bin").write_bytes(weights[: len(weights) // 2])
    assert "cut short" in complaint(folder)
    (folder / "model.bin").write_bytes(weights)
    (folder / "vocabulary.json").unlink()
    assert "vocabulary.json" in complaint(folder)


def test_links_and_pipes_are_not_opened(folder: Path) -> None:
    (folder / "model.bin").rename(folder.parent / "weights")
    (folder / "model.bin").symlink_to(folder.parent / "weights")
    assert "link" in complaint(folder)
    (folder / "model.bin").unlink()
    os.mkfifo(folder / "model.bin")
    assert "regular" in complaint(folder)
