"""Models on the disk: a folder for each, with the weights and what is known of them.

    models/
      qwen2.5-0.5b-instruct-q8_0/
        model.gguf
        model.json
      llava-1.5-7b/                  for one that sees
        model.gguf
        projector.gguf
        model.json
      qwen3-235b/                    for a GGUF in several files
        model-00001-of-00003.gguf
        model-00002-of-00003.gguf
        model-00003-of-00003.gguf
        model.json
      tinyllama/
        model/                       for the other formats; may have folders in it
        model.json

The weights are links to blobs of the content store, so that models which have files in common have
them once (ADR 0062). A folder gets its final name only when all its files are whole and on the
disk. One whose place another takes is called `.replaced-ID` until that has its name.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import structlog

from funland.v1.models_pb2 import Origin
from funland_server.blobs.store import Blobs
from funland_server.durable import sync, write_whole
from funland_server.models.formats.folder import read_folder
from funland_server.models.formats.gguf_model import named_parts
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.projector import FILE as PROJECTOR
from funland_server.models.formats.projector import read_projector
from funland_server.models.formats.reading import is_folder, read_model
from funland_server.models.installed import manifest
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.layout import folder_name, gguf_names, place
from funland_server.models.installed.model import Fingerprint, InstalledModel, sha256_of_files
from funland_server.workers.errors import ModelFileInvalidError

logger = structlog.get_logger(__name__)

_MANIFEST: Final = "model.json"
_REPLACED: Final = ".replaced-"


def no_defaults(_: ModelHeader) -> Defaults:
    """Nothing is wanted."""
    return Defaults()


class Beside(Protocol):
    """What belongs to a new model and lies elsewhere, prepared before the model has its name."""

    def put(self) -> None:
        """Has it take the place of what an older model of the id had."""
        ...

    def settle(self) -> None:
        """The model has its name: what the older one had can go."""
        ...

    def take_back(self) -> None:
        """The model does not get its name."""
        ...


class Nothing:
    """A `Beside` of models that have nothing elsewhere."""

    def put(self) -> None: ...  # noqa: D102 - see `Beside`
    def settle(self) -> None: ...  # noqa: D102 - see `Beside`
    def take_back(self) -> None: ...  # noqa: D102 - see `Beside`


def nothing_beside(_: InstalledModel) -> Beside:
    """There is nothing to prepare."""
    return Nothing()


@dataclass(frozen=True, slots=True)
class NewModel:
    """What a model's files don't say of it."""

    model_id: str
    aliases: tuple[str, ...]
    source: str
    origin: Origin | None = None
    defaults: Callable[[ModelHeader], Defaults] = no_defaults
    """Given what the files say themselves."""
    beside: Callable[[InstalledModel], Beside] = nothing_beside
    """Given the whole model before it has its name; what it raises leaves all as it was."""


class ModelStore:
    """The installed models' files. Its methods block: call them from a thread."""

    def __init__(self, folder: Path, blobs: Blobs) -> None:
        self._folder = folder
        self._blobs = blobs

    def load(self) -> list[InstalledModel]:
        """All models that are whole; what is not is logged and passed over."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._bring_back()
        models: list[InstalledModel] = []
        for folder in sorted(self._folder.iterdir()):
            if folder.name.startswith("."):  # an import or a delete that never ended
                shutil.rmtree(folder, ignore_errors=True)
                continue
            if folder.is_symlink() or not folder.is_dir():
                continue
            try:
                models.append(manifest.from_json((folder / _MANIFEST).read_bytes(), folder))
            except (OSError, ValueError) as error:
                logger.warning("model_passed_over", folder=folder.name, error=str(error))
        return models

    def add(
        self,
        source: Path,
        new: NewModel,
        header: ModelHeader,
        expected_sha256: str,
        *,
        projector: Path | None = None,
        old: InstalledModel | None = None,
    ) -> InstalledModel | None:
        """Takes a model's file or files, those of a folder that count, into the store, and the
        projector that belongs to it; None if the SHA-256 is not the expected one, if any is.
        `header` is what `read_model` said. An `old` model of the same id is deleted when the new
        one is whole.

        Raises:
            OSError: The disk is full, or a file can't be read.
            ModelFileInvalidError: The files have changed since they were checked.
        """
        with self._partial() as partial:
            taken: dict[str, str] = {}
            try:
                sources = dict(_sources(source, header))
                if projector is not None:
                    sources[PROJECTOR] = projector
                for name, path in sources.items():
                    target = _made(partial / name)
                    follow = header.format == "GGUF"
                    taken[name] = self._blobs.take(path, target, follow_links=follow)
                weights = [digest for name, digest in taken.items() if name != PROJECTOR]
                if expected_sha256 and expected_sha256 not in weights:
                    return None
                model = self._finish(partial, taken, new, old)
            finally:
                shutil.rmtree(partial, ignore_errors=True)
                self._release(taken)
        if old is not None:
            self._release(old.files)
        return model

    def install(
        self, files: Mapping[str, str], new: NewModel, old: InstalledModel | None = None
    ) -> InstalledModel:
        """Makes a model of blobs, given by their SHA-256 and the paths that they get in the model's
        folder. What does not count of a folder is left out. An `old` model of the same id is
        deleted when the new one is whole.

        Raises:
            OSError: The disk is full, or there is no such blob.
            ModelFileInvalidError: They are no whole model.
        """
        with self._partial() as partial:
            for name, digest in files.items():
                self._blobs.link(digest, _made(partial / name))
            model = self._finish(partial, files, new, old)
        if old is not None:
            self._release(old.files)
        return model

    def update(self, model: InstalledModel) -> None:
        """Writes anew what is known of a model."""
        write_whole(model.path.parent / _MANIFEST, manifest.to_json(model))

    def remove(self, model: InstalledModel) -> None:
        """Deletes a model's folder: at once by name, so that no half of it is ever found. Blobs
        that nobody else has go with it."""
        self._discard(model)
        self._release(model.files)

    def _bring_back(self) -> None:
        """Gives a model its name again whose place was to be taken by one that never had it."""
        for folder in self._folder.glob(f"{_REPLACED}*"):
            final = self._folder / folder.name.removeprefix(_REPLACED)
            if final.exists():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                folder.rename(final)

    def _discard(self, model: InstalledModel) -> None:
        trash = Path(tempfile.mkdtemp(prefix=".deleted-", dir=self._folder))
        model.path.parent.rename(trash / model.model_id)
        shutil.rmtree(trash)

    @contextmanager
    def _partial(self) -> Generator[Path]:
        """A folder of a model in the making, gone at the end unless it has another name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=".import-", dir=self._folder))
        try:
            yield partial
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _finish(
        self,
        partial: Path,
        files: Mapping[str, str],
        new: NewModel,
        old: InstalledModel | None = None,
    ) -> InstalledModel:
        """Gives a folder that has all files its final name, which an old one loses before."""
        weights, header, kept = _checked(partial, files)
        for name in kept:
            sync(partial / name)
        for folder in {parent for name in kept for parent in (partial / name).parents}:
            if folder.is_relative_to(weights):
                sync(folder)
        model = InstalledModel(
            model_id=new.model_id,
            aliases=new.aliases,
            source=new.source,
            path=weights,
            sha256=_sum(partial, {name: kept[name] for name in kept if name != PROJECTOR}),
            fingerprint=Fingerprint.of(weights),
            header=header,
            create_time=datetime.now(UTC),
            files=kept,
            origin=new.origin,
            defaults=new.defaults(header),
        )
        beside = new.beside(model)
        write_whole(partial / _MANIFEST, manifest.to_json(model))
        # If the process ends amid it, the next start finds the one or the other whole.
        replaced = self._folder / f"{_REPLACED}{new.model_id}"
        try:
            if old is not None:
                with contextlib.suppress(FileNotFoundError):  # somebody deleted it
                    old.path.parent.rename(replaced)
            beside.put()
            partial.rename(self._folder / new.model_id)
        except Exception:
            self._bring_back()
            beside.take_back()
            raise
        sync(self._folder)
        beside.settle()
        shutil.rmtree(replaced, ignore_errors=True)
        return replace(model, path=self._folder / new.model_id / weights.name)

    def _release(self, files: Mapping[str, str]) -> None:
        for digest in set(files.values()):
            self._blobs.release(digest)


