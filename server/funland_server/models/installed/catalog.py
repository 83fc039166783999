"""The models on this machine: finds, adds, checks and removes them."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from funland_server.errors import FieldInvalidError, FunlandError, Violation
from funland_server.live import Live
from funland_server.models.errors import (
    ModelBuiltInError,
    ModelExistsError,
    ModelFileChangedError,
    ModelFileMissingError,
    ModelNotFoundError,
)
from funland_server.models.formats.header import ModelHeader
from funland_server.models.formats.projector import read_projector
from funland_server.models.formats.reading import is_folder, read_model
from funland_server.models.installed.built_in import built_in_models
from funland_server.models.installed.defaults import Defaults
from funland_server.models.installed.model import (
    Fingerprint,
    InstalledModel,
    hub_names,
    sha256,
    slug,
)
from funland_server.models.installed.store import (
    Beside,
    ModelStore,
    NewModel,
    no_defaults,
    nothing_beside,
)
from funland_server.storage.errors import StorageFullError
from funland_server.turns import Turns
from funland_server.workers.errors import ModelFileInvalidError

LetGo = Callable[[InstalledModel], Awaitable[None]]
"""Ends what uses the files of a model that another has taken the place of."""

_EVER: Final = datetime.min.replace(tzinfo=UTC)


class ModelCatalog:
    """All installed models, those that come with Funland included."""

    def __init__(
        self, store: ModelStore, default_model: Live[str], changed: Callable[[str], None]
    ) -> None:
        """Reads the store. `changed` is called with the id of a model that came or went."""
        self._store = store
        self._default = default_model
        self._changed = changed
        embedded, *others = built_in_models()
        # Whoever installed a model of such a name before there was a built-in one keeps it.
        known = [*others, *store.load(), embedded]
        self._models = {model.model_id: model for model in known}
        self._adding = asyncio.Lock()
        self._turns = Turns[str]()
        """What keeps a model from being installed and deleted at once."""
        self._imports: set[asyncio.Task[InstalledModel]] = set()

    def all(self) -> list[InstalledModel]:
        """Every model, by id."""
        return sorted(self._models.values(), key=lambda model: model.model_id)

    @property
    def default_id(self) -> str:
        """The id of the model that requests get which name none."""
        model = self.find(self._default.now)
        return model.model_id if model else self._default.now

    def get(self, name: str) -> InstalledModel:
        """The model of that id, alias or source; the default one for an empty name.

        Raises:
            ModelNotFoundError: No installed model has that name.
        """
        model = self.find(name or self._default.now)
        if model is None:
            raise ModelNotFoundError(name or self._default.now)
        return model

    def find(self, name: str) -> InstalledModel | None:
        """The model of that id, alias or source; of several that come from one place on a hub the
        one that was installed first. None if there is none."""
        if model := self._models.get(name):
            return model
        for names in (_aliases, _sources):
            if found := [model for model in self._models.values() if name in names(model)]:
                return min(found, key=lambda model: (model.create_time or _EVER, model.model_id))
        return None

    async def import_file(
        self,
        path: str,
        model_id: str,
        aliases: tuple[str, ...],
        expected_sha256: str,
        *,
        source: str = "",
        defaults: Callable[[ModelHeader], Defaults] = no_defaults,
        beside: Callable[[InstalledModel], Beside] = nothing_beside,
        projector_path: str = "",
        let_go: LetGo | None = None,
    ) -> InstalledModel:
        """Installs a copy of a model's file, files or folder, and of its projector, checked first;
        `source` is what it is called, where that is not the file's name. Goes on if the caller is
        cancelled: the store and this catalog would else know different models.

        With `let_go` it takes the place of a model of the id, as with `install`.

        Raises:
            FieldInvalidError: A path is not absolute, a folder or several files are expected to
                have a SHA-256, or a folder to have a projector.
            ModelFileInvalidError: There is nothing there, or it is not a whole model.
            ModelFileChangedError: It does not have the expected SHA-256.
            ModelExistsError: The id or an alias is taken.
            FunlandError: What `beside` raises; see `NewModel`.
        """
        place = Path(path)
        if "\0" in path or not place.is_absolute():
            raise FieldInvalidError([Violation("path", "must be an absolute path")])
        if expected_sha256 and await asyncio.to_thread(is_folder, place):
            raise FieldInvalidError([Violation("sha256", "must be empty for a folder")])
        header = await asyncio.to_thread(read_model, place)
        if expected_sha256 and header.files > 1:
            raise FieldInvalidError([Violation("sha256", "must be empty for several files")])
        projector = await self._projector(projector_path, header)
        name = source or place.name
        new = NewModel(model_id or slug(name), aliases, name, defaults=defaults, beside=beside)
        return await self._to_its_end(
            self._add(place, new, header, expected_sha256, projector=projector, let_go=let_go)
        )

    async def install(
        self,
        files: Mapping[str, str],
        new: NewModel,
        *,
        same: Callable[[InstalledModel], bool],
        replaces: Callable[[InstalledModel], bool],
        let_go: LetGo,
    ) -> InstalledModel:
        """Makes a model of blobs; see `ModelStore.install`. One that has the id and is the `same`
        stays as it is, unless its files are not what they were. One that the new model `replaces`
        gives way when that is whole, and leaves it its aliases; then `let_go` is given it, to end
        what uses its files. Goes on if the caller is cancelled.

        Raises:
            ModelExistsError: Another model has the id or an alias.
            ModelFileInvalidError: They are no whole model, or a blob is gone.
            StorageFullError: The disk is full.
        """
        return await self._to_its_end(self._install(files, new, same, replaces, let_go))

    async def remove(self, model: InstalledModel, let_go: Callable[[str], Awaitable[None]]) -> None:
        """Deletes a model's files, when what is being installed under its id is. No call finds the
        model from then on; `let_go` is given its id, to end what uses the files.

        Raises:
            ModelBuiltInError: The model comes with Funland.
            ModelNotFoundError: Another caller deletes it.
        """
        model_id = model.model_id
        if model.built_in:
            raise ModelBuiltInError(model_id)
        async with self._turns.of(model_id):
            now = self._models.pop(model_id, None)
            if now is None:
                raise ModelNotFoundError(model_id)
            try:
                await let_go(model_id)
            except BaseException:
                self._models[model_id] = now
                raise
            try:
                await asyncio.to_thread(self._store.remove, now)
            finally:
                self._changed(model_id)

    def verify(self, model: InstalledModel) -> None:
        """Checks that a model's file is there and is what was imported. Blocks.

        The file is hashed again only if its size or its time of change are not as they were.

        Raises:
            ModelNotFoundError: It was deleted meanwhile.
            ModelFileMissingError, ModelFileChangedError, ModelFileInvalidError
        """
        if model.model_id not in self._models:
            raise ModelNotFoundError(model.model_id)
        try:
            fingerprint = Fingerprint.of(model.path)
        except FileNotFoundError:
            raise ModelFileMissingError(model.model_id) from None
        if fingerprint != model.fingerprint:
            if not model.built_in:
                read_model(model.path)
            if sha256(model.path) != model.sha256:
                raise ModelFileChangedError(
                    f"The file of model {model.model_id!r} is not what was imported: its SHA-256"
                    " differs. Delete the model and import it again.",
                    model=model.model_id,
                )
            known = replace(model, fingerprint=fingerprint)
            self._models[model.model_id] = known
            if not model.built_in:
                self._store.update(known)
        if model.projector is not None:
            self._verify_projector(model.model_id, model.projector)

    def _verify_projector(self, model_id: str, path: Path) -> None:
        known = self._models[model_id]
        try:
            facts = read_projector(path)
        except ModelFileInvalidError:
            if not path.exists():
                raise ModelFileMissingError(model_id) from None
            raise
        if facts == known.header.projector:
            return
        if sha256(path) != known.files.get(path.name):
            raise ModelFileChangedError(
                f"The projector of model {model_id!r} is not what was imported: its SHA-256"
                " differs. Delete the model and import it again.",
                model=model_id,
            )
        known = replace(known, header=replace(known.header, projector=facts))
        self._models[model_id] = known
        self._store.update(known)

    async def _to_its_end(self, work: Coroutine[Any, Any, InstalledModel]) -> InstalledModel:
        task = asyncio.create_task(work)
        self._imports.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[InstalledModel]) -> None:
        self._imports.discard(task)
        if not task.cancelled():
            task.exception()  # asyncio would report that nobody asked, where the caller went away

    async def _projector(self, path: str, header: ModelHeader) -> Path | None:
        """The file of a projector that is imported with a model, checked."""
        if not path:
            return None
        if "\0" in path or not Path(path).is_absolute():
            raise FieldInvalidError([Violation("projector_path", "must be an absolute path")])
        if header.format != "GGUF":
            raise FieldInvalidError([Violation("projector_path", "is for GGUF models only")])
        await asyncio.to_thread(read_projector, Path(path))
        return Path(path)

    async def _add(
        self,
        source: Path,
        new: NewModel,
        header: ModelHeader,
        expected_sha256: str,
        *,
        projector: Path | None,
        let_go: LetGo | None,
    ) -> InstalledModel:
        def replaces(model: InstalledModel) -> bool:
            return let_go is not None and _is_known_as(model, new)

        async with self._turns.of(new.model_id), self._adding:
            self._refuse_taken(new, replaces, wanted=let_go is not None)
            old = self._models.get(new.model_id)
            wanted = _beside(old, new)
            try:
                model = await asyncio.to_thread(
                    self._store.add,
                    source,
                    wanted,
                    header,
                    expected_sha256,
                    projector=projector,
                    old=old,
                )
            except OSError as error:
                raise ModelFileInvalidError(
                    f"{source.name} can't be copied into the store: {error.strerror}.",
                    file=source.name,
                ) from error
            if model is None:
                raise ModelFileChangedError(
                    f"{source.name} does not have the SHA-256 that was asked for: it is another"
                    " file, or damaged.",
                    model=new.model_id,
                )
            self._models[model.model_id] = model
        self._changed(model.model_id)
        if old is not None and let_go is not None:
            await let_go(old)
        return model

    async def _install(
        self,
        files: Mapping[str, str],
        new: NewModel,
        same: Callable[[InstalledModel], bool],
        replaces: Callable[[InstalledModel], bool],
        let_go: LetGo,
    ) -> InstalledModel:
        async with self._turns.of(new.model_id), self._adding:
            self._refuse_taken(new, replaces)
            old = self._models.get(new.model_id)
            if old is not None and same(old) and await asyncio.to_thread(self._is_sound, old):
                return self._models[new.model_id]  # its fingerprint may be a new one
            wanted = _beside(old, new)
            try:
                model = await asyncio.to_thread(self._store.install, files, wanted, old)
            except OSError as error:
                if error.errno == errno.ENOSPC:
                    raise StorageFullError from error
                raise ModelFileInvalidError(
                    f"{new.source} can't be put into the store: {error.strerror}.", file=new.source
                ) from error
            self._models[model.model_id] = model
        self._changed(model.model_id)
        if old is not None:
            await let_go(old)
        return model

    def _refuse_taken(
        self, new: NewModel, same: Callable[[InstalledModel], bool], *, wanted: bool = False
    ) -> None:
        """`wanted`: the caller wants a model of the id to be replaced."""
        for name in (new.model_id, *new.aliases):
            model = self.find(name)
            if model is not None and not same(model):
                raise ModelExistsError(name, replaces=wanted and model.model_id == new.model_id)

    def _is_sound(self, model: InstalledModel) -> bool:
        """Whether its files are what they were. Blocks."""
        try:
            self.verify(model)
        except FunlandError:
            return False
        return True


def _is_known_as(model: InstalledModel, new: NewModel) -> bool:
    """Whether whoever names a new model so can mean this one: an id that is made of a name may be
    made of another name too."""
    if model.built_in or model.model_id != new.model_id:
        return False
    asked = {name.casefold() for name in new.aliases}
    known = {name.casefold() for name in model.aliases}
    return not (asked and known) or not asked.isdisjoint(known)


def _beside(old: InstalledModel | None, new: NewModel) -> NewModel:
    """A new model with the aliases of the old one whose place it takes."""
    aliases = old.aliases if old is not None else ()
    return replace(new, aliases=tuple(dict.fromkeys((*aliases, *new.aliases))))


def _aliases(model: InstalledModel) -> tuple[str, ...]:
    return model.aliases


def _sources(model: InstalledModel) -> tuple[str, ...]:
    if model.origin is not None:
        return hub_names(model.origin)
    return () if model.built_in else (model.source,)
