"""A model takes another's place with its adapters: a kill amid it leaves the one or the other."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from funland_server.blobs.store import Blobs
from funland_server.errors import FunlandError
from funland_server.models.adapters.exchange import Exchange
from funland_server.models.adapters.store import Adapters
from funland_server.models.formats.reading import read_model
from funland_server.models.installed.embedded import embedded_model
from funland_server.models.installed.model import InstalledModel
from funland_server.models.installed.store import Beside, ModelStore, NewModel
from tests import lora_files


class Killed(BaseException):
    """Stands for the end of the process: nobody catches it."""


class Home:
    """The stores of a server, as a start finds them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        blobs = Blobs(folder / "blobs")
        self.models = ModelStore(folder / "models", blobs)
        self.installed = self.models.load()
        self.adapters = Adapters(folder / "adapters", self.installed, blobs)

    def add(self, weights: Path, name: str, files: Mapping[str, Path]) -> InstalledModel:
        """Installs a model in the place of the one that is there, if one is."""

        def beside(model: InstalledModel) -> Beside:
            return Exchange(self.adapters, model, self.adapters.prepare(model, files))

        new = NewModel("mine", (), name, beside=beside)
        old = next(iter(self.installed), None)
        model = self.models.add(weights, new, read_model(weights), "", old=old)
        assert model is not None
        return model

    def told(self) -> list[tuple[str, list[str]]]:
        """What a start finds: the models' sources, and those of their adapters."""
        return [
            (model.source, [one.source for one in self.adapters.list(model.model_id).values()])
            for model in self.installed
        ]

    def left(self) -> set[str]:
        """All that lies there, but for blobs."""
        return {
            each.name for name in ("models", "adapters") for each in (self.folder / name).iterdir()
        }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [lora_files.write(tmp_path / f"{seed}.gguf", seed) for seed in (1, 2)]


def test_the_newer_one_has_its_own_adapters_alone(
    folder: Path, model_path: Path, files: list[Path]
) -> None:
    first, second = files
    home = Home(folder)
    home.add(model_path, "old", {"a": first, "b": second})
    home = Home(folder)

    home.add(model_path, "new", {"b": first})

    assert [one.source for one in home.adapters.list("mine").values()] == ["1.gguf"]
    assert Home(folder).told() == [("new", ["1.gguf"])]
    Home(folder).add(model_path, "newest", {})
    assert Home(folder).told() == [("newest", [])]
    assert Home(folder).left() == {"mine"}


def test_one_that_does_not_come_to_be_takes_nothing_away(
    folder: Path, model_path: Path, files: list[Path], tmp_path: Path
) -> None:
    Home(folder).add(model_path, "old", {"a": files[0]})
    wrong = lora_files.write(tmp_path / "wrong.gguf", architecture="bert")

    with pytest.raises(FunlandError):
        Home(folder).add(model_path, "new", {"a": files[1], "b": wrong})

    assert Home(folder).told() == [("old", ["1.gguf"])]
    assert Home(folder).left() == {"mine"}


@pytest.mark.parametrize(
    ("had", "step", "left"),
    [  # by how many folders have got another name: the older model, its adapters, the newer ones,
        # their model; an older one without adapters has none to rename
        (True, 0, "old"), (True, 1, "old"), (True, 2, "old"), (True, 3, "old"), (True, 4, "new"),
        (False, 0, "old"), (False, 1, "old"), (False, 2, "old"), (False, 3, "new"),
    ],
)  # fmt: skip
def test_a_kill_leaves_one_of_both(
    folder: Path,
    files: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    *,
    had: bool,
    step: int,
    left: str,
) -> None:
    model_path = embedded_model().path
    first, second = files
    Home(folder).add(model_path, "old", {"a": first} if had else {})
    home, done = Home(folder), 0
    rename = Path.rename

    def killing(path: Path, target: Path) -> Path:
        nonlocal done
        if {"models", "adapters"} & {path.parent.name, target.parent.name}:
            if done == step:
                raise Killed
            done += 1
        return rename(path, target)

    def killed(*_: Any, **__: Any) -> None:  # who is killed cleans up nothing
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killing)
        patch.setattr(shutil, "rmtree", killed)
        with pytest.raises(Killed):
            home.add(model_path, "new", {"a": second})

    adapters = {"old": ["1.gguf"] if had else [], "new": ["2.gguf"]}
    assert Home(folder).told() == [(left, adapters[left])]
    assert Home(folder).left() == {"mine"}