def _sources(source: Path, header: ModelHeader) -> Mapping[str, Path]:
    """A model's files by the paths that they get."""
    if is_folder(source):
        return {folder_name(name): source / name for name in read_folder(source).files}
    paths = named_parts(source) if header.files > 1 else (source,)
    return dict(zip(gguf_names(header.files), paths, strict=True))


def _made(path: Path) -> Path:
    """The path, in a folder that is there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _checked(
    partial: Path, files: Mapping[str, str]
) -> tuple[Path, ModelHeader, Mapping[str, str]]:
    """Where the weights lie, what they say, and which of the files count; the others are gone."""
    weights = partial / min(files).partition("/")[0]
    header = read_model(weights)
    if weights.name != place(header):
        raise ModelFileInvalidError(
            f"{weights.name} is a whole model, and no part of one.", file=weights.name
        )
    if not weights.is_dir():
        if PROJECTOR in files:
            header = replace(header, projector=read_projector(partial / PROJECTOR))
        return weights, header, files
    count = {folder_name(name) for name in read_folder(weights).files}
    for name in files.keys() - count:
        (partial / name).unlink()
    return weights, header, {name: files[name] for name in sorted(count)}


def _sum(folder: Path, files: Mapping[str, str]) -> str:
    """The SHA-256 of a file, or of the list of several."""
    if len(files) == 1 and "/" not in min(files):
        return files[min(files)]
    listed = {
        name.removeprefix(folder_name("")): ((folder / name).stat().st_size, digest)
        for name, digest in files.items()
    }
    return sha256_of_files(listed)
