"""Models that come with Funland, in packages of others too."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

import pytest

from funland.v1.models_pb2 import LoadSettings, Model
from funland_server.live import Live
from funland_server.models.installed import packaged
from funland_server.models.installed.built_in import built_in_models
from funland_server.models.installed.catalog import ModelCatalog
from funland_server.models.installed.hibari import HIBARI
from funland_server.models.installed.model import InstalledModel, sha256
from funland_server.models.installed.packaged import packaged_model
from funland_server.models.installed.store import ModelStore
from funland_server.models.loading.footprint import footprint
from funland_server.models.loading.sizes import sizes

MIB = 2**20


def test_the_voice_is_one_of_them() -> None:
    (model,) = [one for one in built_in_models() if one.model_id == "hibari"]

    assert (model.kind, model.format) == (Model.SPEECH, Model.ONNX)
    assert model.built_in
    assert not model.has_chat_template
    assert model.header.license == "Apache-2.0"
    assert [voice.language for voice in model.header.voices] == ["en-US"]


def test_its_hash_is_what_the_packages_record_says_and_what_its_files_have() -> None:
    model = packaged_model(HIBARI)

    assert model is not None
    assert model.sha256 == sha256(model.path)


def test_without_hashes_in_the_record_its_files_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Bare:
        """A package whose record is gone, as some distributors leave it."""

        files = None

        def locate_file(self, path: str) -> object:
            return distribution("hibari-tts").locate_file(path)

    def bare(_: str) -> Bare:
        return Bare()

    monkeypatch.setattr(packaged, "distribution", bare)

    model = packaged_model(HIBARI)

    assert model is not None
    assert model.sha256 == sha256(model.path)


@pytest.mark.parametrize(
    "row", [replace(HIBARI, package="no-such-package-at-all"), replace(HIBARI, mark="no.onnx")]
)
def test_what_is_not_installed_is_not_there(row: packaged.Packaged) -> None:
    assert packaged_model(row) is None


def test_who_had_a_model_of_that_name_before_keeps_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = replace(
        next(one for one in built_in_models() if one.model_id == "hibari"), source="mine"
    )

    def load(_: ModelStore) -> list[InstalledModel]:
        return [mine]

    monkeypatch.setattr(ModelStore, "load", load)
    store = ModelStore.__new__(ModelStore)

    catalog = ModelCatalog(store, Live("funland-tiny"), lambda _: None)

    assert catalog.get("hibari").source == "mine"
    assert catalog.get("").model_id == "funland-tiny"


def test_its_footprint_is_what_was_measured() -> None:
    model = packaged_model(HIBARI)
    assert model is not None

    told = footprint(sizes(model), LoadSettings(slots=32), 8192)

    # 223 MB after a sentence, 287 MB with two threads, was seen.
    assert 280 * MIB < told.total_bytes < 400 * MIB
    assert told.cache_bytes == 0
    assert told.context_length == 0
